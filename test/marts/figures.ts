/** What is counted of messages, without SQL. */
import { type Message, outcomeOf } from './oracle.ts'

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
