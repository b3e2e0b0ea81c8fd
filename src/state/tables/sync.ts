/** Our own tables of what is read: runs, bookmarks, columns, rejected rows, and what is known of streams and lists. */
import type { ColumnType as Column, Generated, JSONColumnType } from 'kysely'
import type { FailureCode } from '../../errors.ts'
import type { Instant, OptionalInstant } from './instant.ts'

/** States of a run. */
export type RunState =
  | 'queued'
  | 'running'
  | 'held'
  | 'succeeded'
  | 'succeeded_with_rejects'
  | 'failed'
  | 'cancelled'
  | 'skipped'

export interface RunsTable {
  run_id: string
  /** `sync` or `export:NAME`. */
  job: string
  kind: string
  trigger: string
  state: RunState
  nominal_at: OptionalInstant
  due_at: OptionalInstant
  started_at: OptionalInstant
  finished_at: OptionalInstant
  rows_read: Generated<number>
  rows_written: Generated<number>
  rows_rejected: Generated<number>
  bytes_read: Generated<number>
  api_calls: Generated<number>
  /** An earlier version may have written a code that this one does not know. */
  error_code: Column<string | null, FailureCode | null | undefined, FailureCode | null>
  error_text: string | null
  details: JSONColumnType<Record<string, unknown>> | null
  /** The nominal time of a scheduled run, null for others: no two runs of a job have the same. */
  slot: OptionalInstant
}

export interface BookmarksTable {
  stream: string
  bookmark: Instant
  run_id: string
  updated_at: Instant
}

export interface LackingStreamsTable {
  stream: string
  /** When Iterable last refused its type. */
  asked_at: Instant
  /** What it said. */
  answer: string
}

export type ExportJobState =
  /** Written before the request: whether it arrived is not known. */
  | 'asked'
  | 'started'
  /** The rows of its window are in the table. */
  | 'loaded'
  | 'failed'
  | 'cancelled'
  | 'standstill'
  | 'truncated'
  /** What it brought was not good, or nobody wants it any more. */
  | 'discarded'
  /** Iterable does not know it. */
  | 'lost'

/** Jobs of the asynchronous export; see migrations/0012_export_jobs.sql. */
export interface ExportJobsTable {
  request_id: string
  run_id: string
  stream: string
  /** As it was asked for. */
  data_type: string
  window_from: Instant
  window_to: Instant
  state: ExportJobState
  job_id: number | null
  asked_at: Instant
  ended_at: OptionalInstant
  /** From asking to the last file. */
  seconds: number | null
  files: number | null
  bytes: number | null
  problem: string | null
}

export interface StreamVolumesTable {
  stream: string
  rows_per_day: number
  bytes_per_day: number
  /** How long its jobs took. */
  job_seconds: number | null
  /** No row is newer than this, up to the bookmark. */
  empty_since: OptionalInstant
  updated_at: Instant
}

export interface ColumnsTable {
  /** Name of the table. */
  stream: string
  source_name: string
  column_name: string
  type: string
  /** `catalogue`, `declared` (users/getFields), `seen` or `ours`. */
  origin: string
  /** True where text that holds JSON is stored decoded. */
  embedded: boolean
  /** Order of the columns of a table. */
  position: number
  first_seen_at: Instant
  /** The types that the column had before, oldest first. */
  previous_types: JSONColumnType<string[]> | null
  changed_at: OptionalInstant
}

export interface RejectedRowsTable {
  run_id: string
  /** `stream:NAME` or `export:NAME`. */
  source: string
  code: string
  reason: string
  /** The row as JSON, where it is JSON. */
  row: Column<unknown, string | null, string | null>
  /** The text as it came, where it is not JSON. */
  raw: string | null
  rejected_at: Instant
}

/** The last sweep of each stream. */
export interface SweepsTable {
  stream: string
  swept_at: Instant
  /** Null until the first sweep has come. */
  rows_late: number | null
  /** Late rows by how late they were. */
  lateness: JSONColumnType<Record<string, number>> | null
}

/** Since when the events of each stream are kept. */
export interface RetentionTable {
  stream: string
  kept_since: Instant
  rows_dropped: number
  run_id: string
  dropped_at: Instant
}

/** Lists whose members were read. */
export interface ListReadsTable {
  list_id: number
  first_read_at: Instant
  last_read_at: Instant
  /** Null while the list exists. */
  gone_at: Instant | null
  /** The same for the same members; null where the list had none. */
  fingerprint: string | null
}

/** Who came to which list, and who left it. */
export interface ListChangesTable {
  list_id: number
  email: string | null
  user_id: string | null
  change: 'joined' | 'left'
  /** It happened between this read of the list and the one that found it. */
  since: Instant
  found_at: Instant
  run_id: string
}

/** What a sync committed, one by one. */
export interface RunStepsTable {
  run_id: string
  stream: string
  step: string
  window_from: OptionalInstant
  window_to: OptionalInstant
  begun_at: Instant
  ended_at: Instant
  rows_read: number
  rows_written: number
  rows_rejected: number
  bytes_read: number
  /** Of the stream, since its step before. */
  api_calls: number
  retries: number
  waited_ms: number
  /** Of the whole run, as far as it was known then. */
  steps_done: number
  steps_total: number
  seconds_left: number
}

/** What a run told. */
export interface RunLogTable {
  run_id: string
  line: number
  logged_at: Instant
  level: 'info' | 'warn'
  stream: string | null
  message: string
}
