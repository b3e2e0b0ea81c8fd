/** What is known of one run of an export: its plan while it waits, the brakes that struck, and who said yes. */
import { readExportRun } from '../../state/exports.ts'
import type { Db } from '../../state/tables.ts'
import type { ExportReport, PlanView } from '../progress.ts'
import type { FieldReport } from '../rows/fields.ts'
import type { Braking } from './brakes.ts'
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
  /** Who said yes to the plan, or no. */
  readonly approval: {
    readonly by: string
    readonly at: string
    readonly note: string | null
    readonly decision: 'approved' | 'cancelled'
  } | null
  /** The frozen plan, until it is sent or given up. */
  readonly plan: PlanView | null
}

/** Null for a run that is not of an export. `hasApprovals`: the warehouse is new enough to have the table. */
export async function readExportDetail(
  db: Db,
  runId: string,
  { hasApprovals, countsFields = true }: { readonly hasApprovals: boolean; readonly countsFields?: boolean },
): Promise<ExportDetail | null> {
  const run = await readExportRun(db, runId)
  if (!run) return null
  const approval = hasApprovals
    ? await db.selectFrom('approvals').selectAll().where('run_id', '=', runId).executeTakeFirst()
    : undefined
  const fields = (run.fields ?? noFields) as unknown as FieldReport
  return {
    action: run.action,
    list_id: run.list_id,
    list_name: run.list_name,
    rows: run.rows_queried,
    planned: {
      add: run.planned_add,
      update: run.planned_update,
      remove: run.planned_remove,
      unchanged: run.planned_unchanged,
    },
    sent: run.sent,
    removed: run.removed,
    rejected: run.rejected,
    skipped: run.skipped,
    brakes: (run.brakes ?? []) as unknown as readonly Braking[],
    approval: approval
      ? {
          by: approval.approved_by,
          at: approval.approved_at.toISOString(),
          note: approval.note,
          decision: approval.decision ?? 'approved',
        }
      : null,
    plan: ['held', 'sending'].includes(run.phase) ? await viewPlan(db, runId, fields, countsFields) : null,
  }
}

/** Of a plan that an older version made. */
const noFields: FieldReport = { known: false, mapped: [], doubtful: [], created: [], conflicts: [] }
