/**
 * Queries of people on DuckDB. The statement must be one SELECT by DuckDB's own parser (or an explanation of one, where its
 * rows are shown), and runs in a transaction that was begun read-only, so that nothing it calls (nextval, a macro) can write
 * to the warehouse. What it could reach beside the warehouse is the matter of guard.ts.
 */
import {
  type DuckDBConnection,
  type DuckDBDataChunk,
  type DuckDBResult,
  type DuckDBType,
  type DuckDBValue,
  StatementType,
} from '@duckdb/node-api'
import { isAccessRefusal, isOutsideTransaction, isReadOnly, isWrongStatement } from '../../engine/errors.ts'
import type { Interrupter } from '../../engine/interrupter.ts'
import { wholeStream } from '../../engine/stream.ts'
import { ConfigError } from '../../errors.ts'
import type { EngineRows, Rows } from '../select.ts'
import { refusedAccess, refusedQuery, type Statement, wrongQuery } from '../statement.ts'

/** What becomes of the columns of a result, and of their values. */
export interface DuckdbForm<Column, Value> {
  column(name: string, type: DuckDBType): Column
  /** How a value that is not NULL is read. */
  reader(type: DuckDBType): (value: DuckDBValue) => Value
}

export interface DuckdbQuery {
  readonly connection: DuckDBConnection
  /** Ends the query when the user asks to stop. */
  readonly interrupter: Interrupter
  /** Refuses a statement whose functions do more than read the warehouse. */
  readonly admit: (query: string) => Promise<void>
}

/** Begins a query, see `Session.select` and `Session.print`. It runs once its rows are asked for. */
export async function queryDuckdb<Column, Value>(
  { connection, interrupter, admit }: DuckdbQuery,
  statement: Statement,
  form: DuckdbForm<Column, Value>,
): Promise<Rows<Column, Value | null> & { readonly engine: EngineRows }> {
  const ended = interrupter.begin()
  const end = async () => {
    ended()
    await rollBack(connection)
  }
  try {
    await connection.run('begin transaction read only')
    const prepared = await prepare(connection, statement, admit)
    const types = Array.from({ length: prepared.columnCount }, (_, index) => prepared.columnType(index))
    return {
      columns: types.map((type, index) => form.column(prepared.columnName(index), type)),
      rows: explaining(async function* () {
        const result = await prepared.stream()
        const portions = wholeStream(connection, statement.query, result.yieldRows())
        yield* rowsOf(portions, result.columnTypes(), form)
      }),
      engine: {
        types: types.map((type) => type.alias ?? String(type)),
        async pour(select, append) {
          const names = types.map((_, index) => `c${index}`).join(', ')
          // First, so that lines are counted as whoever wrote it does.
          const text = `with query(${names}) as not materialized (${statement.query}\n)\n${select}`
          const chunks = explaining(async function* () {
            yield* wholeStream(connection, text, chunksOf(await connection.stream(text)))
          })
          for await (const chunk of chunks) append(chunk)
        },
        read: (other, select) =>
          explaining(async function* () {
            const result = await other.stream(select)
            yield* rowsOf(wholeStream(other, select, result.yieldRows()), result.columnTypes(), form)
          }),
      },
      [Symbol.asyncDispose]: end,
    }
  } catch (error) {
    await end()
    throw explained(error)
  }
}

async function* rowsOf<Value>(
  portions: AsyncIterable<readonly (readonly DuckDBValue[])[]>,
  types: readonly DuckDBType[],
  form: Pick<DuckdbForm<unknown, Value>, 'reader'>,
): AsyncGenerator<readonly (readonly (Value | null)[])[]> {
  const readers = types.map((type) => form.reader(type))
  const read = (row: readonly DuckDBValue[]) =>
    row.map((value, index) => (value === null ? null : (readers[index] as (typeof readers)[0])(value)))
  for await (const rows of portions) yield rows.map(read)
}

async function* chunksOf(result: DuckDBResult): AsyncGenerator<DuckDBDataChunk> {
  for (;;) {
    const chunk = await result.fetchChunk()
    if (!chunk || chunk.rowCount === 0) return
    yield chunk
  }
}

/** What is read, with errors in our words. */
async function* explaining<T>(read: () => AsyncGenerator<T>): AsyncGenerator<T> {
  try {
    yield* read()
  } catch (error) {
    throw explained(error)
  }
}

async function prepare(
  connection: DuckDBConnection,
  { text, query, values = [] }: Statement,
  admit: (query: string) => Promise<void>,
) {
  const one = async (statement: string, kind: StatementType) => {
    const statements = await connection.extractStatements(statement)
    if (statements.count !== 1) throw refusedQuery(`it holds ${statements.count} statements`)
    // Before it is bound: some functions act then.
    if (kind === StatementType.SELECT) await admit(statement)
    const prepared = await statements.prepare(0)
    const { statementType } = prepared
    if (statementType !== kind) {
      throw refusedQuery(`it is a statement of the kind ${StatementType[statementType]}`)
    }
    return prepared
  }
  const select = await one(query, StatementType.SELECT)
  const prepared = text === query ? select : await one(text, StatementType.EXPLAIN)
  if (prepared.parameterCount > values.length)
    throw wrongQuery(new Error('it has a parameter (? or $1), which nobody gives a value'))
  if (values.length > 0) prepared.bind(values as DuckDBValue[])
  return prepared
}

function explained(error: unknown): unknown {
  if (error instanceof ConfigError) return error
  if (isReadOnly(error)) return refusedQuery('it writes', error)
  if (isAccessRefusal(error)) return refusedAccess('it reads files', error)
  return isWrongStatement(error) ? wrongQuery(error) : error
}

async function rollBack(connection: DuckDBConnection): Promise<void> {
  try {
    await connection.run('rollback')
  } catch (error) {
    if (!isOutsideTransaction(error)) throw error
  }
}
