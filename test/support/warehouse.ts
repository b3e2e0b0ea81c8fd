/** One test body, run on two kinds of warehouse, or on all three. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import pg from 'pg'
import { test } from 'vitest'
import { type LakeConfig, lakeConfig, lakeExtensions, readerOf } from './lake.ts'
import { createTestDatabase } from './postgres.ts'

export type WarehouseKind = 'duckdb' | 'postgres' | 'ducklake'

/** A lake where its extensions can be had, and somebody looks at everything (`npm run test:all`). */
export const allKinds: readonly WarehouseKind[] =
  lakeExtensions && process.env.TEST_SCOPE !== 'usual'
    ? ['duckdb', 'postgres', 'ducklake']
    : ['duckdb', 'postgres']

/** An empty warehouse that belongs to one test. */
export type TestWarehouse = AsyncDisposable & {
  readonly kind: WarehouseKind
  /** The `warehouse` part of the configuration. */
  readonly config:
    | { readonly type: 'duckdb'; readonly path: string }
    | { readonly type: 'postgres'; readonly url: string }
    | LakeConfig
  /** A folder for whatever else the test writes. */
  readonly tempDir: string
  /**
   * Reads the warehouse with a client of its own, as any other program would. Rows look alike from both
   * kinds: whole numbers are numbers as long as they are exact (else bigint), times are Dates, json is parsed.
   */
  readonly query: (sql: string) => Promise<Row[]>
}

export type Row = Record<string, unknown>

/** Declares a test twice: `NAME [duckdb]` and `NAME [postgres]`. */
export function eachWarehouse(
  name: string,
  body: (warehouse: TestWarehouse) => Promise<void>,
  timeoutMs?: number,
): void {
  declareOn(['duckdb', 'postgres'], name, body, timeoutMs)
}

/**
 * Declares it on a lake, too. A lake is DuckDB's tables beside Postgres's state, so most of what holds for either holds for
 * it; these tests are of what is its own, and of what goes through both at once.
 */
export function everyWarehouse(
  name: string,
  body: (warehouse: TestWarehouse) => Promise<void>,
  timeoutMs?: number,
): void {
  declareOn(allKinds, name, body, timeoutMs)
}

/** Declares a test of a lake alone. */
export function onLake(
  name: string,
  body: (warehouse: TestWarehouse) => Promise<void>,
  timeoutMs?: number,
): void {
  declareOn(lakeExtensions ? ['ducklake'] : [], name, body, timeoutMs)
}

function declareOn(
  kinds: readonly WarehouseKind[],
  name: string,
  body: (warehouse: TestWarehouse) => Promise<void>,
  timeoutMs: number | undefined,
): void {
  for (const kind of kinds) {
    test(
      `${name} [${kind}]`,
      async () => {
        await using warehouse = await createTestWarehouse(kind)
        await body(warehouse)
      },
      timeoutMs,
    )
  }
}

/** `server`: another one than the Postgres of this test run. */
export async function createTestWarehouse(kind: WarehouseKind, server?: string): Promise<TestWarehouse> {
  const database = kind !== 'duckdb' ? await createTestDatabase(server) : undefined
  const tempDir = await mkdtemp(join(tmpdir(), 'elt-test-'))
  const path = join(tempDir, 'warehouse.duckdb')
  const { config, query, close } = !database
    ? duckdbAt(path)
    : kind === 'postgres'
      ? postgresAt(database.url)
      : lakeAt(database.url, join(tempDir, 'lake'))
  return {
    kind,
    config,
    query,
    tempDir,
    async [Symbol.asyncDispose]() {
      await close()
      await database?.drop()
      await rm(tempDir, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

type Reached = Pick<TestWarehouse, 'config' | 'query'> & { readonly close: () => Promise<void> }

/** The file is opened for each query only: while it is open, the tool under test cannot write. */
const duckdbAt = (path: string): Reached => ({
  config: { type: 'duckdb', path },
  async query(sql) {
    const instance = await DuckDBInstance.create(path, { access_mode: 'READ_ONLY' })
    try {
      return await queryDuckDb(instance, sql)
    } finally {
      instance.closeSync()
    }
  },
  close: async () => {},
})

const postgresAt = (url: string): Reached => ({
  config: { type: 'postgres', url },
  query: (sql) => queryPostgres(url, sql),
  close: async () => {},
})

/** Whoever reads a lake is in nobody's way, and it takes long to open: one reader for all queries. */
function lakeAt(catalog: string, dataPath: string): Reached {
  const config = lakeConfig(catalog, dataPath)
  let reader: Promise<DuckDBInstance> | undefined
  // Our own tables are plain ones of Postgres.
  const isOfState = (sql: string) =>
    /\biterable_sync\b/.test(sql) && !/\biterable(_views|_marts)?\./.test(sql)
  return {
    config,
    async query(sql) {
      if (isOfState(sql)) return queryPostgres(catalog, sql)
      // A lake that nobody has made yet may be there the next time.
      reader ??= readerOf(config).catch((error) => {
        reader = undefined
        throw error
      })
      return queryDuckDb(await reader, sql, 'call pg_clear_cache(); use warehouse')
    },
    async close() {
      const opened = await reader?.catch(() => undefined)
      opened?.closeSync()
    },
  }
}

async function queryDuckDb(instance: DuckDBInstance, sql: string, before = ''): Promise<Row[]> {
  // What is open stays so as long as one of its connections does.
  const connection = await instance.connect()
  try {
    if (before) await connection.run(before)
    const result = await connection.runAndReadAll(sql)
    const jsonColumns = result.columnNames().filter((_, i) => result.columnType(i).alias === 'JSON')
    return result.getRowObjectsJS().map((row) => {
      const plain = Object.entries(row).map(([name, value]) => [
        name,
        typeof value === 'bigint'
          ? exact(value)
          : jsonColumns.includes(name) && typeof value === 'string'
            ? JSON.parse(value)
            : value,
      ])
      return Object.fromEntries(plain) as Row
    })
  } finally {
    connection.closeSync()
  }
}

async function queryPostgres(url: string, sql: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url, types: { getTypeParser } })
  await client.connect()
  try {
    return (await client.query<Row>(sql)).rows
  } finally {
    await client.end()
  }
}

const { INT8, NUMERIC } = pg.types.builtins

function getTypeParser(oid: number, format?: 'text' | 'binary') {
  if (oid === INT8) return (text: string) => exact(BigInt(text))
  if (oid === NUMERIC) return (text: string) => (/^-?\d+$/.test(text) ? exact(BigInt(text)) : Number(text))
  return pg.types.getTypeParser(oid, format)
}

const exact = (value: bigint) => (Number.isSafeInteger(Number(value)) ? Number(value) : value)
