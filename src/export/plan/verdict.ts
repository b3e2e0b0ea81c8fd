/** Whether a plan may be sent: what is invalid, what the brakes say, and whether there is anything to send. */
import type { Transaction } from 'kysely'
import { UserError } from '../../errors.ts'
import { type ExportRun, updateExportRun } from '../../state/exports.ts'
import { endRun, type RunEnd } from '../../state/runs.ts'
import type { StateDatabase } from '../../state/tables.ts'
import type { ExportInput } from '../context.ts'
import type { Definition } from '../definition/definition.ts'
import type { Destination } from '../definition/list.ts'
import { type Ended, endOf } from '../finish.ts'
import type { Braking } from './brakes.ts'
import type { PlanCounts } from './plan.ts'

export interface Planned {
  readonly counts: PlanCounts
  readonly brakes: readonly Braking[]
}

export interface Settled {
  /** Set when nothing is to be sent. */
  readonly ended: Ended | undefined
  readonly brakes: readonly Braking[]
  /** The run as it is recorded now. */
  readonly run: ExportRun
  readonly rows: NonNullable<RunEnd['rows']>
}

/** Records the plan, and whether it may be sent. */
export async function settle(
  trx: Transaction<StateDatabase>,
  { definition, runId }: ExportInput,
  { counts, brakes }: Planned,
  { listName, fields }: Destination,
  now: Date,
): Promise<Settled> {
  const ended = verdictOn(counts, brakes, definition)
  const run = await updateExportRun(trx, runId, {
    phase: ended ? (ended.state === 'held' ? 'held' : 'done') : 'sending',
    ...(listName !== undefined && { list_name: listName }),
    rows_queried: counts.queried,
    planned_add: counts.add,
    planned_update: counts.update,
    planned_remove: counts.remove,
    planned_unchanged: counts.unchanged,
    rejected: counts.rejected,
    skipped: counts.skipped,
    brakes: JSON.stringify(brakes),
    planned_at: now,
    fields: JSON.stringify(fields),
  })
  const rows = { read: counts.queried, rejected: counts.rejected }
  if (!ended) {
    await trx
      .updateTable('runs')
      .set({ rows_read: rows.read, rows_rejected: rows.rejected })
      .where('run_id', '=', runId)
      .execute()
  }
  if (ended?.state === 'held') await endRun(trx, runId, { state: 'held', now, error: ended.error, rows })
  return { ended, brakes, run, rows }
}

export function verdictOn(
  { invalid, rejected, add, update, remove }: PlanCounts,
  brakes: readonly Braking[],
  { settings }: Definition,
): Ended | undefined {
  if (invalid > 0 && !settings.skip_invalid_data) {
    const error = new UserError(
      'invalid_rows',
      `${invalid} ${invalid === 1 ? 'row' : 'rows'} cannot be sent, so nothing was sent`,
    )
    return { ...endOf(error), listsRejects: true }
  }
  const messages = (verdict: Braking['verdict']) =>
    brakes
      .filter((one) => one.verdict === verdict)
      .map(({ message }) => message)
      .join('; ')
  if (messages('fail') !== '') {
    return endOf(new UserError('brake', `stopped by a brake: ${messages('fail')}; nothing was sent`))
  }
  if (messages('hold') !== '') {
    const text = `held for approval: ${messages('hold')}; "runs approve" sends exactly this plan within 24 hours`
    return { state: 'held', error: { code: 'held', text }, kind: 'run' }
  }
  if (add + update + remove === 0) return { state: rejected > 0 ? 'succeeded_with_rejects' : 'succeeded' }
  return undefined
}
