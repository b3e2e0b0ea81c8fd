/** A job as a run of the warehouse: its row tells that it works, then what it did, or why it failed. */
import { randomUUID } from 'node:crypto'
import { codeOf, messageOf } from '../errors.ts'
import { beginRun, endRun, failAbandonedRuns } from '../state/runs.ts'
import type { Warehouse } from '../warehouse/session.ts'

export interface JobRun {
  readonly warehouse: Pick<Warehouse, 'use'>
  readonly job: string
  /** Of a run that a worker has begun; a new one where it is left out. */
  readonly runId?: string | undefined
  readonly trigger?: string | undefined
  /** A failure after it was aborted counts as cancelled. */
  readonly signal?: AbortSignal | undefined
  readonly now: () => Date
}

/**
 * Does `work` as a run, whose details are what `work` returns. The caller holds the lock of the job: earlier runs of it
 * that have not ended are those of processes that died.
 */
export async function runJob<T extends object>(
  run: JobRun,
  work: () => Promise<T>,
): Promise<T & { readonly run_id: string }> {
  const { warehouse, job, runId = randomUUID(), trigger = 'manual', now } = run
  await warehouse.use(async ({ db }) => {
    await failAbandonedRuns(db, { kind: job, runId, now: now() })
    await beginRun(db, { runId, job, kind: job, trigger, now: now() })
  })
  return endingRun({ ...run, runId }, async () => {
    const done = await work()
    await warehouse.use(({ db }) => endRun(db, runId, { state: 'succeeded', now: now(), details: done }))
    return { run_id: runId, ...done }
  })
}

/** Does the `work` of a run that has begun and ends by itself; its row says so where `work` throws. */
export async function endingRun<T>(
  { warehouse, runId, signal, now }: Omit<JobRun, 'job' | 'trigger'> & { readonly runId: string },
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const state = signal?.aborted ? 'cancelled' : 'failed'
    const failure = { code: codeOf(error), text: messageOf(error) }
    // What was at fault may be the warehouse itself; then the next run of the job finds this one abandoned.
    await warehouse.use(({ db }) => endRun(db, runId, { state, now: now(), error: failure })).catch(() => {})
    throw error
  }
}
