/** Giving up a run whose plan will not be sent to its end. */
import { dropPlan } from '../state/batches.ts'
import { type ExportRun, takeOver, updateExportRun } from '../state/exports.ts'
import { forgetOutcomes } from '../state/members.ts'
import { endRun } from '../state/runs.ts'
import type { Tx } from '../warehouse/session.ts'

/**
 * Ends an open run. A process that may still be sending it can commit nothing any more, and batches whose outcome is
 * unknown are looked at anew by the next plan.
 */
export async function giveUp(
  { db: trx, dialect }: Pick<Tx, 'db' | 'dialect'>,
  run: ExportRun,
  { now, why, isCancel = false }: { readonly now: Date; readonly why: string; readonly isCancel?: boolean },
): Promise<void> {
  await takeOver(trx, run.run_id)
  const listId = run.list_id
  if (run.phase === 'sending') {
    const managed = await trx
      .selectFrom('members')
      .select('member_key')
      .where('export', '=', run.export)
      .limit(1)
      .execute()
    // Exports without state have nothing to look at anew.
    if (managed.length > 0 || run.action === 'mirror') {
      await forgetOutcomes(trx, { runId: run.run_id, name: run.export, listId, dialect }, now)
    }
  }
  await dropPlan(trx, run.run_id)
  await updateExportRun(trx, run.run_id, { phase: 'done' })
  const isFailure = run.phase === 'querying' && !isCancel
  await endRun(trx, run.run_id, {
    state: isFailure ? 'failed' : 'cancelled',
    now,
    error: { code: isFailure ? 'abandoned' : isCancel ? 'cancelled' : 'given_up', text: why },
  })
}
