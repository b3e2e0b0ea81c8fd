/**
 * Queries of people on DuckDB. The statement must be one SELECT by DuckDB's own parser (or an explanation of one, where its
 * rows are shown), and runs in a transaction that was begun read-only, so that nothing it calls (nextval, a macro) can write
 * to the warehouse. What it could reach beside the warehouse is the matter of guard.ts.
 */
import { type DuckDBConnection, type DuckDBType, type DuckDBValue, StatementType } from '@duckdb/node-api'
import type { Interrupter } from '../../engine/interrupter.ts'
import { wholeStream } from '../../engine/stream.ts'
import { ConfigError, messageOf } from '../../errors.ts'
import type { Rows } from '../select.ts'
import { refusedQuery, type Statement, wrongQuery } from '../statement.ts'
import { isAccessRefusal, refusedAccess } from './guard.ts'

/** What becomes of the columns of a result, and of their values. */
export interface Form<Column, Value> {
  column(name: string, type: DuckDBType): Column
  /** How a value that is not NULL is read. */
  reader(type: DuckDBType): (value: DuckDBValue) => Value
}

export interface Query {
  readonly connection: DuckDBConnection
  /** Ends the query when the user asks to stop. */
  readonly interrupter: Interrupter
  /** Refuses a statement whose functions do more than read the warehouse. */
  readonly admit: (query: string) => Promise<void>
}

/** Begins a query, see `Session.select` and `Session.print`. */
export async function queryDuckdb<Column, Value>(
  { connection, interrupter, admit }: Query,
  statement: Statement,
  form: Form<Column, Value>,
): Promise<Rows<Column, Value | null>> {
  const ended = interrupter.begin()
  const end = async () => {
    ended()
    await rollBack(connection)
  }
  try {
    await connection.run('begin transaction read only')
    const result = await start(connection, statement, admit)
    const types = result.columnTypes()
    const readers = types.map((type) => form.reader(type))
    const read = (row: readonly DuckDBValue[]) =>
      row.map((value, index) => (value === null ? null : (readers[index] as (typeof readers)[0])(value)))
    return {
      columns: result.columnNames().map((name, index) => form.column(name, types[index] as DuckDBType)),
      rows: (async function* () {
        try {
          const portions = wholeStream(connection, statement.query, result.yieldRows())
          for await (const rows of portions) yield rows.map(read)
        } catch (error) {
          throw explained(error)
        }
      })(),
      [Symbol.asyncDispose]: end,
    }
  } catch (error) {
    await end()
    throw explained(error)
  }
}

async function start(
  connection: DuckDBConnection,
  { text, query, values = [] }: Statement,
  admit: (query: string) => Promise<void>,
) {
  const prepare = async (one: string, kind: StatementType) => {
    const statements = await connection.extractStatements(one)
    if (statements.count !== 1) throw refusedQuery(`it holds ${statements.count} statements`)
    // Before it is bound: some functions act then.
    if (kind === StatementType.SELECT) await admit(one)
    const prepared = await statements.prepare(0)
    const { statementType } = prepared
    if (statementType !== kind) {
      throw refusedQuery(`it is a statement of the kind ${StatementType[statementType]}`)
    }
    return prepared
  }
  const select = await prepare(query, StatementType.SELECT)
  const prepared = text === query ? select : await prepare(text, StatementType.EXPLAIN)
  if (values.length > 0) prepared.bind(values as DuckDBValue[])
  return prepared.stream()
}

function explained(error: unknown): unknown {
  if (error instanceof ConfigError) return error
  const message = messageOf(error)
  if (/launched in read-only mode|attached in read-only mode/.test(message)) {
    return refusedQuery('it writes', error)
  }
  if (isAccessRefusal(error)) return refusedAccess('it reads files', error)
  return /(Parser|Binder|Catalog|Conversion|Invalid Input|Permission) Error/.test(message)
    ? wrongQuery(error)
    : error
}

async function rollBack(connection: DuckDBConnection): Promise<void> {
  try {
    await connection.run('rollback')
  } catch (error) {
    // Some failures end the transaction by themselves.
    if (!/no transaction is active/.test(messageOf(error))) throw error
  }
}
