/** Tables of events that become tables of parts: what is asked for, and what was done. */
import type { Stream } from '../catalog/index.ts'

export interface PartitioningRequest {
  /** Streams of events; those that have no table are left out. */
  readonly streams: readonly Stream[]
  /** Looks, and changes nothing. */
  readonly isDryRun: boolean
  readonly signal?: AbortSignal | undefined
  /** Hears of what is about to be copied. */
  readonly onMonth?: ((month: PartitionedMonth) => void) | undefined
  /** Hears of each table that was worked on. */
  readonly onTable?: ((table: PartitionedTable) => void) | undefined
}

export interface PartitionedMonth {
  /** `schema.table`. */
  readonly table: string
  /** `2026-01`; null for rows whose time is of no month. */
  readonly month: string | null
  readonly rows: number
}

export interface PartitionedTable {
  /** `schema.table`. */
  readonly table: string
  /** What became of it; of a dry run, what would. `refused`: it is as it was, see `reason`. */
  readonly state: 'converted' | 'partitioned_already' | 'refused'
  readonly reason: string | null
  /** Null where nobody counted. */
  readonly rows: number | null
  /** Its parts. */
  readonly months: number
}
