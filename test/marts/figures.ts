/** What is counted of messages, without SQL. */
import type { Row } from '../../src/sandbox/index.ts'
import { type Message, outcomeOf, rate, toldOf } from './oracle.ts'

export function countsOf(messages: readonly Message[]) {
  const all = messages.map((message) => ({ message, outcome: outcomeOf(message) }))
  const delivered = all.filter(({ outcome }) => outcome.isDelivered)
  const of = (test: (one: (typeof all)[number]) => boolean) => delivered.filter(test).length
  return {
    sent: all.length,
    delivered: delivered.length,
    bounced: all.length - delivered.length,
    hard_bounced: all.filter(({ outcome }) => outcome.kind === 'hard').length,
    soft_bounced: all.filter(({ outcome }) => outcome.kind === 'soft').length,
    opened: of(({ outcome }) => outcome.opens.length > 0),
    human_opened: of(({ outcome }) => outcome.firstHumanOpen !== undefined),
    clicked: of(({ outcome }) => outcome.clicks.length > 0),
    human_clicked: of(({ outcome }) => outcome.humanClicks.length > 0),
    opened_or_clicked: of(({ message }) => message.touches.length > 0),
    complained: of(({ message }) => message.complainedAt !== undefined),
    unsubscribed: of(({ message }) => message.unsubscribedAt !== undefined),
  }
}

/** The event that tells of each count. */
const tellingEvents = {
  bounced: 'bounces',
  hard_bounced: 'bounces',
  soft_bounced: 'bounces',
  opened: 'opens',
  human_opened: 'opens',
  clicked: 'clicks',
  human_clicked: 'clicks',
  complained: 'complaints',
  unsubscribed: 'unsubscribes',
}
type ToldColumn = keyof typeof tellingEvents | 'opened_or_clicked'

/** Counts, null where no event tells of them. */
export function toldCounts<T extends Row>(
  medium: unknown,
  counts: T,
): Omit<T, ToldColumn> & Record<Extract<keyof T, ToldColumn>, number | null> {
  const told = new Map<string, unknown>(Object.entries(counts))
  for (const [column, what] of Object.entries(tellingEvents)) {
    if (told.has(column)) told.set(column, toldOf(medium, what, told.get(column)))
  }
  if (told.has('opened_or_clicked'))
    told.set(
      'opened_or_clicked',
      toldOf(medium, 'opens', toldOf(medium, 'clicks', told.get('opened_or_clicked'))),
    )
  return Object.fromEntries(told) as ReturnType<typeof toldCounts<T>>
}

type Counts = ReturnType<typeof countsOf>

/** Fractions of what `countsOf` counts, and what a mailbox provider makes of them; null where no event tells of a count. */
export const ratesOf = (counts: { readonly [name in keyof Counts]: number | null }) => ({
  delivery_rate: counts.bounced === null ? null : rate(counts.delivered, counts.sent),
  bounce_rate: rate(counts.bounced, counts.sent),
  hard_bounce_rate: rate(counts.hard_bounced, counts.sent),
  soft_bounce_rate: rate(counts.soft_bounced, counts.sent),
  open_rate: rate(counts.opened, counts.delivered),
  human_open_rate: rate(counts.human_opened, counts.delivered),
  click_rate: rate(counts.clicked, counts.delivered),
  human_click_rate: rate(counts.human_clicked, counts.delivered),
  click_to_open_rate: rate(counts.clicked, counts.opened_or_clicked),
  human_click_to_open_rate: rate(counts.human_clicked, counts.human_opened),
  complaint_rate: rate(counts.complained, counts.delivered),
  complaint_alert: alertOf(rate(counts.complained, counts.delivered)),
  unsubscribe_rate: rate(counts.unsubscribed, counts.delivered),
})

/** Mailbox providers object to more than one complaint of a thousand messages, and block from three on. */
export function alertOf(complaintRate: number | null): 'warning' | 'critical' | null {
  if (complaintRate === null || complaintRate <= 0.001) return null
  return complaintRate < 0.003 ? 'warning' : 'critical'
}

export function median(values: readonly number[]): number | null {
  const ordered = values.toSorted((a, b) => a - b)
  const middle = (ordered.length - 1) / 2
  const [low, high] = [ordered[Math.floor(middle)], ordered[Math.ceil(middle)]]
  return low === undefined || high === undefined ? null : (low + high) / 2
}

export function providerOf(domain: string | null): string | null {
  if (domain === null) return null
  const known = { gmail: 'Gmail', googlemail: 'Gmail', outlook: 'Microsoft', yahoo: 'Yahoo', icloud: 'Apple' }
  return new Map(Object.entries({ ...known, web: 'GMX/Web.de' })).get(domain.split('.')[0] ?? '') ?? 'other'
}
