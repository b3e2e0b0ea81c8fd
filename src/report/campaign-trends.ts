/** How many people opened the messages of each campaign, day by day. */
import { sql } from 'kysely'
import { type ReportSource, readAsOne, readState } from './read.ts'
import { readViews } from './views.ts'
import { firstDayOf, type Volume } from './volume.ts'

/** By the id of the campaign; empty where the view of days is not made. */
export function readCampaignTrends(
  source: ReportSource,
  { now, days }: { readonly now: Date; readonly days: number },
): Promise<ReadonlyMap<string, Volume>> {
  return readAsOne(source, async (together) => {
    const views = await readViews(together)
    const isMade = views.some(({ view, state }) => view === daily && state === 'made')
    const rows = isMade ? await readDays(together, firstDayOf(now, days)) : []
    const trends = new Map<string, Map<string, number>>()
    for (const { campaign, day, opened } of rows) {
      const trend = trends.get(campaign) ?? new Map<string, number>()
      trends.set(campaign, trend.set(day.slice(0, 10), opened))
    }
    return trends
  })
}

const daily = 'campaign_performance_daily'

interface Day {
  readonly campaign: string
  readonly day: string
  readonly opened: number
}

async function readDays(source: ReportSource, since: Date): Promise<readonly Day[]> {
  const found = await readState(source, ({ tables, names }) =>
    sql<Day>`
      select cast(campaign_id as varchar) as campaign, cast(day as varchar) as day, human_opened as opened
      from ${sql.id(names.marts, daily)}
      where day >= cast(${since.toISOString().slice(0, 10)} as date) and human_opened > 0`.execute(tables),
  )
  return found?.rows ?? []
}
