/** What tests of the sync share: a small project, the product opened on it, and comparisons with the truth. */
import { setTimeout as delay } from 'node:timers/promises'
import { type ConfigInput, type Elt, open, type SyncReport } from '../../src/index.ts'
import { systemClock } from '../../src/iterable/clock.ts'
import { type Row, type Sandbox, type SandboxOptions, startSandbox } from '../../src/sandbox/index.ts'
import type { StreamPlan } from '../../src/sync/dry-run.ts'
import type { TestWarehouse } from './warehouse.ts'

/** The present of every test: the clock of sandbox and product stands still unless a test moves it. */
export const present = new Date('2026-02-01T00:00:00Z')

export const hours = (count: number): number => count * 3_600_000
export const days = (count: number): number => count * 86_400_000
export const ago = (milliseconds: number): Date => new Date(present.getTime() - milliseconds)

/** The data type that each event stream is read from. */
export const dataTypes = {
  email_bounce: 'emailBounce',
  email_click: 'emailClick',
  email_complaint: 'emailComplaint',
  email_open: 'emailOpen',
  email_send: 'emailSend',
  email_send_skip: 'emailSendSkip',
  email_subscribe: 'emailSubscribe',
  email_unsubscribe: 'emailUnSubscribe',
} as const
export type EventStream = keyof typeof dataTypes
export const eventStreams = Object.keys(dataTypes) as readonly EventStream[]

/** A project of a few people and days, without rate limits. */
export const startProject = (options: SandboxOptions = {}): Promise<Sandbox> =>
  startSandbox({
    users: 20,
    lists: 3,
    days: 3,
    eventsPerDay: 60,
    rateLimits: 'off',
    now: present,
    ...options,
  })

type SyncInput = NonNullable<ConfigInput['sync']>
type ConnectionInput = NonNullable<ConfigInput['connections']>[string]

export interface Changes {
  readonly sync?: Partial<SyncInput>
  readonly connection?: Partial<ConnectionInput>
  /** The views for analysts, which take as long to make as a short sync: only where they are given. */
  readonly marts?: ConfigInput['marts']
}

/** A configuration that reads the last days of the project, day by day, and waits for nothing. */
export function configFor(
  sandbox: Sandbox,
  warehouse: Pick<TestWarehouse, 'config'>,
  { sync, connection, marts = { enabled: false } }: Changes = {},
): ConfigInput {
  return {
    warehouse: warehouse.config,
    connections: {
      iterable: {
        api_key: sandbox.keys.server,
        project_type: sandbox.projectType,
        base_url: sandbox.url,
        rate_limits: 'off',
        ...connection,
      },
    },
    sync: { start_date: ago(days(3)).toISOString(), window_in_days: 1, settle: '0s', ...sync },
    marts,
  } as ConfigInput
}

/** The clock of the sandbox; waits of whatever length pass in a moment. */
export const quickClock = (sandbox: Pick<Sandbox, 'now'>): typeof systemClock => ({
  now: () => sandbox.now,
  sleep: (delayMs, signal) => systemClock.sleep(Math.min(delayMs, 10), signal),
})

/** The product, opened on a project and a warehouse. */
export const openOn = (sandbox: Sandbox, warehouse: TestWarehouse, changes: Changes = {}): Promise<Elt> =>
  open(configFor(sandbox, warehouse, changes), { clock: quickClock(sandbox) })

/** Opens, syncs once, closes. */
export async function syncOnce(
  sandbox: Sandbox,
  warehouse: TestWarehouse,
  { request, ...changes }: Changes & { readonly request?: Parameters<Elt['sync']>[0] } = {},
): Promise<SyncReport> {
  await using elt = await openOn(sandbox, warehouse, changes)
  return await elt.sync(request)
}

/** Syncs once nobody else does: a server learns of the death of a client when the system tells it. */
export async function syncWhenFree(
  sandbox: Sandbox,
  warehouse: TestWarehouse,
  changes: Changes,
): Promise<SyncReport> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await syncOnce(sandbox, warehouse, changes)
    } catch (error) {
      if ((error as { readonly code?: string }).code !== 'locked' || tries > 100) throw error
      await delay(100)
    }
  }
}

/** Opens, plans what a sync would do, closes: the plans by stream. */
export async function planOnce(
  sandbox: Sandbox,
  warehouse: TestWarehouse,
  changes: Changes = {},
): Promise<ReadonlyMap<string, StreamPlan>> {
  await using elt = await openOn(sandbox, warehouse, changes)
  const { streams } = await elt.planSync()
  return new Map(streams.map((plan) => [plan.stream, plan]))
}

/** The report of one stream. */
export function of(report: SyncReport, stream: string): SyncReport['streams'][number] {
  const found = report.streams.find((one) => one.stream === stream)
  if (!found) throw new Error(`no report of ${stream}`)
  return found
}

/** States and errors, for messages that say what went wrong. */
export const outcome = ({ state, streams: all }: SyncReport): unknown => ({
  state,
  wrong: all.filter(({ error }) => error !== null).map(({ stream, error }) => `${stream}: ${error}`),
})

/** The rows of a table as texts in order, without what differs between two equal loads. */
export async function rowsOf(warehouse: TestWarehouse, table: string): Promise<string[]> {
  const rows = await warehouse.query(`select * from iterable."${table}"`)
  return rows.map(({ _run_id, _loaded_at, ...row }) => canonical(row)).sort()
}

/** Every stream table, the bookmarks, and the bad lines that are on record (each once). */
export async function contentsOf(warehouse: TestWarehouse): Promise<Record<string, string[]>> {
  const contents: Record<string, string[]> = {}
  const tables = await warehouse.query(
    `select table_name as name from information_schema.tables where table_schema = 'iterable' order by 1`,
  )
  for (const { name } of tables) contents[String(name)] = await rowsOf(warehouse, String(name))
  const bookmarks = await warehouse.query('select stream, bookmark from iterable_sync.bookmarks')
  const rejects = await warehouse.query(
    'select source, code, reason, "row", raw from iterable_sync.rejected_rows',
  )
  contents.bookmarks = bookmarks.map(canonical).sort()
  contents.rejects = [...new Set(rejects.map(canonical))].sort()
  return contents
}

/** What the table of an event stream must hold of [from, to). */
export const expectedEvents = async (
  sandbox: Sandbox,
  warehouse: TestWarehouse,
  stream: EventStream,
  from: Date = ago(days(3)),
  to: Date = sandbox.now,
): Promise<string[]> => expectedRows(warehouse, stream, sandbox.truth.events(dataTypes[stream], from, to))

interface Column {
  readonly name: string
  readonly type: string
  readonly embedded: boolean
}

/**
 * Rows of the sandbox as the table must hold them: under the recorded names and types of the columns, everything else
 * worked out here.
 */
export async function expectedRows(
  warehouse: TestWarehouse,
  table: string,
  rows: readonly Row[],
): Promise<string[]> {
  const columns = new Map<string, Column>()
  for (const row of await warehouse.query(
    `select source_name, column_name, type, embedded from iterable_sync.columns where stream = '${table}'`,
  )) {
    const column = { name: String(row.column_name), type: String(row.type), embedded: row.embedded === true }
    columns.set(String(row.source_name), column)
  }
  return rows.map((row) => canonical(expectedRow(columns, table, row))).sort()
}

function expectedRow(columns: ReadonlyMap<string, Column>, table: string, row: Row): Row {
  const expected: Row = {}
  const fields = table === 'users' ? withIntroApr(row) : row
  for (const [field, value] of Object.entries(fields)) {
    if (value === null || value === undefined) continue
    const column = columns.get(field)
    if (!column) throw new Error(`${table} has no column for the field ${field}`)
    expected[column.name] = expectedValue(value, column)
  }
  return expected
}

const withIntroApr = (row: Row): Row => {
  const inside = (row.offers as Row | undefined)?.['Intro APR']
  return inside === undefined || 'offers.Intro APR' in row ? row : { ...row, 'offers.Intro APR': inside }
}

function expectedValue(value: unknown, { type, embedded }: Column): unknown {
  switch (type) {
    case 'timestamptz':
      return instantOf(value)
    case 'text':
      return typeof value === 'string' ? value : JSON.stringify(value)
    case 'json':
      return embedded && typeof value === 'string' ? parsedOr(value) : value
    default:
      return value
  }
}

/** A time as Iterable spells it, read without the help of the product. */
function instantOf(value: unknown): Date {
  if (typeof value === 'number') return new Date(value)
  const parts =
    /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,3})\d*)?[\d.]*)?\s*(Z|[+-]00:?00)?$/.exec(
      String(value),
    )
  if (!parts) throw new Error(`not a time of the sandbox: ${value}`)
  const [, day, time = '00:00:00', fraction = '000'] = parts
  return new Date(`${day}T${time}.${fraction.padEnd(3, '0')}Z`)
}

function parsedOr(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** One text for equal values: keys in order, no nulls at the top, times as instants. */
export function canonical(row: Row): string {
  const present = Object.entries(row).filter(([, value]) => value !== null && value !== undefined)
  return JSON.stringify(Object.fromEntries(present), (_, value: unknown) => {
    if (typeof value === 'bigint') return `${value}n`
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
}
