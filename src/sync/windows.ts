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
  /** Nothing from before this is kept, where there is such a limit. */
  readonly keptSince?: Date | undefined
}

/**
 * The stretch of time that a sync of an incremental stream reads: from the lookback before its bookmark (from
 * `startDate` without one, and never before it, nor before what is kept) to a little before now, since exports lag.
 */
export function stretchToRead(bookmark: Date | undefined, times: SyncTimes): Window {
  const to = wholeSecond(new Date(times.now.getTime() - times.settleMs))
  const earliestKept = times.keptSince?.getTime() ?? Number.NEGATIVE_INFINITY
  const kept = (fromMs: number) => wholeSecond(new Date(Math.max(fromMs, earliestKept)))
  if (!bookmark) return { from: kept(times.startDate.getTime()), to }
  const earliest = Math.min(times.startDate.getTime(), bookmark.getTime())
  const from = kept(Math.max(bookmark.getTime() - times.lookbackMs, earliest))
  // Nothing has settled since the bookmark: there is nothing to read yet.
  return to <= bookmark ? { from: to, to } : { from, to }
}

/**
 * A stretch in windows some of which are those of jobs that an earlier sync has started. What follows the last of them
 * begins a lookback before they were asked for: rows that came later are not in them. Jobs that lie outside, or over
 * one another, are left out.
 */
export function windowsAround(
  stretch: Window,
  jobs: readonly (Window & { readonly askedAt: Date })[],
  { days, lookbackMs }: { readonly days: number; readonly lookbackMs: number },
): Window[] {
  const windows: Window[] = []
  let next = stretch.from
  let unseen = stretch.to
  for (const job of jobs.toSorted((a, b) => a.from.getTime() - b.from.getTime())) {
    if (job.from < next || job.to > stretch.to) continue
    windows.push(...windowsBetween(next, job.from, days), { from: job.from, to: job.to })
    next = job.to
    const seenUntil = Math.max(job.from.getTime(), job.askedAt.getTime() - lookbackMs)
    unseen = new Date(Math.min(unseen.getTime(), seenUntil))
  }
  if (next >= stretch.to) return windows
  const from = windows.length > 0 && unseen < next ? unseen : next
  return [...windows, ...windowsBetween(from, stretch.to, days)]
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
