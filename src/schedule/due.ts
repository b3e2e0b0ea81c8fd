/** Due work becomes runs: ticks of schedules, runs to be made up for, runs asked for from SQL. */
import { randomUUID } from 'node:crypto'
import { activities, enqueue, idle, recordSkipped } from '../state/queue.ts'
import { openRequests, takeRequest } from '../state/run-requests.ts'
import { advanceSchedule } from '../state/schedules.ts'
import { isInstant } from '../state/sound.ts'
import type { Db } from '../state/tables.ts'
import { dueAt } from './definition.ts'
import { longestRetryMs } from './failures.ts'
import { type Plan, planTicks, skipTexts } from './plan.ts'
import type { KnownSchedule } from './register.ts'

/**
 * Claims every tick that is due: it becomes a run, queued or skipped, in the transaction that moves its schedule on.
 * Resolves to when something falls due next (a time that is past: there is more to claim at once).
 */
export async function claimDue(db: Db, known: readonly KnownSchedule[], now: Date): Promise<Date | null> {
  let next: Date | null = null
  for (const one of known) {
    const at = isDue(one, now) ? await claim(db, one, now) : nextDue(one, now)
    if (at && (!next || at < next)) next = at
  }
  return next
}

function nextDue({ row }: KnownSchedule, now: Date): Date | null {
  return isBackingOff(row, now) ? row.retry_at : row.next_due_at
}

function isDue({ row, schedule }: KnownSchedule, now: Date): boolean {
  if (!schedule) return false
  // After a transient failure nothing is begun before its time; what falls due meanwhile is caught up with.
  if (row.retry_at && row.paused_at === null) return !isBackingOff(row, now)
  return row.next_due_at !== null && row.next_due_at <= now
}

/** Nothing waits longer than the longest pause: a time beyond it was set when the clock was ahead. */
const isBackingOff = ({ retry_at }: KnownSchedule['row'], now: Date): boolean =>
  retry_at !== null && retry_at > now && retry_at.getTime() - now.getTime() <= longestRetryMs + 60_000

/** Claims the due ticks of one schedule. Resolves to when it is due next; null also when another worker was quicker. */
async function claim(db: Db, { row, schedule }: KnownSchedule, now: Date): Promise<Date | null> {
  if (!schedule) return null
  return db.transaction().execute(async (trx) => {
    const isPaused = row.paused_at !== null
    const activity = (await activities(trx)).get(row.name) ?? idle
    const from = row.next_nominal_at
    const plan: Plan = from
      ? planTicks(schedule, { now, from, activity, isPaused })
      : { ticks: [], nextNominalAt: null }
    const next = plan.nextNominalAt && dueAt(schedule, plan.nextNominalAt)
    const isClaimed = await advanceSchedule(trx, row, {
      next_nominal_at: plan.nextNominalAt,
      next_due_at: next,
      ...(plan.ticks.length > 0 && { last_nominal_at: plan.ticks.at(-1)?.nominalAt ?? null }),
      ...(!isPaused && { retry_at: null, retry_run_id: null }),
    })
    if (!isClaimed) return null
    const runsNow = await enqueueTicks(trx, row.name, plan, now)
    const isCovered = activity.active > 0 || (runsNow && schedule.catchup !== 'all')
    const mustRetry = !isPaused && row.retry_run_id !== null && !isCovered
    if (mustRetry) await retry(trx, row.name, row.retry_run_id as string, now)
    return next
  })
}

/** True when one of the ticks runs. */
async function enqueueTicks(db: Db, job: string, { ticks }: Plan, now: Date): Promise<boolean> {
  const skipped = ticks.flatMap(({ nominalAt, dueAt, skipped }) =>
    skipped ? [{ job, nominalAt, dueAt, code: skipped, text: skipTexts[skipped] }] : [],
  )
  await recordSkipped(db, skipped, now)
  let runs = 0
  for (const { nominalAt, dueAt, isCatchup, skipped } of ticks) {
    if (skipped) continue
    await enqueue(db, { job, trigger: 'schedule', nominalAt, dueAt, isCatchup, slot: nominalAt })
    runs += 1
  }
  return runs > 0
}

async function retry(db: Db, job: string, runId: string, now: Date): Promise<void> {
  const failed = await db
    .selectFrom('runs')
    .select('nominal_at')
    .where('run_id', '=', runId)
    .executeTakeFirst()
  await enqueue(db, {
    job,
    trigger: 'retry',
    nominalAt: failed?.nominal_at ?? null,
    dueAt: now,
    details: { retry_of: runId },
  })
}

/** Turns rows of run_requests into runs; a job that nobody knows is refused in its row. */
export async function acceptRequests(db: Db, isKnown: (job: string) => boolean, now: Date): Promise<void> {
  for (const { request_id, job, nominal_at } of await openRequests(db)) {
    await db.transaction().execute(async (trx) => {
      const error = whyNot(job, nominal_at, isKnown)
      const runId = error === null ? randomUUID() : null
      if (!(await takeRequest(trx, request_id, { now, runId, error })) || !runId) return
      const details = { request_id }
      await enqueue(trx, { runId, job, trigger: 'request', nominalAt: nominal_at, dueAt: now, details })
    })
  }
}

function whyNot(job: string, nominalAt: unknown, isKnown: (job: string) => boolean): string | null {
  if (!isKnown(job))
    return `there is no job "${job.slice(0, 200)}"; jobs are called sync, export:NAME and, of a lake, maintain`
  if (nominalAt === null || isInstant(nominalAt)) return null
  return `nominal_at is ${nominalAt}; expected a time in the years 1 to 9999, or null`
}
