/** A Postgres database (or the pool of a host application) as warehouse. */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'kysely'
import type { ClientBase, Pool } from 'pg'
import type { Environment } from '../../config/interpolate.ts'
import { Engine } from '../../engine/engine.ts'
import { firstOf, InterruptedError } from '../../errors.ts'
import { makeFolder } from '../../folders.ts'
import { removeSpool } from '../../spool/spool.ts'
import { Migrations } from '../migrations.ts'
import { schemaNames } from '../schema-names.ts'
import type { Session, UseOptions, Warehouse } from '../session.ts'
import type { StreamLocks } from '../stream-locks.ts'
import { transact, transactionIn } from '../transaction.ts'
import type { PostgresConfig } from './address.ts'
import { holdClient } from './client.ts'
import { isConnectionLost, isLockTimeout } from './codes.ts'
import { CsvWriter } from './csv.ts'
import { postgresTables } from './dialect.ts'
import { explained } from './errors.ts'
import { factsOf } from './facts.ts'
import { buildIndexes } from './indexes.ts'
import { convertJson } from './jsonb.ts'
import { type JobLock, takeSessionLock } from './lock.ts'
import { paceBook } from './pace.ts'
import { partitionTables } from './partition-tables.ts'
import { countParts, dropPartsBefore } from './partitions.ts'
import { postgresPrinted } from './print.ts'
import { queryPostgres } from './query.ts'
import { admitReaders } from './readers.ts'
import { takeRowLock } from './row-lock.ts'
import { postgresSelected } from './select.ts'
import { PostgresServer } from './server.ts'
import { copyPostgres, unloadPostgres } from './snapshot.ts'
import { makeWorkDirectory } from './spool.ts'
import { takeStreamLocks } from './stream-locks.ts'
import { takeStreamRows } from './stream-rows.ts'
import type { Settings } from './transactions.ts'
import { postgresTx, type TransactionContext } from './tx.ts'
import { vacuum } from './vacuum.ts'
import { replaceView } from './views.ts'
import { watchTables } from './watch.ts'

export interface PostgresOptions {
  /** The `warehouse` part of the configuration, or the host application's live pool. */
  readonly source: PostgresConfig | Pool
  readonly schema: string
  readonly memoryLimit?: string | undefined
  readonly threads?: number | undefined
  /** Where the spool goes instead of the temporary folder of the system. */
  readonly spoolDirectory?: string | undefined
  /** Queries of people run with the rights of this role. */
  readonly queryRole?: string | undefined
  /** `exports.allow_external_access`: they may name what reads files and asks other servers. */
  readonly allowsExternalAccess?: boolean | undefined
  /** Roles that may read all that is ours. */
  readonly readers?: readonly string[] | undefined
  /** Event tables get indexes for looking things up. */
  readonly indexes?: boolean | undefined
  /** New tables of events are kept in parts, one for each month. */
  readonly isPartitioned?: boolean | undefined
  /** The setting that has the address, for messages; `warehouse.url` without it. */
  readonly setting?: string | undefined
  /** Several syncs may work on it at once, each on streams of its own. */
  readonly sharesSyncs?: boolean | undefined
  /** `EngineOptions.trustsExtensions`. */
  readonly trustsExtensions?: boolean | undefined
  /** For PGHOST, PGPASSWORD, PGSSLMODE … where the address leaves them open. */
  readonly environment?: Environment | undefined
}

/** How often a piece of work is begun anew after its connection broke. */
const attempts = 5
/** How long an alteration waits for readers to end, and lets new ones pass in between. */
const alterWaitMs = 1_000
const alterPauseMs = 1_500
const alterPatienceMs = 120_000

export interface PostgresWarehouse extends Warehouse {
  /** True where a pooler in transaction mode stands before the server. */
  isPooled(): Promise<boolean>
}

/** Opens a Postgres warehouse. The server itself is asked only by `use` and `lock`. */
export async function openPostgres(options: PostgresOptions): Promise<PostgresWarehouse> {
  const server = new PostgresServer(options.source, options.schema, options.environment, options.setting)
  const workDirectory = await makeWorkDirectory(options.spoolDirectory, server.target)
  const spoolDirectory = join(workDirectory, 'spool')
  await makeFolder(spoolDirectory)
  const engine = await Engine.create({
    directory: join(workDirectory, 'tmp'),
    memoryLimit: options.memoryLimit,
    threads: options.threads,
    trustsExtensions: options.trustsExtensions,
  })
  const writer = new CsvWriter(engine, workDirectory)
  const settings = sessionSettings(options.source)
  const timeoutMs = 'connect' in options.source ? undefined : options.source.statement_timeout
  const names = schemaNames(options.schema)
  const locks = new Set<JobLock>()
  const migrations = new Migrations()

  async function useOnce<T>(work: (session: Session) => Promise<T>, useOptions: UseOptions) {
    const { signal, isGuarded } = useOptions
    const onBegin = async (client: ClientBase) => {
      for (const lock of locks) await lock.ensureHeld(client)
    }
    await using held = await holdClient(server, {
      settings,
      signal,
      isGuarded: isGuarded ?? false,
      onBegin,
    })
    const isPartitioned = options.isPartitioned ?? false
    const one = session({ held, writer, server, signal, engine, isPartitioned, workDirectory, options })
    await migrations.apply(one, useOptions)
    return await work(one)
  }

  async function use<T>(work: (session: Session) => Promise<T>, useOptions: UseOptions = {}): Promise<T> {
    const { signal, isRepeatable } = useOptions
    const sinceMs = performance.now()
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await useOnce(work, useOptions)
      } catch (caught) {
        const error = firstOf(caught)
        if (signal?.aborted) throw new InterruptedError(undefined, { cause: error })
        const again = isRepeatable && attempt < attempts && isConnectionLost(error)
        if (again) continue
        const lastedMs = performance.now() - sinceMs
        const facts = await factsOf(error, server, {
          schemas: [names.streams, names.sync, names.views],
          timeoutMs,
          lastedMs,
        })
        throw explained(error, server.target, facts)
      }
    }
  }

  async function takeLock(job: string): Promise<JobLock> {
    await server.meet()
    if (!server.isPooled) return takeSessionLock(server, options.schema, job)
    // The row needs its table.
    await use(async () => {})
    return takeRowLock(server, names.sync, job)
  }

  /** Whoever works with the warehouse asks for the lock from now on; returns what ends that, and the lock. */
  function kept(lock: JobLock): () => Promise<void> {
    locks.add(lock)
    return async () => {
      locks.delete(lock)
      await lock[Symbol.asyncDispose]()
    }
  }

  return {
    engine,
    dialect: postgresTables,
    names,
    spoolDirectory,
    use,
    transaction: (work, useOptions) => transact({ use, engine }, work, useOptions),
    async lock(job) {
      const lock = await takeLock(job)
      return { [Symbol.asyncDispose]: kept(lock) }
    },
    ...(options.sharesSyncs && {
      async lockStreams(streams: readonly string[], runId: string): Promise<StreamLocks> {
        await server.meet()
        const lock = server.isPooled
          ? await takeStreamRows(server, names.sync, streams, runId)
          : await takeStreamLocks(server, options.schema, streams, runId)
        return { ...lock, [Symbol.asyncDispose]: kept(lock) }
      },
    }),
    async isPooled() {
      await server.meet()
      return server.isPooled
    },
    paceBook: paceBook(server, names.sync),
    async watch(tables, onChange) {
      await server.meet()
      // A pooler hears no NOTIFY for its clients.
      if (server.isPooled) return { async [Symbol.asyncDispose]() {} }
      return watchTables(server, names.sync, tables, onChange)
    },
    upkeep: {
      scrub: (tables) => vacuum(server, tables),
      modernize: convertJson,
      admitReaders: ({ db }) => admitReaders(db, names, options.readers ?? []),
      async tendTables(tables, signal) {
        await use(({ db }) => countParts(db, names, tables), { signal, isReading: true })
        return options.indexes ? buildIndexes(server, names, tables, signal) : []
      },
      dropParts: ({ db }, table, before) => dropPartsBefore(db, table, before),
      partition: (request) => partitionTables({ use, names }, request),
    },
    async [Symbol.asyncDispose]() {
      await writer[Symbol.asyncDispose]()
      await engine[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
      await removeSpool(workDirectory)
    },
  }
}

/**
 * What may be set for a role or a database, and would change what we read or write. Not the search_path: the names in a
 * person's query are found as in any other program, and our own statements name their schemas.
 */
const pinnedSettings: Settings = {
  TimeZone: 'UTC',
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  // The shortest digits that mean the very number: at 0, 0.1 + 0.2 would be 0.3.
  extra_float_digits: '1',
  bytea_output: 'hex',
  xmlbinary: 'base64',
  client_encoding: 'UTF8',
  standard_conforming_strings: 'on',
  array_nulls: 'on',
  transform_null_equals: 'off',
  quote_all_identifiers: 'off',
  default_transaction_isolation: 'read committed',
  default_transaction_deferrable: 'off',
}

/** What a session relies on; a host's pool gets its own settings back. */
function sessionSettings(source: PostgresConfig | Pool): Settings {
  const { statement_timeout, lock_timeout } = 'connect' in source ? {} : source
  return {
    ...pinnedSettings,
    ...(statement_timeout !== undefined && { statement_timeout: `${statement_timeout}ms` }),
    ...(lock_timeout !== undefined && { lock_timeout: `${lock_timeout}ms` }),
  }
}

interface SessionContext extends TransactionContext {
  readonly workDirectory: string
  readonly options: Pick<PostgresOptions, 'queryRole' | 'allowsExternalAccess'>
}

function session(context: SessionContext): Session {
  const { held, server, signal, engine, workDirectory, options } = context
  const names = schemaNames(server.target.schema)
  const db = held.db.withSchema(names.sync)
  const once = transactionIn(db, (trx) => postgresTx(trx, context), engine)
  const transaction: Session['transaction'] = async (work, transactionOptions = {}) => {
    if (!transactionOptions.isAltering) return once(work, transactionOptions)
    for (let waitedMs = 0; ; waitedMs += alterWaitMs + alterPauseMs) {
      try {
        return await once(async (tx) => {
          await sql.raw(`set local lock_timeout = ${alterWaitMs}`).execute(tx.db)
          return await work(tx)
        }, transactionOptions)
      } catch (error) {
        if (!isLockTimeout(error) || waitedMs >= alterPatienceMs) throw error
      }
      await delay(alterPauseMs, undefined, signal && { signal })
    }
  }
  const snapshot = { held, engine, names, directory: workDirectory, signal }
  return {
    db,
    tables: db,
    names,
    dialect: postgresTables,
    transaction,
    replaceView: (view, select, andThen) => replaceView(transaction, view, select, andThen),
    select: (statement) => queryPostgres(held, options, statement, postgresSelected),
    print: (statement) => queryPostgres(held, options, statement, postgresPrinted),
    files: {
      copyTo: (target) => copyPostgres(snapshot, target),
      unload: (wanted) => unloadPostgres(snapshot, wanted),
    },
  }
}
