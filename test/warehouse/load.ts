/** Loads rows into a warehouse the way the product does, and reads them back without believing it. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { open, type StreamReport } from '../../src/index.ts'
import { systemClock } from '../../src/iterable/clock.ts'
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts'
import type { Row, TestWarehouse } from '../support/warehouse.ts'
import type { Fields } from './arbitrary.ts'

/** All of these tests live in January 2026, in one window, unless they say otherwise. */
export const at = '2026-01-10 12:00:00 +00:00'
const january = { start_date: '2026-01-01', window_in_days: 366, settle: '0s', lookback: '400d' }
const february = new Date('2026-02-01T00:00:00Z')

export interface LoadOptions {
  readonly sync?: Record<string, unknown>
  readonly projectType?: 'email' | 'userId' | 'hybrid'
  readonly schema?: string
  readonly now?: Date
}

/** A sandbox without data, and syncs of it into one warehouse. */
export type Loading = AsyncDisposable & {
  readonly sandbox: Sandbox
  /** Syncs one stream, an hour after the sync before; fails the test when the sync fails. */
  readonly load: (stream: string, options?: LoadOptions) => Promise<StreamReport>
  /** Syncs one stream, whatever comes of it. */
  readonly tryLoad: (stream: string, options?: LoadOptions) => Promise<StreamReport>
}

export async function startLoading(warehouse: TestWarehouse, options: LoadOptions = {}): Promise<Loading> {
  const sandbox = await startSandbox({
    empty: true,
    now: february,
    rateLimits: 'off',
    ...(options.projectType && { projectType: options.projectType }),
  })
  const tryLoad = (stream: string, more: LoadOptions = {}) => {
    sandbox.now = new Date(sandbox.now.getTime() + 3_600_000)
    const all = { now: sandbox.now, ...options, ...more }
    return syncFrom(sandbox.url, sandbox.keys.server, stream, warehouse, all)
  }
  return {
    sandbox,
    tryLoad,
    load: async (stream, more) => succeeded(await tryLoad(stream, more)),
    [Symbol.asyncDispose]: () => sandbox.close(),
  }
}

/** Syncs one stream from a server that answers every export, or what else its `path` says, with exactly these bytes. */
export async function loadBytes(
  warehouse: TestWarehouse,
  stream: string,
  bytes: Buffer | readonly Buffer[],
  { path = '/api/export/', ...options }: LoadOptions & { readonly path?: string } = {},
): Promise<StreamReport> {
  const server = createServer((request, response) => {
    if (!request.url?.startsWith(path)) return response.end('{"fields":{}}')
    for (const block of Array.isArray(bytes) ? bytes : [bytes]) response.write(block)
    return response.end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    return await syncFrom(url, '0'.repeat(32), stream, warehouse, options)
  } finally {
    server.close()
    server.closeAllConnections()
  }
}

async function syncFrom(
  url: string,
  key: string,
  stream: string,
  warehouse: TestWarehouse,
  { sync = {}, projectType = 'email', schema = 'iterable', now = february }: LoadOptions,
): Promise<StreamReport> {
  await using elt = await open(
    {
      warehouse: warehouse.config,
      schema,
      connections: {
        iterable: { api_key: key, base_url: url, rate_limits: 'off', project_type: projectType },
      },
      sync: { ...january, ...sync },
      marts: { enabled: false },
    },
    { clock: { now: () => now, sleep: (ms, signal) => systemClock.sleep(ms / 100, signal) } },
  )
  const { streams } = await elt.sync({ streams: [stream] })
  return streams[0] as StreamReport
}

export function succeeded(report: StreamReport): StreamReport {
  if (report.error !== null) throw new Error(`${report.stream} ${report.state}: ${report.error}`)
  return report
}

/** A line of NDJSON from members whose values are JSON text already. */
export const line = (members: Readonly<Record<string, string>>): string => lineOf(Object.entries(members))

const lineOf = (members: readonly (readonly [name: string, json: string])[]): string =>
  `{${members.map(([name, json]) => `${JSON.stringify(name)}:${json}`).join(',')}}`

/** An event of January as a line; `id` finds it again. */
export const event = (id: string, members: Readonly<Record<string, string>> | Fields = {}): string =>
  lineOf([
    ['messageId', JSON.stringify(id)],
    ['createdAt', JSON.stringify(at)],
    ...(Array.isArray(members) ? (members as Fields) : Object.entries(members as object)),
  ])

export interface Column {
  readonly source: string
  readonly name: string
  readonly type: string
  readonly origin: string
  readonly before: readonly string[]
}

/** What `iterable_sync.columns` says of a table, in order. */
export async function columnsOf(
  warehouse: TestWarehouse,
  table: string,
  schema = 'iterable',
): Promise<Column[]> {
  const rows = await warehouse.query(
    `select '.' || source_name as source, '.' || column_name as name, type, origin, previous_types
     from ${schema}_sync.columns where stream = '${table}' order by position`,
  )
  return rows.map((row) => ({
    source: (row.source as string).slice(1),
    name: (row.name as string).slice(1),
    type: row.type as string,
    origin: row.origin as string,
    before: (row.previous_types as string[] | null) ?? [],
  }))
}

/** A row as text: column name → text of the value, times as microseconds of the epoch, NULLs left out. */
export type TextRow = ReadonlyMap<string, string>

/** Every row of a table as text, in the order of `key`. */
export async function textRows(
  warehouse: TestWarehouse,
  table: string,
  key = 'messageId',
  schema = 'iterable',
): Promise<TextRow[]> {
  const columns = await columnsOf(warehouse, table, schema)
  // The driver of DuckDB drops a U+FEFF at the beginning of a text: a dot goes before it.
  const texts = columns.map(({ name, type }, index) => `'.' || ${textOf(warehouse, name, type)} as c${index}`)
  const rows = await warehouse.query(
    `select ${texts.join(', ')} from ${schema}.${table} order by ${quoted(key)}`,
  )
  return rows.map((row) => {
    const members = columns.map(({ name }, index) => [name, row[`c${index}`] as string | null] as const)
    return new Map(
      members
        .filter((member): member is [string, string] => member[1] !== null)
        .map(([name, text]) => [name, text.slice(1)]),
    )
  })
}

function textOf({ kind }: TestWarehouse, name: string, type: string): string {
  const column = quoted(name)
  if (type !== 'timestamptz') return `cast(${column} as text)`
  return kind === 'duckdb'
    ? `cast(epoch_us(${column}) as text)`
    : `cast(cast(extract(epoch from ${column}) * 1000000 as bigint) as text)`
}

export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** The rejected rows of all runs. */
export const rejectsOf = (warehouse: TestWarehouse): Promise<Row[]> =>
  warehouse.query(
    `select source, code, reason, "row", raw from iterable_sync.rejected_rows order by code, raw`,
  )

/** JSON such that two texts of one value look alike: numbers become marked text, whole ones keep every digit. */
export function exact(json: string): unknown {
  const marked = json.replaceAll(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g, (token) =>
    token.startsWith('"') ? token : JSON.stringify(exactNumber(token)),
  )
  return JSON.parse(marked)
}

/** `1.0`, `1` and `1e0` are one number; so are -0 and 0, and 1e400 and all of its digits. */
export const exactNumber = (text: string): string => numberMark + numberOf(text)

/** The number itself, whatever its spelling: whole ones with all digits, others as digits and a power of ten. */
export function numberOf(text: string): string {
  const found = /^(-?)(\d+)(?:\.(\d*))?(?:[eE]([-+]?\d+))?$/.exec(text)
  if (!found) return `no number: ${text}`
  const [, sign = '', before = '', after = '', power = '0'] = found
  const all = (before + after).replace(/^0+/, '')
  const kept = all.replace(/0+$/, '')
  if (kept === '') return '0'
  const exponent = Number(power) - after.length + all.length - kept.length
  return exponent < 0 ? `${sign}${kept}e${exponent}` : `${sign}${kept}${'0'.repeat(exponent)}`
}

export const numberMark = '#number:'
