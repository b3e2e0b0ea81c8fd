/**
 * A lake as warehouse: stream tables, views and marts are DuckLake's (its catalogue in Postgres, its files in a folder or in
 * the storage of a cloud); our own tables are plain tables of the catalogue's database, with the Postgres side of all there
 * is: locks, leases, paces, LISTEN.
 *
 * A transaction spans the two. The lake commits first, then Postgres: a crash in between leaves rows that no bookmark
 * speaks of yet, and the next run, which begins from the bookmark, puts the same rows in their place.
 */
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { Kysely } from 'kysely'
import { Interrupter } from '../../engine/interrupter.ts'
import { duckdbDialect } from '../../engine/kysely.ts'
import { Turns } from '../../engine/turns.ts'
import type { StateDatabase } from '../../state/tables.ts'
import { postgresAnalysis } from '../analysis.ts'
import { runOn } from '../duckdb/append.ts'
import { duckdbPrinted } from '../duckdb/print.ts'
import { type DuckdbForm, queryDuckdb } from '../duckdb/query.ts'
import { duckdbSelected } from '../duckdb/select.ts'
import { unloadDuckdb } from '../duckdb/snapshot.ts'
import { duckdbTables } from '../duckdb/warehouse.ts'
import { Migrations } from '../migrations.ts'
import { postgresTables } from '../postgres/dialect.ts'
import { openPostgres } from '../postgres/warehouse.ts'
import { schemaNames } from '../schema-names.ts'
import type { Dialect, Session, UseOptions, Warehouse } from '../session.ts'
import type { Copied } from '../snapshot.ts'
import { quoted } from '../sql.ts'
import type { Statement } from '../statement.ts'
import { lockStreams } from '../stream-locks.ts'
import { transact, transactionIn } from '../transaction.ts'
import { again } from './again.ts'
import { LakeConnections } from './connections.ts'
import { explainedLake, isDisturbed, mayBeRepeated } from './errors.ts'
import { Lake, type LakeOptions } from './lake.ts'
import { twoLegged } from './legs.ts'
import { maintainLake } from './maintain.ts'
import { OneReader, openReader } from './reader.ts'
import { SchemaEngine } from './schema-engine.ts'
import { scrubLake } from './scrub.ts'
import { copyLake } from './snapshot.ts'
import { lakeTx } from './tx.ts'

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
    trustsExtensions: await lake.extensions.areChecked(),
  })
  const { engine } = state
  const connections = new LakeConnections(engine, lake, join(state.spoolDirectory, 'probe'))
  const schemas = new SchemaEngine(engine, lake, join(state.spoolDirectory, 'schemas'))
  const migrations = new Migrations()

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
          schemas,
          connection,
          interrupter,
          reader,
          directory: state.spoolDirectory,
          signal: useOptions.signal,
        })
        await migrations.apply(one, useOptions)
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
      throw explainedLake(error, lake)
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
    async lock(job) {
      // Behind a pooler a lock is a row of a table of ours.
      await use(async () => {}, { isRepeatable: true })
      return state.lock(job)
    },
    async lockStreams(streams, runId) {
      await use(async () => {}, { isRepeatable: true })
      return lockStreams(state, streams, runId)
    },
    ...(state.paceBook && { paceBook: state.paceBook }),
    watch: (tables, onChange) => state.watch(tables, onChange),
    upkeep: {
      async scrub(tables) {
        const ours = tables.filter((table) => !table.startsWith(`${quoted(names.sync)}.`))
        const stays = await repeating(
          (one) => scrubLake(one, lake, ours),
          {},
          () => false,
        )
        const others = tables.filter((table) => !ours.includes(table))
        return [...stays, ...(await state.upkeep.scrub(others))]
      },
      maintain: (request) => maintainLake({ use, engine, lake }, request),
    },
    async [Symbol.asyncDispose]() {
      connections.close()
      schemas.close()
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
  /** Where tables and views are made and changed. */
  readonly schemas: SchemaEngine
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
  { lake, schemas, connection, interrupter, reader, directory, signal }: SessionParts,
): Session {
  const { names } = lake
  const rows = duckdbDialect(connection, interrupter)
  const tables = new Kysely<StateDatabase>({ dialect: rows })
  const changing = new Kysely<StateDatabase>({ dialect: twoLegged(rows, schemas) })
  const once: Session['transaction'] = (work, { isDryRun } = {}) =>
    own.transaction(
      (tx) =>
        // What is taken back as a whole has one leg: nothing of it is ever committed.
        transactionIn(isDryRun ? tables : changing, (trx) => lakeTx(tx, trx, { dialect, directory }))(work, {
          isDryRun,
        }),
      { isDryRun },
    )
  const transaction: Session['transaction'] = (work, options) =>
    options?.isAltering ? again(() => once(work, options), isDisturbed) : once(work, options)
  const query = async <Column, Value>(statement: Statement, form: DuckdbForm<Column, Value>) => {
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
    replaceView: (view, select, andThen) =>
      transaction(
        async (tx) => {
          await runOn(tx.tables, `create or replace view ${view} as\n${select}`)
          await andThen(tx)
        },
        { isAltering: true },
      ),
    select: (statement) => query(statement, duckdbSelected),
    print: (statement) => query(statement, duckdbPrinted),
    files: {
      copyTo: (target) => copyLake(own, connection, target),
      async unload(wanted) {
        const isOwn = ({ schema }: Copied) => schema === names.sync
        await own.files.unload(wanted.filter(isOwn))
        await unloadDuckdb(
          connection,
          wanted.filter((one) => !isOwn(one)),
        )
      },
    },
  }
}
