/** A Postgres warehouse of a test, and loads into it without a network. */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import pg from 'pg'
import { catalogue, type Stream } from '../../src/catalog/index.ts'
import { type Loaded, load, type Scope } from '../../src/load/commit.ts'
import { DriftError } from '../../src/load/faults.ts'
import { prepareLoad } from '../../src/load/prepare.ts'
import { Rejects } from '../../src/spool/rejects.ts'
import { ChunkWriter } from '../../src/spool/spool.ts'
import { openPostgres, type PostgresOptions } from '../../src/warehouse/postgres/warehouse.ts'
import type { Tx, UseOptions, Warehouse } from '../../src/warehouse/session.ts'
import type { Shape } from '../../src/warehouse/shape.ts'
import { ensureTables, prepareTable } from '../../src/warehouse/tables.ts'
import { createTestDatabase } from '../support/postgres.ts'

export interface Fixture extends AsyncDisposable {
  readonly url: string
  readonly warehouse: Warehouse
  /** Runs a statement as the superuser, on a connection of its own. */
  readonly query: (sql: string) => Promise<Record<string, unknown>[]>
}

/** A fresh database with an empty warehouse in it. */
export async function openFixture(options: Partial<PostgresOptions> = {}): Promise<Fixture> {
  const database = await createTestDatabase()
  const warehouse = await openPostgres({ source: { url: database.url }, schema: 'iterable', ...options })
  return {
    url: database.url,
    warehouse,
    query: (sql) => query(database.url, sql),
    async [Symbol.asyncDispose]() {
      await warehouse[Symbol.asyncDispose]()
      await database.drop()
    },
  }
}

/** Runs a statement on a connection of its own; whole numbers come as text. */
export async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

const now = new Date('2026-06-01T00:00:00Z')
const allTime = { kind: 'window', from: new Date('2000-01-01'), to: new Date('2100-01-01') } as const

export interface LoadOptions extends UseOptions {
  readonly scope?: Scope
  /** Lines of one chunk. */
  readonly chunkLines?: number
  /** Runs in the transaction, before what it did is committed. */
  readonly beforeCommit?: (tx: Tx) => Promise<void>
  readonly onRows?: () => void
}

/** Loads lines of NDJSON as a sync does it: prepared, altered, committed, and anew the careful way where refused. */
export async function loadLines(
  warehouse: Warehouse,
  name: string,
  lines: readonly string[],
  { chunkLines = lines.length, beforeCommit, ...options }: LoadOptions = {},
): Promise<Loaded> {
  const stream = catalogue('email').find((each) => each.name === name) as Stream
  let shape = await warehouse.transaction(async (tx) => (await ensureTables(tx, [stream], now))[0] as Shape)
  const directory = join(warehouse.spoolDirectory, randomUUID())
  const chunks = []
  for (let at = 0; at < lines.length; at += chunkLines) {
    const writer = new ChunkWriter(directory, { marks: stream.mark?.fields ?? [] })
    await writer.write(Buffer.from(`${lines.slice(at, at + chunkLines).join('\n')}\n`))
    chunks.push(...(await writer.end()).chunks)
  }
  const scope = options.scope ?? (stream.replication === 'append' ? allTime : { kind: 'keys' })
  for (const careful of [false, true]) {
    const prepared = await prepareLoad(warehouse, {
      stream,
      shape,
      chunks,
      refused: new Rejects(join(directory, 'refused.json')),
      declared: new Map(),
      directory,
      careful,
    })
    shape = await warehouse.use((session) => prepareTable(session, shape, prepared.shape, now))
    try {
      return await warehouse.transaction(async (tx) => {
        const stamps = { runId: 'run', loadedAt: now }
        const input = {
          stream,
          before: shape,
          prepared,
          scope,
          stamps,
          maxRejectPercent: 5,
          leavesOutStrays: careful,
        }
        const loaded = await load(tx, input)
        await beforeCommit?.(tx)
        return loaded
      }, options)
    } catch (error) {
      if (!(error instanceof DriftError) || careful) throw error
    }
  }
  throw new Error('unreachable')
}

/** A line of an event stream. */
export const eventLine = (fields: Record<string, unknown>): string =>
  JSON.stringify({ createdAt: '2026-01-01 00:00:00 +00:00', ...fields })
