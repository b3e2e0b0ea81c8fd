/**
 * A lake as warehouse: stream tables, views and marts are DuckLake's (its catalogue in Postgres, its files in a folder or in
 * the storage of a cloud); our own tables are plain tables of the catalogue's database, with the Postgres side of all there
 * is: locks, leases, paces, LISTEN.
 *
 * A transaction spans the two. The lake commits first, then Postgres: a crash in between leaves rows that no bookmark
 * speaks of yet, and the next run, which begins from the bookmark, puts the same rows in their place.
 */
import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { Kysely, sql } from 'kysely'
import { Interrupter } from '../../engine/interrupter.ts'
import { duckdbDialect } from '../../engine/kysely.ts'
import { Turns } from '../../engine/turns.ts'
import type { StateDatabase } from '../../state/tables.ts'
import { postgresAnalysis } from '../analysis.ts'
import { appendTo, runOn } from '../duckdb/append.ts'
import { printed } from '../duckdb/print.ts'
import { type Form, queryDuckdb } from '../duckdb/query.ts'
import { selected } from '../duckdb/select.ts'
import { unloadDuckdb } from '../duckdb/snapshot.ts'
import { upsertIntoDuckdb } from '../duckdb/upsert.ts'
import { duckdbTables } from '../duckdb/warehouse.ts'
import { Upkeep } from '../migrations.ts'
import { postgresTables } from '../postgres/dialect.ts'
import { openPostgres } from '../postgres/warehouse.ts'
import type { Dialect, Session, Tx, UseOptions, Warehouse } from '../session.ts'
import { schemaNames } from '../session.ts'
import type { Copied } from '../snapshot.ts'
import { change, deleteBefore, literal, quoted } from '../sql.ts'
import type { Statement } from '../statement.ts'
import { lockStreams } from '../stream-locks.ts'
import { transact, transactionIn } from '../transaction.ts'
import { again } from './again.ts'
import { alterLakeTable } from './alter.ts'
import { LakeConnections } from './connections.ts'
import { explainedLake, isDisturbed, mayBeRepeated } from './errors.ts'
import { Lake, type LakeOptions } from './lake.ts'
import { maintainLake } from './maintain.ts'
import { OneReader, openReader } from './reader.ts'
import { scrubLake } from './scrub.ts'
import { copyLake } from './snapshot.ts'

export interface DucklakeOptions extends LakeOptions {
  readonly schema: string
  readonly memoryLimit?: string | undefined
  readonly threads?: number | undefined
  readonly spoolDirectory?: string | undefined
  /** Queries of people may read files and addresses. */
  readonly allowsExternalAccess?: boolean | undefined
}

/** Opens a lake. Neither its catalogue nor its files are touched before `use`. */
export async function openDucklake(options: DucklakeOptions): Promise<Warehouse> {
  const { schema, memoryLimit, threads, spoolDirectory, environment } = options
  const names = schemaNames(schema)
  const lake = new Lake(options, names)
  const state = await openPostgres({
    source: { url: options.catalog },
    setting: 'warehouse.catalog',
    schema,
    memoryLimit,
    threads,
    spoolDirectory,
    environment,
    sharesSyncs: true,
  })
  const { engine } = state
  const connections = new LakeConnections(engine, lake)
  const upkeep = new Upkeep()

  const turns = new Turns()
  /** A session has a backend of its own for each of the two systems: behind a pooler that has few, they would wait for each other. */
  const useOnce = async <T>(
    work: (session: Session) => Promise<T>,
    useOptions: UseOptions = {},
  ): Promise<T> =>
    (await state.isPooled()) ? turns.take(() => useNow(work, useOptions)) : useNow(work, useOptions)
  const useNow = <T>(work: (session: Session) => Promise<T>, useOptions: UseOptions): Promise<T> =>
    state.use(
      async (own) => {
        await using held = await connections.hold(own, useOptions)
        using interrupter = new Interrupter(held.connection, useOptions.signal)
        await using reader = new OneReader(() =>
          openReader({
            lake,
            engine,
            isEmpty: held.isEmpty,
            threads: threads ?? 1,
            directory: state.spoolDirectory,
            allowsExternalAccess: options.allowsExternalAccess ?? false,
          }),
        )
        const { connection } = held
        const one = session(own, {
          lake,
          connection,
          interrupter,
          reader,
          directory: state.spoolDirectory,
          signal: useOptions.signal,
        })
        await upkeep.of(one, useOptions)
        return await work(one)
      },
      { ...useOptions, isAsFound: true },
    )
  /** Begins work anew after errors of which `isAgain` says so. */
  const repeating = async <T>(
    work: (session: Session) => Promise<T>,
    useOptions: UseOptions,
    isAgain: (error: unknown) => boolean,
  ): Promise<T> => {
    try {
      return await again(() => useOnce(work, useOptions), isAgain, useOptions.signal)
    } catch (error) {
      throw explainedLake(error, lake.dataPath)
    }
  }
  const use = <T>(work: (session: Session) => Promise<T>, useOptions: UseOptions = {}): Promise<T> =>
    repeating(work, useOptions, (error) => useOptions.isRepeatable === true && mayBeRepeated(error))
  /** One transaction may always be done again of which nothing happened. */
  const useForOne = <T>(work: (session: Session) => Promise<T>, useOptions: UseOptions = {}): Promise<T> =>
    repeating(work, useOptions, useOptions.isRepeatable ? mayBeRepeated : isDisturbed)

  return {
    engine,
    dialect,
    names,
    use,
    spoolDirectory: state.spoolDirectory,
    transaction: (work, useOptions) => transact({ use: useForOne, engine }, work, useOptions),
    async scrub(tables) {
      const ours = tables.filter((table) => !table.startsWith(`${quoted(names.sync)}.`))
      const stays = await useOnce((one) => scrubLake(one, lake, ours))
      return [...stays, ...(await state.scrub(tables.filter((table) => !ours.includes(table))))]
    },
    async lock(job) {
      // Behind a pooler a lock is a row of a table of ours.
      await use(async () => {}, { isRepeatable: true })
      return state.lock(job)
    },
    async lockStreams(streams, runId) {
      await use(async () => {}, { isRepeatable: true })
      return lockStreams(state, streams, runId)
    },
    maintain: (request) => maintainLake({ use, engine, lake }, request),
    ...(state.paceBook && { paceBook: state.paceBook }),
    watch: (tables, onChange) => state.watch(tables, onChange),
    async [Symbol.asyncDispose]() {
      connections.close()
      await state[Symbol.asyncDispose]()
    },
  }
}

const dialect: Dialect = {
  ...duckdbTables,
  // The least and the largest value of a column stand in the catalogue, and Postgres has no U+0000.
  refusesNul: true,
  altersFirst: true,
  keepsIndexes: true,
  sha256: postgresAnalysis.sha256,
  among: postgresTables.among,
  describesColumns: false,
  hiddenColumns: ['rowid', 'snapshot_id', 'filename', 'file_row_number', 'file_index'],
}

interface SessionParts {
  readonly lake: Lake
  readonly connection: DuckDBConnection
  readonly interrupter: Interrupter
  /** For files on their way. */
  readonly directory: string
  /** Where statements of people run. */
  readonly reader: OneReader
  readonly signal: AbortSignal | undefined
}

function session(
  own: Session,
  { lake, connection, interrupter, reader, directory, signal }: SessionParts,
): Session {
  const { names } = lake
  const tables = new Kysely<StateDatabase>({ dialect: duckdbDialect(connection, interrupter) })
  const transaction: Session['transaction'] = (work, options) =>
    own.transaction(
      (tx) => transactionIn(tables, (trx) => transactionOf(tx, trx, directory))(work, options),
      options,
    )
  const alter: Session['alter'] = (work) =>
    again(async () => {
      // Views may read tables of Postgres, of which DuckDB knows what it saw first.
      await connection.run('call pg_clear_cache()')
      return transaction(work)
    }, isDisturbed)
  const query = async <Column, Value>(statement: Statement, form: Form<Column, Value>) => {
    const { connection, admit } = await reader.get()
    return queryDuckdb(
      { connection, admit, interrupter: new Interrupter(connection, signal) },
      statement,
      form,
    )
  }
  return {
    db: own.db,
    tables,
    names,
    dialect,
    transaction,
    alter,
    replaceView: (view, select, andThen) =>
      alter(async (tx) => {
        await runOn(tx.tables, `create or replace view ${view} as\n${select}`)
        await andThen(tx)
      }),
    modernize: async () => [],
    async admitReaders() {},
    copyTo: (target) => copyLake(own, connection, target),
    async unload(wanted) {
      const isOwn = ({ schema }: Copied) => schema === names.sync
      await own.unload(wanted.filter(isOwn))
      await unloadDuckdb(
        connection,
        wanted.filter((one) => !isOwn(one)),
      )
    },
    select: (statement) => query(statement, selected),
    print: (statement) => query(statement, printed),
  }
}

/** A transaction of Postgres, and within it one of the lake, which is the first to commit. */
function transactionOf(own: Tx, tables: Tx['tables'], directory: string): Tx {
  const { names } = own
  const append = appendTo(tables)
  const copies = new Set<string>()
  /** By way of a file: what this transaction has changed in the lake is seen by nobody else. */
  const insertFrom: Tx['insertFrom'] = async (table, columns, select) => {
    const file = join(directory, `${randomUUID()}.parquet`)
    try {
      await sql`copy (${select}) to ${file} (format parquet)`.execute(tables)
      const names = columns.map(quoted).join(', ')
      await own.appendQuery(table, columns, `select ${names} from (from ${literal(file)}) as rows(${names})`)
    } finally {
      await rm(file, { force: true })
    }
  }
  return {
    ...own,
    tables,
    dialect,
    append,
    upsert: (table, upsert) => upsertIntoDuckdb({ tables, append }, table, upsert),
    async createKey(table, stream) {
      if (stream.replication !== 'append') return
      // Windows are deleted by time, and marts read some months of many.
      const time = quoted(stream.bookmark as string)
      await runOn(tables, `alter table ${table} set partitioned by (year(${time}), month(${time}))`)
      await runOn(tables, `alter table ${table} set sorted by (${time})`)
    },
    dropBefore: (table, column, before) => change(tables, deleteBefore(table, column, before)),
    alterTable: (table, change) => alterLakeTable({ tables, names, dialect }, table, change),
    insertFrom,
    async analyze(table) {
      if (table.startsWith(`${quoted(names.sync)}.`)) await own.analyze(table)
    },
    async copied(table, columns) {
      const copy = sql.table('pg_temp.copied')
      if (copies.has(table)) return copy
      copies.add(table)
      const list = columns.map((name) => `${quoted(name)} text`).join(', ')
      await sql.raw(`create temp table copied (${list}) on commit drop`).execute(own.db)
      const read = sql.raw(`select ${columns.map(quoted).join(', ')} from ${table}`)
      await insertFrom('pg_temp.copied', columns, read)
      return copy
    },
  }
}
