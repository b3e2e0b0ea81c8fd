import type { ColumnType, ProjectType, Stream } from '../catalog/index.ts'
import type { IterableClient } from '../iterable/client.ts'
import type { Clock } from '../iterable/clock.ts'
import type { Warehouse } from '../warehouse/session.ts'
import type { Shape } from '../warehouse/shape.ts'
import type { SyncEvent } from './progress.ts'

/** What every stream of one sync shares. */
export interface SyncContext {
  readonly runId: string
  readonly warehouse: Warehouse
  readonly client: IterableClient
  readonly clock: Clock
  /** When the sync began: the instant that windows, `updatedAt` of list members and `_loaded_at` speak of. */
  readonly now: Date
  readonly signal: AbortSignal
  readonly projectType: ProjectType
  /** Types of profile fields, from `users/getFields`. */
  readonly declared: ReadonlyMap<string, ColumnType>
  readonly maxRejectPercent: number
  /** Members that each list has in the table, by list id. */
  readonly memberCounts: ReadonlyMap<string, number>
  readonly emit: (event: SyncEvent) => void
  /** Downloads of one endpoint that may be under way at once. @throws InterruptedError once the sync is to stop. */
  readonly turnOf: <T>(stream: Stream, work: () => Promise<T>) => Promise<T>
}

/** A stream at the beginning of its sync. */
export interface StreamStart {
  readonly stream: Stream
  readonly shape: Shape
  readonly bookmark: Date | undefined
  /** When Iterable last said that the project lacks it. */
  readonly lackingSince: Date | undefined
}
