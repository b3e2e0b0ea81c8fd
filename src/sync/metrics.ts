/** Metrics of campaigns and experiments: CSV whose columns follow the media that were asked for. */
import type { Read, SourceType } from '../catalog/index.ts'
import { metricStreams } from '../catalog/metrics.ts'
import { type EndpointName, type IterableResponse, readText } from '../iterable/client.ts'
import { csvRecords } from '../iterable/csv.ts'
import { MalformedResponseError } from '../iterable/errors.ts'
import type { LineSink } from './download.ts'
import { readExperimentList } from './resources.ts'
import type { CountingClient } from './source.ts'
import { timeOf } from './times.ts'
import { type IndexRecord, readIndex, utcDay, type WalkReader } from './walk.ts'

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
    await writeFigures(sink, rows, stampOf(now))
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
      await writeFigures(sink, rows, { ...stampOf(now), day: utcDay(from) })
    }
  }
}

/** The figures of experiments: those that run, and those that ended lately. */
export const readExperimentMetrics: WalkReader = async ({ client, sink, now, since }) => {
  const settled = since && new Date(since.getTime() - settlingMs)
  const experiments = (await readExperimentList(client)).filter(({ facts: { status, finishDate } }) => {
    const end = timeOf(finishDate)
    return status !== 'draft' && (!settled || !end || end >= settled)
  })
  const subjects = experiments.map(({ id, facts: { startDate } }) => ({
    id,
    from: timeOf(startDate) ?? new Date(0),
  }))
  for (const some of inRequests(subjects, 'experimentId')) {
    const query = { experimentId: some, from: earliest(some), to: now }
    await writeFigures(sink, await metricsOf(client, 'experiment_metrics', query), stampOf(now))
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

/** Values of a row by their headings, as JSON. */
type Figures = ReadonlyMap<string, string>

/** The rows of one answer. Both times are sent always: without them Iterable takes a month of 2018. */
async function metricsOf(
  client: CountingClient,
  endpoint: EndpointName & ('campaign_metrics' | 'experiment_metrics'),
  { campaignId, experimentId, from, to }: MetricsQuery,
): Promise<readonly Figures[]> {
  const query = {
    campaignId: campaignId?.map(({ id }) => id),
    experimentId: experimentId?.map(({ id }) => id),
    startDateTime: from.toISOString(),
    endDateTime: to.toISOString(),
  }
  const key = endpoint === 'campaign_metrics' ? 'id' : 'experimentId'
  const use = async (answer: IterableResponse) => {
    const text = await readText(answer, endpoint)
    if (text.trim() !== '' && !new RegExp(`^\\uFEFF?"?${key}"?(?:,|\\r?\\n|$)`).test(text)) {
      throw new MalformedResponseError(
        endpoint,
        `CSV whose first heading is ${key} was expected, it begins with ${JSON.stringify(text.slice(0, 80))}`,
      )
    }
    return csvRecords(text, endpoint)
  }
  const rows = await client.whole(endpoint, use, { query })
  return rows.map((cells) => new Map([...cells].flatMap(([heading, cell]) => figureOf(heading, cell))))
}

const types = new Map<string, SourceType>(metricStreams.flatMap(({ columns }) => Object.entries(columns)))

/**
 * Numbers as numbers, whole ones with every digit, also under headings that nobody knew; `NaN`, `Infinity` and, where a number
 * belongs, a dash say that there is nothing to say.
 */
function figureOf(heading: string, cell: string): [string, string][] {
  const type = types.get(heading)
  const text = type === 'bigint' || type === 'double' ? plainNumber(cell.trim()) : cell.trim()
  if (text === '' || /^[-+]?(?:nan|infinity|inf)$/i.test(text)) return []
  const isText = type === 'text' || type === 'timestamptz'
  // JSON has no zeros before a number. A fraction is as exact as its column, however many digits are printed.
  if (!isText && /^-?\d+$/.test(text)) return [[heading, text.replace(/^(-?)0+(?=\d)/, '$1')]]
  const isFraction = !isText && /^-?\d+(?:\.\d+)?(?:e[-+]?\d+)?$/i.test(text) && Number.isFinite(Number(text))
  return [[heading, JSON.stringify(isFraction ? Number(text) : cell)]]
}

/** Figures as they are shown to people: `1,234.5`, `12.5%`, and a dash for none. */
function plainNumber(text: string): string {
  if (/^(?:-|–|n\/a)$/i.test(text)) return ''
  const plain = /^-?\d{1,3}(?:,\d{3})+(?:\.\d+)?%?$/.test(text) ? text.replaceAll(',', '') : text
  return /^-?\d+(?:\.\d+)?%$/.test(plain) ? `${plain.slice(0, -1)}e-2` : plain
}

const stampOf = (now: Date) => ({ measuredAt: now.toISOString() })

async function writeFigures(
  sink: LineSink,
  rows: readonly Figures[],
  stamp: Readonly<Record<string, string>>,
): Promise<void> {
  const stamped = Object.entries(stamp).map(([name, text]) => [name, JSON.stringify(text)] as const)
  const lines = rows.map((figures) => {
    const members = [...new Map([...figures, ...stamped])]
    return `{${members.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}\n`
  })
  if (lines.length > 0) await sink.write(Buffer.from(lines.join('')))
}
