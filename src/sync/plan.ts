/** What a sync is going to read, before anything is read. */
import { isIncremental, type Stream } from '../catalog/index.ts'
import { ExportType } from './export-type.ts'
import { type BookmarkAt, documentPart, listPart, metadataPart, type Part, windowPart } from './parts.ts'
import { type List, readLists } from './readers.ts'
import type { CountingClient } from './source.ts'
import { type SyncTimes, stretchToRead, type Window, wholeSecond, windowsBetween } from './windows.ts'

/** What of a stream is asked for: what is new, everything, or a slice of events. */
export type Reach =
  | { readonly kind: 'incremental' }
  | { readonly kind: 'full' }
  | { readonly kind: 'slice'; readonly from: Date; readonly to: Date }

export interface PlanOptions extends SyncTimes {
  readonly windowInDays: number
  readonly reach: Reach
  /** Records of dimensions (campaigns, templates) that are older than the first bookmark are kept, too. */
  readonly completeDimensions: boolean
}

type StreamOf<Kind extends Stream['read']['kind']> = Stream & { readonly read: { readonly kind: Kind } }
const isKind = <Kind extends Stream['read']['kind']>(stream: Stream, kind: Kind): stream is StreamOf<Kind> =>
  stream.read.kind === kind

/** The windows of an export stream. */
function windowsOf(bookmark: Date | undefined, options: PlanOptions): Window[] {
  const { reach, windowInDays } = options
  const stretch =
    reach.kind === 'slice' ? reach : stretchToRead(reach.kind === 'full' ? undefined : bookmark, options)
  return windowsBetween(stretch.from, stretch.to, windowInDays)
}

/** The parts of any stream but `list_users`, whose lists must be asked for first. */
export function partsOf(stream: Stream, bookmark: Date | undefined, options: PlanOptions): Part[] {
  if (isKind(stream, 'export')) {
    const bookmarkAt = bookmarksOf(bookmark, options.reach)
    const type = new ExportType(stream.read)
    return windowsOf(bookmark, options).map((window) => windowPart(stream, window, { type, bookmarkAt }))
  }
  if (isKind(stream, 'documents')) {
    if (!isIncremental(stream)) return [documentPart(stream, {})]
    const { from: since, to } = stretchToRead(options.reach.kind === 'full' ? undefined : bookmark, options)
    if (to <= since) return []
    return [documentPart(stream, { since: options.completeDimensions ? undefined : since, bookmark: to })]
  }
  return isKind(stream, 'metadata') ? [metadataPart] : []
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
