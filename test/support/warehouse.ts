/** One test body, run on both kinds of warehouse. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import pg from 'pg'
import { test } from 'vitest'
import { createTestDatabase } from './postgres.ts'

export type WarehouseKind = 'duckdb' | 'postgres'

/** An empty warehouse that belongs to one test. */
export type TestWarehouse = AsyncDisposable & {
  readonly kind: WarehouseKind
  /** The `warehouse` part of the configuration. */
  readonly config:
    | { readonly type: 'duckdb'; readonly path: string }
    | { readonly type: 'postgres'; readonly url: string }
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
  for (const kind of ['duckdb', 'postgres'] as const) {
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
  const database = kind === 'postgres' ? await createTestDatabase(server) : undefined
  const tempDir = await mkdtemp(join(tmpdir(), 'elt-test-'))
  const path = join(tempDir, 'warehouse.duckdb')
  return {
    kind,
    config: database ? { type: 'postgres', url: database.url } : { type: 'duckdb', path },
    tempDir,
    query: (sql) => (database ? queryPostgres(database.url, sql) : queryDuckDb(path, sql)),
    async [Symbol.asyncDispose]() {
      await database?.drop()
      await rm(tempDir, { recursive: true, force: true })
    },
  }
}

/** The file is opened for this one query only: while it is open, the tool under test cannot write. */
async function queryDuckDb(path: string, sql: string): Promise<Row[]> {
  const instance = await DuckDBInstance.create(path, { access_mode: 'READ_ONLY' })
  // The file stays open as long as one of its connections does.
  const connection = await instance.connect()
  try {
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
    instance.closeSync()
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
