/** Names that the export API knows, and how much of each the sandbox makes up. */

/** Every dataTypeName of the API's documentation, once: `anonSession` is another name of `unknownSession`. */
export const dataTypes: readonly string[] = [
  ...['emailSend', 'emailOpen', 'emailClick', 'emailBounce', 'emailComplaint', 'emailSendSkip'],
  ...['emailSubscribe', 'emailUnSubscribe', 'hostedUnsubscribeClick'],
  ...['pushSend', 'pushOpen', 'pushUninstall', 'pushBounce', 'pushSendSkip'],
  ...['inAppSend', 'inAppOpen', 'inAppClick', 'inAppClose', 'inAppDelete', 'inAppDelivery'],
  ...['inAppSendSkip', 'inAppRecall', 'inboxSession', 'inboxMessageImpression'],
  ...['smsSend', 'smsBounce', 'smsClick', 'smsReceived', 'smsSendSkip', 'smsUsageInfo'],
  ...['webPushSend', 'webPushClick', 'webPushSendSkip', 'rcsSend', 'rcsSendSkip'],
  ...['whatsAppSend', 'whatsAppSeen', 'whatsAppClick', 'whatsAppReceived', 'whatsAppBounce'],
  ...['whatsAppSendSkip', 'whatsAppUsageInfo'],
  ...['embeddedSend', 'embeddedSendSkip', 'embeddedClick', 'embeddedReceived', 'embeddedImpression'],
  ...['embeddedSession', 'unknownSession', 'purchase', 'customEvent', 'journeyExit', 'user'],
]

const spellings = new Map([
  ...dataTypes.map((name) => [name.toLowerCase(), name] as const),
  ['anonsession', 'unknownSession'],
])

/** The documented spelling: real connectors send `emailUnsubscribe` and are served. */
export const spellingOf = (dataType: string): string | undefined => spellings.get(dataType.toLowerCase())

/** Shares of eventsPerDay of the types that a project uses most. */
const usualShares: Readonly<Record<string, number>> = {
  emailSend: 0.54,
  emailOpen: 0.2,
  emailClick: 0.06,
  emailBounce: 0.012,
  emailComplaint: 0.002,
  emailSendSkip: 0.02,
  emailSubscribe: 0.02,
  emailUnSubscribe: 0.01,
  hostedUnsubscribeClick: 0.004,
  pushSend: 0.04,
  pushOpen: 0.01,
  pushBounce: 0.002,
  inAppSend: 0.01,
  inAppOpen: 0.006,
  smsSend: 0.01,
  smsClick: 0.004,
  smsReceived: 0.002,
  webPushSend: 0.004,
  purchase: 0.02,
  customEvent: 0.024,
}

const rareShare = 0.0005

/** Shares of eventsPerDay, of every event type: those that are not named above have just enough rows to be seen. */
export const eventShares: Readonly<Record<string, number>> = Object.fromEntries(
  dataTypes.filter((name) => name !== 'user').map((name) => [name, usualShares[name] ?? rareShare]),
)
