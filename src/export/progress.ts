/** What an export tells while it works, and how it ended. */
import type { ErrorKind, FailureCode } from '../errors.ts'
import type { Braking } from './plan/brakes.ts'
import type { FieldCount, PlanChange } from './plan/changes.ts'
import type { FieldReport } from './rows/fields.ts'

export type ExportState = 'succeeded' | 'succeeded_with_rejects' | 'held' | 'failed' | 'cancelled'

/** How one export ended; what `export --json` prints. Rows of the query = sent + unchanged + rejected + skipped. */
export interface ExportReport {
  readonly run_id: string
  readonly export: string
  readonly state: ExportState
  readonly planned: {
    readonly add: number
    readonly update: number
    readonly remove: number
    readonly unchanged: number
  }
  /** Rows of the query. */
  readonly rows: number
  readonly sent: number
  /** People whom a mirror took off the list; they are not rows of the query. */
  readonly removed: number
  readonly rejected: number
  readonly skipped: number
  readonly batches: number
  readonly error: string | null
  readonly error_code: FailureCode | null
  /** `config`: nothing helps but a change by a person. `transient`: trying again may. */
  readonly error_kind: ErrorKind | null
  readonly brakes: readonly Braking[]
  readonly notices: readonly string[]
  readonly verified?: Verification
}

/** The list as read back after sending. */
export interface Verification {
  readonly expected: number
  /** People who should be on the list and are not. */
  readonly missing: number
  /** People who should be off the list and are not. */
  readonly left_over: number
  /** People on the list whom this export knows nothing of. */
  readonly others: number
  readonly examples: readonly string[]
}

/** What a plan does, and to whom: a few people of each kind, and the counts of all. */
export interface PlanView {
  readonly samples: readonly {
    readonly op: string
    readonly before: unknown
    readonly after: unknown
  }[]
  /** The samples by person and changed field. */
  readonly changes: readonly PlanChange[]
  /** The fields that change, of the whole plan. */
  readonly field_counts: readonly FieldCount[]
  readonly rejects: readonly { readonly code: string; readonly reason: string; readonly rows: number }[]
  readonly fields: FieldReport
}

/** What an export would do; what `export --dry-run` prints. */
export interface ExportPlan extends PlanView {
  readonly export: string
  readonly dry_run: true
  readonly rows: number
  readonly planned: ExportReport['planned']
  readonly rejected: number
  readonly skipped: number
  readonly list_name: string | null
  readonly requests: number
  readonly seconds: number
  /** What the run would end as before it sends: `held` and `failed` send nothing. */
  readonly state: 'ready' | 'held' | 'failed' | 'nothing_to_do'
  readonly brakes: readonly Braking[]
  readonly notices: readonly string[]
}

export type ExportEvent =
  | { readonly type: 'started'; readonly runId: string; readonly export: string }
  | { readonly type: 'progress'; readonly phase: 'querying' | 'planning'; readonly rows: number }
  | {
      readonly type: 'sending'
      readonly batches: number
      readonly batchesDone: number
      readonly rowsDone: number
      readonly rows: number
    }
  | { readonly type: 'wait'; readonly reason: string; readonly until: Date }
  | { readonly type: 'notice'; readonly message: string }
