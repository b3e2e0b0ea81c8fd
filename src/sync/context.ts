import type { ColumnType, ProjectType, Stream } from '../catalog/index.ts'
import type { IterableClient } from '../iterable/client.ts'
import type { Clock } from '../iterable/clock.ts'
import type { Warehouse } from '../warehouse/session.ts'
import type { Shape } from '../warehouse/shape.ts'
import type { Course } from './course.ts'
import type { JobDesk } from './job-desk.ts'
import type { KnownStream } from './known.ts'
import type { SyncEvent } from './progress.ts'
import type { DiskRoom } from './room.ts'
import type { Route } from './route.ts'
import type { Routes } from './routes.ts'

/** What every stream of one sync shares. */
export interface SyncContext {
  readonly runId: string
  readonly warehouse: Warehouse
  readonly client: IterableClient
  readonly clock: Clock
  /** When the sync began: the instant that windows, `updatedAt` of list members and `_loaded_at` speak of. */
  readonly now: Date
  readonly signal: AbortSignal
  /** Once it is aborted nothing further is begun, and nothing is waited for that a later sync can go on with. */
  readonly stopping: AbortSignal
  readonly projectType: ProjectType
  /** Types of profile fields, from `users/getFields`. */
  readonly declared: ReadonlyMap<string, ColumnType>
  readonly maxRejectPercent: number
  /** Members that each list has in the table, by list id. */
  readonly memberCounts: ReadonlyMap<string, number>
  readonly course: Course
  readonly emit: (event: SyncEvent) => void
  /** Downloads of one kind that may be under way at once. @throws InterruptedError once the sync is to stop. */
  readonly turnOf: <T>(stream: Stream, work: () => Promise<T>, route?: Route) => Promise<T>
  readonly routes: Routes
  readonly room: DiskRoom
  readonly jobDesk: JobDesk
}

/** A stream at the beginning of its sync. */
export interface StreamStart extends KnownStream {
  readonly shape: Shape
}
