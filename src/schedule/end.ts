/** How a run ends: its row, its lease, its schedule and what there is to tell, in one transaction. */

import { closeIncidents, openIncident } from '../state/incidents.ts'
import { releaseLease } from '../state/leases.ts'
import { dequeue } from '../state/queue.ts'
import { hasSucceeded } from '../state/runs.ts'
import { type Announce, findSchedule, type Happening, updateSchedule } from '../state/schedules.ts'
import { storable } from '../state/sound.ts'
import type { Db } from '../state/tables.ts'
import { afterRun } from './failures.ts'
import type { JobResult } from './job.ts'
import type { Taken } from './take.ts'

export interface EndOptions {
  readonly now: Date
  readonly disableAfterFailures: number
  readonly announce: Announce
}

/** Records the end of a run. False when the run is another worker's by now, and nothing was written. */
export async function endJob(
  db: Db,
  taken: Taken,
  result: JobResult,
  { now, disableAfterFailures, announce }: EndOptions,
): Promise<boolean> {
  const { job, runId, trigger } = taken
  return db.transaction().execute(async (trx) => {
    if (!(await releaseLease(trx, taken.lease))) return false
    await dequeue(trx, runId)
    await trx
      .updateTable('runs')
      .set({
        state: result.state,
        finished_at: now,
        error_code: result.error?.code ?? null,
        error_text: result.error ? storable(result.error.text) : null,
      })
      .where('run_id', '=', runId)
      .execute()
    const row = await findSchedule(trx, job)
    const progress = row && afterRun(row, { runId, trigger, result, now }, disableAfterFailures)
    if (progress) await updateSchedule(trx, job, progress)
    for (const happening of await happenings(trx, taken, result, now)) await announce(trx, happening)
    if (progress?.paused_at) {
      await announce(trx, {
        ...happeningOf(taken, result, now),
        event: 'paused',
        text: progress.paused_reason ?? null,
        failures: progress.consecutive_failures ?? 0,
      })
    }
    return true
  })
}

/** Lets a run go that somebody else has: its row is theirs. */
export async function letGo(db: Db, { lease, runId }: Taken): Promise<false> {
  await db.transaction().execute(async (trx) => {
    if (await releaseLease(trx, lease)) await dequeue(trx, runId)
  })
  return false
}

/** Puts a run back that was stopped before its end: it is begun again, by any worker. */
export async function putBack(db: Db, { lease, runId }: Taken, notBefore: Date | null): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    if (!(await releaseLease(trx, lease))) return false
    await trx
      .updateTable('runs')
      .set({ state: 'queued', finished_at: null, error_code: null, error_text: null })
      .where('run_id', '=', runId)
      .execute()
    await trx.updateTable('queue').set({ not_before: notBefore }).where('run_id', '=', runId).execute()
    return true
  })
}

async function happenings(db: Db, taken: Taken, result: JobResult, now: Date): Promise<Happening[]> {
  const { job, runId } = taken
  const happening = happeningOf(taken, result, now)
  if (result.state === 'held') return [{ ...happening, event: 'held' }]
  if (result.state === 'failed') {
    const code = result.error?.code ?? 'failed'
    const isNew = await openIncident(db, { job, code, text: result.error?.text ?? null, runId, now })
    return isNew ? [{ ...happening, event: 'failure', failures: 1, since: now }] : []
  }
  if (!hasSucceeded(result.state)) return []
  const closed = await closeIncidents(db, job, { now, runId })
  const [first] = closed
  if (!first) return [{ ...happening, event: 'success' }]
  return [
    { ...happening, event: 'success' },
    {
      ...happening,
      event: 'recovery',
      code: first.code,
      text: null,
      since: first.opened_at,
      failures: closed.reduce((sum, { failures }) => sum + failures, 0),
    },
  ]
}

const happeningOf = ({ job, runId, nominalAt }: Taken, { state, error }: JobResult, at: Date): Happening => ({
  event: 'success',
  job,
  runId,
  state,
  nominalAt,
  code: error?.code ?? null,
  text: error?.text ?? null,
  at,
  since: null,
  failures: 0,
})
