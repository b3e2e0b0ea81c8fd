/** The figures of some messages, and which of them nobody has told: a stream that is not replicated counts nothing. */
import { type Reaction, tellers } from '../marts/tellers.ts'

/** Counts of messages of one medium that were sent in a range. */
export interface Counted {
  readonly medium: string
  readonly sent: number
  readonly delivered: number
  readonly bounced: number
  readonly hard_bounced: number
  readonly soft_bounced: number
  readonly human_opened: number
  readonly human_clicked: number
  readonly complained: number
  readonly unsubscribed: number
}

/** Orders and revenue of the days of a range. */
export interface Earned {
  readonly orders: number | null
  readonly revenue: number | null
  readonly click_orders: number | null
  readonly click_revenue: number | null
}

/**
 * What became of the messages that were sent in a range, and what was bought in it. Null: nobody has told. A rate has as
 * its denominator the messages of those media of which its numerator is told.
 */
export interface Figures extends Earned {
  readonly sent: number
  readonly delivered: number
  readonly bounced: number | null
  readonly hard_bounced: number | null
  readonly soft_bounced: number | null
  readonly human_opened: number | null
  readonly human_clicked: number | null
  readonly complained: number | null
  readonly unsubscribed: number | null
  readonly delivery_rate: number | null
  readonly bounce_rate: number | null
  readonly human_open_rate: number | null
  readonly human_click_rate: number | null
  readonly complaint_rate: number | null
  readonly unsubscribe_rate: number | null
}

/** Numbers that are missing, or too small, because streams are not replicated. */
export interface MissingNumbers {
  readonly numbers: string
  readonly streams: readonly string[]
}

type Replicated = (stream: string) => boolean

/** Sums the counts of several media. */
export function figuresOf(rows: readonly Counted[], earned: Earned, isReplicated: Replicated): Figures {
  const toldOf = (what: Reaction) =>
    rows.filter(({ medium }) => {
      const stream = tellers.get(medium)?.[what]
      return stream !== undefined && isReplicated(stream)
    })
  const counted = (what: Reaction, column: Exclude<keyof Counted, 'medium'>) => {
    const told = toldOf(what)
    return rows.length > 0 && told.length === 0 ? null : sum(told, column)
  }
  const rate = (what: Reaction, column: Exclude<keyof Counted, 'medium'>, whole: 'sent' | 'delivered') => {
    const told = toldOf(what)
    const all = sum(told, whole)
    return all === 0 ? null : sum(told, column) / all
  }
  const sent = sum(rows, 'sent')
  const delivered = sum(rows, 'delivered')
  return {
    sent,
    delivered,
    bounced: counted('bounces', 'bounced'),
    hard_bounced: counted('bounces', 'hard_bounced'),
    soft_bounced: counted('bounces', 'soft_bounced'),
    human_opened: counted('opens', 'human_opened'),
    human_clicked: counted('clicks', 'human_clicked'),
    complained: counted('complaints', 'complained'),
    unsubscribed: counted('unsubscribes', 'unsubscribed'),
    delivery_rate: rate('bounces', 'delivered', 'sent'),
    bounce_rate: rate('bounces', 'bounced', 'sent'),
    human_open_rate: rate('opens', 'human_opened', 'delivered'),
    human_click_rate: rate('clicks', 'human_clicked', 'delivered'),
    complaint_rate: rate('complaints', 'complained', 'delivered'),
    unsubscribe_rate: rate('unsubscribes', 'unsubscribed', 'delivered'),
    ...earned,
  }
}

const sum = (rows: readonly Counted[], column: Exclude<keyof Counted, 'medium'>): number =>
  rows.reduce((total, row) => total + row[column], 0)

/** What cannot be told of the messages of some media (of all, unless they are named), and of orders. */
export function missingNumbers(
  isReplicated: Replicated,
  media?: readonly string[],
): readonly MissingNumbers[] {
  const missing: MissingNumbers[] = []
  for (const [medium, told] of tellers) {
    if (media && !media.includes(medium)) continue
    if (!isReplicated(`${medium}_send`)) {
      missing.push({ numbers: `all messages of ${medium}`, streams: [`${medium}_send`] })
      continue
    }
    for (const [what, stream] of Object.entries(told)) {
      if (!isReplicated(stream)) missing.push({ numbers: `${what} of ${medium}`, streams: [stream] })
    }
  }
  if (!isReplicated('purchase')) missing.push({ numbers: 'orders and revenue', streams: ['purchase'] })
  if (!isReplicated('campaigns')) missing.push({ numbers: 'names of campaigns', streams: ['campaigns'] })
  return missing
}
