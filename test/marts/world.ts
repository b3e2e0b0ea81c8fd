/** A small project whose messages, opens, clicks and purchases belong together, made from a seed. */
import { type Row, type Sandbox, startSandbox } from '../../src/sandbox/index.ts'
import { present } from '../support/sync.ts'

/** What the views read; the other streams are left out, so that absent ones are seen as well. */
export const worldStreams = [
  ...['email', 'campaigns', 'users', 'channels', 'message_types', 'lists', 'list_users'],
  ...['push_send', 'push_open', 'push_bounce', 'sms_send', 'sms_click', 'sms_bounce', 'purchase'],
]

const day = 86_400_000
export const worldStart = new Date(present.getTime() - 60 * day)

const domains = [
  'gmail.com',
  'googlemail.com',
  'outlook.de',
  'YAHOO.com',
  'icloud.com',
  'web.de',
  'example.org',
]
const agents = [
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_2 like Mac OS X)',
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/132.0.0.0',
  'Barracuda Sentinel (EE)',
  'python-requests/2.32',
]

export async function makeWorld(seed: number): Promise<Sandbox> {
  const sandbox = await startSandbox({ empty: true, rateLimits: 'off', now: present, projectType: 'hybrid' })
  const { data } = sandbox
  const random = numbers(seed)
  const below = (bound: number) => Math.floor(random() * bound)
  const chance = (share: number) => random() < share
  const pick = <T>(values: readonly T[]): T => values[below(values.length)] as T
  const push = (type: string, at: number, row: Row) => {
    // What lies in the future has not happened.
    if (at < present.getTime()) data.events(type).push({ createdAt: spelled(at), eventName: type, ...row })
  }

  const people = Array.from({ length: 40 }, (_, index): Row => {
    const email = `Person.${index}@${domains[index % domains.length]}`
    if (index % 9 === 0) return { itblUserId: `itbl-${index}`, userId: `u-${index}` }
    if (index % 4 < 2) return { itblUserId: `itbl-${index}`, email }
    return index % 4 === 2 ? { userId: `u-${index}`, email } : { email }
  })
  // The profiles of a hybrid project all have an itblUserId; its events may lack it.
  for (const [index, person] of people.filter(({ itblUserId }) => itblUserId).entries()) {
    // Ids of channels 1 and 2, of message types 11, 12 and 13.
    const words = [
      {},
      { unsubscribedChannelIds: [1] },
      { unsubscribedMessageTypeIds: [11, 12] },
      { subscribedMessageTypeIds: [12], unsubscribedChannelIds: [] },
    ][index % 4]
    data.users.put({
      ...person,
      ...words,
      profileUpdatedAt: spelled(worldStart.getTime() + index * 3_600_000),
      ...(index % 5 === 0 ? {} : { signupDate: spelled(worldStart.getTime() + (index - 10) * 3 * day) }),
    })
  }
  data.channels.push(
    { id: 1, name: 'News', channelType: 'Marketing', messageMedium: 'Email' },
    { id: 2, name: 'Orders', channelType: 'Transactional', messageMedium: 'Email' },
  )
  data.messageTypes.push(
    { id: 11, name: 'Weekly', channelId: 1, subscriptionPolicy: 'OptOut' },
    { id: 12, name: 'Tips', channelId: 2, subscriptionPolicy: 'OptIn' },
    { id: 13, name: 'Receipts', channelId: 2, subscriptionPolicy: 'OptOut' },
  )
  const campaigns = Array.from({ length: 7 }, (_, index) => ({
    id: 100 + index,
    templateId: 1000 + index,
    medium: index < 4 ? 'email' : index === 4 ? 'push' : index === 5 ? 'sms' : 'none',
  }))
  for (const { id, templateId } of campaigns) {
    data.campaigns.push({
      id,
      templateId,
      name: `Campaign ${id}`,
      type: 'Blast',
      campaignState: 'Finished',
      createdAt: worldStart.getTime(),
      updatedAt: worldStart.getTime() + id,
      workflowId: id === 101 ? 7 : null,
    })
  }
  const media = [
    { medium: 'email', send: 'emailSend', open: 'emailOpen', click: 'emailClick', bounce: 'emailBounce' },
    { medium: 'push', send: 'pushSend', open: 'pushOpen', click: undefined, bounce: 'pushBounce' },
    { medium: 'sms', send: 'smsSend', open: undefined, click: 'smsClick', bounce: 'smsBounce' },
  ] as const
  // Campaign 104 has no row among the campaigns: it was deleted, and its messages remain.
  data.campaigns.splice(
    data.campaigns.findIndex(({ id }) => id === 104),
    1,
  )

  for (let index = 0; index < 500; index += 1) {
    const { id: campaignId, templateId: usual, medium } = campaigns[below(6)] as (typeof campaigns)[number]
    const types = media.find((one) => one.medium === medium) as (typeof media)[number]
    // Campaign 103 tries a second template.
    const templateId = campaignId === 103 && chance(0.4) ? 2000 : usual
    const person = pick(people)
    const sentAt = worldStart.getTime() + 1000 * below(60 * 86_400)
    // Some never answer, some not any more.
    const number = people.indexOf(person)
    const isSilent = number % 7 === 0 || (number % 5 === 0 && sentAt > worldStart.getTime() + 15 * day)
    const message = { ...person, campaignId, templateId, messageId: `m-${index}` }
    const after = (seconds: number) => sentAt + 1000 * seconds
    for (let copy = medium === 'push' ? 1 + below(2) : 1; copy > 0; copy -= 1) {
      push(types.send, after(copy - 1), { ...message, messageTypeId: 5, channelId: 9 })
    }
    const place = () => ({ userAgent: pick(agents), ip: chance(0.1) ? '17.1.2.3' : '203.0.113.9' })
    if (types.open && !isSilent) {
      for (let count = chance(0.6) ? 1 + below(3) : 0; count > 0; count -= 1) {
        const proxy = chance(0.3) ? { proxySource: 'Gmail' } : {}
        const bot = chance(0.2) ? { isBot: true } : {}
        const device = chance(0.5)
          ? { userAgentDevice: pick(['iPhone', 'Other']), country: pick(['DE', 'FR']) }
          : {}
        push(types.open, after(pick([0, 1, 30, 60, 61, 4000, 90_000, 700_000])), {
          ...message,
          ...(medium === 'email' ? { ...place(), ...proxy, ...bot, ...device } : {}),
        })
      }
    }
    if (types.click && !isSilent) {
      const burst = chance(0.1)
      for (let count = burst ? 4 : chance(0.3) ? 1 + below(2) : 0; count > 0; count -= 1) {
        const url = `https://example.com/${count}?person=${number}`
        push(types.click, after(burst ? 20 + count : pick([40, 5000, 200_000])), {
          ...message,
          ...(chance(0.1) ? { isBot: true } : {}),
          ...(medium === 'email' ? { ...place(), url } : { clickedUrl: url }),
        })
      }
    }
    if (chance(0.12)) {
      const kind = chance(0.5)
        ? { recipientState: 'HardBounce', status: pick(['5.1.1', '5.7.1']) }
        : { recipientState: 'SoftBounce', status: '4.2.2' }
      push(types.bounce, after(5), { ...message, ...(medium === 'email' ? kind : {}) })
      // Iterable takes a hard bounce, and a complaint, for an unsubscribe from the channel.
      if (medium === 'email' && kind.recipientState === 'HardBounce')
        push('emailUnSubscribe', after(5), { ...message, channelIds: [9], unsubSource: 'HardBounce' })
      if (chance(0.2)) push(types.bounce, after(900), { ...message, ...(medium === 'email' ? kind : {}) })
    }
    if (medium === 'email') {
      if (chance(0.05)) {
        push('emailComplaint', after(8000), { ...message, recipientState: 'Complaint' })
        push('emailUnSubscribe', after(8000), { ...message, channelIds: [9], unsubSource: 'Complaint' })
      }
      if (chance(0.15)) {
        const scope = pick<Row>([
          { channelIds: [9] },
          { channelIds: [], messageTypeIds: [5] },
          { emailListIds: [3] },
        ])
        push('emailUnSubscribe', after(pick([600, 100_000])), {
          ...message,
          ...scope,
          unsubSource: 'EmailLink',
        })
      }
      if (chance(0.05)) push('hostedUnsubscribeClick', after(500), { ...message, isBot: chance(0.3) })
    }
    if (!isSilent && chance(0.15)) {
      const cart = index % 5 === 0 ? {} : { shoppingCartItems: cartOf(index) }
      const bought = { ...person, ...cart, total: below(400) / 4, ...(chance(0.5) ? { campaignId } : {}) }
      const at = after(pick([70, 50_000, 250_000, 900_000]))
      const id = chance(0.7) ? { id: `order-${index}` } : {}
      push('purchase', at, { ...bought, ...id })
      // An order that was changed comes again under its id.
      if (id.id && chance(0.4)) push('purchase', at + 3_600_000, { ...bought, ...id, total: below(400) / 4 })
    }
  }
  for (let index = 0; index < 60; index += 1) {
    const reason = pick(['ExperimentHoldOut', 'FrequencyCapping', 'DuplicateMarketingMessage'])
    push('emailSendSkip', worldStart.getTime() + 1000 * below(5_000_000), {
      ...pick(people),
      campaignId: 100 + below(7),
      messageId: `skip-${index}`,
      reason,
    })
  }
  // An open of a message that was sent before the warehouse begins.
  push('emailOpen', worldStart.getTime() + 5000, { ...people[1], campaignId: 100, messageId: 'before' })
  return sandbox
}

/** Up to three lines, of some purchases without prices. */
const cartOf = (index: number): Row[] =>
  Array.from({ length: index % 4 }, (_, line) => ({
    id: `p-${line}`,
    sku: `s-${line}`,
    name: `Product "${line}"`,
    ...(index % 3 === 0 ? {} : { price: 1.25 * (line + 1) }),
    ...(line === 1 ? { quantity: 3 } : {}),
  }))

/** `2026-01-02 03:04:05 +00:00` */
const spelled = (at: number): string => `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} +00:00`

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
