/** What a world has besides its messages: profiles, channels, other media, years; and what the views say of people, without SQL. */
import type { Row, Sandbox } from '../../src/sandbox/index.ts'
import {
  first,
  type Message,
  messagesOf,
  outcomeOf,
  personOf,
  purchasesOf,
  timeOf,
  toldOf,
} from './oracle.ts'
import { worldStart } from './world.ts'

const dayMs = 86_400_000
const spelled = (at: number): string => new Date(at).toISOString()

/** Read besides those of every world. */
export const streamsOfPeople = [
  ...['in_app_send', 'in_app_open', 'in_app_click', 'in_app_delivery', 'embedded_received'],
  ...['whatsapp_send', 'whatsapp_seen', 'whatsapp_click'],
]

/** The oldest message that `addPeople` makes. */
export const peopleSince = new Date(worldStart.getTime() - 380 * dayMs)

/** Adds them to the world before it is read. */
export function addPeople(sandbox: Sandbox): void {
  addChannels(sandbox)
  addOtherMedia(sandbox)
  addYears(sandbox)
}

/** Channels of all media, two of SMS; devices, browsers and telephone numbers; opt-outs of some channels and of all of a medium. */
function addChannels({ data, truth }: Sandbox): void {
  const media = ['Push', 'SMS', 'SMS', 'InApp', 'WebPush', 'WhatsApp', 'Embedded']
  for (const [index, messageMedium] of media.entries())
    data.channels.push({ id: 30 + index, name: `Channel ${index}`, channelType: 'Marketing', messageMedium })
  const devices = [
    [{ token: 'on', platform: 'APNS', endpointEnabled: true }],
    [{ token: 'off', platform: 'GCM', endpointEnabled: false }],
    [
      { token: 'off', platform: 'GCM', endpointEnabled: false },
      { token: 'unknown', platform: 'APNS' },
    ],
    [],
  ]
  const channels = [[1, 2], [30], [31], [31, 32], [33, 34, 35, 36], [30, 31, 32, 33, 34, 35, 36]]
  for (const [index, user] of truth.users().entries()) {
    data.users.put({
      ...user,
      devices: devices[index % 5],
      ...(index % 3 > 0 ? { phoneNumber: `+4930${index}` } : {}),
      ...(index % 4 > 0 ? { browserTokens: index % 4 === 2 ? [] : ['browser'] } : {}),
      ...(index % 8 < 6 ? { unsubscribedChannelIds: channels[index % 8] } : {}),
    })
  }
}

/** In-app, embedded and WhatsApp messages: some arrive, some are opened or clicked. */
function addOtherMedia({ data, truth }: Sandbox): void {
  for (const [index, user] of truth.users().entries()) {
    const push = (type: string, hours: number, every: number, more: Row = {}) => {
      if (index % every > 0) return
      const message = { campaignId: 110, templateId: 1, messageId: `${type.slice(0, 5)}-${index}`, ...more }
      const createdAt = spelled(worldStart.getTime() + index * dayMs + hours * 3_600_000)
      const { itblUserId, userId, email } = user
      data.events(type).push({ eventName: type, createdAt, itblUserId, userId, email, ...message })
    }
    push('inAppSend', 1, 3, { messageTypeId: 5, channelId: 33 })
    push('inAppDelivery', 2, 5)
    push('inAppOpen', 3, 6)
    push('inAppClick', 5, 9)
    push('whatsAppSend', 1, 4, { messageTypeId: 5, channelId: 35 })
    push('whatsAppSeen', 2, 8, { messageId: 'other', seenMessageId: `whats-${index}` })
    push('embeddedReceived', 2, 7)
  }
}

/** E-mails on either side of the bounds of each window, some opened, some clicked; to two people nothing else for long. */
function addYears(sandbox: Sandbox): void {
  const { data, truth } = sandbox
  const asOf = newestOf(sandbox)
  const users = truth.users().filter(({ email }) => email !== undefined)
  for (const [index, { itblUserId, email }] of users.slice(0, 4).entries()) {
    for (const days of [7, 28, 30, 90, 120, 365]) {
      for (const seconds of [0, 1]) {
        const at = asOf - days * dayMs + seconds * 1000
        const messageId = `year-${index}-${days}-${seconds}`
        const row = { itblUserId, email, campaignId: 112, templateId: 1, messageId }
        const add = (type: string, later: number, more: Row = {}) =>
          data.events(type).push({ eventName: type, createdAt: spelled(at + later), ...row, ...more })
        add('emailSend', 0, { messageTypeId: 5, channelId: 9 })
        if (index % 2 === 0 || days > 100) add('emailOpen', 600_000)
        if (index === 1) add('emailClick', 900_000, { url: 'https://example.com/year' })
      }
    }
  }
  // Who is not in the world otherwise: two answered long ago, one never, and one got nothing.
  for (const [index, days] of [150, 300, 60, undefined].entries()) {
    const person = { itblUserId: `late-${index}`, email: `late.${index}@example.org` }
    data.users.put({ ...person, profileUpdatedAt: spelled(asOf - dayMs) })
    if (days === undefined) continue
    const row = { ...person, campaignId: 112, templateId: 1, messageId: `late-${index}` }
    const at = asOf - days * dayMs
    data.events('emailSend').push({ createdAt: spelled(at), ...row, messageTypeId: 5, channelId: 9 })
    if (days !== 60) data.events('emailOpen').push({ createdAt: spelled(at + 5_000_000), ...row })
  }
}

const sendTypes = ['emailSend', 'pushSend', 'smsSend', 'inAppSend', 'whatsAppSend']

/** The newest send, open or click, and purchase. */
function newestOf(sandbox: Sandbox, isWithPurchases = true): number {
  const { touches } = messagesOf(sandbox, { burst: false })
  return Math.max(
    ...sendTypes.flatMap((type) => sandbox.truth.events(type).map(timeOf)),
    ...touches.map(({ at }) => at),
    ...(isWithPurchases ? sandbox.truth.events('purchase').map(timeOf) : []),
  )
}

const last = (times: readonly number[]): number | null => (times.length > 0 ? Math.max(...times) : null)

/** Messages, opens and clicks, ever and in windows of days before `asOf`. */
function countsOf(messages: readonly Message[], asOf: number) {
  const outcomes = messages.map((message) => ({ sentAt: message.sentAt, ...outcomeOf(message) }))
  const delivered = outcomes.filter(({ isDelivered }) => isDelivered)
  const counts = {
    messages: outcomes,
    opened: delivered.filter(({ firstHumanOpen }) => firstHumanOpen !== undefined),
    clicked: delivered.filter(({ firstHumanClick }) => firstHumanClick !== undefined),
  }
  return Object.fromEntries(
    Object.entries(counts).flatMap(([name, some]) => [
      [name, some.length] as const,
      ...[7, 30, 90, 365].map(
        (days) =>
          [`${name}_${days}_days`, some.filter(({ sentAt }) => sentAt > asOf - days * dayMs).length] as const,
      ),
    ]),
  )
}

/** The rows of user_engagement_by_medium. */
export function engagementByMedium(sandbox: Sandbox): Row[] {
  const { messages, touches } = messagesOf(sandbox, { burst: false })
  const asOf = newestOf(sandbox, false)
  const human = touches.filter(({ rule }) => rule === null)
  const keys = new Set([...messages, ...human].map(({ person, medium }) => JSON.stringify([person, medium])))
  return [...keys].map((key) => {
    const [person, medium] = JSON.parse(key) as [string, string]
    const own = messages.filter((one) => one.person === person && one.medium === medium)
    const answers = human.filter((one) => one.person === person && one.medium === medium)
    const counts = Object.entries(countsOf(own, asOf)).map(([name, count]) => {
      const what = name.startsWith('opened') ? 'opens' : name.startsWith('clicked') ? 'clicks' : undefined
      return [name, what === undefined ? count : toldOf(medium, what, count)]
    })
    return {
      person,
      medium,
      as_of: asOf,
      ...Object.fromEntries(counts),
      last_message_at: last(own.map(({ sentAt }) => sentAt)),
      last_open_at: toldOf(medium, 'opens', last(answers.map(({ at }) => at))),
      last_click_at: last(answers.filter(({ action }) => action === 'click').map(({ at }) => at)),
    }
  })
}

/** The rows of user_engagement. */
export function engagementOf(sandbox: Sandbox): Row[] {
  const { messages, touches } = messagesOf(sandbox, { burst: false })
  const purchases = purchasesOf(sandbox, touches)
  const asOf = newestOf(sandbox)
  const reachable = reachabilityOf(sandbox)
  const users = sandbox.truth.users().map((user) => {
    const person = personOf(user)
    const orders = purchases.filter((one) => one.person === person)
    const revenue = orders.reduce((sum, { total }) => sum + total, 0)
    return { user, person, orders: orders.length, revenue, lastOrder: last(orders.map(({ at }) => at)) }
  })
  const buyers = users.filter(({ orders }) => orders > 0)
  return users.map(({ user, person, orders, revenue, lastOrder }) => {
    const own = messages.filter((message) => message.person === person)
    // Every one of them, not the first of each message; a click implies an open.
    const answers = touches.filter((one) => one.person === person && one.rule === null)
    const opens = answers.map(({ at }) => at)
    const lastAnswer = last([...opens, ...(lastOrder === null ? [] : [lastOrder])])
    /** 1 to 5, by the share of the other buyers who have less. */
    const score = (own: number, all: readonly number[]) =>
      orders === 0
        ? null
        : Math.min(5, 1 + Math.floor(5 * (all.filter((one) => one < own).length / (all.length - 1))))
    const reach = reachable.find((row) => row.person === person)
    const { email, email_unreachable_reason, ...others } = reach as Row
    return {
      person,
      email,
      user_id: user.userId ?? null,
      as_of: asOf,
      signup_at: user.signupDate === undefined ? null : timeOf({ createdAt: user.signupDate }),
      ...countsOf(own, asOf),
      messages_per_week: own.filter(({ sentAt }) => sentAt > asOf - 28 * dayMs).length / 4,
      unopened_streak: streakOf(own),
      first_message_at: first(own.map(({ sentAt }) => sentAt)) ?? null,
      last_message_at: last(own.map(({ sentAt }) => sentAt)),
      first_answer_at: first(opens) ?? null,
      last_open_at: last(opens),
      last_click_at: last(answers.filter(({ action }) => action === 'click').map(({ at }) => at)),
      best_hour: bestHourOf(opens),
      orders,
      revenue,
      last_order_at: lastOrder,
      recency_score: score(
        lastOrder ?? 0,
        buyers.map((one) => one.lastOrder ?? 0),
      ),
      frequency_score: score(
        orders,
        buyers.map((one) => one.orders),
      ),
      monetary_score: score(
        revenue,
        buyers.map((one) => one.revenue),
      ),
      engagement: engagementClass(lastAnswer === null ? null : (asOf - lastAnswer) / dayMs),
      ...others,
      unreachable_reason: email_unreachable_reason,
    }
  })
}

function engagementClass(days: number | null): string {
  if (days === null) return 'never'
  if (days < 30) return 'engaged'
  if (days < 90) return 'lapsing'
  return days < 180 ? 'dormant' : 'cold'
}

/** Of the media that tell of opens, from the newest message back to one that was opened or clicked. */
function streakOf(messages: readonly Message[]): number | null {
  const told = messages
    .filter(({ medium }) => toldOf(medium, 'opens', true))
    .map((message) => ({ sentAt: message.sentAt, ...outcomeOf(message) }))
    .filter(({ isDelivered }) => isDelivered)
    .sort((a, b) => b.sentAt - a.sentAt)
  const opened = told.findIndex(({ firstHumanOpen }) => firstHumanOpen !== undefined)
  if (told.length === 0) return null
  return opened === -1 ? told.length : opened
}

/** In UTC; of several with as many, the first. */
function bestHourOf(times: readonly number[]): number | null {
  const hours = times.map((at) => new Date(at).getUTCHours())
  const count = (hour: number) => hours.filter((one) => one === hour).length
  return [...new Set(hours)].sort((a, b) => count(b) - count(a) || a - b)[0] ?? null
}

/** The rows of user_reachability. */
export function reachabilityOf({ data, truth }: Sandbox): Row[] {
  const people = (...types: string[]) => new Set(types.flatMap((type) => truth.events(type).map(personOf)))
  const hardBounces = truth
    .events('emailBounce')
    .filter(({ recipientState }) => recipientState === 'HardBounce')
  const bounced = new Set(hardBounces.map(personOf))
  const complained = people('emailComplaint')
  const hasApp = people('inAppDelivery', 'inAppOpen', 'inAppClick')
  const hasEmbedded = people('embeddedReceived')
  const hasWhatsApp = people('whatsAppSeen', 'whatsAppClick')
  return truth.users().map((user) => {
    const person = personOf(user)
    const out = (user.unsubscribedChannelIds ?? []) as unknown[]
    const isOut = (messageMedium: string) => {
      const channels = data.channels.filter((channel) => channel.messageMedium === messageMedium)
      return channels.length > 0 && channels.every(({ id }) => out.includes(id))
    }
    const devices = (user.devices ?? []) as Row[]
    const takesPush = devices.some(({ endpointEnabled }) => endpointEnabled !== false)
    const hasBrowser = Array.isArray(user.browserTokens) && user.browserTokens.length > 0
    /** The first reason that holds, and whether anything else is known where none does. */
    const reach = (
      name: string,
      medium: string,
      isKnown: boolean,
      reasons: readonly (readonly [string, boolean])[] = [],
    ) => {
      const all = [...reasons, ['channel opt-out', isOut(medium)] as const]
      const reason = all.find(([, holds]) => holds)?.[0] ?? null
      return {
        [`is_${name}_reachable`]: reason !== null ? false : isKnown ? true : null,
        [`${name}_unreachable_reason`]: reason,
      }
    }
    const noNumber = ['no number', user.phoneNumber === undefined] as const
    return {
      person,
      email: user.email === undefined ? null : String(user.email).toLowerCase(),
      ...reach('email', 'Email', true, [
        ['no address', user.email === undefined],
        ['complaint', complained.has(person)],
        ['hard bounce', bounced.has(person)],
      ]),
      ...reach('push', 'Push', true, [
        ['no device', devices.length === 0],
        ['switched off', !takesPush],
      ]),
      ...reach('in_app', 'InApp', hasApp.has(person) || takesPush),
      ...reach('sms', 'SMS', true, [noNumber]),
      ...reach('web_push', 'WebPush', true, [['no browser', !hasBrowser]]),
      ...reach('whatsapp', 'WhatsApp', hasWhatsApp.has(person), [noNumber]),
      ...reach('embedded', 'Embedded', hasEmbedded.has(person)),
    }
  })
}
