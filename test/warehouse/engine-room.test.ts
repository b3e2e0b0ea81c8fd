/** The engine whose memory is taken to the last byte. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Engine } from '../../src/engine/engine.ts'
import { takeMemory } from '../support/full-engine.ts'

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

/** Until not even the 2 kB are left that the result of the statement needs which raises the limit. */
async function fill(engine: Engine) {
  const { hold, free } = await takeMemory(engine, 500)
  let refused: unknown
  for (let refusals = 0; refusals < 5; ) {
    try {
      await hold('select true')
    } catch (error) {
      refused = error
      refusals += 1
    }
  }
  return { refused, free }
}
