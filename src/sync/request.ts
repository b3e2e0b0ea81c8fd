import { type Reach, sliceOf } from './plan.ts'
import type { SyncEvent } from './progress.ts'

/** How a sync is asked for. */
export interface SyncRequest {
  /** Names or globs of streams, `!name` excludes; those of the configuration by default, and where only exclusions are given. */
  readonly streams?: readonly string[]
  /** Reload incremental streams from `start_date`. */
  readonly fullRefresh?: boolean
  /** Reload this half-open slice of event streams; bookmarks stay. */
  readonly slice?: { readonly from: Date; readonly to: Date }
  /** Stops the sync at once; what was committed stays, and the next sync goes on. */
  readonly signal?: AbortSignal
  /** Stops the sync when what it is reading has been committed. */
  readonly stopping?: AbortSignal
  readonly onProgress?: (event: SyncEvent) => void
  readonly trigger?: string
  /** Of a worker: the streams are those of this job, where none are named. */
  readonly job?: string
  /** Of the row in `runs` that a worker has made. */
  readonly runId?: string
}

/** How far back it reads. @throws ConfigError for a slice that ends before it begins. */
export const reachOf = ({ fullRefresh, slice }: SyncRequest): Reach =>
  slice ? sliceOf(slice.from, slice.to) : { kind: fullRefresh ? 'full' : 'incremental' }
