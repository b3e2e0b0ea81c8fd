/** What a window tells about the volume of its stream. Pure. */
import type { Volume } from '../state/stream-volumes.ts'
import type { Window } from './windows.ts'

const dayMs = 86_400_000

export const daysOf = ({ from, to }: Window): number => (to.getTime() - from.getTime()) / dayMs

export interface Seen {
  readonly window: Window
  readonly rows: number
  readonly bytes: number
  /** How long the job took that brought it. */
  readonly jobSeconds?: number | undefined
}

/** What a job is thought to take for its bytes alone: the rest is the wait that small ones have, too. */
const jobBytesPerSecond = 20e6

function waitOf(before: number | undefined, seconds: number | undefined, bytes: number): number | undefined {
  if (seconds === undefined) return before
  const wait = Math.max(Math.min(seconds, leastSeconds), seconds - bytes / jobBytesPerSecond)
  // Queues are long today and short tomorrow: the latest counts as much as all before.
  return ((before ?? wait) + wait) / 2
}

const leastSeconds = 10

/** A window of this many days counts as much as everything before it. */
const evenDays = 7

/** What is known of a stream once another window has come. */
export function learned(before: Volume | undefined, { window, rows, bytes, jobSeconds }: Seen): Volume {
  const days = Math.max(daysOf(window), 1 / 86_400)
  const weight = before ? days / (days + evenDays) : 1
  const mixed = (old: number | undefined, seen: number) => (old ?? 0) * (1 - weight) + seen * weight
  return {
    rowsPerDay: mixed(before?.rowsPerDay, rows / days),
    bytesPerDay: mixed(before?.bytesPerDay, bytes / days),
    jobSeconds: waitOf(before?.jobSeconds, jobSeconds, bytes),
    emptySince: rows > 0 ? undefined : (before?.emptySince ?? window.from),
  }
}
