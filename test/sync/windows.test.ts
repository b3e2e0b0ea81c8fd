/** Windows: whatever is asked in whatever order, time is covered without gap, and one plan reads nothing twice. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { halves, requestTime, stretchToRead, type Window, windowsBetween } from '../../src/sync/windows.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const origin = Date.parse('2025-01-01T00:00:00Z')

const instants = fc.integer({ min: 0, max: 400 * dayMs }).map((offset) => new Date(origin + offset))
const secondOf = (at: Date) => Math.floor(at.getTime() / 1000) * 1000

describe('the windows of one plan', () => {
  test('join without gap or overlap and cover the stretch to the second', () => {
    fc.assert(
      fc.property(instants, instants, fc.integer({ min: 1, max: 90 }), (from, to, windowInDays) => {
        const windows = windowsBetween(from, to, windowInDays)
        if (secondOf(from) >= secondOf(to)) {
          expect(windows).toEqual([])
          return
        }
        expect(windows[0]?.from.getTime()).toBe(secondOf(from))
        expect(windows.at(-1)?.to.getTime()).toBe(secondOf(to))
        windows.forEach((window, index) => {
          const lengthMs = window.to.getTime() - window.from.getTime()
          expect(lengthMs).toBeGreaterThan(0)
          expect(lengthMs).toBeLessThanOrEqual(windowInDays * dayMs)
          if (index > 0) expect(window.from).toEqual(windows[index - 1]?.to)
        })
      }),
    )
  })

  test('are the same to the second in the request as in the plan', () => {
    fc.assert(
      fc.property(instants, instants, (from, to) => {
        for (const window of windowsBetween(from, to, 30)) {
          expect(Date.parse(requestTime(window.from).replace(' +00:00', 'Z'))).toBe(window.from.getTime())
          expect(Date.parse(requestTime(window.to).replace(' +00:00', 'Z'))).toBe(window.to.getTime())
        }
      }),
    )
  })

  test('halve into two that join, until an hour is left', () => {
    fc.assert(
      fc.property(instants, fc.integer({ min: 1, max: 3 * 86_400 }), (from, seconds) => {
        const start = new Date(secondOf(from))
        const window = { from: start, to: new Date(start.getTime() + seconds * 1000) }
        const leaves = leavesOf(window)
        expect(leaves[0]?.from).toEqual(window.from)
        expect(leaves.at(-1)?.to).toEqual(window.to)
        leaves.forEach((leaf, index) => {
          expect(leaf.to.getTime() - leaf.from.getTime()).toBeLessThanOrEqual(hourMs)
          expect(leaf.from.getTime()).toBeLessThan(leaf.to.getTime())
          if (index > 0) expect(leaf.from).toEqual(leaves[index - 1]?.to)
        })
      }),
      { numRuns: 50 },
    )
  })
})

const leavesOf = (window: Window): Window[] => halves(window)?.flatMap(leavesOf) ?? [window]

/** One sync: how long after the one before, with which settings, and after how many windows it dies. */
const syncs = fc.record({
  laterMs: fc.oneof(
    fc.integer({ min: 0, max: 10 * 60_000 }),
    fc.integer({ min: 0, max: 3 * dayMs }),
    fc.integer({ min: 0, max: 90 * dayMs }),
  ),
  startDate: instants,
  windowInDays: fc.integer({ min: 1, max: 40 }),
  lookbackMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 10 * dayMs })),
  settleMs: fc.integer({ min: 0, max: 2 * dayMs }),
  diesAfter: fc.option(fc.nat(5), { nil: undefined }),
})

test('any sequence of syncs covers time without gap, and reads back no less than the lookback', () => {
  fc.assert(
    fc.property(fc.array(syncs, { minLength: 1, maxLength: 12 }), (sequence) => {
      let nowMs = origin + 200 * dayMs
      let bookmark: Date | undefined
      for (const { laterMs, windowInDays, diesAfter, ...times } of sequence) {
        nowMs += laterMs
        const now = new Date(nowMs)
        const stretch = stretchToRead(bookmark, { ...times, now })
        const windows = windowsBetween(stretch.from, stretch.to, windowInDays)
        if (windows.length > 0) {
          const { from } = stretch
          expect(stretch.to.getTime()).toBe(secondOf(new Date(nowMs - times.settleMs)))
          if (bookmark) {
            expect(from.getTime(), 'no gap behind the bookmark').toBeLessThanOrEqual(bookmark.getTime())
            const wanted = Math.max(bookmark.getTime() - times.lookbackMs, times.startDate.getTime())
            expect(from.getTime(), 'the whole lookback').toBeLessThanOrEqual(
              Math.min(wanted, bookmark.getTime()),
            )
          } else expect(from.getTime(), 'from the start date').toBe(secondOf(times.startDate))
        } else {
          expect(nowMs - times.settleMs, 'nothing but what has not settled is left out').toBeLessThan(
            (bookmark?.getTime() ?? secondOf(times.startDate)) + 1000,
          )
        }
        const reached = windows.slice(0, diesAfter).at(-1)?.to
        if (reached && (!bookmark || reached > bookmark)) bookmark = reached
      }
    }),
    { numRuns: 500 },
  )
})
