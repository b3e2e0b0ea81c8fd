/** A waiting run becomes a run at work: its job's lease is taken and its row says so, in one transaction. */

import { type Lease, releaseLease, takeLease } from '../state/leases.ts'
import { dequeue, type QueueEntry, startable } from '../state/queue.ts'
import type { Db } from '../state/tables.ts'
import { previousTick } from './definition.ts'
import { type SkipReason, skipTexts } from './plan.ts'
import type { KnownSchedule } from './register.ts'

/** A run that is ours. */
export interface Taken {
  readonly lease: Lease
  readonly job: string
  readonly runId: string
  readonly trigger: string
  readonly nominalAt: Date | null
  readonly previousNominalAt: Date | null
  readonly dueAt: Date
  readonly attempt: number
  readonly takenAt: Date
  /** After which it is stopped. */
  readonly timeoutMs: number | null
}

export interface TakeOptions {
  readonly owner: string
  readonly now: Date
  readonly until: Date
  readonly known: readonly KnownSchedule[]
  /** Jobs that this process still works on, also in an attempt that is another worker's by now: they wait for its end. */
  readonly busy: ReadonlySet<string>
  /** How many at most. */
  readonly slots: number
  /** Only this run. */
  readonly runId?: string | undefined
}

/** Takes what may begin now, oldest first; each is told as soon as it is certain. */
export async function takeRuns(db: Db, options: TakeOptions, onTaken: (taken: Taken) => void): Promise<void> {
  let slots = options.slots
  if (slots < 1) return
  const schedules = new Map(options.known.map((one) => [one.row.name, one]))
  const entries = await startable(db, options.now)
  for (const entry of entries.filter(({ run_id }) => !options.runId || run_id === options.runId)) {
    if (slots < 1) return
    if (options.busy.has(entry.job)) continue
    const schedule = schedules.get(entry.job)
    const run = await db.transaction().execute((trx) => take(trx, entry, schedule, options))
    if (!run) continue
    slots -= 1
    onTaken(run)
  }
}

async function take(
  db: Db,
  entry: QueueEntry,
  known: KnownSchedule | undefined,
  { owner, now, until }: TakeOptions,
): Promise<Taken | undefined> {
  const { job, run_id: runId, trigger, due_at: dueAt } = entry
  const lease = await takeLease(db, { job, runId, owner }, until)
  if (!lease) return undefined
  const skipped = skipReason(entry, known, now)
  const [run] = await db
    .updateTable('runs')
    .set(
      skipped
        ? { state: 'skipped', finished_at: now, error_code: skipped, error_text: skipTexts[skipped] }
        : { state: 'running', started_at: now, finished_at: null },
    )
    .where('run_id', '=', runId)
    .where('state', 'in', ['queued', 'running'])
    .returning('nominal_at')
    .execute()
  if (!run || skipped) {
    // Cancelled while it waited, ended by another worker a moment ago, or not to be begun any more.
    await dequeue(db, runId)
    await releaseLease(db, lease)
    return undefined
  }
  const attempt = entry.attempts + 1
  await db
    .updateTable('queue')
    .set({ attempts: attempt, not_before: null })
    .where('run_id', '=', runId)
    .execute()
  return {
    lease,
    job,
    runId,
    trigger,
    nominalAt: run.nominal_at,
    previousNominalAt:
      run.nominal_at && known?.schedule ? previousTick(known.schedule, run.nominal_at) : null,
    dueAt,
    attempt,
    takenAt: now,
    timeoutMs: known?.schedule?.timeoutMs ?? null,
  }
}

/** Runs that nobody asked for by hand are not begun while the schedule is paused, or when they are too old by now. */
function skipReason(
  { trigger, is_catchup, due_at, attempts }: QueueEntry,
  known: KnownSchedule | undefined,
  now: Date,
): SkipReason | undefined {
  if (!known || attempts > 0 || !['schedule', 'retry'].includes(trigger)) return undefined
  if (known.row.paused_at) return 'paused'
  const windowMs = known.schedule?.catchupWindowMs
  if (is_catchup && windowMs !== undefined && now.getTime() - due_at.getTime() > windowMs)
    return 'catchup_window'
  return undefined
}
