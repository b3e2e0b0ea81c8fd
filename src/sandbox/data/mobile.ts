/** What events of apps and browsers say beyond who, when and which campaign. */
import type { Row } from '../options.ts'
import type { SandboxPerson } from './people.ts'
import type { Random } from './random.ts'

type Details = Readonly<Record<string, (random: Random, person: SandboxPerson) => Row>>

const channelOf = (messageTypeId: number, channelId: number): Row => ({ messageTypeId, channelId })
const pushChannel = channelOf(51_005, 12_013)
const inAppChannel = channelOf(51_007, 12_015)
const pushTexts = ['Nur heute: 20 % Rabatt', '春の新作が届きました', 'عروض خاصة لك', 'До свидания, зима ❄️']

const endpoint = (random: Random) => `arn:example:${random.hex(16)}`
const deviceInfo = (random: Random): Row => ({
  deviceInfo: {
    deviceId: random.hex(32),
    platform: random.pick(['iOS', 'Android']),
    appPackageName: 'com.example.shop',
  },
})
const inInbox = (random: Random): Row => ({
  messageContext: {
    saveToInbox: random.chance(0.5),
    silentInbox: false,
    location: random.pick(['in-app', 'inbox']),
  },
})
/** A day later, in the spelling of the system. */
const nextWeek = '2026-02-08 00:00:00 +00:00'

export const mobileDetails: Details = {
  pushSend: (random) => ({
    ...pushChannel,
    platformEndpoint: endpoint(random),
    notificationsEnabled: random.chance(0.9),
    payload: { path: '/offers', n: random.below(9) },
    sound: random.pick(['default', '', null]),
    badge: random.pick(['1', '', null, 3]),
    contentAvailable: random.chance(0.5),
    deeplink: random.pick([{ ios: 'app://offers' }, 'app://offers', null]),
    pushMessage: random.pick(pushTexts),
  }),
  pushOpen: (random) => ({
    appAlreadyRunning: random.chance(0.3),
    actionIdentifier: random.pick(['default', 'buy']),
  }),
  pushBounce: (random) => ({ ...pushChannel, platformEndpoint: endpoint(random) }),
  pushUninstall: (random) => ({ isGhostPush: random.chance(0.5), platformEndpoint: endpoint(random) }),
  pushSendSkip: (random) => ({
    ...pushChannel,
    reason: random.pick(['QuietHoursSendSkip', 'FrequencyCapping']),
  }),
  inAppSend: (random) => ({
    ...inAppChannel,
    messageContext: { saveToInbox: random.chance(0.5), trigger: { type: 'event' } },
    priorityLevel: random.pick([100.5, 200.5, 300.5]),
    inAppBody: '<p>Hallo 👋</p>',
    expiresAt: nextWeek,
  }),
  inAppOpen: (random) => ({ ...inInbox(random), ...deviceInfo(random) }),
  inAppClick: (random) => ({
    ...inInbox(random),
    ...deviceInfo(random),
    clickedUrl: `app://p/${random.below(300)}`,
  }),
  inAppClose: (random) => ({
    ...inInbox(random),
    ...deviceInfo(random),
    closeAction: random.pick(['link', 'back', 'close']),
  }),
  inAppDelete: (random) => ({
    ...inInbox(random),
    ...deviceInfo(random),
    deleteAction: random.pick(['inbox-swipe', 'delete-button']),
  }),
  inAppDelivery: (random) => ({ ...inInbox(random), ...deviceInfo(random) }),
  inAppSendSkip: (random) => ({ ...inAppChannel, reason: random.pick(['LocaleMismatch', 'EmptyContent']) }),
  inAppRecall: (random) => inInbox(random),
  inboxSession: (random) => {
    const unread = random.below(5)
    return {
      ...deviceInfo(random),
      inboxSessionId: random.hex(32),
      startTotalMessageCount: unread + 3,
      endTotalMessageCount: unread + 2,
      startUnreadMessageCount: unread,
      endUnreadMessageCount: 0,
      impressions: [
        { messageId: random.hex(32), silentInbox: false, displayCount: 1, displayDuration: 2.25 },
      ],
    }
  },
  inboxMessageImpression: (random) => ({
    ...deviceInfo(random),
    inboxSessionId: random.hex(32),
    silentInbox: false,
    displayCount: 1 + random.below(3),
    displayDuration: random.below(400) / 10,
  }),
  webPushSend: (random) => ({
    browserToken: random.hex(40),
    webPushMessage: random.pick(pushTexts),
    webPushClickAction: 'https://www.example.com/',
  }),
  webPushClick: () => ({}),
  webPushSendSkip: (random) => ({ reason: random.pick(['FrequencyCapping', 'EmptyContent']) }),
  embeddedSend: (random) => ({ placementId: random.below(9), contentId: 3_341_000 + random.below(50) }),
  embeddedSendSkip: () => ({ reason: 'LocaleMismatch' }),
  embeddedReceived: (random) => deviceInfo(random),
  embeddedClick: (random) => ({
    ...deviceInfo(random),
    buttonIdentifier: random.pick(['buy', 'later']),
    targetUrl: `app://p/${random.below(300)}`,
  }),
  embeddedImpression: (random) => ({
    ...deviceInfo(random),
    placementId: random.below(9),
    displayCount: 1 + random.below(4),
    displayDuration: random.below(600) / 10,
    session: { id: random.hex(32) },
  }),
  embeddedSession: (random) => {
    const start = 1_769_000_000 + random.below(800_000)
    return {
      ...deviceInfo(random),
      session: { id: random.hex(32), start, end: start + random.below(900) },
      impressions: [
        { messageId: random.hex(32), placementId: random.below(9), displayCount: 1, displayDuration: 1.5 },
      ],
    }
  },
  unknownSession: (random) => ({
    ...deviceInfo(random),
    unknownSessionContext: {
      totalUnknownSessionCount: 1 + random.below(9),
      firstUnknownSession: 1_760_000_000 + random.below(9_000_000),
      lastPage: '/checkout',
      matchedCriteriaId: random.below(4),
    },
  }),
}
