/** An engine whose memory is taken. */
import type { DuckDBConnection, DuckDBResult } from '@duckdb/node-api'
import type { Engine } from '../../src/engine/engine.ts'

export interface Taken {
  /** Takes the memory of one more result. */
  hold(query: string): Promise<void>
  /** Lets go of all of it. */
  free(): void
}

/** Results that nobody reads take the memory, ever smaller ones, until there is no room for a list of so many numbers. */
export async function takeMemory(engine: Engine, leastCount: number): Promise<Taken> {
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
  const free = () => {
    for (const connection of connections) connection.closeSync()
    results.length = 0
  }
  return { hold, free }
}
