/** The lines of a report: campaigns, those that sent most first, and days. */
import { type Earned, type Figures, figuresOf } from './performance-figures.ts'
import type {
  CampaignCounts,
  CampaignEarned,
  CampaignFacts,
  DayCounts,
  PerformanceQueries,
} from './performance-queries.ts'
import { type DayRange, daysWithin } from './performance-range.ts'

/** One campaign of the range. */
export interface CampaignLine extends CampaignFacts, Figures {
  readonly medium: string
  /** Messages that a person first opened on each day of the range; null where nobody has told. */
  readonly opens_by_day: readonly number[] | null
}

/** What happened on a day; null: nobody has told. */
export interface DayLine extends Earned {
  readonly day: string
  readonly sent: number
  readonly human_opened: number | null
  readonly human_clicked: number | null
  readonly unsubscribed: number | null
}

interface LineInput {
  readonly queries: PerformanceQueries
  readonly range: DayRange
  readonly sent: readonly CampaignCounts[]
  readonly earned: readonly CampaignEarned[]
  readonly facts: ReadonlyMap<number, CampaignFacts>
  readonly isReplicated: (stream: string) => boolean
}

/** The lines of these campaigns, in this order. */
export async function campaignLines(
  ids: readonly number[],
  { queries, range, sent, earned, facts, isReplicated }: LineInput,
): Promise<readonly CampaignLine[]> {
  const days = await queries.campaignDays(range, ids)
  return ids.map((id) => {
    const isIts = (one: { readonly campaign_id: number }) => one.campaign_id === id
    const rows = sent.filter(isIts)
    const figures = figuresOf(rows, sumEarned(earned.filter(isIts), isReplicated), isReplicated)
    return {
      ...(facts.get(id) ?? unlisted(id)),
      medium: rows
        .map(({ medium }) => medium)
        .sort()
        .join(', '),
      ...figures,
      opens_by_day:
        figures.human_opened === null
          ? null
          : everyDay(range, days.filter(isIts), figures).map(({ human_opened }) => human_opened ?? 0),
    }
  })
}

/** Those that have sent most first, then those that have sold most. */
export function rankedIds(
  sent: readonly CampaignCounts[],
  earned: readonly CampaignEarned[],
): readonly number[] {
  const ranks = new Map<number, { readonly sent: number; readonly revenue: number }>()
  const add = (id: number, more: number, revenue: number) => {
    const before = ranks.get(id) ?? { sent: 0, revenue: 0 }
    ranks.set(id, { sent: before.sent + more, revenue: before.revenue + revenue })
  }
  for (const one of sent) add(one.campaign_id, one.sent, 0)
  for (const one of earned) {
    if (one.orders || one.click_orders) add(one.campaign_id, 0, one.click_revenue ?? 0)
  }
  return [...ranks]
    .sort(([a, x], [b, y]) => y.sent - x.sent || y.revenue - x.revenue || a - b)
    .map(([id]) => id)
}

/** What is known of a campaign that was deleted. */
export const unlisted = (campaign_id: number): CampaignFacts => ({
  campaign_id,
  campaign_name: null,
  campaign_type: null,
  campaign_state: null,
})

/** What purchases brought in all; null where they are not replicated. */
export function sumEarned(rows: readonly Earned[], isReplicated: (stream: string) => boolean): Earned {
  const sum = (column: keyof Earned) =>
    isReplicated('purchase') ? rows.reduce((total, row) => total + (row[column] ?? 0), 0) : null
  return {
    orders: sum('orders'),
    revenue: sum('revenue'),
    click_orders: sum('click_orders'),
    click_revenue: sum('click_revenue'),
  }
}

/** What purchases brought in where nobody has told. */
export const unearned: Earned = { orders: null, revenue: null, click_orders: null, click_revenue: null }

/** A line for every day; days on which nothing happened have none in the warehouse. */
export function everyDay(range: DayRange, rows: readonly DayCounts[], totals: Figures): readonly DayLine[] {
  const byDay = new Map(rows.map((row) => [row.day, row]))
  return daysWithin(range).map((day) => {
    const row = byDay.get(day)
    const told = (column: Exclude<keyof DayCounts, 'day'>) =>
      totals[column] === null ? null : (row?.[column] ?? 0)
    return {
      day,
      sent: row?.sent ?? 0,
      human_opened: told('human_opened'),
      human_clicked: told('human_clicked'),
      unsubscribed: told('unsubscribed'),
      orders: told('orders'),
      revenue: told('revenue'),
      click_orders: told('click_orders'),
      click_revenue: told('click_revenue'),
    }
  })
}
