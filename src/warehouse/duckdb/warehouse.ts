/** A DuckDB file (or a host's live instance) as warehouse. */
import { existsSync } from 'node:fs'
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { Kysely, sql } from 'kysely'
import { firstOf, InterruptedError } from '../../errors.ts'
import type { StateDatabase } from '../../state/tables.ts'
import { duckdbAnalysis } from '../analysis.ts'
import { Engine } from '../engine.ts'
import { type Chunk, hasLongLines } from '../load/chunk.ts'
import { type Dialect, type SchemaNames, type Session, schemaNames, type Warehouse } from '../session.ts'
import { quoted } from '../sql.ts'
import { alterations } from '../tables.ts'
import { holdFile } from './attach.ts'
import { holdGuarded, refuseWrongFunctions } from './guard.ts'
import { Connections, holdWarehouse } from './hold.ts'
import { openHome } from './home.ts'
import { Interrupter } from './interrupter.ts'
import { duckdbDialect } from './kysely.ts'
import { printFromDuckdb } from './print.ts'
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
  /** Queries of people may read files and addresses. */
  readonly allowsExternalAccess?: boolean | undefined
  /** Hears of waits that whoever waits does not ask to hear of. */
  readonly onWait?: ((message: string) => void) | undefined
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
  const guard = {
    engine,
    threads: options.threads ?? 1,
    directory: join(tempDirectory, 'guard'),
    allowsExternalAccess: options.allowsExternalAccess ?? false,
    isLive: typeof source !== 'string',
  }

  return {
    engine,
    dialect,
    names,
    spoolDirectory,
    use: (work, given = {}) => {
      const useOptions = { ...given, onWait: given.onWait ?? options.onWait }
      return turns
        .take(async () => {
          const isNew = typeof source === 'string' && !existsSync(source)
          await using held =
            useOptions.isGuarded && typeof source === 'string'
              ? await holdGuarded({ ...guard, ...useOptions, path: source })
              : await holdWarehouse(source, engine, connections, useOptions)
          if (isNew && existsSync(source)) await chmod(source, 0o600)
          using interrupter = new Interrupter(held.connection, useOptions.signal)
          const admit = (query: string) => refuseWrongFunctions(held.connection, query, guard)
          return await work(session({ connection: held.connection, names, interrupter, admit }))
        })
        .catch((caught: unknown) => {
          // Letting go of the file may fail for the same reason, and hides nothing.
          const error = firstOf(caught)
          if (useOptions.signal?.aborted) throw new InterruptedError(undefined, { cause: error })
          throw error
        })
    },
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
  addsConstraints: false,
  maxCustomColumns: 1000,
  hiddenColumns: ['rowid'],
  analysis: duckdbAnalysis,
  widen(column, from, to) {
    if (to === 'json') return `to_json(${column})`
    // A whole number that had become a double is written as it came: 3, not 3.0.
    if (to === 'text' && from === 'double') {
      return `case when ${column} = trunc(${column}) and abs(${column}) <= 9007199254740992 then ${column}::bigint::varchar else ${column}::varchar end`
    }
    return `${column}::${this.typeName[to]}`
  },
}

/** One statement reads all chunks, but long lines apart: 2,048 rows of a statement are in memory at a time. */
function statements(chunks: readonly Chunk[]): readonly (readonly Chunk[])[] {
  // In their order: of rows of one key the last counts.
  const groups: Chunk[][] = []
  for (const [index, chunk] of chunks.entries()) {
    const before = chunks[index - 1]
    const last = groups.at(-1)
    if (last && before && !hasLongLines(before) && !hasLongLines(chunk)) last.push(chunk)
    else groups.push([chunk])
  }
  return groups
}

interface SessionParts {
  readonly connection: DuckDBConnection
  readonly names: SchemaNames
  readonly interrupter: Interrupter
  /** Refuses a statement of a person whose functions do more than read the warehouse. */
  readonly admit: (statement: string) => Promise<void>
}

function session({ connection, names, interrupter, admit }: SessionParts): Session {
  const db = new Kysely<StateDatabase>({ dialect: duckdbDialect(connection, interrupter) }).withSchema(
    names.sync,
  )
  const append: Session['append'] = async (trx, table, rows, onRows) => {
    if (rows.chunks.length === 0) return 0
    let count = 0
    for (const chunks of statements(rows.chunks)) {
      const result = await sql.raw(`insert into ${table} by name ${rows.select(chunks)}`).execute(trx)
      count += Number(result.numAffectedRows ?? 0n)
      onRows?.(Number(result.numAffectedRows ?? 0n))
    }
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
    modernize: async () => [],
    async createKey() {},
    async alterTable(trx, table, change) {
      for (const alteration of alterations(change, dialect)) {
        await sql.raw(`alter table ${table} ${alteration}`).execute(trx)
      }
    },
    replaceView: (view, select, andThen) =>
      db.transaction().execute(async (trx) => {
        await sql.raw(`create or replace view ${view} as\n${select}`).execute(trx)
        await andThen(trx)
      }),
    alter: (work) => db.transaction().execute(work),
    async reserve() {},
    async createStaging(trx, columns) {
      const list = columns.map(({ name, type }) => `${quoted(name)} ${dialect.typeName[type]}`).join(', ')
      await sql.raw(`create or replace temp table staging (${list})`).execute(trx)
      return 'temp.staging'
    },
    select: (query) => whileHeard(interrupter, () => selectFromDuckdb(connection, query, admit)),
    print: (statement, judged) =>
      whileHeard(interrupter, async () => {
        await admit(judged)
        return printFromDuckdb(connection, statement)
      }),
    async forBulk() {},
    async analyze() {},
    async ensureIndex() {},
  }
}

/** A result that ends when the user asks to stop, until it is disposed. */
async function whileHeard<Result extends AsyncDisposable>(
  interrupter: Interrupter,
  begin: () => Promise<Result>,
): Promise<Result> {
  const end = interrupter.begin()
  try {
    const result = await begin()
    return {
      ...result,
      async [Symbol.asyncDispose]() {
        end()
        await result[Symbol.asyncDispose]()
      },
    }
  } catch (error) {
    end()
    throw error
  }
}
