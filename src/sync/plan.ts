/** What a sync is going to read, before anything is read. */
import { isIncremental, type Stream } from '../catalog/index.ts'
import type { OpenJob } from '../state/export-jobs.ts'
import { ExportType } from './export-type.ts'
import {
  type BookmarkAt,
  documentPart,
  listPart,
  metadataPart,
  type Part,
  walkPart,
  windowPart,
} from './parts.ts'
import { type List, readLists } from './readers.ts'
import type { CountingClient } from './source.ts'
import { utcDay } from './walk.ts'
import {
  type SyncTimes,
  stretchToRead,
  type Window,
  wholeSecond,
  windowsAround,
  windowsBetween,
} from './windows.ts'

/** What of a stream is asked for: what is new, everything, or a slice of events. */
export type Reach =
  | { readonly kind: 'incremental' }
  | { readonly kind: 'full' }
  | { readonly kind: 'slice'; readonly from: Date; readonly to: Date }

export interface PlanOptions extends SyncTimes {
  readonly windowInDays: number | 'auto'
  readonly reach: Reach
  /** Records of dimensions (campaigns, templates) that are older than the first bookmark are kept, too. */
  readonly completeDimensions: boolean
  /** Jobs of an earlier sync that this one may go on with, oldest first. */
  readonly openJobs: readonly OpenJob[]
  /** A sweep is due: everything from here on is read again, in one window. */
  readonly sweepFrom?: Date | undefined
}

/** What is likely to bring the most goes first: the rest fits around it. */
export const byBulk = (a: Stream, b: Stream): number =>
  Number(b.isBulky ?? false) - Number(a.isBulky ?? false)

type StreamOf<Kind extends Stream['read']['kind']> = Stream & { readonly read: { readonly kind: Kind } }
const isKind = <Kind extends Stream['read']['kind']>(stream: Stream, kind: Kind): stream is StreamOf<Kind> =>
  stream.read.kind === kind

const dayMs = 86_400_000

/** The windows of an export stream. */
function windowsOf(bookmark: Date | undefined, options: PlanOptions): Window[] {
  const { reach, windowInDays, sweepFrom } = options
  const stretch =
    reach.kind === 'slice' ? reach : stretchToRead(reach.kind === 'full' ? undefined : bookmark, options)
  if (sweepFrom && sweepFrom < stretch.from) {
    const days = Math.ceil((stretch.to.getTime() - sweepFrom.getTime()) / dayMs)
    return windowsBetween(
      sweepFrom,
      stretch.to,
      windowInDays === 'auto' ? days : Math.max(windowInDays, days),
    )
  }
  // Windows that are as long as they may be are cut when they are read: by then more is known.
  const days = windowInDays === 'auto' ? Number.POSITIVE_INFINITY : windowInDays
  return windowsAround(stretch, openJobsOf(options), { days, lookbackMs: options.lookbackMs })
}

/** Files of a job may be gone after days; and what a job brings is as old as its start. */
const adoptedMs = 2 * 86_400_000

/** Jobs whose windows may be read: a refresh wants what is there now. */
function openJobsOf({ openJobs, reach, now }: PlanOptions): readonly OpenJob[] {
  if (reach.kind === 'full') return []
  return openJobs.filter(({ askedAt }) => now.getTime() - askedAt.getTime() < adoptedMs)
}

/** The parts of any stream but `list_users`, whose lists must be asked for first. */
export function partsOf(stream: Stream, bookmark: Date | undefined, options: PlanOptions): Part[] {
  if (isKind(stream, 'export')) {
    const bookmarkAt = bookmarksOf(bookmark, options.reach)
    const type = new ExportType(stream.read)
    const jobs = openJobsOf(options)
    const jobOf = (window: Window) =>
      jobs.find(({ from, to }) => Number(from) === Number(window.from) && Number(to) === Number(window.to))
    return windowsOf(bookmark, options).map((window) => {
      const openJob = jobOf(window)
      const isFlexible = options.windowInDays === 'auto' && openJob === undefined
      return windowPart(stream, window, { type, bookmarkAt, openJob, isFlexible })
    })
  }
  if (isKind(stream, 'documents')) {
    if (!isIncremental(stream)) return [documentPart(stream, {})]
    const { from: since, to } = stretchToRead(options.reach.kind === 'full' ? undefined : bookmark, options)
    if (to <= since) return []
    return [documentPart(stream, { since: options.completeDimensions ? undefined : since, bookmark: to })]
  }
  if (isKind(stream, 'walk')) return walkParts(stream, bookmark, options)
  return isKind(stream, 'metadata') ? [metadataPart] : []
}

/** Changes are told by an index, which is read anew: an hour suffices for clocks that differ. */
const mostOverlapMs = 3_600_000

function walkParts(stream: StreamOf<'walk'>, bookmark: Date | undefined, options: PlanOptions): Part[] {
  const { now, reach, completeDimensions, lookbackMs } = options
  if (stream.replication === 'full') return [walkPart(stream, { now, since: undefined })]
  const known = reach.kind === 'full' ? undefined : bookmark
  if (stream.replication === 'daily') {
    if (known && utcDay(known) === utcDay(now)) return []
    return [walkPart(stream, { now, since: known, bookmark: wholeSecond(now) })]
  }
  const times = { ...options, lookbackMs: Math.min(lookbackMs, mostOverlapMs) }
  const { from, to } = stretchToRead(known, times)
  if (to <= from) return []
  const since = !known && completeDimensions ? undefined : from
  return [walkPart(stream, { now, since, bookmark: to })]
}

/**
 * A slice leaves the bookmark alone, and so do windows of the lookback: it never goes back. A full refresh begins it
 * anew, so that the next sync goes on with a refresh that was broken off.
 */
function bookmarksOf(bookmark: Date | undefined, { kind }: Reach): BookmarkAt {
  if (kind === 'slice') return () => undefined
  return (end) => (kind === 'incremental' && bookmark && end <= bookmark ? undefined : end)
}

/** The lists of the project and a part for each. */
export async function listParts(
  client: CountingClient,
  options: { readonly isEmailProject: boolean; readonly updatedAt: Date },
): Promise<{ lists: List[]; parts: Part[] }> {
  const lists = await readLists(client)
  return { lists, parts: lists.map((list) => listPart(list, options)) }
}

/** A slice of time on whole seconds. */
export const sliceOf = (from: Date, to: Date): Reach => ({
  kind: 'slice',
  from: wholeSecond(from),
  to: wholeSecond(to),
})
