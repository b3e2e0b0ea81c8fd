/** The world of the views, synced once into each warehouse and shared by the tests of a file. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Elt } from '../../src/index.ts'
import { isFraction } from '../../src/marts/dbt-models.ts'
import { readViewFiles } from '../../src/marts/files.ts'
import type { Sandbox } from '../../src/sandbox/index.ts'
import { type Changes, openOn } from '../support/sync.ts'
import {
  createTestWarehouse,
  type Row,
  type TestWarehouse,
  type WarehouseKind,
} from '../support/warehouse.ts'
import { makeWorld, worldStart, worldStreams } from './world.ts'

export interface World {
  readonly sandbox: Sandbox
  /** The rows of a view: days as texts, times as milliseconds. */
  rows(view: string): Promise<Row[]>
  /** Asks as any other program would. */
  readonly query: TestWarehouse['query']
  /** Does something to the warehouse through the product's own session. */
  use: Elt['warehouse']['use']
  sync(): ReturnType<Elt['sync']>
  report: Elt['report']
}

/** Declares a test of the world on each of its warehouses. */
export type WorldTest = (name: string, body: (world: World) => Promise<void>) => void

export interface WorldOptions {
  /** Read besides those of every world. */
  readonly streams?: readonly string[]
  readonly marts?: Changes['marts']
  /** DuckDB and Postgres unless told otherwise. */
  readonly kinds?: readonly WarehouseKind[]
  /** Events are read from here on; from the first one of the world unless told otherwise. */
  readonly since?: Date
  /** Adds to the project before it is read. */
  readonly prepare?: (sandbox: Sandbox) => void
}

/** Syncs a world before the tests of the file. */
export function worldOf(
  seed: number,
  {
    streams = [],
    marts = {},
    kinds = ['duckdb', 'postgres'],
    since = worldStart,
    prepare,
  }: WorldOptions = {},
): WorldTest {
  const worlds = new Map<WarehouseKind, World>()
  const left: AsyncDisposable[] = []
  beforeAll(async () => {
    for (const kind of kinds) {
      const sandbox = await makeWorld(seed)
      prepare?.(sandbox)
      const warehouse = await createTestWarehouse(kind)
      const sync = {
        streams: [...worldStreams, ...streams],
        start_date: since.toISOString(),
        window_in_days: 366,
      }
      const elt = await openOn(sandbox, warehouse, { sync, marts })
      left.push(warehouse, sandbox, elt)
      const notices: string[] = []
      const report = await elt.sync({
        onProgress: (event) => {
          if (event.type === 'notice') notices.push(event.message)
        },
      })
      expect({ state: report.state, notices }).toEqual({ state: 'succeeded', notices: [] })
      worlds.set(kind, {
        sandbox,
        rows: (view) => rowsOf(warehouse, view),
        query: warehouse.query,
        use: (work) => elt.warehouse.use(work),
        sync: () => elt.sync(),
        report: (query) => elt.report(query),
      })
    }
  })
  afterAll(async () => {
    for (const one of left.toReversed()) await one[Symbol.asyncDispose]()
  })
  return (name, body) => {
    for (const kind of kinds) test(`${name} [${kind}]`, () => body(worlds.get(kind) as World))
  }
}

async function rowsOf(warehouse: TestWarehouse, view: string): Promise<Row[]> {
  const file = (await readViewFiles()).find(({ name }) => name === view)
  const days = ['day', 'week', 'month', 'cohort']
  const columns = file?.columns.map(({ name }) =>
    days.includes(name) ? `cast(${name} as varchar) as ${name}` : name,
  )
  const rows = await warehouse.query(`select ${columns?.join(', ')} from iterable_marts.${view}`)
  return rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [name, value instanceof Date ? value.getTime() : value]),
    ),
  )
}

/**
 * What is wrong with the keys and rates of the views, as the comments of their files state them, and the views that have
 * rows to tell by.
 */
export async function checkKeys(world: World): Promise<{ wrong: string[]; seen: string[] }> {
  const wrong: string[] = []
  const seen: string[] = []
  const names = await world.query(
    `select table_name as name from information_schema.tables where table_schema = 'iterable_marts'`,
  )
  const made = new Set(names.map(({ name }) => name))
  for (const { name, key, columns } of await readViewFiles()) {
    const [only] = key
    const known = columns.filter((column) => key.includes(column.name) && !column.about.includes('NULL'))
    const fractions = columns.filter((column) => isFraction(column.name)).map((column) => column.name)
    // One column that may be NULL is a key of the rows where it is not.
    const groups = key.length === 1 && known.length === 0 ? `where ${only} is not null` : ''
    const copies = `select 1 from iterable_marts.${name} ${groups} group by ${key.join(', ')} having count(*) > 1`
    const tests = [
      ...(key.length > 0 ? [['copies', `(select count(*) from (${copies}) as copies)`]] : []),
      ...known.map((column) => [column.name, `count(*) filter (where ${column.name} is null)`]),
      ...fractions.map((rate) => [rate, `count(*) filter (where not ${rate} between 0 and 1)`]),
    ]
    const counts = tests.map(([what, count]) => `${count} as "${what} wrong"`)
    if (!made.has(name)) continue
    const [row = {}] = await world.query(
      `select ${['count(*) as rows', ...counts].join(', ')} from iterable_marts.${name}`,
    )
    if (Number(row.rows) > 0) seen.push(name)
    for (const [what, count] of Object.entries(row))
      if (what !== 'rows' && Number(count) > 0) wrong.push(`${name}: ${count} ${what}`)
  }
  return { wrong, seen: seen.sort() }
}

/** In one order, whatever the order they came in. */
export const sorted = (rows: readonly Row[]): string[] =>
  rows
    .map((row) =>
      JSON.stringify(Object.fromEntries(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)))),
    )
    .sort()
