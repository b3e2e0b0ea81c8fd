/** What people do to schedules: look at them, pause and resume them, run a job now, make up for the past. */
import { ConfigError } from '../errors.ts'
import { suggestion } from '../nearest.ts'
import { enqueue } from '../state/queue.ts'
import { findSchedule, type ScheduleRow, updateSchedule } from '../state/schedules.ts'
import { type ScheduleStatus, statusOf } from '../state/schedules-status.ts'
import type { Db } from '../state/tables.ts'
import { dueAt, fingerprint, nextTick, nominalTimes, readSchedule, type Schedule } from './definition.ts'
import { claimDue } from './due.ts'

/** The name of a job as people write it: `vip` means `export:vip`. @throws ConfigError for one that nobody knows. */
export function jobNamed(name: string, known: readonly string[], what: string): string {
  const found = [name, `export:${name}`].find((one) => known.includes(one))
  if (found) return found
  const cure = known.length === 0 ? `; there is none yet` : suggestion(name, known)
  throw new ConfigError(`there is no ${what} ${JSON.stringify(name)}${cure}`, { code: 'unknown_job' })
}

export async function pauseSchedule(
  db: Db,
  name: string,
  reason: string,
  now: Date,
): Promise<ScheduleStatus> {
  const row = (await findSchedule(db, name)) as ScheduleRow
  if (row.paused_at === null) await updateSchedule(db, name, { paused_at: now, paused_reason: reason })
  return statusOf((await findSchedule(db, name)) as ScheduleRow)
}

/** What fell due meanwhile is on record as skipped, and the schedule goes on with the next tick. */
export async function resumeSchedule(db: Db, name: string, now: Date): Promise<ScheduleStatus> {
  for (;;) {
    const row = (await findSchedule(db, name)) as ScheduleRow
    if (row.paused_at === null) return statusOf(row)
    const schedule = readSchedule(row)
    const isPlanned = row.planned_for === fingerprint(row)
    const next = isPlanned ? await claimDue(db, [{ row, schedule }], now) : null
    if (next && next <= now) continue
    const anew = isPlanned ? undefined : nextTick(schedule, now)
    await updateSchedule(db, name, {
      paused_at: null,
      paused_reason: null,
      consecutive_failures: 0,
      transient_failures: 0,
      retry_at: null,
      retry_run_id: null,
      ...(anew !== undefined && { next_nominal_at: anew, next_due_at: anew && dueAt(schedule, anew) }),
    })
  }
}

/** The most runs that one command may ask for. */
const mostRuns = 10_000

/** The nominal times in `[from, to)`. @throws ConfigError when there are none, or too many. */
export function timesToBackfill(row: ScheduleRow, from: Date, to: Date): readonly Date[] {
  const schedule: Schedule = readSchedule(row)
  const times: Date[] = []
  for (const at of nominalTimes(schedule, from, to)) {
    times.push(at)
    if (times.length > mostRuns) {
      throw new ConfigError(
        `these are more than ${mostRuns} runs; ask for a shorter time with --from and --to`,
      )
    }
  }
  return times
}

/** Puts a run of each nominal time into the queue. Resolves to their ids. */
export async function enqueueBackfill(
  db: Db,
  job: string,
  times: readonly Date[],
  now: Date,
): Promise<readonly string[]> {
  return db.transaction().execute(async (trx) => {
    const ids: string[] = []
    for (const [index, nominalAt] of times.entries()) {
      // A millisecond apart, so that they are begun in this order.
      const entry = { job, trigger: 'backfill', nominalAt, dueAt: new Date(now.getTime() + index) }
      ids.push((await enqueue(trx, entry)) as string)
    }
    return ids
  })
}
