/** What a stream has to read: parts that are downloaded one by one, and committed one by one. */
import type { Stream } from '../catalog/index.ts'
import type { Scope } from '../load/commit.ts'
import type { OpenJob } from '../state/export-jobs.ts'
import type { LineSink } from './download.ts'
import { ExportType } from './export-type.ts'
import { type List, readDocuments, readExport, readMembers, readMetadata } from './readers.ts'
import type { Route } from './route.ts'
import type { CountingClient } from './source.ts'
import type { WalkReach } from './walk.ts'
import { walks } from './walks.ts'
import { halves, type Window, wholeSecond } from './windows.ts'

/** A stream that is read by window. */
export type ExportStream = Stream & { readonly read: { readonly kind: 'export' } }

/** One download and one commit. */
export interface Part {
  /** For people: the window or the list. */
  readonly label: string
  readonly scope: Scope
  /** Where the bookmark stands once this part is committed; undefined leaves it alone. */
  readonly bookmark?: Date | undefined
  /** The same for the parts that it may be halved into. */
  readonly bookmarkAt?: BookmarkAt | undefined
  /** Asked for by time: a read that fails is tried again in halves. */
  readonly window?: Window | undefined
  /** The type that it is a window of. */
  readonly type?: ExportType | undefined
  /** Its window may be cut anywhere when it is read. */
  readonly isFlexible?: boolean | undefined
  /** The route that had a place for it when it was cut from a longer window. */
  readonly cutFor?: Route | undefined
  /** A job that an earlier sync has started for this very window. */
  readonly openJob?: OpenJob | undefined
  /** The route by which the window was tried in vain. */
  readonly missed?: Route | undefined
  /** A list: a read that fails is reported, and the list keeps its rows. */
  readonly list?: List | undefined
  /** Tries of a transfer that breaks off. */
  readonly attempts: number
  readonly read: (client: CountingClient, sink: LineSink) => Promise<void>
}

/** Where the bookmark stands once everything up to `end` is committed; undefined leaves it alone. */
export type BookmarkAt = (end: Date) => Date | undefined

/** A window of an export stream. */
export function windowPart(
  stream: ExportStream,
  window: Window,
  {
    type,
    bookmarkAt,
    isHalf = false,
    openJob,
    missed,
    isFlexible = false,
  }: {
    readonly type: ExportType
    readonly bookmarkAt: BookmarkAt
    readonly isHalf?: boolean
  } & Pick<Part, 'openJob' | 'missed' | 'isFlexible'>,
): Part {
  // A half that may be halved again is asked for once: the server's patience was tried with the whole already.
  const isHurried = isHalf && halves(window) !== undefined
  return {
    label: `${label(window.from)} … ${label(window.to)}`,
    scope: stream.replication === 'append' ? { kind: 'window', ...window } : { kind: 'keys' },
    bookmark: bookmarkAt(window.to),
    bookmarkAt,
    window,
    type,
    openJob,
    missed,
    isFlexible,
    attempts: isHurried ? 2 : 4,
    read: (client, sink) => readExport(client, type, window, sink, { isHurried }),
  }
}

/** The first days of a window, and the rest of it; undefined where there is no rest. */
export function cutOf(stream: ExportStream, part: Part, days: number): [Part, Part] | undefined {
  const { window, bookmarkAt = () => undefined } = part
  if (!window) return undefined
  const middle = wholeSecond(new Date(window.from.getTime() + days * 86_400_000))
  if (middle <= window.from || middle >= window.to) return undefined
  const options = { type: part.type ?? new ExportType(stream.read), bookmarkAt, isFlexible: true }
  return [
    windowPart(stream, { from: window.from, to: middle }, options),
    windowPart(stream, { from: middle, to: window.to }, options),
  ]
}

/** The two halves of a window that Iterable does not deliver whole, or undefined when it cannot be halved. */
export function halvesOf(stream: ExportStream, part: Part): [Part, Part] | undefined {
  const both = part.window && halves(part.window)
  const type = part.type ?? new ExportType(stream.read)
  const options = {
    type,
    bookmarkAt: part.bookmarkAt ?? (() => undefined),
    isHalf: true,
    missed: part.missed,
  }
  return both && [windowPart(stream, both[0], options), windowPart(stream, both[1], options)]
}

/** Each answer on the way is asked for again by itself; the whole only where answers do not fit together. */
const walkAttempts = 2

/** Everything that a document endpoint has; with `since`, older records are left out on our side. */
export function documentPart(
  stream: Stream & { readonly read: { readonly kind: 'documents' } },
  { since, bookmark }: { readonly since?: Date | undefined; readonly bookmark?: Date | undefined },
): Part {
  return {
    label: 'all pages',
    scope: stream.replication === 'filter' ? { kind: 'keys', since } : { kind: 'table' },
    bookmark,
    attempts: walkAttempts,
    read: (client, sink) => readDocuments(client, stream.read, sink),
  }
}

/** The members of one list. */
export function listPart(list: List, options: { isEmailProject: boolean; updatedAt: Date }): Part {
  return {
    label: `list ${list.id}`,
    scope: { kind: 'list', listId: list.id },
    list,
    attempts: 3,
    read: (client, sink) => readMembers(client, list.id, sink, options),
  }
}

/** All metadata. */
export const metadataPart: Part = {
  label: 'all tables',
  scope: { kind: 'table' },
  attempts: walkAttempts,
  read: readMetadata,
}

/** Whatever a walk through several endpoints brings. */
export function walkPart(
  stream: Stream & { readonly read: { readonly kind: 'walk' } },
  { bookmark, ...reach }: Omit<WalkReach, 'client' | 'sink'> & { readonly bookmark?: Date | undefined },
): Part {
  return {
    label: 'all of it',
    scope: stream.replication === 'full' ? { kind: 'table' } : { kind: 'keys' },
    bookmark,
    attempts: walkAttempts,
    read: (client, sink) => walks[stream.read.walk]({ ...reach, client, sink }),
  }
}

const label = (at: Date): string => at.toISOString().slice(0, 16).replace('T', ' ')
