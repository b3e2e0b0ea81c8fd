/** Channels beside e-mail: the group of their streams, and how Iterable spells the medium. */
export const media = [
  { group: 'push', name: 'Mobile push', medium: 'Push' },
  { group: 'sms', name: 'SMS', medium: 'SMS' },
  { group: 'in_app', name: 'In-app messages', medium: 'InApp' },
  { group: 'web_push', name: 'Web push', medium: 'WebPush' },
  { group: 'embedded', name: 'Embedded messages', medium: 'Embedded' },
  { group: 'whatsapp', name: 'WhatsApp', medium: 'WhatsApp' },
  { group: 'rcs', name: 'RCS', medium: 'RCS' },
] as const
