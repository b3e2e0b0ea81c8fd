/** Our own tables of what is sent: exports, their runs, plans, batches and members, and who decided what. */
import type { ColumnType as Column, Generated, JSONColumnType } from 'kysely'
import type { Instant, OptionalInstant } from './instant.ts'

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
