/** Events: each one a pure function of seed, data type, block of time and position. */
import type { Row, SandboxProjectType } from '../options.ts'
import { systemTime } from '../times.ts'
import { details, subjects } from './details.ts'
import { identity, type SandboxPerson } from './people.ts'
import { profileOf } from './profiles.ts'
import { hash32, type Random, randomFor } from './random.ts'

export interface Scene {
  readonly seed: number
  readonly projectType: SandboxProjectType
  readonly people: readonly SandboxPerson[]
  /** Campaign rows by medium. */
  readonly campaigns: (medium: string) => readonly Row[]
  readonly listIds: readonly number[]
  /** Start of the first block; a block lasts 24 hours. */
  readonly start: number
  /** Rows of a type of sends in a block, which opens, clicks and bounces refer to. */
  readonly sendsIn: (dataType: string, block: number) => number
}

export interface Made {
  readonly at: number
  readonly row: Row
}

const blockMs = 86_400_000
/** The event at this place; `at` lies within the block. */
export function eventAt(scene: Scene, dataType: string, block: number, place: number): Made {
  if (dataType === 'emailSend') return sendAt(scene, block, place)
  const { index, random } = sourceOf(scene, dataType, block, place)
  if (dataType === 'emailSubscribe' || dataType === 'emailUnSubscribe') {
    return subscription(scene, dataType, block, random)
  }
  const more = details[dataType]!
  if (dataType.startsWith('email') || dataType === 'hostedUnsubscribeClick') {
    const sends = scene.sendsIn('emailSend', block)
    const sent = sends > 0 ? sendFacts(scene, block, random.below(sends)) : sendFacts(scene, block, index)
    const at = after(sent.at, scene, block, random)
    return {
      at,
      row: {
        ...common(sent, spelled(at, random)),
        contentId: sent.contentId,
        ...more(random, sent.person),
        eventName: dataType,
      },
    }
  }
  const sendType = answered.get(dataType)
  const sends = sendType === undefined ? 0 : scene.sendsIn(sendType, block)
  if (sendType !== undefined && sends > 0) {
    const source = sourceOf(scene, sendType, block, random.below(sends))
    const sent = begin(scene, sendType, block, source.random)
    return answer(dataType, sent, after(sent.at, scene, block, random), random)
  }
  const { at, person, row } = begin(scene, dataType, block, random)
  return {
    at,
    row: { ...row, eventName: dataType, ...more(random, person), itblInternal: stamps(at) },
  }
}

/** What the event at a place is made from. Two clicks within one second are the same row twice, and both are true. */
function sourceOf(
  scene: Scene,
  dataType: string,
  block: number,
  index: number,
): { readonly index: number; readonly random: Random } {
  const random = randomFor(scene.seed, dataType, block, index)
  const isTwin = index > 0 && random.below(150) === 0
  return isTwin ? sourceOf(scene, dataType, block, index - 1) : { index, random }
}

/** An event of the message that was sent. Who has seen one in WhatsApp names it otherwise, and no campaign. */
function answer(dataType: string, { person, row }: Begun, at: number, random: Random): Made {
  const isSeen = dataType === 'whatsAppSeen'
  return {
    at,
    row: {
      ...(isSeen ? identity(person) : row),
      createdAt: spelled(at, random),
      eventName: dataType,
      ...details[dataType]!(random, person),
      ...(isSeen ? { seenMessageId: row.messageId } : {}),
      itblInternal: stamps(at),
    },
  }
}

interface Begun {
  readonly at: number
  readonly person: SandboxPerson
  readonly row: Row
}

/** What an event says first: when, who, and of which message. */
function begin(scene: Scene, dataType: string, block: number, random: Random): Begun {
  const at = timeIn(scene, block, random)
  const person = random.pick(scene.people)
  const campaign = scene.campaigns(mediumOf(dataType))
  const row: Row = { createdAt: spelled(at, random), ...identity(person) }
  if (campaign.length > 0 && !withoutMessage.has(dataType)) {
    const { id, templateId } = random.pick(campaign)
    Object.assign(row, { campaignId: id, templateId, messageId: messageIdOf(dataType, random) })
  }
  return { at, person, row }
}

/** Types whose rows answer no message of ours, or name it otherwise. */
const withoutMessage: ReadonlySet<string> = new Set([
  ...['customEvent', 'smsReceived', 'whatsAppSeen', 'whatsAppReceived'],
  ...['inboxSession', 'embeddedSession', 'unknownSession', 'journeyExit'],
])

/** Types whose rows answer a message, and that of its send; those of e-mail are apart. */
const answered: ReadonlyMap<string, string> = new Map([
  ...['pushOpen', 'pushBounce'].map((type) => [type, 'pushSend'] as const),
  ...['smsClick', 'smsBounce'].map((type) => [type, 'smsSend'] as const),
  ...['inAppDelivery', 'inAppOpen', 'inAppClick', 'inAppClose', 'inAppDelete'].map(
    (type) => [type, 'inAppSend'] as const,
  ),
  ['webPushClick', 'webPushSend'],
  ...['whatsAppSeen', 'whatsAppClick', 'whatsAppBounce'].map((type) => [type, 'whatsAppSend'] as const),
  ...['embeddedReceived', 'embeddedClick', 'embeddedImpression'].map(
    (type) => [type, 'embeddedSend'] as const,
  ),
])

/** A while later, on the same day. */
const after = (at: number, { start }: Scene, block: number, random: Random): number =>
  Math.min(at + 1000 * (20 + random.below(40_000)), start + (block + 1) * blockMs - 1000)

const base62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** Ids of in-app messages are longer than the others, and of another alphabet. */
const messageIdOf = (dataType: string, random: Random): string =>
  dataType.startsWith('inApp')
    ? Array.from({ length: 41 }, () => base62[random.below(62)]).join('')
    : random.hex(32)

interface Sent {
  readonly at: number
  readonly person: SandboxPerson
  readonly campaignId: unknown
  readonly templateId: unknown
  readonly messageTypeId: number
  readonly messageId: string
  readonly contentId: number
  readonly random: Random
}

function sendFacts(scene: Scene, block: number, index: number): Sent {
  const random = randomFor(scene.seed, 'send', block, index)
  const at = timeIn(scene, block, random)
  const person = random.pick(scene.people)
  const campaigns = scene.campaigns('Email')
  const campaign = campaigns.length > 0 ? random.pick(campaigns) : { id: 2_150_040, templateId: 3_350_021 }
  const contentId = 3_341_200 + (hash32(String(campaign.id)) % 500)
  const messageTypeId = campaign.type === 'Triggered' ? 51_004 : 51_002
  return {
    at,
    person,
    campaignId: campaign.id,
    templateId: campaign.templateId,
    messageTypeId,
    messageId: random.hex(32),
    contentId,
    random,
  }
}

function sendAt(scene: Scene, block: number, index: number): Made {
  const sent = sendFacts(scene, block, index)
  const { at, random, messageTypeId, person } = sent
  const subject = random.pick(subjects)
  const order = { id: `o-${block}-${index}`, total: random.below(20_000) / 100, city: person.home.city }
  const row = common(sent, spelled(at, random))
  row.messageTypeId = messageTypeId
  row.channelId = channelOf(messageTypeId)
  row.contentId = sent.contentId
  row.messageBusId = sent.messageId
  row.espName = random.chance(0.8) ? 'mailgun' : 'sparkpost'
  row.catalogLookupCount = random.below(3)
  row.catalogCollectionCount = 0
  row.productRecommendationCount = random.below(4)
  row.transactionalData = JSON.stringify(order)
  row.eventName = 'emailSend'
  if (random.chance(0.4)) row.workflowId = 157_274
  row.emailSubject = subject
  row.locale = person.home.locale
  row.labels = random.chance(0.3) ? ['sale', 'été'] : []
  if (random.chance(0.2)) row.experimentId = 88_000 + random.below(50)
  row.deliveryContext = { pool: random.chance(0.5) ? 'a' : 'b', weight: random.below(100) / 100 }
  row.itblInternal = stamps(at)
  return { at, row }
}

const channelOf = (messageTypeId: number): number => (messageTypeId === 51_004 ? 12_012 : 12_011)

/** By a link in an e-mail, or by Iterable, for one that bounced hard. */
function unsubscribe(scene: Scene, block: number, random: Random): Made {
  const sent = sendFacts(scene, block, random.below(scene.sendsIn('emailSend', block)))
  const at = after(sent.at, scene, block, random)
  const bounce = {
    unsubSource: 'HardBounce',
    bounceMessage: '550 no such user',
    recipientState: 'HardBounce',
    status: '5.1.1',
  }
  return {
    at,
    row: {
      ...common(sent, spelled(at, random)),
      ...(random.chance(0.5) ? bounce : { unsubSource: 'EmailLink' }),
      channelIds: [channelOf(sent.messageTypeId)],
      emailListIds: [],
      messageTypeIds: [],
      eventName: 'emailUnSubscribe',
    },
  }
}

function subscription(scene: Scene, dataType: string, block: number, random: Random): Made {
  const isOfMessage = dataType === 'emailUnSubscribe' && random.chance(0.6)
  if (isOfMessage && scene.sendsIn('emailSend', block) > 0) return unsubscribe(scene, block, random)
  const at = timeIn(scene, block, random)
  const person = random.pick(scene.people)
  const lists = scene.listIds.length > 0 ? [random.pick(scene.listIds)] : []
  const base = { createdAt: spelled(at, random), ...identity(person) }
  if (dataType === 'emailUnSubscribe') {
    const reason = {
      unsubSource: random.pick(['ListAPI', 'API', 'WebApp']),
      ...(lists[0] === undefined ? {} : { emailListId: lists[0] }),
      emailListIds: lists,
      channelIds: [],
    }
    return { at, row: { ...base, ...reason, messageTypeIds: [], eventName: dataType } }
  }
  // A subscription carries a copy of the profile as it was.
  const profile = profileOf(person, scene.seed, at, scene.projectType)
  const { signupSource, itblInternal, emailListIds, userListIds, createdAt, ...copied } = profile
  return {
    at,
    row: {
      ...copied,
      ...base,
      signupSource: signupSource ?? 'API',
      ...(lists[0] === undefined ? {} : { emailListId: lists[0] }),
      emailListIds: lists,
      channelIds: [],
      messageTypeIds: [],
      publicIdString: random.hex(16),
      eventName: dataType,
    },
  }
}

function common({ person, campaignId, templateId, messageId }: Sent, createdAt: string): Row {
  const { email, userId, itblUserId } = person
  const row: Row = { createdAt }
  if (email !== undefined) row.email = email
  if (userId !== undefined) row.userId = userId
  if (itblUserId !== undefined) row.itblUserId = itblUserId
  row.campaignId = campaignId
  row.templateId = templateId
  row.messageId = messageId
  return row
}

const timeIn = ({ start }: Scene, block: number, random: Random) =>
  start + block * blockMs + random.below(86_400) * 1000

/** Nearly always the system form; the others have been seen in exports. */
function spelled(at: number, random: Random): string {
  const dice = random.below(1000)
  if (dice >= 20) return systemTime(at)
  const seconds = new Date(at).toISOString().slice(0, 19)
  if (dice >= 5) return `${seconds}.${String(134_000 + random.below(900)).padStart(6, '0')}Z`
  if (dice >= 2) return `${seconds.replace('T', ' ')} +0000`
  return `${seconds}.134105.000Z`
}

function stamps(at: number): Row {
  const time = systemTime(at + 3000)
  return { documentCreatedAt: time, documentUpdatedAt: time }
}

function mediumOf(dataType: string): string {
  if (dataType.startsWith('push')) return 'Push'
  if (dataType.startsWith('sms')) return 'SMS'
  return dataType.startsWith('inApp') ? 'InApp' : 'Email'
}
