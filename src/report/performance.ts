/** How campaigns did in some days, against as many days before: the numbers of `report`. */
import { UserError } from '../errors.ts'
import { describeViews } from '../marts/describe.ts'
import { readTables } from '../marts/state.ts'
import type { Session } from '../warehouse/session.ts'
import { chooseCampaign } from './campaign-choice.ts'
import {
  type Earned,
  type Figures,
  figuresOf,
  type MissingNumbers,
  missingNumbers,
} from './performance-figures.ts'
import {
  type CampaignLine,
  campaignLines,
  type DayLine,
  everyDay,
  rankedIds,
  sumEarned,
  unearned,
  unlisted,
} from './performance-lines.ts'
import {
  type CampaignFacts,
  type DayCounts,
  type DeviceCounts,
  type LinkCounts,
  type PerformanceQueries,
  performanceQueries,
  type Ranges,
  type VariantResult,
} from './performance-queries.ts'
import { type DayRange, rangeBefore, rangeOf } from './performance-range.ts'
import { type ReportSource, readState } from './read.ts'

/** What is asked for. */
export interface PerformanceQuery {
  /** Id of a campaign, or its name; all campaigns otherwise. */
  readonly campaign?: string | undefined
  /** First and last day, both included (`2026-01-31`), in the time zone of the marts. */
  readonly from?: string | undefined
  readonly to?: string | undefined
}

export interface ProviderLine extends Omit<Figures, keyof Earned> {
  readonly mailbox_provider: string
}

/** A campaign in depth. */
export interface CampaignDetail extends CampaignFacts {
  readonly media: readonly string[]
  readonly links: readonly LinkCounts[]
  readonly devices: readonly DeviceCounts[]
  readonly variants: readonly VariantResult[]
}

/** The document of `report --json`. */
export interface PerformanceReport extends DayRange {
  /** Days are those of this zone. */
  readonly timezone: string
  /** What `totals_before` are of; null for the whole life of a campaign. */
  readonly before: DayRange | null
  readonly totals: Figures
  readonly totals_before: Figures | null
  /** Every day of the range. */
  readonly by_day: readonly DayLine[]
  /** Those that have sent or sold in the range, those that sent most first; at most 200. */
  readonly campaigns: readonly CampaignLine[]
  /** How many there are. */
  readonly campaigns_in_range: number
  readonly campaign: CampaignDetail | null
  /** The e-mail of the range by mailbox provider. */
  readonly providers: readonly ProviderLine[]
  readonly missing: readonly MissingNumbers[]
  /** The first and the last day of which the warehouse has anything; null where it has nothing. */
  readonly known: DayRange | null
}

/** Campaigns that are told one by one. */
const mostCampaigns = 200

/**
 * Reads a report. Messages belong to the days on which they were sent, whenever they were opened; orders, and what is told
 * day by day, to the days on which they happened.
 * @throws ConfigError `bad_range`, `unknown_campaign`; UserError `no_marts` where nothing can be read yet.
 */
export async function readPerformance(
  source: ReportSource,
  query: PerformanceQuery,
  now: Date,
): Promise<PerformanceReport> {
  const report = await readState(source, (session) => read(session, source.config.marts, query, now))
  if (report) return report
  throw new UserError('no_marts', 'nothing has been synced into this warehouse yet: "sync" begins')
}

async function read(
  session: Session,
  settings: ReportSource['config']['marts'],
  query: PerformanceQuery,
  now: Date,
): Promise<PerformanceReport> {
  await refuseWithoutViews(session, settings)
  const found = await readTables(session)
  const isReplicated = (stream: string) => found.has(stream)
  const queries = await performanceQueries(session, found, settings)
  const listed = await queries.listed()
  const facts = new Map(listed.map((one) => [one.campaign_id, one]))
  const chosen =
    query.campaign === undefined ? undefined : await choose(query.campaign, { queries, listed, facts })
  const campaign = chosen?.campaign_id
  const days = await queries.days(campaign)
  const known = lifeOf(days)
  const ranges = rangesOf(query, { whole: chosen ? known : null, zone: settings.timezone, now })
  const { range, before } = ranges
  const sentInBoth = await queries.sent(ranges, campaign)
  const earnedInBoth = await queries.earned(ranges, campaign)
  const sent = sentInBoth.filter(({ is_in_range }) => is_in_range)
  const earned = earnedInBoth.filter(({ is_in_range }) => is_in_range)
  const totals = figuresOf(sent, sumEarned(earned, isReplicated), isReplicated)
  const media = [...new Set(sent.map(({ medium }) => medium))].sort()
  const ids = campaign === undefined ? rankedIds(sent, earned) : [campaign]
  return {
    ...range,
    timezone: settings.timezone,
    before,
    totals,
    totals_before:
      before &&
      figuresOf(
        sentInBoth.filter(({ is_in_range }) => !is_in_range),
        sumEarned(
          earnedInBoth.filter(({ is_in_range }) => !is_in_range),
          isReplicated,
        ),
        isReplicated,
      ),
    by_day: everyDay(range, days, totals),
    campaigns: await campaignLines(ids.slice(0, mostCampaigns), {
      queries,
      range,
      sent,
      earned,
      facts,
      isReplicated,
    }),
    campaigns_in_range: ids.length,
    campaign: chosen ? { ...chosen, media, ...(await inDepth(queries, range, chosen.campaign_id)) } : null,
    providers: (await queries.providers(range, campaign)).map((one) => {
      const { orders, revenue, click_orders, click_revenue, ...figures } = figuresOf(
        [one],
        unearned,
        isReplicated,
      )
      return { mailbox_provider: one.mailbox_provider, ...figures }
    }),
    missing: missingNumbers(isReplicated, chosen && media),
    known,
  }
}

function lifeOf(days: readonly DayCounts[]): DayRange | null {
  const [first, last] = [days[0], days.at(-1)]
  return first && last ? { from: first.day, to: last.day } : null
}

const needed = ['message_facts', 'engagement_events', 'campaign_performance_daily', 'experiment_results']

async function refuseWithoutViews(
  session: Session,
  settings: ReportSource['config']['marts'],
): Promise<void> {
  const views = await describeViews(session, settings)
  const lacking = views.filter(({ view, state }) => needed.includes(view) && state !== 'made')
  if (lacking.length === 0) return
  const names = lacking.map(({ view, problem }) => (problem === null ? view : `${view} (${problem})`))
  const cure = settings.enabled ? '' : 'set marts.enabled to true: '
  throw new UserError(
    'no_marts',
    `${session.names.marts} does not have what the report reads: ${names.join(', ')}; ${cure}the end of the next sync makes it`,
  )
}

async function choose(
  given: string,
  {
    queries,
    listed,
    facts,
  }: {
    readonly queries: PerformanceQueries
    readonly listed: readonly CampaignFacts[]
    readonly facts: ReadonlyMap<number, CampaignFacts>
  },
): Promise<CampaignFacts> {
  // A campaign that was deleted, and whose messages remain, is listed no more.
  const gone = (await queries.senders()).filter((id) => !facts.has(id)).map(unlisted)
  return chooseCampaign(given, [...listed, ...gone])
}

/** The range asked for and the one before it; a campaign has its whole life, where no range is asked for. */
function rangesOf(
  query: PerformanceQuery,
  { whole, zone, now }: { readonly whole: DayRange | null; readonly zone: string; readonly now: Date },
): Ranges {
  const range = rangeOf(query, { zone, now })
  if (whole && query.from === undefined && query.to === undefined) return { range: whole, before: null }
  return { range, before: rangeBefore(range) }
}

async function inDepth(
  queries: PerformanceQueries,
  range: DayRange,
  campaign: number,
): Promise<Pick<CampaignDetail, 'links' | 'devices' | 'variants'>> {
  return {
    links: await queries.links(range, campaign),
    devices: await queries.devices(range, campaign),
    variants: await queries.variants(campaign),
  }
}
