import fc from 'fast-check'
import { expect, test } from 'vitest'
import { InterruptedError } from '../../src/errors.ts'
import type { Wait } from '../../src/iterable/client.ts'
import { createPacer, parseRate } from '../../src/iterable/pace.ts'
import { clientOf, failure, json, serve, virtualClock } from './server.ts'

test('whenever requests come, no period holds more than the limit, and nobody waits without need', async () => {
  const bursts = fc.array(
    fc.record({ pauseMs: fc.nat({ max: 40_000 }), size: fc.integer({ min: 1, max: 6 }) }),
    {
      maxLength: 20,
    },
  )
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 6 }), bursts, async (count, arrivals) => {
      const clock = virtualClock()
      const pacer = createPacer({ export: `${count}/min` }, clock)
      const sentAt: number[] = []
      for (const { pauseMs, size } of arrivals) {
        clock.advance(pauseMs)
        for (let turn = 0; turn < size; turn++) {
          const earlier = sentAt.at(-count) ?? 0
          const dueAt = Math.max(clock.now().getTime(), sentAt.length < count ? 0 : earlier + 61_200)
          const toldAt = clock.now().getTime() + 1000 * pacer.secondsUntil('export', 1)
          expect(Math.abs(toldAt - dueAt)).toBeLessThanOrEqual(1)
          await pacer.reserve('export')
          const now = clock.now().getTime()
          expect(now - dueAt).toBeGreaterThanOrEqual(0)
          expect(now - dueAt).toBeLessThanOrEqual(1)
          sentAt.push(now)
        }
      }
      for (const [at, first] of sentAt.entries()) {
        const next = sentAt[at + count]
        if (next !== undefined) expect(next - first).toBeGreaterThan(61_000)
      }
    }),
    { numRuns: 200 },
  )
})

test('turns are first come, first served', async () => {
  const pacer = createPacer({ export: '1/min' }, virtualClock())
  const order: number[] = []
  await Promise.all([1, 2, 3, 4, 5].map((turn) => pacer.reserve('export').then(() => order.push(turn))))
  expect(order).toEqual([1, 2, 3, 4, 5])
})

test('those who wait already come before further requests', async () => {
  const clock = virtualClock()
  const pacer = createPacer({ export: '2/min', list_users: 'off' }, clock)
  expect([1, 2, 3, 5].map((requests) => pacer.secondsUntil('export', requests))).toEqual([0, 0, 61.2, 122.4])
  const waiting = Array.from({ length: 3 }, () => pacer.reserve('export'))
  expect([0, 1, 2].map((requests) => pacer.secondsUntil('export', requests))).toEqual([0, 61.2, 122.4])
  await Promise.all(waiting)
  expect(pacer.secondsUntil('list_users', 100)).toBe(0)
})

test('endpoints do not wait for one another, and "off" waits for nothing', async () => {
  const clock = virtualClock()
  const pacer = createPacer({ export: '1/min', list_users: 'off' }, clock)
  await pacer.reserve('export')
  await pacer.reserve('list_size')
  for (let turn = 0; turn < 50; turn++) await pacer.reserve('list_users')
  const off = createPacer('off', clock)
  for (let turn = 0; turn < 50; turn++) await off.reserve('export')
  expect(clock.slept).toEqual([])
  expect([pacer.slotMs('export'), pacer.slotMs('list_users'), off.slotMs('export')]).toEqual([60_000, 0, 0])
})

test('one who leaves the queue takes no slot, and the others move up', async () => {
  const wakers: (() => void)[] = []
  const sleep = (_: number, signal?: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      wakers.push(resolve)
      signal?.addEventListener('abort', () => reject(new InterruptedError()))
    })
  const pacer = createPacer({ export: '1/min' }, { now: () => new Date('2026-01-01'), sleep })
  await pacer.reserve('export')
  const stop = new AbortController()
  const inFront = failure(pacer.reserve('export', { signal: stop.signal }))
  const behind = failure(pacer.reserve('export', { signal: stop.signal }))
  const last = pacer.reserve('export')
  await expect.poll(() => wakers.length).toBe(1)
  stop.abort()
  expect(await inFront).toBeInstanceOf(InterruptedError)
  expect(await behind).toBeInstanceOf(InterruptedError)
  await expect.poll(() => wakers.length).toBe(2)
  wakers[1]?.()
  await last
  expect(wakers).toHaveLength(2)
})

test('a clock that is set back delays nobody for longer than a period', async () => {
  const clock = virtualClock()
  const pacer = createPacer({ export: '1/min' }, clock)
  await pacer.reserve('export')
  clock.advance(-3_600_000)
  await pacer.reserve('export')
  expect(clock.slept[0]).toBeLessThan(62_000)
})

test('the client keeps the documented pace and says until when it waits', async () => {
  await using server = await serve(json([]))
  await using client = clientOf(server)
  const waits: Wait[] = []
  for (let turn = 0; turn < 5; turn++) await client.json('export', { onWait: (wait) => waits.push(wait) })
  expect(waits).toEqual([
    { endpoint: 'export', reason: 'pace', until: new Date('2026-01-01T00:01:01.200Z'), attempt: 0 },
  ])
})

test('rates are read in their usual spellings and others refused', () => {
  expect(parseRate('4/min')).toEqual({ requests: 4, perMs: 60_000 })
  expect(parseRate(' 100 / second ')).toEqual({ requests: 100, perMs: 1000 })
  expect(parseRate('1000/h')).toEqual({ requests: 1000, perMs: 3_600_000 })
  expect(parseRate('OFF')).toBe('off')
  for (const wrong of ['', '4', '0/min', '-1/s', '4/fortnight', '4/constructor']) {
    expect(() => parseRate(wrong)).toThrow(`not "${wrong}"`)
  }
})

test('however many ask at once, each period holds no more than the limit', async () => {
  const clock = virtualClock()
  const pacer = createPacer({ list_users: { requests: 5, perMs: 60_000 } }, clock)
  await Promise.all(Array.from({ length: 23 }, () => pacer.reserve('list_users')))
  expect(clock.slept).toEqual(Array(4).fill(61_201))
})
