/** A report of campaigns in words, for the terminal and for the page. */
import type { PerformanceReport } from '../index.ts'
import { count } from '../words.ts'

type Figures = PerformanceReport['totals']

/** A number of the range, beside that of the range before. */
export interface Line {
  readonly label: string
  readonly now: string
  /** Null where there is no range before. */
  readonly before: string | null
  readonly change: string | null
}

/** A fraction as people read it; a dash where nobody can tell. */
export const percent = (rate: number | null): string => (rate === null ? '–' : `${(100 * rate).toFixed(1)} %`)

/** Revenue, in whatever currency the sender uses. */
export const money = (value: number | null): string =>
  value === null ? '–' : value.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })

/** The name of a campaign in one line, without characters that would move the cursor or turn the line around. */
export function campaignName({
  campaign_id,
  campaign_name,
}: {
  readonly campaign_id: number
  readonly campaign_name: string | null
}): string {
  const plain = campaign_name?.replace(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069\s]+/gu, ' ').trim()
  return plain ? plain : `campaign ${campaign_id}`
}

/** The numbers of all, each beside the one before. */
export function totalLines({ totals, totals_before: before }: PerformanceReport): readonly Line[] {
  return [
    counted('sent', 'sent'),
    counted('delivered', 'delivered'),
    rated('human open rate', 'human_open_rate'),
    rated('human click rate', 'human_click_rate'),
    counted('bounced', 'bounced'),
    rated('bounce rate', 'bounce_rate'),
    counted('unsubscribed', 'unsubscribed'),
    counted('complained', 'complained'),
    counted('orders after a click', 'click_orders'),
    earned('revenue after a click', 'click_revenue'),
    earned('revenue that names a campaign', 'revenue'),
  ]

  function line(
    label: string,
    column: keyof Figures,
    told: (value: number | null) => string,
    change: (now: number, then: number) => string | null,
  ): Line {
    const now = totals[column]
    const then = before?.[column] ?? null
    return {
      label,
      now: told(now),
      before: before && told(then),
      change: now === null || then === null ? null : change(now, then),
    }
  }
  function counted(label: string, column: keyof Figures): Line {
    return line(label, column, count, relative)
  }
  function rated(label: string, column: keyof Figures): Line {
    return line(label, column, percent, (now, then) => `${signed(100 * (now - then))} points`)
  }
  function earned(label: string, column: keyof Figures): Line {
    return line(label, column, money, relative)
  }
}

const relative = (now: number, then: number): string | null =>
  then === 0 ? null : `${signed((100 * (now - then)) / then)} %`

const signed = (value: number): string => {
  const text = value.toFixed(1)
  return text.startsWith('-') || Number(text) === 0 ? text.replace('-0.0', '0.0') : `+${text}`
}

/** What the report is about. */
export function aboutText({ from, to, timezone, before, campaign, by_day }: PerformanceReport): string {
  const days = `${from} to ${to} (${by_day.length} day${by_day.length === 1 ? '' : 's'}, ${timezone})`
  const against = before ? `, against ${before.from} to ${before.to}` : ''
  if (!campaign) return `Campaigns, ${days}${against}`
  const facts = [campaign.campaign_type, campaign.campaign_state, ...campaign.media]
    .filter(Boolean)
    .join(', ')
  const life = before ? '' : ', its whole life'
  return `${campaignName(campaign)} (campaign ${campaign.campaign_id}${facts ? `: ${facts}` : ''}), ${days}${against}${life}`
}

/** Why there is nothing to see, and what to ask instead; null where something was sent. */
export function emptyText({ totals, from, to, known, campaign }: PerformanceReport): string | null {
  if (totals.sent > 0) return null
  const what = campaign ? `Campaign ${campaign.campaign_id} sent nothing` : 'Nothing was sent'
  const cure = known
    ? `what the warehouse has goes from ${known.from} to ${known.to}: --from ${known.from} --to ${known.to}`
    : campaign
      ? 'the warehouse has none of its messages'
      : 'the warehouse has no message of a campaign: "streams" says what was read, "sync email" reads e-mail'
  return `${what} from ${from} to ${to}; ${cure}`
}

/** Which numbers cannot be told, and what would tell them. */
export const missingTexts = ({ missing }: PerformanceReport): readonly string[] =>
  missing
    .filter((one) => mediumOf(one) === undefined)
    .map(({ numbers, streams }) => `no ${numbers}: ${streams.join(', ')} is not replicated (sync.streams)`)

/** Which media the numbers leave out; null where they leave out none. */
export function leftOutText({ missing }: PerformanceReport): string | null {
  const media = missing.flatMap((one) => mediumOf(one) ?? [])
  return media.length === 0 ? null : `Left out, because their sends are not replicated: ${media.join(', ')}`
}

const mediumOf = ({ numbers }: { readonly numbers: string }): string | undefined =>
  /^all messages of (.*)$/.exec(numbers)?.[1]

/** What the numbers mean, in a few lines. */
export const meanings = [
  'Messages belong to the day on which they were sent, whenever they were opened; orders, and what is told day by day, to the day on which they happened.',
  'Opens and clicks are those of people: what the rules of bot_rules take for a machine does not count. Rates are of delivered messages.',
  'Revenue after a click is credited to the last campaign that the person clicked (marts.attribution). A dash stands for what nobody has told.',
] as const
