/** What is known of one run of an export: its plan while it waits, the brakes that struck, and who said yes. */
import type { Kysely } from 'kysely'
import { readExportRun } from '../state/exports.ts'
import type { StateDatabase } from '../state/tables.ts'
import type { Braking } from './brakes.ts'
import type { FieldReport } from './fields.ts'
import type { ExportReport, PlanView } from './progress.ts'
import { viewPlan } from './samples.ts'

export interface ExportDetail {
  readonly action: string
  readonly list_id: number
  readonly list_name: string | null
  /** Rows of the query. */
  readonly rows: number
  readonly planned: ExportReport['planned']
  readonly sent: number
  readonly removed: number
  readonly rejected: number
  readonly skipped: number
  readonly brakes: readonly Braking[]
  readonly approval: { readonly by: string; readonly at: string; readonly note: string | null } | null
  /** The frozen plan, until it is sent or given up. */
  readonly plan: PlanView | null
}

/** Null for a run that is none of an export. `hasApprovals`: the warehouse is new enough to have the table. */
export async function readExportDetail(
  db: Kysely<StateDatabase>,
  runId: string,
  hasApprovals: boolean,
): Promise<ExportDetail | null> {
  const run = await readExportRun(db, runId)
  if (!run) return null
  const approval = hasApprovals
    ? await db.selectFrom('approvals').selectAll().where('run_id', '=', runId).executeTakeFirst()
    : undefined
  const fields = (run.fields ?? noFields) as unknown as FieldReport
  return {
    action: run.action,
    list_id: Number(run.list_id),
    list_name: run.list_name,
    rows: Number(run.rows_queried),
    planned: {
      add: Number(run.planned_add),
      update: Number(run.planned_update),
      remove: Number(run.planned_remove),
      unchanged: Number(run.planned_unchanged),
    },
    sent: Number(run.sent),
    removed: Number(run.removed),
    rejected: Number(run.rejected),
    skipped: Number(run.skipped),
    brakes: (run.brakes ?? []) as unknown as readonly Braking[],
    approval: approval
      ? { by: approval.approved_by, at: approval.approved_at.toISOString(), note: approval.note }
      : null,
    plan: ['held', 'sending'].includes(run.phase) ? await viewPlan(db, runId, fields) : null,
  }
}

/** Of a plan that an older version made. */
const noFields: FieldReport = { known: false, mapped: [], doubtful: [], created: [], conflicts: [] }
