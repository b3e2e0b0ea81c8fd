/** Our own tables of what is to run, who works, and who is told. */
import type { ColumnType as Column, Generated, JSONColumnType } from 'kysely'
import type { Instant, OptionalInstant } from './instant.ts'

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

/** How each channel of notifications has answered last. */
export interface ChannelsTable {
  /** `email`, `webhook` or `webhook:NAME`. */
  channel: string
  answered_at: Instant
  /** Null where the last message was taken. */
  error_text: string | null
  refusing_since: OptionalInstant
}
