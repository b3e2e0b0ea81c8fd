/** How much of a machine the engine takes. */

import { tmpdir } from 'node:os'
import { expect, test } from 'vitest'
import { budgetFor } from '../../src/engine/budget.ts'
import { Engine } from '../../src/engine/engine.ts'
import { coresOfQuota, roomHere } from '../../src/engine/room.ts'

test.each([
  // Small: one thread and as little as event tables need.
  [1, 512, 1, '84MB'],
  [2, 2_048, 1, '84MB'],
  [2, 65_536, 1, '84MB'],
  [3, 16_384, 1, '84MB'],
  [64, 2_048, 1, '84MB'],
  // Large: an eighth, without what the process takes beside it.
  [4, 3_900, 2, '287MB'],
  [4, 16_384, 3, '1848MB'],
  [8, 16_384, 7, '1848MB'],
  [64, 262_144, 8, '4096MB'],
])('%i cores and %i MB: %i threads, %s', (cores, memoryMb, threads, memory) => {
  const budget = budgetFor({ cores, memoryMb })
  expect(budget).toMatchObject({ threads, memory, ceilingMb: memoryMb / 2 })
  expect(budget.reason).toContain(`${cores} core`)
})

test('the whole process stays within an eighth of a large machine', () => {
  for (const memoryMb of [3_600, 4_096, 8_192, 32_768, 1_000_000]) {
    for (const cores of [4, 8, 128]) {
      const { memory, threads } = budgetFor({ cores, memoryMb })
      expect(Number.parseInt(memory, 10) + 200).toBeLessThanOrEqual(memoryMb / 8)
      expect(threads).toBeLessThan(cores)
      expect(threads * 128).toBeLessThanOrEqual(Number.parseInt(memory, 10))
    }
  }
})

test('what is configured comes before what is chosen, and that is said', async () => {
  const room = { cores: 8, memoryMb: 16_384 }
  const budget = budgetFor(room, { threads: 3, memoryLimit: '1GB' })
  expect(budget).toMatchObject({ threads: 3, memory: '1GB' })
  expect(budget.reason).toBe(
    '8 cores and 16384 MB: an eighth of the memory, threads as configured, memory as configured',
  )
  await using engine = await Engine.create({ directory: tmpdir(), room, threads: 3 })
  const [[threads, memory] = []] = await engine.rows(
    `select current_setting('threads')::int, current_setting('memory_limit')`,
  )
  expect([threads, memory, engine.memoryLimit]).toEqual([3, '1.7 GiB', '1848MB'])
})

/** Files of a machine with cgroups. */
const files = (entries: Readonly<Record<string, string>>) => {
  const all = new Map(Object.entries(entries))
  return (name: string) => all.get(name)
}

test.each([
  ['no cgroups at all', {}, Infinity],
  ['no limit', { '': '0::/\n', '/cpu.max': 'max 100000\n' }, Infinity],
  ['a container of one and a half cores', { '': '0::/\n', '/cpu.max': '150000 100000\n' }, 1.5],
  [
    'a group within a smaller one',
    { '': '0::/a/b\n', '/a/cpu.max': '200000 100000\n', '/a/b/cpu.max': '400000 100000\n' },
    2,
  ],
  [
    'older kernels',
    { '': '4:cpu:/x\n', '/cpu/cpu.cfs_quota_us': '50000\n', '/cpu/cpu.cfs_period_us': '100000\n' },
    0.5,
  ],
  [
    'older kernels without a limit',
    { '/cpu/cpu.cfs_quota_us': '-1\n', '/cpu/cpu.cfs_period_us': '100000\n' },
    Infinity,
  ],
])('the quota of cores: %s', (_name, entries, cores) => {
  expect(coresOfQuota(files(entries))).toBe(cores)
})

test('the room here is a whole core at least, and memory that there is', () => {
  const { cores, memoryMb } = roomHere()
  expect(cores).toBeGreaterThanOrEqual(1)
  expect(Number.isInteger(cores)).toBe(true)
  expect(memoryMb).toBeGreaterThan(100)
})
