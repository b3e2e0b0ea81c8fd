/** The tables of `iterable_sync` as Kysely sees them; their DDL is in `migrations/`. */
import type { ColumnType as Column, Generated, JSONColumnType, Kysely } from 'kysely'

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
  /** What each request says besides its rows. */
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

/** Who said yes or no to a held plan. */
export interface ApprovalsTable {
  run_id: string
  export: string
  approved_at: Instant
  approved_by: string
  note: string | null
  /** `cancelled` where somebody said no; a warehouse of an older version has only yes. */
  decision: Generated<'approved' | 'cancelled'>
}

/** What somebody did on the operations page. */
export interface ActionsTable {
  action_id: string
  begun_at: Instant
  actor: string
  role: string
  action: string
  /** A run, a schedule or a query. */
  subject: string
  note: string | null
  /** Null while it is under way; `done`, or why it came to nothing. */
  outcome: string | null
  ended_at: OptionalInstant
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
  retries: Generated<number | null>
  waited_ms: Generated<number | null>
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

/** The tables of the views that are kept as tables. */
export interface MartTablesTable {
  view_name: string
  table_name: string
  /** Of the select that fills it. */
  hash: string
  /** Of the rows of the user that it reads. */
  inputs: string
  /** Rows of later syncs are not in it. */
  loaded_through: Instant
  refreshed_at: Instant
}

/** The comments on the stream tables, as they were last set. */
export interface TableCommentsTable {
  stream: string
  /** Of the comments and of the names of the columns. */
  hash: string
}

/** How each channel of notifications has answered last. */
export interface ChannelsTable {
  /** `email`, `webhook` or `webhook:NAME`. */
  channel: string
  answered_at: Instant
  /** Null where the last message was taken. */
  error_text: string | null
  refusing_since: OptionalInstant
}

/** The view of each custom event. */
export interface CustomEventViewsTable {
  event_name: string
  view_name: string
  /** Names of the columns that its rows have filled. */
  columns: JSONColumnType<string[]>
  /** Of the view's text and the types of its columns. */
  hash: string
  changed_at: Instant
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

export interface StateDatabase {
  runs: RunsTable
  run_steps: RunStepsTable
  run_log: RunLogTable
  bookmarks: BookmarksTable
  lacking_streams: LackingStreamsTable
  export_jobs: ExportJobsTable
  stream_volumes: StreamVolumesTable
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
  mart_tables: MartTablesTable
  table_comments: TableCommentsTable
  channels: ChannelsTable
  actions: ActionsTable
  custom_event_views: CustomEventViewsTable
  sweeps: SweepsTable
  retention: RetentionTable
  list_reads: ListReadsTable
  list_changes: ListChangesTable
}

/** Where they are read and written: the database itself, or a transaction in it. */
export type Db = Kysely<StateDatabase>
