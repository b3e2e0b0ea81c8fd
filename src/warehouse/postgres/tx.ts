/** One transaction of Postgres: rows by COPY, keys by indexes, views out of the way while columns change. */
import { sql, type Transaction } from 'kysely'
import type { Stream } from '../../catalog/index.ts'
import type { Engine } from '../../engine/engine.ts'
import type { StateDatabase } from '../../state/tables.ts'
import { schemaNames } from '../schema-names.ts'
import type { Tx } from '../session.ts'
import { quoted } from '../sql.ts'
import { alterations, columnDefinitions, keyExpressions } from '../tables.ts'
import type { HeldClient } from './client.ts'
import { isRefusedValue } from './codes.ts'
import { copyRows } from './copy.ts'
import { type CsvWriter, csvExpression } from './csv.ts'
import { postgresTables } from './dialect.ts'
import { explained } from './errors.ts'
import { tableLock } from './lock.ts'
import { makeRoom, partitionedBy } from './partitions.ts'
import type { PostgresServer } from './server.ts'
import { type CreateStaging, indexed, isColumn, upsertIntoPostgres } from './upsert.ts'
import { withoutViews } from './views.ts'

export interface TransactionContext {
  readonly held: HeldClient
  readonly writer: CsvWriter
  readonly server: PostgresServer
  readonly signal: AbortSignal | undefined
  readonly engine: Engine
  /** New tables of events are kept in parts. */
  readonly isPartitioned: boolean
}

export function postgresTx(
  db: Transaction<StateDatabase>,
  { held, writer, server, signal, engine, isPartitioned }: TransactionContext,
): Tx {
  const names = schemaNames(server.target.schema)

  /** What Postgres refuses to hold is told apart from faults: the careful path may find another type for it. */
  const refusing = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      throw isRefusedValue(error) ? explained(error, server.target) : error
    }
  }
  const run = async (statement: string) => {
    await sql.raw(statement).execute(db)
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
  const append: Tx['append'] = async (table, rows, onRows) => {
    if (rows.chunks.length > 0) await refusing(() => makeRoom({ db, tables: db, names }, table, rows, engine))
    const columns = rows.columns.map(({ name }) => name)
    const expressions = rows.columns.map(csvExpression)
    const selects = rows.chunks.map(
      (chunk) => `select ${expressions.join(', ')} from (${rows.select([chunk])})`,
    )
    return copy(table, columns, selects, onRows)
  }
  const createStaging: CreateStaging = async (columns) => {
    const list = columns
      .map(({ name, type }) => `${quoted(name)} ${postgresTables.typeName[type]}`)
      .join(', ')
    await run(`drop table if exists pg_temp.staging; create temp table staging (${list}) on commit drop`)
    return 'pg_temp.staging'
  }

  return {
    db,
    tables: db,
    names,
    dialect: postgresTables,
    append,
    appendQuery: (table, columns, select) => copy(table, columns, [select]),
    upsert: (table, upsert) =>
      refusing(() => upsertIntoPostgres({ db, append }, createStaging, table, upsert)),
    async createTable(table, columns, stream) {
      const parts = isPartitioned && stream.replication === 'append' ? partitionedBy(stream) : ''
      await run(`create table if not exists ${table} ${columnDefinitions(columns, postgresTables)}${parts}`)
      await run(keyOf(table, stream))
    },
    async alterTable(table, change) {
      const alter = () => run(`alter table ${table} ${alterations(change, postgresTables).join(', ')}`)
      const widened = change.widened.map(({ column }) => column.name)
      if (widened.length === 0) await alter()
      else await withoutViews(db, table, { columns: widened, remade: names.views }, alter)
    },
    reserve: (table) => run(tableLock(table)),
    copied: async (_columns, select) => sql`(${select})`,
    async stage(columns, select) {
      // Without statistics a table counts as nearly empty, and a nested loop over two of a hundred thousand rows as cheap.
      // Large joins spill with less memory; more is the business of whoever runs the server.
      await run(
        `select set_config('enable_nestloop', 'off', true), set_config('jit', 'off', true),
           case when pg_size_bytes(current_setting('work_mem')) < 64 * 1024 * 1024
             then set_config('work_mem', '64MB', true) end`,
      )
      const staging = await createStaging(columns)
      await copy(
        staging,
        columns.map(({ name }) => name),
        [select],
      )
      return sql.table(staging)
    },
    analyze: (table) => run(`analyze ${table}`),
  }
}

/** The statement that gives a table of a stream its key. */
export function keyOf(table: string, stream: Stream): string {
  if (stream.replication === 'append') {
    // Windows are deleted by time. Events come nearly in order of time, so this index of a few pages finds them.
    const column = quoted(stream.bookmark as string)
    return `create index on ${table} using brin (${column}) with (autosummarize = on)`
  }
  const key = keyExpressions(stream)
  return key.every(isColumn)
    ? `alter table ${table} add primary key (${key.join(', ')})`
    : `create unique index on ${table} (${key.map(indexed).join(', ')})`
}
