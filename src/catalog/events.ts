/**
 * Event streams of the export API: a data type is one line here. Unknown fields find their columns by themselves, so
 * even `event('rcs_send', 'rcsSend', ['rcs'])` alone is complete; a known field decides only its type and its place.
 */
import {
  app,
  carrier,
  channel,
  common,
  device,
  type Fields,
  inApp,
  machine,
  phone,
  place,
  rendering,
  sending,
  skip,
  smsCost,
  subscription,
  whatsAppNumbers,
} from './families.ts'
import type { Stream, StreamGroup } from './stream.ts'

/** The eight that every project has. */
const core: readonly StreamGroup[] = ['core', 'email']

const email: readonly Stream[] = [
  event('email_bounce', 'emailBounce', core, { recipientState: 'text', status: 'text' }),
  event('email_click', 'emailClick', core, {
    ...device,
    ...place,
    url: 'text',
    hrefIndex: 'bigint',
    contentId: 'bigint',
    ...machine,
  }),
  event('email_complaint', 'emailComplaint', core, { recipientState: 'text' }),
  bulky(
    event('email_open', 'emailOpen', core, {
      ...device,
      ...place,
      proxySource: 'text',
      contentId: 'bigint',
      ...machine,
    }),
  ),
  bulky(
    event('email_send', 'emailSend', core, {
      ...sending,
      messageBusId: 'text',
      espName: 'text',
      ...rendering,
    }),
  ),
  event('email_send_skip', 'emailSendSkip', core, { ...sending, reason: 'text' }),
  {
    ...event('email_subscribe', 'emailSubscribe', core, {
      ...subscription,
      signupSource: 'text',
      profileUpdatedAt: 'timestamptz',
      publicIdString: 'text',
    }),
    // A subscription copies the fields of the profile.
    hasProfileFields: true,
  },
  event('email_unsubscribe', 'emailUnSubscribe', core, {
    ...subscription,
    unsubSource: 'text',
    channelId: 'bigint',
    bounceMessage: 'text',
    recipientState: 'text',
    status: 'text',
  }),
  event('hosted_unsubscribe_click', 'hostedUnsubscribeClick', ['email'], {
    ...device,
    ...place,
    url: 'text',
    ...channel,
    contentId: 'bigint',
    ...machine,
  }),
]

const push: readonly Stream[] = [
  event('push_bounce', 'pushBounce', ['push'], { ...channel, platformEndpoint: 'text' }),
  event('push_open', 'pushOpen', ['push'], {
    sentAt: 'timestamptz',
    appAlreadyRunning: 'boolean',
    actionIdentifier: 'text',
  }),
  event('push_send', 'pushSend', ['push'], {
    ...sending,
    ...rendering,
    platformEndpoint: 'text',
    notificationsEnabled: 'boolean',
    pushMessage: 'text',
    payload: 'json',
    // Empty, null or a number; a text, an object or null.
    badge: 'text',
    sound: 'text',
    deeplink: 'json',
    contentAvailable: 'boolean',
    attachmentUrlAndroid: 'text',
  }),
  event('push_send_skip', 'pushSendSkip', ['push'], skip),
  event('push_uninstall', 'pushUninstall', ['push'], { isGhostPush: 'boolean', platformEndpoint: 'text' }),
]

const shownInApp = { ...app, ...inApp } as const satisfies Fields
/** Times and counts of a look into the inbox, as the SDKs send them. */
const inboxSession = {
  ...app,
  inboxSessionId: 'text',
  inboxSessionStart: 'timestamptz',
  inboxSessionEnd: 'timestamptz',
  startTotalMessageCount: 'bigint',
  endTotalMessageCount: 'bigint',
  startUnreadMessageCount: 'bigint',
  endUnreadMessageCount: 'bigint',
  impressions: 'json',
} as const satisfies Fields

const inAppMessages: readonly Stream[] = [
  event('in_app_click', 'inAppClick', ['in_app'], {
    ...shownInApp,
    clickedUrl: 'text',
    sentAt: 'timestamptz',
    inboxSessionId: 'text',
  }),
  event('in_app_close', 'inAppClose', ['in_app'], {
    ...shownInApp,
    closeAction: 'text',
    clickedUrl: 'text',
    inboxSessionId: 'text',
  }),
  event('in_app_delete', 'inAppDelete', ['in_app'], { ...shownInApp, deleteAction: 'text' }),
  event('in_app_delivery', 'inAppDelivery', ['in_app'], shownInApp),
  event('in_app_open', 'inAppOpen', ['in_app'], { ...shownInApp, sentAt: 'timestamptz' }),
  event('in_app_recall', 'inAppRecall', ['in_app'], inApp),
  event('in_app_send', 'inAppSend', ['in_app'], {
    ...sending,
    ...rendering,
    ...inApp,
    priorityLevel: 'double',
    inAppBody: 'text',
  }),
  event('in_app_send_skip', 'inAppSendSkip', ['in_app'], skip),
  event('inbox_message_impression', 'inboxMessageImpression', ['in_app'], {
    ...app,
    silentInbox: 'boolean',
    displayCount: 'bigint',
    displayDuration: 'double',
    inboxSessionId: 'text',
  }),
  event('inbox_session', 'inboxSession', ['in_app'], inboxSession),
]

const sms: readonly Stream[] = [
  event('sms_bounce', 'smsBounce', ['sms'], {
    toPhoneNumber: 'text',
    fromPhoneNumberId: 'bigint',
    smsMessage: 'text',
    imageUrl: 'text',
    smsProviderResponse: 'json',
  }),
  event('sms_click', 'smsClick', ['sms'], {
    ...channel,
    clickedUrl: 'text',
    smsMessage: 'text',
    fromPhoneNumberId: 'bigint',
    ...machine,
  }),
  event('sms_received', 'smsReceived', ['sms'], {
    fromPhoneNumber: 'text',
    toPhoneNumber: 'text',
    smsMessage: 'text',
    smsReceiveCount: 'bigint',
    mmsReceiveCount: 'bigint',
    senderPhoneNumberType: 'text',
    recipientCountryName: 'text',
    recipientCountryCallingCode: 'text',
    ...carrier,
  }),
  event('sms_send', 'smsSend', ['sms'], {
    ...sending,
    messageBusId: 'text',
    ...rendering,
    ...carrier,
    ...phone,
    ...smsCost,
    renderedSmsMessage: 'text',
    smsMessage: 'text',
    imageUrl: 'text',
    locale: 'text',
    timeZone: 'text',
  }),
  event('sms_send_skip', 'smsSendSkip', ['sms'], skip),
  event('sms_usage_info', 'smsUsageInfo', ['sms'], { ...smsCost, ...carrier, ...phone }),
]

const webPush: readonly Stream[] = [
  event('web_push_click', 'webPushClick', ['web_push']),
  event('web_push_send', 'webPushSend', ['web_push'], {
    ...sending,
    ...rendering,
    browserToken: 'text',
    webPushIcon: 'text',
    webPushMessage: 'text',
    webPushBody: 'text',
    webPushClickAction: 'text',
  }),
  event('web_push_send_skip', 'webPushSendSkip', ['web_push'], skip),
]

const rcs: readonly Stream[] = [
  event('rcs_send', 'rcsSend', ['rcs'], { ...sending, ...rendering, ...carrier, ...phone }),
  event('rcs_send_skip', 'rcsSendSkip', ['rcs'], skip),
]

const whatsApp: readonly Stream[] = [
  event('whatsapp_bounce', 'whatsAppBounce', ['whatsapp'], {
    ...channel,
    contentId: 'bigint',
    toWhatsAppPhoneNumber: 'text',
    messageStatus: 'text',
    errorCode: 'text',
  }),
  event('whatsapp_click', 'whatsAppClick', ['whatsapp'], { ...device, clickedUrl: 'text' }),
  event('whatsapp_received', 'whatsAppReceived', ['whatsapp'], {
    replyToMessageId: 'text',
    receivedAt: 'timestamptz',
    attributionType: 'text',
    ...whatsAppNumbers,
    whatsAppMessage: 'json',
    sanitized: 'json',
    ...carrier,
  }),
  event('whatsapp_seen', 'whatsAppSeen', ['whatsapp'], {
    seenMessageId: 'text',
    seenAt: 'timestamptz',
    sentAt: 'timestamptz',
    ...whatsAppNumbers,
    ...carrier,
  }),
  event('whatsapp_send', 'whatsAppSend', ['whatsapp'], {
    ...sending,
    ...rendering,
    ...carrier,
    toWhatsAppPhoneNumber: 'text',
    fromWhatsAppSenderId: 'bigint',
    renderedWhatsAppMessage: 'text',
  }),
  event('whatsapp_send_skip', 'whatsAppSendSkip', ['whatsapp'], { ...sending, ...skip, espName: 'text' }),
  event('whatsapp_usage_info', 'whatsAppUsageInfo', ['whatsapp'], {
    ...carrier,
    messageStatus: 'text',
    errorCode: 'text',
  }),
]

const embedded: readonly Stream[] = [
  event('embedded_click', 'embeddedClick', ['embedded'], {
    ...app,
    buttonIdentifier: 'text',
    targetUrl: 'text',
  }),
  event('embedded_impression', 'embeddedImpression', ['embedded'], {
    ...app,
    placementId: 'bigint',
    displayCount: 'bigint',
    displayDuration: 'double',
    sessionId: 'text',
    session: 'json',
  }),
  event('embedded_received', 'embeddedReceived', ['embedded'], app),
  event('embedded_send', 'embeddedSend', ['embedded'], { ...sending, ...rendering, placementId: 'bigint' }),
  event('embedded_send_skip', 'embeddedSendSkip', ['embedded'], skip),
  event('embedded_session', 'embeddedSession', ['embedded'], {
    ...app,
    session: 'json',
    impressions: 'json',
  }),
]

const others: readonly Stream[] = [
  bulky(event('custom_event', 'customEvent', [], { id: 'text' })),
  event('journey_exit', 'journeyExit', [], { workflowId: 'bigint', workflowName: 'text' }),
  event('purchase', 'purchase', [], { id: 'text', total: 'double', shoppingCartItems: 'json' }),
  {
    ...event('unknown_session', 'unknownSession', [], { ...app, unknownSessionContext: 'json' }),
    // The documentation says the one, the official client the other.
    read: { kind: 'export', dataType: 'unknownSession', otherwise: 'anonSession' },
  },
]

/** What every project has most of. */
function bulky(stream: Stream): Stream {
  return { ...stream, isBulky: true }
}

/** Every event type of the export API. */
export const eventStreams: readonly Stream[] = [
  email,
  push,
  inAppMessages,
  sms,
  webPush,
  rcs,
  whatsApp,
  embedded,
  others,
].flat()

function event(name: string, dataType: string, groups: readonly StreamGroup[], fields: Fields = {}): Stream {
  return {
    name,
    groups: ['events', ...groups],
    read: { kind: 'export', dataType },
    replication: 'append',
    key: [],
    bookmark: 'createdAt',
    mark: { fields: ['createdAt'], missing: 'missing_created_at' },
    columns: { ...common, ...fields },
    hasProfileFields: false,
  }
}
