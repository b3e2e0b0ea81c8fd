/** Streaming results that are known to be whole. */
import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api'

/**
 * The portions of a result that is streamed within a transaction. DuckDB's client ends a stream that fails midway (a
 * cast of the millionth row, an interruption) as if it were complete; but the transaction is broken then.
 * @throws what DuckDB says of the failure.
 */
export async function* wholeStream<Rows>(
  connection: DuckDBConnection,
  query: string,
  portions: AsyncIterable<Rows>,
  parameters?: DuckDBValue[],
): AsyncGenerator<Rows> {
  yield* portions
  const isWhole = await connection.run('select 1').then(
    () => true,
    () => false,
  )
  if (isWhole) return
  await connection.run('rollback')
  await connection.run('begin transaction read only')
  // The reason is lost; running it once more, without keeping its rows, brings it back.
  await connection.run(`explain analyze ${query}`, parameters)
  throw new Error('the query ended before its last row')
}
