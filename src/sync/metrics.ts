/** Metrics of campaigns and experiments: CSV whose columns follow the media that were asked for. */
import type { Read, SourceType } from '../catalog/index.ts'
import { metricStreams } from '../catalog/metrics.ts'
import { csvRecords } from '../iterable/csv.ts'
import type { EndpointName } from '../iterable/endpoints.ts'
import { MalformedResponseError } from '../iterable/errors.ts'
import { readExperimentList } from './resources.ts'
import type { CountingClient } from './source.ts'
import { type IndexRecord, readIndex, timeOf, utcDay, type WalkReader, writeRecords } from './walk.ts'

/** The index of campaigns. */
export const campaignsRead: Extract<Read, { kind: 'documents' }> = {
  kind: 'documents',
  endpoint: 'campaigns',
  property: 'campaigns',
  paged: true,
}

const dayMs = 86_400_000
/** For this long after its end the figures of a campaign still move. */
const settlingMs = 15 * dayMs
/** More ids are not answered in time, and a URL of more than 2,048 characters not at all. */
const mostIds = 80
/** Characters of a URL that are left for ids; the host, the path and the times take the others. */
const idCharacters = 1_700

interface Subject {
  readonly id: string
  readonly from: Date
}

/** The figures of whole lives: everything at first, later the campaigns that changed, run, or ended lately. */
export const readCampaignMetrics: WalkReader = async ({ client, sink, now, since }) => {
  const campaigns = (await campaignsOf(client)).filter(
    (campaign) => since === undefined || isMoving(campaign, now) || changedAt(campaign) >= since,
  )
  const subjects = campaigns.map(subjectOf)
  for (const some of inRequests(subjects, 'campaignId')) {
    const rows = await metricsOf(client, 'campaign_metrics', {
      campaignId: some,
      from: earliest(some),
      to: now,
    })
    await writeRecords(sink, withStamp(rows, now))
  }
}

/**
 * The figures of each of the last fifteen days, for the campaigns that were under way; of as many days as were missed,
 * where nobody has asked for longer.
 */
export const readCampaignDays: WalkReader = async ({ client, sink, now, since }) => {
  const today = new Date(`${utcDay(now)}T00:00:00Z`)
  const missed = since ? Math.ceil((today.getTime() - since.getTime()) / dayMs) : 0
  const daysBack = Math.max(settlingMs / dayMs, missed)
  const movedAt = since && daysBack === missed ? since : now
  const campaigns = (await campaignsOf(client)).filter((campaign) => isMoving(campaign, movedAt))
  for (let ago = daysBack; ago > 0; ago -= 1) {
    const from = new Date(today.getTime() - ago * dayMs)
    const to = new Date(from.getTime() + dayMs)
    const begun = campaigns.map(subjectOf).filter((campaign) => campaign.from < to)
    for (const some of inRequests(begun, 'campaignId')) {
      const rows = await metricsOf(client, 'campaign_metrics', { campaignId: some, from, to })
      await writeRecords(
        sink,
        withStamp(rows, now).map((row) => ({ ...row, day: utcDay(from) })),
      )
    }
  }
}

/** The figures of experiments: those that run, and those that ended lately. */
export const readExperimentMetrics: WalkReader = async ({ client, sink, now, since }) => {
  const settled = since && new Date(since.getTime() - settlingMs)
  const experiments = (await readExperimentList(client)).filter(({ status, finishDate }) => {
    const end = timeOf(finishDate)
    return status !== 'draft' && (!settled || !end || end >= settled)
  })
  const subjects = experiments.map(({ id, startDate }) => ({
    id: String(id),
    from: timeOf(startDate) ?? new Date(0),
  }))
  for (const some of inRequests(subjects, 'experimentId')) {
    const query = { experimentId: some, from: earliest(some), to: now }
    await writeRecords(sink, withStamp(await metricsOf(client, 'experiment_metrics', query), now))
  }
}

/** Campaigns that may have figures: drafts and plans have none, and a recurring one has those of its children. */
async function campaignsOf(client: CountingClient): Promise<readonly IndexRecord[]> {
  const without = ['Draft', 'Scheduled', 'Recurring', 'Starting']
  const campaigns = await readIndex(client, campaignsRead)
  return campaigns.filter(
    ({ id, campaignState }) => id !== undefined && !without.includes(String(campaignState)),
  )
}

/** True while the figures of a campaign still change. */
function isMoving({ campaignState, endedAt }: IndexRecord, now: Date): boolean {
  const end = timeOf(endedAt)
  return end ? now.getTime() - end.getTime() < settlingMs : String(campaignState) === 'Running'
}

const changedAt = ({ updatedAt }: IndexRecord): Date => timeOf(updatedAt) ?? new Date(8.64e15)

const subjectOf = ({ id, createdAt }: IndexRecord): Subject => ({
  id: String(id),
  from: timeOf(createdAt) ?? new Date(0),
})

/** Since when the eldest of them is there: the narrower the time asked for, the quicker the answer. */
const earliest = (subjects: readonly Subject[]): Date =>
  new Date(Math.min(...subjects.map(({ from }) => from.getTime())))

/** Those of about one age in one request, as many as its URL takes. */
function inRequests(subjects: readonly Subject[], parameter: string): Subject[][] {
  const requests: Subject[][] = []
  let room = 0
  for (const subject of subjects.toSorted((a, b) => a.from.getTime() - b.from.getTime())) {
    const characters = `&${parameter}=${subject.id}`.length
    const last = requests.at(-1)
    if (!last || last.length >= mostIds || room < characters) {
      requests.push([subject])
      room = idCharacters - characters
    } else {
      last.push(subject)
      room -= characters
    }
  }
  return requests
}

interface MetricsQuery {
  readonly campaignId?: readonly Subject[]
  readonly experimentId?: readonly Subject[]
  readonly from: Date
  readonly to: Date
}

/** The rows of one answer. Both times are sent always: without them Iterable takes a month of 2018. */
async function metricsOf(
  client: CountingClient,
  endpoint: EndpointName & ('campaign_metrics' | 'experiment_metrics'),
  { campaignId, experimentId, from, to }: MetricsQuery,
): Promise<Record<string, unknown>[]> {
  const { body } = await client.request(endpoint, {
    query: {
      campaignId: campaignId?.map(({ id }) => id),
      experimentId: experimentId?.map(({ id }) => id),
      startDateTime: from.toISOString(),
      endDateTime: to.toISOString(),
    },
  })
  const blocks: Buffer[] = []
  for await (const block of body) blocks.push(block)
  const text = Buffer.concat(blocks).toString()
  const key = endpoint === 'campaign_metrics' ? 'id' : 'experimentId'
  if (text.trim() !== '' && !new RegExp(`^\\uFEFF?"?${key}"?(?:,|\\r?\\n|$)`).test(text)) {
    throw new MalformedResponseError(
      endpoint,
      `CSV whose first heading is ${key} was expected, it begins with ${JSON.stringify(text.slice(0, 80))}`,
    )
  }
  return csvRecords(text, endpoint).map((cells) =>
    Object.fromEntries([...cells].flatMap(([heading, cell]) => figureOf(heading, cell))),
  )
}

const types = new Map<string, SourceType>(metricStreams.flatMap(({ columns }) => Object.entries(columns)))

/** Numbers as numbers, also under headings that nobody knew; `NaN` and `Infinity` say that there is nothing to say. */
function figureOf(heading: string, cell: string): [string, unknown][] {
  const text = cell.trim()
  if (/^[-+]?(?:nan|infinity|inf)$/i.test(text)) return []
  const isText = ['text', 'timestamptz'].includes(types.get(heading) ?? '')
  return [[heading, !isText && /^-?\d+(?:\.\d+)?(?:e[-+]?\d+)?$/i.test(text) ? Number(text) : cell]]
}

const withStamp = (rows: readonly Record<string, unknown>[], now: Date): Record<string, unknown>[] =>
  rows.map((row) => ({ ...row, measuredAt: now.toISOString() }))
