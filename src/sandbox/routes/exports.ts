/** `/api/export/data.json`, `data.csv` and `userEvents`. */
import { badParams, lines, type SandboxAnswer } from '../answers.ts'
import { dataTypes, eventShares, spellingOf } from '../data/catalog.ts'
import { limits } from '../limits.ts'
import { eventsOf, type PersonName, personOf } from '../person.ts'
import { csv, isPlain, type RowSelection, reshape } from '../rows.ts'
import { readTime } from '../times.ts'
import { rowBytes } from '../truth.ts'
import type { SandboxCall, SandboxRoute, World } from './route.ts'

const dayMs = 86_400_000
const ndjson = 'application/x-json-stream'

export const exportRoutes: readonly SandboxRoute[] = [
  { method: 'GET', pattern: '/api/export/data.json', limit: limits.export, handle: exportData },
  { method: 'GET', pattern: '/api/export/data.csv', limit: limits.export, handle: exportData },
  { method: 'GET', pattern: '/api/export/userEvents', handle: exportUserEvents },
]

/** A window of one data type. */
export interface Request {
  readonly dataType: string
  readonly from: number
  readonly to: number
  readonly shape: RowSelection
  readonly format: 'csv' | 'json'
  readonly delimiter: string
}

function exportData({ path, query }: SandboxCall, world: World): SandboxAnswer {
  const asked = readRequest(
    (name) => query.getAll(name).join(',') || undefined,
    path.endsWith('.csv') ? 'csv' : 'json',
    world,
  )
  if (typeof asked === 'string') return badParams(asked)
  return lines(exportBytes(asked, world), asked.format === 'csv' ? 'text/csv' : ndjson)
}

/** The request, or what is wrong with it. */
export function readRequest(
  read: (name: string) => string | undefined,
  format: 'csv' | 'json',
  { project }: World,
): Request | string {
  const named = read('dataTypeName')
  if (named === undefined) return 'dataTypeName is required'
  const dataType = spellingOf(named)
  if (!dataType) return `Invalid dataTypeName: ${named}. Expected one of ${dataTypes.join(', ')}`
  const start = read('startDateTime')
  const end = read('endDateTime')
  const window =
    start === undefined && end === undefined
      ? dayRange(read('range') ?? 'Today', project.now())
      : dates(start, end, project.now())
  if (typeof window === 'string') return window
  const campaignId = read('campaignId')
  const fields = (name: string) =>
    read(name)
      ?.split(',')
      .filter((field) => field !== '') ?? []
  return {
    dataType,
    ...window,
    shape: {
      onlyFields: fields('onlyFields'),
      omitFields: fields('omitFields'),
      campaignId: campaignId === undefined ? undefined : Number(campaignId),
    },
    format,
    delimiter: read('delimiter') ?? ',',
  }
}

export function exportBytes(
  { dataType, from, to, shape, format, delimiter }: Request,
  { project }: World,
): Iterable<Buffer> {
  const rows = rowBytes(project, dataType, from, to)
  const shaped = isPlain(shape) ? rows : reshape(rows, shape)
  return format === 'csv' ? csv(shaped, delimiter) : shaped
}

function exportUserEvents({ query }: SandboxCall, { project }: World): SandboxAnswer {
  const who = personOf(query)
  if (!who) return badParams('email or userId is required')
  const custom = query.get('includeCustomEvents') === 'true'
  return lines(eventsOfUser(who), ndjson)

  function* eventsOfUser(person: PersonName): Generator<Buffer> {
    for (const dataType of dataTypes) {
      if (dataType === 'user' || (dataType === 'customEvent' && !custom)) continue
      if (project.events(dataType).count === 0 && !eventShares[dataType]) continue
      const rows = eventsOf(project, person, dataType)
      yield Buffer.from(rows.map((row) => `${JSON.stringify({ _type: dataType, ...row })}\n`).join(''))
    }
  }
}

/** Request dates count whole seconds. */
function dates(
  start: string | undefined,
  end: string | undefined,
  now: Date,
): { from: number; to: number } | string {
  const second = (text: string) => {
    const at = readTime(text)
    return at === undefined ? undefined : Math.floor(at / 1000) * 1000
  }
  const from = start === undefined ? -Infinity : second(start)
  const to = end === undefined ? now.getTime() : second(end)
  if (from === undefined) return `Invalid startDateTime: ${start}. Expected format yyyy-MM-dd HH:mm:ss [ZZ]`
  if (to === undefined) return `Invalid endDateTime: ${end}. Expected format yyyy-MM-dd HH:mm:ss [ZZ]`
  return from > to ? 'startDateTime must be before endDateTime' : { from, to }
}

function dayRange(range: string, now: Date): { from: number; to: number } | string {
  const today = Math.floor(now.getTime() / dayMs) * dayMs
  switch (range) {
    case 'Today':
      return { from: today, to: today + dayMs }
    case 'Yesterday':
      return { from: today - dayMs, to: today }
    case 'BeforeToday':
      return { from: -Infinity, to: today }
    case 'All':
      return { from: -Infinity, to: Infinity }
    default:
      return `Invalid range: ${range}. Expected one of Today, Yesterday, BeforeToday, All`
  }
}
