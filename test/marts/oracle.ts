/** The numbers of the views, worked out from the truth of the sandbox without SQL. */
import type { Row, Sandbox } from '../../src/sandbox/index.ts'

export interface Rules {
  /** Three links of one message within ten seconds are a scanner's. */
  readonly burst: boolean
  /** Beginning of addresses that are a machine's. */
  readonly network?: string
  /** Any open by a proxy is a machine's, however late it comes. */
  readonly isStrict?: boolean
}

export interface Touch {
  readonly medium: string
  readonly action: 'open' | 'click'
  readonly at: number
  readonly messageId: string
  readonly person: string
  readonly campaignId: number
  readonly row: Row
  rule: string | null
}

export interface Message {
  readonly medium: string
  readonly id: string
  readonly person: string
  readonly email: string | null
  readonly campaignId: number
  readonly templateId: number
  readonly sentAt: number
  readonly copies: number
  readonly bounces: readonly Row[]
  readonly touches: readonly Touch[]
  readonly complainedAt: number | undefined
  readonly unsubscribedAt: number | undefined
}

export const timeOf = (row: Row): number =>
  Date.parse(String(row.createdAt).replace(' ', 'T').replace(' +00:00', 'Z'))
export const dayOf = (at: number): string => new Date(at).toISOString().slice(0, 10)
export const personOf = ({ itblUserId, userId, email }: Row): string =>
  String(itblUserId ?? userId ?? String(email).toLowerCase())
export const first = (times: readonly number[]): number | undefined =>
  times.length > 0 ? Math.min(...times) : undefined
/** Null where either is not told, or the whole is nothing. */
export const rate = (part: number | null, whole: number | null): number | null =>
  part === null || !whole ? null : part / whole
export const groupBy = <T, K>(values: readonly T[], keyOf: (value: T) => K): Map<K, T[]> => {
  const groups = new Map<K, T[]>()
  for (const value of values) groups.set(keyOf(value), [...(groups.get(keyOf(value)) ?? []), value])
  return groups
}

interface Medium {
  readonly medium: string
  readonly send: string
  readonly open?: string
  readonly click?: string
  readonly bounce?: string
}

/** Every medium with the events that tell of its messages. */
export const media: readonly Medium[] = [
  { medium: 'email', send: 'emailSend', open: 'emailOpen', click: 'emailClick', bounce: 'emailBounce' },
  { medium: 'push', send: 'pushSend', open: 'pushOpen', bounce: 'pushBounce' },
  { medium: 'in_app', send: 'inAppSend', open: 'inAppOpen', click: 'inAppClick' },
  { medium: 'sms', send: 'smsSend', click: 'smsClick', bounce: 'smsBounce' },
  { medium: 'web_push', send: 'webPushSend', click: 'webPushClick' },
  {
    medium: 'whatsapp',
    send: 'whatsAppSend',
    open: 'whatsAppSeen',
    click: 'whatsAppClick',
    bounce: 'whatsAppBounce',
  },
  { medium: 'embedded', send: 'embeddedSend', click: 'embeddedClick' },
  { medium: 'rcs', send: 'rcsSend' },
]

/** The message that an event is about. */
export const messageIdOf = ({ seenMessageId, messageId }: Row): string => String(seenMessageId ?? messageId)

export function messagesOf({ truth }: Sandbox, rules: Rules): { messages: Message[]; touches: Touch[] } {
  const keyOf = (row: Row) => `${messageIdOf(row)} ${personOf(row)}`
  const ofMessage = (type: string | undefined) => groupBy(type ? truth.events(type) : [], keyOf)
  const complaints = ofMessage('emailComplaint')
  const optOuts = groupBy(optOutsOf(truth), keyOf)
  const messages: Message[] = []
  const touches: Touch[] = []
  for (const { medium, send, open, click, bounce } of media) {
    const sends = ofMessage(send)
    const bounces = ofMessage(bounce)
    const touched: Touch[] = [
      ...(open ? truth.events(open).map((row) => touch(medium, 'open', row)) : []),
      ...(click ? truth.events(click).map((row) => touch(medium, 'click', row)) : []),
    ]
    const byMessage = groupBy(touched, ({ row }) => keyOf(row))
    for (const one of touched) {
      const sent = first((sends.get(keyOf(one.row)) ?? []).map(timeOf))
      one.rule = ruleOf(one, sent, byMessage.get(keyOf(one.row)) ?? [], rules)
    }
    touches.push(...touched)
    for (const [key, rows] of sends) {
      const row = rows[0] as Row
      const isEmail = medium === 'email'
      messages.push({
        medium,
        id: String(row.messageId),
        person: personOf(row),
        email: row.email === undefined ? null : String(row.email).toLowerCase(),
        campaignId: Number(row.campaignId),
        templateId: Number(row.templateId),
        sentAt: Math.min(...rows.map(timeOf)),
        copies: rows.length,
        bounces: bounces.get(key) ?? [],
        touches: byMessage.get(key) ?? [],
        complainedAt: isEmail ? first((complaints.get(key) ?? []).map(timeOf)) : undefined,
        unsubscribedAt: isEmail ? first((optOuts.get(key) ?? []).map(timeOf)) : undefined,
      })
    }
  }
  return { messages, touches }
}

/** Unsubscribes by which a person leaves a channel or message type. */
export const optOutsOf = (truth: Sandbox['truth']): Row[] => [
  ...truth
    .events('emailUnSubscribe')
    .filter(({ channelIds, messageTypeIds }) =>
      [channelIds, messageTypeIds].some((ids) => Array.isArray(ids) && ids.length > 0),
    )
    .filter(({ unsubSource }) => unsubSource !== 'HardBounce' && unsubSource !== 'Complaint'),
  ...truth.events('hostedUnsubscribeClick').filter(({ isBot }) => isBot !== true),
]

const touch = (medium: string, action: Touch['action'], row: Row): Touch => ({
  medium,
  action,
  row,
  rule: null,
  at: timeOf(row),
  messageId: messageIdOf(row),
  person: personOf(row),
  campaignId: Number(row.campaignId),
})

function ruleOf(
  one: Touch,
  sentAt: number | undefined,
  others: readonly Touch[],
  rules: Rules,
): string | null {
  const { row, action, medium, at } = one
  const seconds = sentAt === undefined ? Number.POSITIVE_INFINITY : (at - sentAt) / 1000
  if (row.isBot === true) return 'is_bot'
  if (action === 'open' && row.proxySource !== undefined && seconds <= (rules.isStrict ? 1e9 : 60))
    return 'proxy_within_60_s'
  const agent = String(row.userAgent ?? '').toLowerCase()
  if (agent.includes('barracuda')) return 'agent_barracuda'
  if (agent.startsWith('python-')) return 'agent_python'
  if (rules.network !== undefined && String(row.ip).startsWith(rules.network)) return 'our_network'
  if (medium === 'email' && action === 'open' && seconds <= 1) return 'open_within_1_s'
  if (rules.burst && action === 'click') {
    const near = others.filter((other) => other.action === 'click' && Math.abs(other.at - at) <= 10_000)
    if (new Set(near.map((other) => urlOf(other.row))).size >= 3) return 'three_links_within_10_s'
  }
  return null
}

/** What was clicked. */
export const urlOf = ({ url, clickedUrl, targetUrl }: Row): unknown => url ?? clickedUrl ?? targetUrl

const allTold = ['bounces', 'opens', 'clicks', 'complaints', 'unsubscribes']
const events = new Map([
  ['email', allTold],
  ['push', ['bounces', 'opens']],
  ['sms', ['bounces', 'clicks']],
  ['in_app', ['opens', 'clicks']],
  ['whatsapp', ['bounces', 'opens', 'clicks']],
])

/** The value where a medium has events for it; null otherwise. Without a medium nothing was sent, and all is known. */
export const toldOf = <T>(medium: unknown, what: string, value: T): T | null =>
  (events.get(String(medium ?? 'email')) ?? []).includes(what) ? value : null

/** What is counted of a message. */
export function outcomeOf(message: Message) {
  const { bounces, touches } = message
  const human = touches.filter(({ rule }) => rule === null)
  const times = (list: readonly Touch[], action?: Touch['action']) =>
    list.filter((one) => action === undefined || one.action === action).map(({ at }) => at)
  return {
    isDelivered: bounces.length === 0,
    bouncedAt: first(bounces.map(timeOf)),
    kind:
      bounces.length === 0
        ? null
        : bounces.some(({ recipientState }) => recipientState === 'HardBounce')
          ? 'hard'
          : 'soft',
    opens: times(touches, 'open'),
    humanOpens: times(human, 'open'),
    clicks: times(touches, 'click'),
    humanClicks: times(human, 'click'),
    firstOpen: first(times(touches, 'open')),
    firstHumanOpen: first(times(human)),
    firstClick: first(times(touches, 'click')),
    firstHumanClick: first(times(human, 'click')),
  }
}

export interface Purchase {
  readonly id: string | null
  readonly at: number
  readonly person: string
  readonly total: number
  readonly explicit: number | null
  readonly explicitTemplate: number | null
  readonly click: Touch | undefined
  readonly open: Touch | undefined
  /** The later of both; the click where they are of one moment. */
  readonly touch: Touch | undefined
  /** Its lines; undefined where the event names none. */
  readonly items: readonly Row[] | undefined
}

/** The last version of each purchase, with the touches that it is credited to. */
export function purchasesOf(
  { truth }: Sandbox,
  touches: readonly Touch[],
  windows: Readonly<Record<Touch['action'], number>> = { click: 5, open: 1 },
): Purchase[] {
  const rows = truth.events('purchase')
  const last = new Map<unknown, Row>()
  for (const row of rows) {
    const before = last.get(row.id)
    if (row.id !== undefined && (!before || timeOf(row) > timeOf(before))) last.set(row.id, row)
  }
  return [...rows.filter(({ id }) => id === undefined), ...last.values()].map((row) => {
    const at = timeOf(row)
    const latest = (action: Touch['action']) =>
      touches
        .filter((one) => one.action === action && one.rule === null && one.person === personOf(row))
        .filter((one) => one.at <= at && one.at >= at - windows[action] * 86_400_000)
        .sort((a, b) => b.at - a.at || a.campaignId - b.campaignId)[0]
    const [click, open] = [latest('click'), latest('open')]
    return {
      id: row.id === undefined ? null : String(row.id),
      at,
      person: personOf(row),
      total: Number(row.total),
      explicit: row.campaignId === undefined ? null : Number(row.campaignId),
      explicitTemplate: row.templateId === undefined ? null : Number(row.templateId),
      click,
      open,
      touch: click && open ? (open.at > click.at ? open : click) : (click ?? open),
      items: row.shoppingCartItems as Row[] | undefined,
    }
  })
}
