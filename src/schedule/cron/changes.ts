/** Clock changes of a time zone, found by looking its offset up: the engine has no list of them. */

import { IANAZone } from 'luxon'

const hourMs = 3_600_000
/** No zone has changed its clocks and changed them back within so short a time. */
const stepMs = 6 * hourMs

/** One change: `at` is its instant, the offsets say how far the zone's clocks are ahead of UTC. All in ms. */
export interface ClockChange {
  readonly at: number
  readonly beforeMs: number
  readonly afterMs: number
}

/** The offset in force at an instant, in ms ahead of UTC. */
export function offsetAt(timezone: string, atMs: number): number {
  return Math.round(IANAZone.create(timezone).offset(atMs) * 60_000)
}

/**
 * All changes with `fromMs < at <= toMs` in order, and the offset in force at `fromMs`. Bounds are whole
 * seconds.
 */
export function clockChanges(
  timezone: string,
  fromMs: number,
  toMs: number,
): { offsetMs: number; changes: readonly ClockChange[] } {
  const offsetMs = offsetAt(timezone, fromMs)
  const changes: ClockChange[] = []
  let beforeMs = offsetMs
  for (let at = fromMs; at < toMs; at += stepMs) {
    const until = Math.min(at + stepMs, toMs)
    const afterMs = offsetAt(timezone, until)
    if (afterMs !== beforeMs)
      changes.push({ at: instantOfChange(timezone, at, until, beforeMs), beforeMs, afterMs })
    beforeMs = afterMs
  }
  return { offsetMs, changes }
}

/** Halves the interval down to the second at which the offset stops being `beforeMs`. */
function instantOfChange(timezone: string, fromMs: number, toMs: number, beforeMs: number): number {
  let [low, high] = [fromMs / 1000, toMs / 1000]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (offsetAt(timezone, middle * 1000) === beforeMs) low = middle
    else high = middle
  }
  return high * 1000
}
