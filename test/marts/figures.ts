/** What is counted of messages, without SQL. */
import { type Message, outcomeOf, rate } from './oracle.ts'

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

/** Fractions of what `countsOf` counts. */
export const ratesOf = (counts: ReturnType<typeof countsOf>) => ({
  delivery_rate: rate(counts.delivered, counts.sent),
  bounce_rate: rate(counts.bounced, counts.sent),
  hard_bounce_rate: rate(counts.hard_bounced, counts.sent),
  open_rate: rate(counts.opened, counts.delivered),
  human_open_rate: rate(counts.human_opened, counts.delivered),
  click_rate: rate(counts.clicked, counts.delivered),
  human_click_rate: rate(counts.human_clicked, counts.delivered),
  click_to_open_rate: rate(counts.clicked, counts.opened_or_clicked),
  human_click_to_open_rate: rate(counts.human_clicked, counts.human_opened),
  complaint_rate: rate(counts.complained, counts.delivered),
  unsubscribe_rate: rate(counts.unsubscribed, counts.delivered),
})

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
