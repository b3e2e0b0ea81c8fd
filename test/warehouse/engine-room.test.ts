/** The engine whose memory is taken to the last byte. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DuckDBConnection, DuckDBResult } from '@duckdb/node-api'
import { expect, test } from 'vitest'
import { Engine } from '../../src/engine/engine.ts'

test('an engine without a byte left grows as soon as others let go of a little', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'elt-engine-'))
  try {
    await using engine = await Engine.create({ directory, room: { cores: 2, memoryMb: 2000 } })
    const full = await fill(engine)
    expect(String(full.refused)).toContain('Out of Memory Error')
    const growing = engine.growAfter(full.refused)
    setTimeout(full.free, 300)
    expect(await growing).toBe(true)
    expect(engine.memoryLimit).toBe('118MB')
    expect(await engine.rows('select 42')).toEqual([[42]])
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})

/**
 * Results that nobody reads take the memory: large ones while there is room, then ever smaller ones, until not even the
 * 2 kB are left that the result of the statement needs which raises the limit.
 */
async function fill(engine: Engine) {
  const connections: DuckDBConnection[] = []
  const results: DuckDBResult[] = []
  const hold = async (query: string) => {
    const connection = await engine.instance.connect()
    connections.push(connection)
    results.push(await connection.stream(query))
  }
  for (let count = 2 ** 21; count > 500; ) {
    try {
      await hold(`select list(i) from range(${count}) as numbers(i)`)
    } catch {
      count /= 2
    }
  }
  let refused: unknown
  for (let refusals = 0; refusals < 5; ) {
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
