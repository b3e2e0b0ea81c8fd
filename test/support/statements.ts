/** What is asked of the databases. */
import { DuckDBConnection } from '@duckdb/node-api'
import pg from 'pg'
import { vi } from 'vitest'

/** The texts that go to DuckDB and to Postgres while something is done. */
export async function statementsOf(work: () => Promise<void>): Promise<readonly string[]> {
  const statements: string[] = []
  const hear = (text: unknown) =>
    statements.push(typeof text === 'string' ? text : String((text as { text?: string }).text))
  const { run, runAndReadAll } = DuckDBConnection.prototype
  const { query } = pg.Client.prototype
  let isInner = false
  const spies = [
    vi.spyOn(DuckDBConnection.prototype, 'run').mockImplementation(function (
      this: DuckDBConnection,
      ...given
    ) {
      if (!isInner) hear(given[0])
      return run.apply(this, given)
    }),
    vi.spyOn(DuckDBConnection.prototype, 'runAndReadAll').mockImplementation(function (
      this: DuckDBConnection,
      ...given
    ) {
      hear(given[0])
      // It calls `run` before it returns.
      isInner = true
      const result = runAndReadAll.apply(this, given)
      isInner = false
      return result
    }),
    vi.spyOn(pg.Client.prototype, 'query').mockImplementation(function (
      this: pg.Client,
      ...given: unknown[]
    ) {
      hear(given[0])
      return (query as (...all: unknown[]) => unknown).apply(this, given)
    } as never),
  ]
  try {
    await work()
  } finally {
    for (const spy of spies) spy.mockRestore()
  }
  return statements
}
