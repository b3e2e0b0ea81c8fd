/** Time, cut into half-open windows. Pure. */

/** `from` inclusive, `to` exclusive, both on whole seconds: requests speak in seconds. */
export interface Window {
  readonly from: Date
  readonly to: Date
}

const hourMs = 3_600_000
const dayMs = 24 * hourMs

/** The windows that cover [from, to) without gap or overlap, each of `days` days but the last. */
export function windowsBetween(from: Date, to: Date, days: number): Window[] {
  const windows: Window[] = []
  const end = wholeSecond(to)
  for (let start = wholeSecond(from); start < end; ) {
    const next = new Date(Math.min(start.getTime() + days * dayMs, end.getTime()))
    windows.push({ from: start, to: next })
    start = next
  }
  return windows
}

export interface SyncTimes {
  readonly startDate: Date
  readonly lookbackMs: number
  readonly settleMs: number
  readonly now: Date
}

/**
 * The stretch of time that a sync of an incremental stream reads: from the lookback before its bookmark (from
 * `startDate` without one, and never before it) to a little before now, since exports lag.
 */
export function stretchToRead(bookmark: Date | undefined, times: SyncTimes): Window {
  const to = wholeSecond(new Date(times.now.getTime() - times.settleMs))
  if (!bookmark) return { from: wholeSecond(times.startDate), to }
  const earliest = Math.min(times.startDate.getTime(), bookmark.getTime())
  const from = wholeSecond(new Date(Math.max(bookmark.getTime() - times.lookbackMs, earliest)))
  // Nothing has settled since the bookmark: there is nothing to read yet.
  return to <= bookmark ? { from: to, to } : { from, to }
}

/** A window in two halves, or undefined when it is an hour or less. */
export function halves({ from, to }: Window): [Window, Window] | undefined {
  const lengthMs = to.getTime() - from.getTime()
  if (lengthMs <= hourMs) return undefined
  const middle = wholeSecond(new Date(from.getTime() + lengthMs / 2))
  return [
    { from, to: middle },
    { from: middle, to },
  ]
}

/** An instant, cut to its second. */
export const wholeSecond = (at: Date): Date => new Date(Math.floor(at.getTime() / 1000) * 1000)

/** A time as Iterable's export takes it; the offset is sent, since none is promised for times without. */
export const requestTime = (at: Date): string => `${at.toISOString().slice(0, 19).replace('T', ' ')} +00:00`
