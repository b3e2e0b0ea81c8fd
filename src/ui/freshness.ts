/** Whether a stream is as fresh as its schedule wants it. Pure. */
import type { StreamStatus } from '../report/streams.ts'
import { previousTick, readSchedule } from '../schedule/definition.ts'
import type { ScheduleRow } from '../state/schedules.ts'

export type Freshness = 'fresh' | 'late' | 'failed' | 'running' | 'never'

/** A sync takes a while: only what a tick of this age has not brought is late. */
const graceMs = 15 * 60_000

/** The last tick whose sync should have ended by now; null without a schedule that can be read, or one that rests. */
export function lastTick(row: ScheduleRow | undefined, now: Date): Date | null {
  if (!row || row.paused_at !== null) return null
  try {
    return previousTick(readSchedule(row), new Date(now.getTime() - graceMs))
  } catch {
    // What is wrong with it is told where schedules are.
    return null
  }
}

export function freshnessOf({ last_sync, rows }: StreamStatus, tick: Date | null): Freshness {
  if (!last_sync) return rows === null ? 'never' : 'fresh'
  if (last_sync.state === 'running') return 'running'
  if (last_sync.state === 'failed') return 'failed'
  if (last_sync.at === null) return 'never'
  return tick !== null && Date.parse(last_sync.at) < tick.getTime() ? 'late' : 'fresh'
}
