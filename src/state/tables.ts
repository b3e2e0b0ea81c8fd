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

/** Definitions of exports; `defined_in` is `file` or `sql`. */
export interface ExportsTable {
  name: string
  query: string
  settings: JSONColumnType<Record<string, unknown>>
  defined_in: Generated<string>
  /** Why it cannot run, as found when it was last looked at. */
  error_text: string | null
  created_at: Column<Date, Date | undefined, Date>
  updated_at: Column<Date, Date | undefined, Date>
}

/** Where an export run stands: only `held` and `sending` have a frozen plan. */
export type ExportPhase = 'querying' | 'held' | 'sending' | 'done'
export type ExportOp = 'add' | 'update' | 'remove'

export interface ExportRunsTable {
  run_id: string
  export: string
  action: string
  list_id: number
  list_name: string | null
  phase: ExportPhase
  /** Of the query and of every setting that decides what is sent. */
  definition_hash: string
  /** Of the settings that turn a row into a payload. */
  mapping_hash: string
  /** What each request says beside its rows. */
  envelope: JSONColumnType<Record<string, unknown>>
  rows_queried: Generated<number>
  planned_add: Generated<number>
  planned_update: Generated<number>
  planned_remove: Generated<number>
  planned_unchanged: Generated<number>
  /** Rows of the query that Iterable took. */
  sent: Generated<number>
  /** People whom a mirror took off the list. */
  removed: Generated<number>
  rejected: Generated<number>
  skipped: Generated<number>
  /** Of `rejected`: refused by Iterable while sending. */
  refused: Generated<number>
  brakes: JSONColumnType<readonly Record<string, unknown>[]> | null
  /** Who sends holds the highest token; a commit with an older one is refused. */
  lease_token: Generated<number>
  started_at: Instant
  planned_at: OptionalInstant
  approved_at: OptionalInstant
  approved_by: string | null
  approval_note: string | null
  /** What the plan does to the fields of the project. */
  fields: JSONColumnType<Record<string, unknown>> | null
}

/** Who said yes to a held plan. */
export interface ApprovalsTable {
  run_id: string
  export: string
  approved_at: Instant
  approved_by: string
  note: string | null
}

export interface PlanTable {
  run_id: string
  /** From 1, in the order of sending. */
  seq: number
  op: ExportOp
  member_key: string
  /** Canonical JSON of the subscriber. */
  payload: string
  hash: string
  /** The payload that Iterable acknowledged last. */
  before: string | null
  bytes: number
}

export interface BatchesTable {
  run_id: string
  batch_no: number
  op: ExportOp
  first_seq: number
  last_seq: number
  row_count: number
  bytes: number
  state: 'pending' | 'in_flight' | 'acked'
  attempts: Generated<number>
  body_sha256: string | null
  sent_at: OptionalInstant
  acked_at: OptionalInstant
  response: JSONColumnType<Record<string, unknown>> | null
}

export interface MembersTable {
  export: string
  list_id: number
  /** `e:` and the e-mail in lower case, or `u:` and the userId. */
  member_key: string
  status: 'member' | 'removed'
  payload: string
  /** Empty where the outcome of the last request is unknown. */
  hash: string
  run_id: string
  confirmed_at: Instant
}

export interface ExportRejectsTable {
  export: string
  list_id: number
  member_key: string
  op: ExportOp
  payload: string
  hash: string
  code: string
  reason: string
  permanent: boolean
  run_id: string
  rejected_at: Instant
}

/** When a job runs; see migrations/0003_schedules.sql. */
export interface SchedulesTable {
  /** The job: `sync` or `export:NAME`. */
  name: string
  cron: string
  dialect: Generated<string>
  timezone: Generated<string>
  delay_seconds: Generated<number>
  start_at: OptionalInstant
  end_at: OptionalInstant
  overlap: Generated<string>
  catchup: Generated<string>
  catchup_window_seconds: Generated<number>
  jitter_seconds: Generated<number>
  timeout_seconds: number | null
  /** `config`, `file`, `exports` (a row of that table) or `sql` (this row). */
  defined_in: Generated<string>
  planned_for: string | null
  problem: string | null
  revision: Generated<number>
  last_nominal_at: OptionalInstant
  next_nominal_at: OptionalInstant
  next_due_at: OptionalInstant
  paused_at: OptionalInstant
  paused_reason: string | null
  consecutive_failures: Generated<number>
  transient_failures: Generated<number>
  retry_at: OptionalInstant
  retry_run_id: string | null
}

/** A run that waits or is being worked on. */
export interface QueueTable {
  run_id: string
  job: string
  trigger: string
  due_at: Instant
  is_catchup: boolean
  attempts: number
  not_before: OptionalInstant
}

/** Who works on a job; `run_id` is null while nobody does. */
export interface LeasesTable {
  job: string
  run_id: string | null
  owner: string | null
  token: number
  until: Instant
}

export interface RunRequestsTable {
  request_id: Generated<string>
  job: string
  nominal_at: OptionalInstant
  requested_at: Column<Date, Date | undefined, Date>
  taken_at: OptionalInstant
  run_id: string | null
  /** Why it was refused. */
  error_text: string | null
}

export interface WorkersTable {
  worker_id: string
  host: string
  pid: number
  concurrency: number
  running: number
  started_at: Instant
  seen_at: Instant
  until: Instant
  stopped_at: OptionalInstant
}

export interface IncidentsTable {
  incident_id: string
  job: string
  code: string
  text: string | null
  run_id: string
  failures: number
  opened_at: Instant
  closed_at: OptionalInstant
  closed_run_id: string | null
}

export interface NotificationsTable {
  notification_id: string
  event: string
  job: string
  run_id: string | null
  /** `email` or `webhook`. */
  channel: string
  message: JSONColumnType<Record<string, unknown>>
  recipients: JSONColumnType<string[]> | null
  /** `waiting`, `sent` or `given_up`. */
  state: string
  attempts: number
  next_try_at: Instant
  created_at: Instant
  sent_at: OptionalInstant
  error_text: string | null
}

/** Our own tables, without their schema: connect them with `db.withSchema(names.sync)`. */
/** The views for analysts as they were last made. */
export interface MartsTable {
  view_name: string
  /** Of the view's text and comments. */
  hash: string
  /** Why the last text could not be made; null where it was. */
  problem: string | null
  changed_at: Instant
}

export interface StateDatabase {
  runs: RunsTable
  bookmarks: BookmarksTable
  lacking_streams: LackingStreamsTable
  columns: ColumnsTable
  rejected_rows: RejectedRowsTable
  exports: ExportsTable
  export_runs: ExportRunsTable
  approvals: ApprovalsTable
  plan: PlanTable
  batches: BatchesTable
  members: MembersTable
  export_rejects: ExportRejectsTable
  schedules: SchedulesTable
  queue: QueueTable
  leases: LeasesTable
  run_requests: RunRequestsTable
  workers: WorkersTable
  incidents: IncidentsTable
  notifications: NotificationsTable
  marts: MartsTable
}
