/** What a report of campaigns asks of the marts. */
import { sql } from 'kysely'
import type { MartsConfig } from '../config/schema.ts'
import { readViewFiles } from '../marts/files.ts'
import { type FoundTables, renderView } from '../marts/render.ts'
import type { Session } from '../warehouse/session.ts'
import { instant, literal } from '../warehouse/sql.ts'
import type { Counted, Earned } from './performance-figures.ts'
import { type DayRange, instantsOf } from './performance-range.ts'

/** Messages of one campaign and medium. */
export interface CampaignCounts extends Counted {
  readonly campaign_id: number
}

/** What happened on a day, whenever the messages were sent. */
export interface DayCounts extends Earned {
  readonly day: string
  readonly sent: number
  /** Of the media of which it is told; null where of none. */
  readonly human_opened: number | null
  readonly human_clicked: number | null
  readonly unsubscribed: number | null
}

export interface CampaignFacts {
  readonly campaign_id: number
  readonly campaign_name: string | null
  readonly campaign_type: string | null
  readonly campaign_state: string | null
}

/** The e-mail of a range to one mailbox provider. */
export interface ProviderCounts extends Counted {
  readonly mailbox_provider: string
}

export interface LinkCounts {
  /** Without its query string. */
  readonly url: string
  readonly clicks: number
  readonly human_clicks: number
  readonly people: number
}

export interface DeviceCounts {
  readonly device: string
  readonly human_opened: number
}

/** A template of an experiment, over the whole life of its campaign. */
export interface VariantResult {
  readonly template_id: number
  readonly template_name: string | null
  readonly is_control: boolean
  readonly delivered: number
  readonly human_open_rate: number | null
  readonly human_click_rate: number | null
  readonly open_lift: number | null
  readonly click_lift: number | null
  readonly open_p_value: number | null
  readonly click_p_value: number | null
}

/** A range, and the one before it where it is asked for, which ends the day before it begins. */
export interface Ranges {
  readonly range: DayRange
  readonly before: DayRange | null
}

/** False for what is of the range before. */
interface InRange {
  readonly is_in_range: boolean
}

export interface CampaignEarned extends Earned {
  readonly campaign_id: number
}

export interface PerformanceQueries {
  /** Messages sent in a range and in the one before it, by campaign and medium. */
  sent(ranges: Ranges, campaign?: number): Promise<readonly (CampaignCounts & InRange)[]>
  /** What was bought in a range and in the one before it, by campaign. */
  earned(ranges: Ranges, campaign?: number): Promise<readonly (CampaignEarned & InRange)[]>
  /** What happened on each day on which anything did, in all campaigns together or in one. */
  days(campaign?: number): Promise<readonly DayCounts[]>
  /** The same of some campaigns in a range, each by itself. */
  campaignDays(
    range: DayRange,
    ids: readonly number[],
  ): Promise<readonly (DayCounts & { readonly campaign_id: number })[]>
  /** Every campaign that is listed. */
  listed(): Promise<readonly CampaignFacts[]>
  /** The ids of all that have sent. */
  senders(): Promise<readonly number[]>
  providers(range: DayRange, campaign?: number): Promise<readonly ProviderCounts[]>
  links(range: DayRange, campaign: number): Promise<readonly LinkCounts[]>
  devices(range: DayRange, campaign: number): Promise<readonly DeviceCounts[]>
  variants(campaign: number): Promise<readonly VariantResult[]>
}

const earnings = ['orders', 'revenue', 'click_orders', 'click_revenue']
const happenings = ['sent', 'human_opened', 'human_clicked', 'unsubscribed', ...earnings]

/** Queries upon the marts, in the days of their time zone. */
export async function performanceQueries(
  session: Session,
  found: FoundTables,
  settings: MartsConfig,
): Promise<PerformanceQueries> {
  const zone = settings.timezone
  const run = async <Row>(select: string): Promise<readonly Row[]> => {
    const text = renderView({ select }, session, found, settings, zone)
    const { rows } = await sql.raw<Row>(text).execute(session.tables)
    return rows
  }
  const daily = await dailyOf(zone)
  const sums = (columns: readonly string[]) =>
    columns.map((column) => `cast(sum(${column}) as double precision) as ${column}`).join(', ')
  const within = ({ from, to }: DayRange) =>
    `day between cast(${literal(from)} as date) and cast(${literal(to)} as date)`
  const during = (column: string, range: DayRange) => {
    const { from, until } = instantsOf(range, zone)
    return `${column} >= ${instant(from)} and ${column} < ${instant(until)}`
  }
  const of = (campaign: number | undefined) =>
    campaign === undefined ? 'campaign_id is not null' : `campaign_id = ${campaign}`
  const messages = (range: DayRange, campaign?: number) =>
    `from {{marts.message_facts}} where ${of(campaign)} and ${during('sent_at', range)}`
  return {
    sent: ({ range, before }, campaign) => {
      const isIn = `sent_at >= ${instant(instantsOf(range, zone).from)}`
      const both = { from: (before ?? range).from, to: range.to }
      return run(
        `select campaign_id, medium, ${isIn} as is_in_range, ${counts} ${messages(both, campaign)} group by 1, 2, 3`,
      )
    },
    earned: ({ range, before }, campaign) => {
      const isIn = `day >= cast(${literal(range.from)} as date)`
      const both = { from: (before ?? range).from, to: range.to }
      return run(
        `select campaign_id, ${isIn} as is_in_range, ${sums(earnings)} from ${daily}
          where ${of(campaign)} and ${within(both)} group by 1, 2`,
      )
    },
    days: (campaign) =>
      run(
        `select cast(day as varchar) as day, ${sums(happenings)} from ${daily} where ${of(campaign)} group by day order by 1`,
      ),
    async campaignDays(range, ids) {
      if (ids.length === 0) return []
      return run(
        `select campaign_id, cast(day as varchar) as day, ${happenings.join(', ')} from ${daily}
          where ${within(range)} and campaign_id in (${ids.join(', ')}) order by campaign_id, day`,
      )
    },
    listed: () =>
      run(
        'select id as campaign_id, name as campaign_name, type as campaign_type, campaign_state from {{streams.campaigns}} as c',
      ),
    async senders() {
      const rows = await run<{ campaign_id: number }>(
        'select distinct campaign_id from {{marts.sent_messages}} where campaign_id is not null',
      )
      return rows.map(({ campaign_id }) => campaign_id)
    },
    providers: (range, campaign) =>
      run(
        `select coalesce(mailbox_provider, 'unknown') as mailbox_provider, 'email' as medium, ${counts} ${messages(range, campaign)}
          and medium = 'email' group by 1 order by sent desc, 1`,
      ),
    links: (range, campaign) =>
      run(
        `select split_part(split_part(url, '?', 1), '#', 1) as url, count(*) as clicks,
            count(*) filter (where not is_machine) as human_clicks,
            count(distinct person) filter (where not is_machine) as people
          from {{marts.engagement_events}}
          where action = 'click' and url is not null and ${of(campaign)} and ${during('occurred_at', range)}
          group by 1 order by clicks desc, 1`,
      ),
    devices: (range, campaign) =>
      run(
        `select coalesce(device, 'unknown') as device, count(*) as human_opened ${messages(range, campaign)}
          and is_delivered and is_human_opened group by 1 order by human_opened desc, 1`,
      ),
    variants: (campaign) =>
      run(
        `select template_id, template_name, is_control, delivered, human_open_rate, human_click_rate,
            open_lift, click_lift, open_p_value, click_p_value
          from {{marts.experiment_results}} where ${of(campaign)} order by is_control desc, delivered desc, template_id`,
      ),
  }
}

/** As campaign_performance has them. */
const counts = [
  'count(*) as sent',
  'count(*) filter (where is_delivered) as delivered',
  'count(*) filter (where not is_delivered) as bounced',
  "count(*) filter (where bounce_kind = 'hard') as hard_bounced",
  "count(*) filter (where bounce_kind = 'soft') as soft_bounced",
  'count(*) filter (where is_delivered and is_human_opened) as human_opened',
  'count(*) filter (where is_delivered and human_clicks > 0) as human_clicked',
  'count(*) filter (where is_delivered and complained_at is not null) as complained',
  'count(*) filter (where is_delivered and unsubscribed_at is not null) as unsubscribed',
].join(', ')

/** campaign_performance_daily: the view itself, or its text with the days of another zone than UTC. */
async function dailyOf(zone: string): Promise<string> {
  const name = 'campaign_performance_daily'
  if (zone === 'UTC') return `{{marts.${name}}} as daily`
  const file = (await readViewFiles()).find((one) => one.name === name)
  return `(${file?.select}) as daily`
}
