/** An engine whose memory is taken. */
import type { DuckDBConnection, DuckDBResult } from '@duckdb/node-api'
import type { Engine } from '../../src/engine/engine.ts'

export interface Full {
  /** What the engine said last. */
  readonly refused: unknown
  /** Lets go of all of it. */
  free(): void
}

/**
 * Results that nobody reads take the memory: large ones while there is room, then ever smaller ones, until not even the
 * 2 kB are left that the result of the statement needs which raises the limit. Or, with a larger `leastCount`, until
 * there is no room for a list of so many numbers.
 */
export async function fill(engine: Engine, leastCount = 500): Promise<Full> {
  const connections: DuckDBConnection[] = []
  const results: DuckDBResult[] = []
  const hold = async (query: string) => {
    const connection = await engine.instance.connect()
    connections.push(connection)
    results.push(await connection.stream(query))
  }
  for (let count = 2 ** 21; count > leastCount; ) {
    try {
      await hold(`select list(i) from range(${count}) as numbers(i)`)
    } catch {
      count /= 2
    }
  }
  let refused: unknown
  for (let refusals = 0; refusals < 5 && leastCount === 500; ) {
    try {
      await hold('select true')
    } catch (error) {
      refused = error
      refusals += 1
    }
  }
  const free = () => {
    for (const connection of connections) connection.closeSync()
    results.length = 0
  }
  return { refused, free }
}
