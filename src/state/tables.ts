/** The tables of `iterable_sync` as Kysely sees them; their DDL is in `migrations/`. */
import type { ColumnType as Column, Generated, JSONColumnType } from 'kysely'

/** States of a run (design 1.3). */
export type RunState =
  | 'queued'
  | 'running'
  | 'held'
  | 'succeeded'
  | 'succeeded_with_rejects'
  | 'failed'
  | 'cancelled'
  | 'skipped'

/** An instant: read as Date, written as Date. */
type Instant = Column<Date, Date, Date>
type OptionalInstant = Column<Date | null, Date | null | undefined, Date | null>

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
  error_code: string | null
  error_text: string | null
  details: JSONColumnType<Record<string, unknown>> | null
}

export interface BookmarksTable {
  stream: string
  bookmark: Instant
  run_id: string
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
  /** The text as it came, where it is no JSON. */
  raw: string | null
  rejected_at: Instant
}

/** Our own tables, without their schema: connect them with `db.withSchema(names.sync)`. */
export interface StateDatabase {
  runs: RunsTable
  bookmarks: BookmarksTable
  columns: ColumnsTable
  rejected_rows: RejectedRowsTable
}
