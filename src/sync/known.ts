/** What the warehouse knows of the streams before a sync: how far each has come, and what was learned on the way. */
import type { Stream } from '../catalog/index.ts'
import { readBookmarks } from '../state/bookmarks.ts'
import { type OpenJob, readOpenJobs } from '../state/export-jobs.ts'
import { readLackingStreams } from '../state/lacking-streams.ts'
import { readStreamVolumes, type StreamVolume } from '../state/stream-volumes.ts'
import { readSweeps } from '../state/sweeps.ts'
import type { Db } from '../state/tables.ts'

/** By the names of streams. */
export interface Known {
  readonly bookmarks: ReadonlyMap<string, Date>
  readonly lacking: ReadonlyMap<string, Date>
  readonly swept: ReadonlyMap<string, Date>
  readonly volumes: ReadonlyMap<string, StreamVolume>
  readonly openJobs: readonly OpenJob[]
}

/** A stream, and what is known of it. */
export interface KnownStream {
  readonly stream: Stream
  readonly bookmark: Date | undefined
  /** Jobs of an earlier sync that may still bring their windows. */
  readonly openJobs: readonly OpenJob[]
  /** When Iterable last said that the project lacks it. */
  readonly lackingSince: Date | undefined
  /** When it was last swept, or first read. */
  readonly sweptAt: Date | undefined
}

/** Of a warehouse that nothing was ever synced into. */
export const nothingKnown: Known = {
  bookmarks: new Map(),
  lacking: new Map(),
  swept: new Map(),
  volumes: new Map(),
  openJobs: [],
}

export const readKnown = async (db: Db): Promise<Known> => ({
  bookmarks: await readBookmarks(db),
  lacking: await readLackingStreams(db),
  swept: await readSweeps(db),
  volumes: await readStreamVolumes(db),
  openJobs: await readOpenJobs(db),
})

export const knownOf = (known: Known, stream: Stream): KnownStream => ({
  stream,
  bookmark: known.bookmarks.get(stream.name),
  openJobs: known.openJobs.filter((job) => job.stream === stream.name),
  lackingSince: known.lacking.get(stream.name),
  sweptAt: known.swept.get(stream.name),
})
