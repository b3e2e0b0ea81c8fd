/** A DuckDB file (or a host's live instance) as warehouse. */
import { join } from 'node:path'
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { Kysely, sql } from 'kysely'
import type { StateDatabase } from '../../state/tables.ts'
import { Engine } from '../engine.ts'
import { type Dialect, type Session, schemaNames, type UseOptions, type Warehouse } from '../session.ts'
import { quoted } from '../sql.ts'
import { alterations } from '../tables.ts'
import { attachFile, holdFile } from './attach.ts'
import { openHome } from './home.ts'
import { duckdbDialect } from './kysely.ts'
import { selectFromDuckdb } from './select.ts'
import { upsertIntoDuckdb } from './upsert.ts'

export interface DuckdbOptions {
  /** Path of the file, or the host application's live instance. */
  readonly source: string | DuckDBInstance
  readonly schema: string
  readonly memoryLimit?: string | undefined
  readonly threads?: number | undefined
  /** Where the spool goes instead of beside the file. */
  readonly spoolDirectory?: string | undefined
}

/** Opens a DuckDB warehouse. The file itself is touched only by `use`. */
export async function openDuckdb(options: DuckdbOptions): Promise<Warehouse> {
  const home = await openHome(options.source, options.spoolDirectory)
  const { source, turns, workDirectory, spoolDirectory, tempDirectory } = home
  const engine = await Engine.create({
    directory: tempDirectory,
    memoryLimit: options.memoryLimit,
    threads: options.threads,
  })
  const names = schemaNames(options.schema)
  const connections = new Connections(engine)

  return {
    engine,
    dialect,
    names,
    spoolDirectory,
    use: (work, useOptions = {}) =>
      turns.take(async () => {
        await using held = await holdWarehouse(source, engine, connections, useOptions)
        return await work(session(held.connection, names))
      }),
    lock: (job) => holdFile(engine.instance, join(workDirectory, `${job}.lock`), job),
    watch: async () => ({ async [Symbol.asyncDispose]() {} }),
    async [Symbol.asyncDispose]() {
      await turns.take(async () => connections.close())
      await engine[Symbol.asyncDispose]()
      await home[Symbol.asyncDispose]()
    },
  }
}

const dialect: Dialect = {
  typeName: {
    boolean: 'boolean',
    bigint: 'bigint',
    double: 'double',
    timestamptz: 'timestamptz',
    text: 'varchar',
    json: 'json',
  },
  refusesNul: false,
  altersFirst: false,
  maxCustomColumns: 1000,
  hiddenColumns: ['rowid'],
  widen(column, from, to) {
    if (to === 'json') return `to_json(${column})`
    // A whole number that had become a double is written as it came: 3, not 3.0.
    if (to === 'text' && from === 'double') {
      return `case when ${column} = trunc(${column}) and abs(${column}) <= 9007199254740992 then ${column}::bigint::varchar else ${column}::varchar end`
    }
    return `${column}::${this.typeName[to]}`
  },
}

function session(connection: DuckDBConnection, names: Session['names']): Session {
  const db = new Kysely<StateDatabase>({ dialect: duckdbDialect(connection) }).withSchema(names.sync)
  const append: Session['append'] = async (trx, table, rows, onRows) => {
    if (rows.chunks.length === 0) return 0
    const result = await sql.raw(`insert into ${table} by name ${rows.select(rows.chunks)}`).execute(trx)
    const count = Number(result.numAffectedRows ?? 0n)
    onRows?.(count)
    return count
  }
  return {
    db,
    names,
    dialect,
    append,
    async appendQuery(trx, table, columns, select) {
      const result = await sql
        .raw(`insert into ${table} (${columns.map(quoted).join(', ')}) ${select}`)
        .execute(trx)
      return Number(result.numAffectedRows ?? 0n)
    },
    upsert: (trx, table, upsert) => upsertIntoDuckdb(append, trx, table, upsert),
    async createKey() {},
    async alterTable(trx, table, change) {
      for (const alteration of alterations(change, dialect)) {
        await sql.raw(`alter table ${table} ${alteration}`).execute(trx)
      }
    },
    alter: (work) => db.transaction().execute(work),
    async reserve() {},
    async createStaging(trx, columns) {
      const list = columns.map(({ name, type }) => `${quoted(name)} ${dialect.typeName[type]}`).join(', ')
      await sql.raw(`create or replace temp table staging (${list})`).execute(trx)
      return 'temp.staging'
    },
    select: (query) => selectFromDuckdb(connection, query),
    async ensureIndex() {},
  }
}

/**
 * Connections of the engine. To make one ready costs as much as to attach a small file, so the last one is kept for the
 * next session; to a host's instance nothing of ours stays open.
 */
class Connections {
  readonly #engine: Engine
  #idle: DuckDBConnection | undefined

  constructor(engine: Engine) {
    this.#engine = engine
  }

  async take(source: string | DuckDBInstance): Promise<DuckDBConnection> {
    if (typeof source !== 'string') return this.#engine.connect(source)
    const idle = this.#idle
    this.#idle = undefined
    return idle ?? this.#engine.connect()
  }

  giveBack(connection: DuckDBConnection, source: string | DuckDBInstance): void {
    if (typeof source === 'string' && !this.#idle) this.#idle = connection
    else connection.closeSync()
  }

  close(): void {
    this.#idle?.closeSync()
    this.#idle = undefined
  }
}

/** A connection whose default database is the warehouse; the file is let go when it is disposed. */
async function holdWarehouse(
  source: string | DuckDBInstance,
  engine: Engine,
  connections: Connections,
  { signal, onWait }: UseOptions,
): Promise<AsyncDisposable & { readonly connection: DuckDBConnection }> {
  const connection = await connections.take(source)
  const interrupt = () => connection.interrupt()
  try {
    if (typeof source === 'string') await attachFile(connection, source, { signal, onWait })
  } catch (error) {
    connections.giveBack(connection, source)
    throw error
  }
  signal?.addEventListener('abort', interrupt)
  return {
    connection,
    async [Symbol.asyncDispose]() {
      signal?.removeEventListener('abort', interrupt)
      await connection.run('drop table if exists temp.staging').catch(() => {})
      try {
        if (typeof source === 'string') await letGo(connection)
      } catch (error) {
        // Its default database is one that cannot be used any more.
        connection.closeSync()
        await letGoAgain(source as string, engine, error)
        return
      }
      connections.giveBack(connection, source)
    },
  }
}

/** Detaches the file, which writes a checkpoint. */
async function letGo(connection: DuckDBConnection): Promise<void> {
  await connection.run('use memory')
  await connection.run('detach warehouse')
}

/** How often a file is attached anew for a checkpoint that fails for other reasons than room. */
const checkpointTries = 3

/**
 * A commit or checkpoint that found no room leaves a database in memory that DuckDB refuses to use. What was committed
 * stands in the log beside the file: that is attached anew, with more room, and the checkpoint written.
 */
async function letGoAgain(path: string, engine: Engine, cause: unknown): Promise<void> {
  let error = cause
  for (let tries = 1; ; tries += 1) {
    const mayHelp = (await engine.growAfter(error)) || (isBrokenCheckpoint(error) && tries <= checkpointTries)
    if (!mayHelp) throw error
    const connection = await engine.connect()
    try {
      await connection.run('detach database if exists warehouse')
      await attachFile(connection, path, {})
      await letGo(connection)
      return
    } catch (caught) {
      error = caught
    } finally {
      connection.closeSync()
    }
  }
}

const isBrokenCheckpoint = (error: unknown): boolean =>
  /Checkpoint failed|checkpointing failed/.test(String(error))
