/** What a window tells about the volume of its stream. Pure. */
import type { StreamVolume } from '../state/stream-volumes.ts'
import type { Window } from './windows.ts'

const dayMs = 86_400_000

export const daysBetween = ({ from, to }: Window): number => (to.getTime() - from.getTime()) / dayMs

export interface Seen {
  readonly window: Window
  readonly rows: number
  readonly bytes: number
  /** How long its job took before it brought anything. */
  readonly waitSeconds?: number | undefined
}

/** Iterable exports about so much, of one job. */
export const jobBytesPerSecond = 20e6
const leastSeconds = 10

/** The wait of a job of which it was not seen when it began to bring something: what its bytes do not explain. */
export const waitOfJob = (seconds: number, bytes: number): number =>
  Math.max(Math.min(seconds, leastSeconds), seconds - bytes / jobBytesPerSecond)

/** Queues are long today and short tomorrow: the latest wait counts as much as all before. */
const mixedWait = (before: number | undefined, wait: number | undefined): number | undefined =>
  wait === undefined ? before : ((before ?? wait) + wait) / 2

/** A window of this many days counts as much as everything before it. */
const evenDays = 7

/** What is known of a stream once another window has come. */
export function learned(
  before: StreamVolume | undefined,
  { window, rows, bytes, waitSeconds }: Seen,
): StreamVolume {
  const days = Math.max(daysBetween(window), 1 / 86_400)
  const weight = before ? days / (days + evenDays) : 1
  const mixed = (old: number | undefined, seen: number) => (old ?? 0) * (1 - weight) + seen * weight
  return {
    rowsPerDay: mixed(before?.rowsPerDay, rows / days),
    bytesPerDay: mixed(before?.bytesPerDay, bytes / days),
    jobSeconds: mixedWait(before?.jobSeconds, waitSeconds),
    emptySince: rows > 0 ? undefined : (before?.emptySince ?? window.from),
  }
}
