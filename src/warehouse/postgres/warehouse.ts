/** A Postgres database (or the pool of a host application) as warehouse. */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'kysely'
import type { ClientBase, Pool } from 'pg'
import { firstOf, InterruptedError } from '../../errors.ts'
import { makeFolder } from '../../folders.ts'
import { postgresAnalysis } from '../analysis.ts'
import { Engine } from '../engine.ts'
import { removeSpool } from '../load/spool.ts'
import { migrate } from '../migrations.ts'
import { type Dialect, type Session, schemaNames, type UseOptions, type Warehouse } from '../session.ts'
import { quoted } from '../sql.ts'
import { alterations, keyExpressions } from '../tables.ts'
import { type HeldClient, holdClient, type Settings } from './client.ts'
import { copyRows } from './copy.ts'
import { CsvWriter, csvExpression } from './csv.ts'
import { explained, isConnectionLost, isLockTimeout, isRefusedValue } from './errors.ts'
import { convertJson, isBeyondNumeric } from './jsonb.ts'
import { type JobLock, tableLock, takeSessionLock } from './lock.ts'
import { paceBook } from './pace.ts'
import { printFromPostgres } from './print.ts'
import { takeRowLock } from './row-lock.ts'
import { selectFromPostgres } from './select.ts'
import { type Environment, type PostgresConfig, PostgresServer } from './server.ts'
import { makeWorkDirectory } from './spool.ts'
import { indexed, isColumn, upsertIntoPostgres } from './upsert.ts'
import { replaceView, withoutViews } from './views.ts'
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
  /** For PGHOST, PGPASSWORD, PGSSLMODE … where the address leaves them open. */
  readonly environment?: Environment | undefined
}

/** How often a piece of work is begun anew after its connection broke. */
const attempts = 5
/** How long an alteration waits for readers to end, and lets new ones pass in between. */
const alterWaitMs = 1_000
const alterPauseMs = 1_500
const alterPatienceMs = 120_000

/** Opens a Postgres warehouse. The server itself is asked only by `use` and `lock`. */
export async function openPostgres(options: PostgresOptions): Promise<Warehouse> {
  const server = new PostgresServer(options.source, options.schema, options.environment)
  const workDirectory = await makeWorkDirectory(options.spoolDirectory, server.target)
  const spoolDirectory = join(workDirectory, 'spool')
  await makeFolder(spoolDirectory)
  const engine = await Engine.create({
    directory: join(workDirectory, 'tmp'),
    memoryLimit: options.memoryLimit,
    threads: options.threads,
  })
  const writer = new CsvWriter(engine, workDirectory)
  const settings = sessionSettings(options.source)
  const names = schemaNames(options.schema)
  const locks = new Set<JobLock>()

  async function useOnce<T>(work: (session: Session) => Promise<T>, { signal, isGuarded }: UseOptions) {
    const onBegin = async (client: ClientBase) => {
      for (const lock of locks) await lock.ensureHeld(client)
    }
    await using held = await holdClient(server, {
      settings,
      signal,
      isGuarded: isGuarded ?? false,
      onBegin,
    })
    return await work(session({ held, writer, server, signal, queryRole: options.queryRole }))
  }

  async function use<T>(work: (session: Session) => Promise<T>, useOptions: UseOptions = {}): Promise<T> {
    const { signal, isRepeatable } = useOptions
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await useOnce(work, useOptions)
      } catch (caught) {
        const error = firstOf(caught)
        if (signal?.aborted) throw new InterruptedError(undefined, { cause: error })
        const again = isRepeatable && attempt < attempts && isConnectionLost(error)
        if (!again) throw explained(error, server.target)
      }
    }
  }

  async function takeLock(job: string): Promise<JobLock> {
    await server.meet()
    if (!server.isPooled) return takeSessionLock(server, options.schema, job)
    // The row needs its table.
    await use(migrate)
    return takeRowLock(server, names.sync, job)
  }

  return {
    engine,
    dialect,
    names,
    spoolDirectory,
    use,
    async lock(job) {
      const lock = await takeLock(job)
      locks.add(lock)
      return {
        async [Symbol.asyncDispose]() {
          locks.delete(lock)
          await lock[Symbol.asyncDispose]()
        },
      }
    },
    paceBook: paceBook(server, names.sync),
    async watch(tables, onChange) {
      await server.meet()
      // A pooler hears no NOTIFY for its clients.
      if (server.isPooled) return { async [Symbol.asyncDispose]() {} }
      return watchTables(server, names.sync, tables, onChange)
    },
    async [Symbol.asyncDispose]() {
      await writer[Symbol.asyncDispose]()
      await engine[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
      await removeSpool(workDirectory)
    },
  }
}

const dialect: Dialect = {
  typeName: {
    boolean: 'boolean',
    bigint: 'bigint',
    double: 'double precision',
    timestamptz: 'timestamptz',
    text: 'text',
    // jsonb, not json: without an operator for equality `select distinct`, `group by` and `union` would fail upon every
    // view. Digits stay; of members of one name within one object the last stays.
    json: 'jsonb',
  },
  refusesNul: true,
  refusesNumber: isBeyondNumeric,
  altersFirst: true,
  addsConstraints: true,
  // 1,600 is Postgres's own limit. A row in which nearly all of a thousand are filled may not fit its page of 8,160
  // bytes: COPY refuses it then, and the careful path puts what finds no room into `_extra`.
  maxCustomColumns: 1000,
  rowBytes: 7_800,
  // An entry of an index takes a third of its page at most: 2,704 bytes with what else is in it.
  keyBytes: 2_600,
  maxBytes: 63,
  analysis: postgresAnalysis,
  hiddenColumns: ['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid'],
  widen(column, from, to) {
    if (to === 'json') return `to_jsonb(${column})`
    // A whole number that had become a double is written as it came: 1500000000000000, not 1.5e+15.
    if (to === 'text' && from === 'double') {
      return `case when ${column} = trunc(${column}) and abs(${column}) <= 9007199254740992 then ${column}::bigint::text else ${column}::text end`
    }
    return `${column}::${this.typeName[to]}`
  },
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

interface SessionContext {
  readonly held: HeldClient
  readonly writer: CsvWriter
  readonly server: PostgresServer
  readonly signal: AbortSignal | undefined
  readonly queryRole: string | undefined
}

function session({ held, writer, server, signal, queryRole }: SessionContext): Session {
  const names = schemaNames(server.target.schema)
  const db = held.db.withSchema(names.sync)

  /** What Postgres refuses to hold is told apart from faults: the careful path may find another type for it. */
  const refusing = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      throw isRefusedValue(error) ? explained(error, server.target) : error
    }
  }
  const copy = (
    table: string,
    columns: readonly string[],
    selects: readonly string[],
    onRows?: (rows: number) => void,
  ) => {
    const context = { client: held.client, writer, onRows, signal }
    return refusing(() => copyRows({ table, columns, selects }, context))
  }
  const append: Session['append'] = (_trx, table, rows, onRows) => {
    const names = rows.columns.map(({ name }) => name)
    const expressions = rows.columns.map(csvExpression)
    const selects = rows.chunks.map(
      (chunk) => `select ${expressions.join(', ')} from (${rows.select([chunk])})`,
    )
    return copy(table, names, selects, onRows)
  }
  const createStaging: Session['createStaging'] = async (trx, columns) => {
    const list = columns.map(({ name, type }) => `${quoted(name)} ${dialect.typeName[type]}`).join(', ')
    await sql.raw('drop table if exists pg_temp.staging').execute(trx)
    await sql.raw(`create temp table staging (${list}) on commit drop`).execute(trx)
    return 'pg_temp.staging'
  }
  const alter: Session['alter'] = async (work) => {
    for (let waitedMs = 0; ; waitedMs += alterWaitMs + alterPauseMs) {
      try {
        return await db.transaction().execute(async (trx) => {
          await sql.raw(`set local lock_timeout = ${alterWaitMs}`).execute(trx)
          return await work(trx)
        })
      } catch (error) {
        if (!isLockTimeout(error) || waitedMs >= alterPatienceMs) throw error
      }
      await delay(alterPauseMs, undefined, signal && { signal })
    }
  }

  return {
    db,
    names,
    dialect,
    append,
    appendQuery: (_trx, table, columns, select) => copy(table, columns, [select]),
    upsert: (trx, table, upsert) =>
      refusing(() => upsertIntoPostgres({ append, createStaging }, trx, table, upsert)),
    modernize: () => convertJson(db, { names, alter }),
    async createKey(trx, table, stream) {
      if (stream.replication === 'append') {
        // Windows are deleted by time. Events come nearly in order of time, so this index of a few pages finds them.
        const column = quoted(stream.bookmark as string)
        await sql
          .raw(`create index on ${table} using brin (${column}) with (autosummarize = on)`)
          .execute(trx)
        return
      }
      const key = keyExpressions(stream)
      await sql
        .raw(
          key.every(isColumn)
            ? `alter table ${table} add primary key (${key.join(', ')})`
            : `create unique index on ${table} (${key.map(indexed).join(', ')})`,
        )
        .execute(trx)
    },
    async alterTable(trx, table, change) {
      const alter = async () => {
        await sql.raw(`alter table ${table} ${alterations(change, dialect).join(', ')}`).execute(trx)
      }
      const widened = change.widened.map(({ column }) => column.name)
      if (widened.length === 0) await alter()
      else await withoutViews(trx, table, { columns: widened }, alter)
    },
    replaceView: (view, select, andThen) => replaceView(alter, view, select, andThen),
    alter,
    async reserve(trx, table) {
      await sql.raw(tableLock(table)).execute(trx)
    },
    createStaging,
    print: (statement) => printFromPostgres(held, statement, queryRole),
    select: (query) => selectFromPostgres(held, query, queryRole),
    async forBulk(trx) {
      // Without statistics a table counts as nearly empty, and a nested loop over two of a hundred thousand rows as cheap.
      await sql.raw(`set local enable_nestloop = off`).execute(trx)
      await sql.raw(`set local jit = off`).execute(trx)
      // Large joins spill otherwise; more is the business of whoever runs the server.
      await sql
        .raw(
          `select set_config('work_mem', '64MB', true) where pg_size_bytes(current_setting('work_mem')) < 64 * 1024 * 1024`,
        )
        .execute(trx)
    },
    async analyze(trx, table) {
      await sql.raw(`analyze ${table}`).execute(trx)
    },
    async ensureIndex(table, columns) {
      const name = `${table}_${columns.join('_')}`.slice(0, 63)
      // `if not exists` alone would wait for whoever is writing to the table before it looks.
      const { rows } = await sql<{ known: string | null }>`
        select to_regclass(${`${quoted(names.sync)}.${quoted(name)}`})::text as known`.execute(db)
      if (rows[0]?.known) return
      await sql
        .raw(
          `create index if not exists ${quoted(name)} on ${quoted(names.sync)}.${quoted(table)} (${columns.map(quoted).join(', ')})`,
        )
        .execute(db)
    },
  }
}
