/** The streams that tell what became of messages, by medium: where one is not replicated, nobody knows. */

export type Reaction = 'bounces' | 'opens' | 'clicks' | 'complaints' | 'unsubscribes'

/** What no stream tells, such as the opens of an SMS, nobody knows in any project. */
export const tellers: ReadonlyMap<string, Readonly<Partial<Record<Reaction, string>>>> = new Map([
  [
    'email',
    {
      bounces: 'email_bounce',
      opens: 'email_open',
      clicks: 'email_click',
      complaints: 'email_complaint',
      unsubscribes: 'email_unsubscribe',
    },
  ],
  ['push', { bounces: 'push_bounce', opens: 'push_open' }],
  ['in_app', { opens: 'in_app_open', clicks: 'in_app_click' }],
  ['sms', { bounces: 'sms_bounce', clicks: 'sms_click' }],
  ['web_push', { clicks: 'web_push_click' }],
  ['whatsapp', { bounces: 'whatsapp_bounce', opens: 'whatsapp_seen', clicks: 'whatsapp_click' }],
  ['embedded', { clicks: 'embedded_click' }],
  ['rcs', {}],
])

/** Medium and stream of all that tell of one thing. */
export const tellersOf = (what: string): readonly (readonly [medium: string, stream: string])[] =>
  [...tellers].flatMap(([medium, told]) =>
    Object.entries(told).flatMap(([one, stream]) => (one === what ? [[medium, stream] as const] : [])),
  )
