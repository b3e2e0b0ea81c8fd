/** A DuckDB file (or a host's live instance) as warehouse. */
import { existsSync } from 'node:fs'
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { Kysely, sql, type Transaction } from 'kysely'
import { Engine } from '../../engine/engine.ts'
import { Interrupter } from '../../engine/interrupter.ts'
import { duckdbDialect } from '../../engine/kysely.ts'
import { firstOf, InterruptedError } from '../../errors.ts'
import type { StateDatabase } from '../../state/tables.ts'
import { duckdbAnalysis } from '../analysis.ts'
import { explainedFault } from '../faults.ts'
import { Migrations } from '../migrations.ts'
import { type SchemaNames, schemaNames } from '../schema-names.ts'
import type { Dialect, Session, Tx, UseOptions, Warehouse } from '../session.ts'
import { quoted } from '../sql.ts'
import { alterations, columnDefinitions } from '../tables.ts'
import { transact, transactionIn } from '../transaction.ts'
import { appendTo, runOn } from './append.ts'
import { holdFile } from './attach.ts'
import { holdGuarded, refuseWrongFunctions } from './guard.ts'
import { type HeldProgress, Holder } from './hold.ts'
import { openHome } from './home.ts'
import { paceFiles } from './pace.ts'
import { duckdbPrinted } from './print.ts'
import { queryDuckdb } from './query.ts'
import { scrubFile } from './scrub.ts'
import { duckdbSelected } from './select.ts'
import { copyDuckdb, unloadDuckdb } from './snapshot.ts'
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
  /** Of the paces that all processes of a file keep together; without it each keeps its own. */
  readonly now?: (() => Date) | undefined
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
  const holder = new Holder(source, engine)
  const guard = {
    engine,
    threads: engine.budget.threads,
    directory: join(tempDirectory, 'guard'),
    allowsExternalAccess: options.allowsExternalAccess ?? false,
    isLive: typeof source !== 'string',
  }

  const migrations = new Migrations()

  const use = <T>(work: (session: Session) => Promise<T>, given: UseOptions = {}): Promise<T> => {
    const useOptions = { ...given, onWait: given.onWait ?? options.onWait }
    const writesFile = typeof source === 'string' && !given.isReading && !given.isGuarded
    return turns
      .take(
        async () => {
          const isNew = typeof source === 'string' && !existsSync(source)
          await using held =
            useOptions.isGuarded && typeof source === 'string'
              ? await holdGuarded({ ...guard, ...useOptions, path: source })
              : await holder.take(useOptions, () => writesFile && turns.next === holder)
          if (isNew && existsSync(source)) await chmod(source, 0o600)
          using interrupter = new Interrupter(held.connection, useOptions.signal)
          const admit = (query: string) => refuseWrongFunctions(held.connection, query, guard)
          held.progress.isAtWork = true
          const { connection, progress } = held
          const one = session({
            connection,
            engine,
            progress,
            names,
            interrupter,
            admit,
            isLive: guard.isLive,
          })
          await migrations.apply(one, useOptions)
          const result = await work(one)
          held.progress.isAtWork = false
          return result
        },
        writesFile ? holder : undefined,
      )
      .catch((caught: unknown) => {
        // Letting go of the file may fail for the same reason, and hides nothing.
        if (useOptions.signal?.aborted) throw new InterruptedError(undefined, { cause: firstOf(caught) })
        throw explainedFault(caught)
      })
  }

  return {
    engine,
    dialect: duckdbTables,
    names,
    spoolDirectory,
    ...(options.now && home.isBeside && { paceBook: paceFiles(join(workDirectory, 'paces'), options.now) }),
    use,
    transaction: (work, given) => transact({ use, engine }, work, given),
    lock: (job) => holdFile(engine.instance, join(workDirectory, `${job}.lock`), job),
    watch: async () => ({ async [Symbol.asyncDispose]() {} }),
    upkeep: { scrub: () => turns.take(() => scrubFile(source, engine)) },
    async [Symbol.asyncDispose]() {
      await turns.take(async () => holder.close())
      await engine[Symbol.asyncDispose]()
      await home[Symbol.asyncDispose]()
    },
  }
}

/** Rows of messages, so that the smallest engine gets by; and for each megabyte of a larger one, which takes no more then. */
const leastPortion = 250_000
const portionPerMb = 2_000

/** What DuckDB says differently, also where its tables are those of a lake. */
export const duckdbTables: Dialect = {
  typeName: {
    boolean: 'boolean',
    bigint: 'bigint',
    double: 'double',
    timestamptz: 'timestamptz',
    text: 'varchar',
    json: 'json',
  },
  refusesNul: false,
  dropsTwins: false,
  system: 'duckdb',
  altersFirst: false,
  keepsIndexes: false,
  hash: (text) => `hash(${text})`,
  sha256: duckdbAnalysis.sha256,
  among: (select) => sql`in (${select})`,
  describesColumns: true,
  portionRows: `greatest(${leastPortion}, ${portionPerMb} * parse_formatted_bytes(current_setting('memory_limit')) // 1000000)`,
  comments: (schema) =>
    sql`select table_name, null as column_name from duckdb_tables()
     where database_name = current_database() and schema_name = ${schema} and comment is not null
     union all
     select view_name, null from duckdb_views()
     where database_name = current_database() and schema_name = ${schema} and comment is not null
     union all
     select table_name, column_name from duckdb_columns()
     where database_name = current_database() and schema_name = ${schema} and comment is not null`,
  maxCustomColumns: 1000,
  hiddenColumns: ['rowid'],
  analysis: duckdbAnalysis,
  isEngine: true,
  spaces: `select schema_name as name from information_schema.schemata
     union select database_name from duckdb_databases()`,
  widen(column, from, to) {
    if (to === 'json') return `to_json(${column})`
    // A whole number that had become a double is written as it came: 3, not 3.0.
    if (to === 'text' && from === 'double') {
      return `case when ${column} = trunc(${column}) and abs(${column}) <= 9007199254740992 then ${column}::bigint::varchar else ${column}::varchar end`
    }
    return `${column}::${this.typeName[to]}`
  },
}

interface SessionParts {
  readonly connection: DuckDBConnection
  readonly engine: Engine
  readonly names: SchemaNames
  readonly interrupter: Interrupter
  /** Refuses a statement of a person whose functions do more than read the warehouse. */
  readonly admit: (statement: string) => Promise<void>
  readonly isLive: boolean
  readonly progress: HeldProgress
}

function session({ connection, engine, names, interrupter, admit, isLive, progress }: SessionParts): Session {
  const db = new Kysely<StateDatabase>({ dialect: duckdbDialect(connection, interrupter) }).withSchema(
    names.sync,
  )
  const transaction = transactionIn(db, (trx) => transactionOf(trx, names, progress), engine)
  const query = { connection, interrupter, admit }
  return {
    db,
    tables: db,
    names,
    dialect: duckdbTables,
    transaction,
    replaceView: (view, select, andThen) =>
      transaction(async (tx) => {
        await sql.raw(`create or replace view ${view} as\n${select}`).execute(tx.db)
        await andThen(tx)
      }),
    async select(statement) {
      const { engine: rows, ...selection } = await queryDuckdb(query, statement, duckdbSelected)
      // A host's instance reads no file of ours.
      return isLive ? selection : { ...selection, engine: rows }
    },
    print: (statement) => queryDuckdb(query, statement, duckdbPrinted),
    files: {
      copyTo: (target) => copyDuckdb(connection, names, target),
      unload: (wanted) => unloadDuckdb(connection, wanted),
    },
  }
}

function transactionOf(db: Transaction<StateDatabase>, names: SchemaNames, progress: HeldProgress): Tx {
  const run = (statement: string) => runOn(db, statement)
  const append: Tx['append'] = (table, rows, onRows) => {
    progress.writtenBytes += rows.chunks.reduce((sum, { bytes }) => sum + bytes, 0)
    return appendTo(db)(table, rows, onRows)
  }
  return {
    db,
    tables: db,
    names,
    dialect: duckdbTables,
    append,
    appendQuery: (table, columns, select) =>
      run(`insert into ${table} (${columns.map(quoted).join(', ')}) ${select}`),
    upsert: (table, upsert) => upsertIntoDuckdb({ tables: db, append }, table, upsert),
    async createTable(table, columns) {
      await run(`create table if not exists ${table} ${columnDefinitions(columns, duckdbTables)}`)
    },
    async alterTable(table, change) {
      for (const alteration of alterations(change, duckdbTables))
        await run(`alter table ${table} ${alteration}`)
    },
    async reserve() {},
    copied: async (_columns, select) => sql`(${select})`,
    async stage(_columns, select) {
      await run(`create or replace temp table staging as ${select}`)
      return sql.table('temp.staging')
    },
    async analyze() {},
  }
}
