/** The engine whose memory is taken to the last byte. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Engine } from '../../src/warehouse/engine.ts'

test('an engine without a byte left still grows, again and again', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'elt-engine-'))
  try {
    await using engine = await Engine.create({ directory })
    for (let growth = 0; growth < 3; growth += 1) {
      const full = await fill(engine)
      expect(String(full.refused)).toContain('Out of Memory Error')
      // Not even the statement that raises the limit finds the 2 kB of its result.
      await expect(full.lowest.run(`set threads = 1`)).rejects.toThrow('Out of Memory Error')
      expect(await engine.growAfter(full.refused)).toBe(true)
      expect(await engine.rows('select 42')).toEqual([[42]])
      full.free()
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})

/** Results that nobody reads take the memory: large ones while there is room, then ever smaller ones. */
async function fill(engine: Engine) {
  const lowest = await engine.instance.connect()
  const held = [lowest]
  const hold = async (query: string) => {
    const connection = await engine.instance.connect()
    held.push(connection)
    await connection.stream(query)
  }
  for (let count = 2 ** 21; count > 500; ) {
    try {
      await hold(`select list(i) from range(${count}) as numbers(i)`)
    } catch {
      count /= 2
    }
  }
  for (;;) {
    try {
      await hold('select true')
    } catch (refused) {
      const free = () => {
        for (const connection of held) connection.closeSync()
      }
      return { refused, lowest, free }
    }
  }
}
