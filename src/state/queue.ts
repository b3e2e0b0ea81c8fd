/** Runs that wait or are being worked on. */
import { randomUUID } from 'node:crypto'
import type { Selectable } from 'kysely'
import type { FailureCode } from '../errors.ts'
import type { QueueTable } from './tables/schedules.ts'
import type { Db } from './tables.ts'

/** Runs of the job that wait or are being worked on. */
export interface Activity {
  readonly active: number
  /** Those of them that nobody has begun. */
  readonly waiting: number
  readonly isCatchingUp: boolean
}

export interface NewEntry {
  /** Absent: one is made. */
  readonly runId?: string
  readonly job: string
  readonly trigger: string
  readonly nominalAt: Date | null
  readonly dueAt: Date
  readonly isCatchup?: boolean
  /** The nominal time of a scheduled run: it is the only one. */
  readonly slot?: Date
  readonly details?: Record<string, unknown>
}

/** Puts a run into the queue. Undefined when its slot is taken. */
export async function enqueue(db: Db, entry: NewEntry): Promise<string | undefined> {
  const { runId = randomUUID(), job, trigger, nominalAt, dueAt, isCatchup = false, slot, details } = entry
  const inserted = await db
    .insertInto('runs')
    .values({
      run_id: runId,
      job,
      kind: kindOf(job),
      trigger,
      state: 'queued',
      nominal_at: nominalAt,
      due_at: dueAt,
      slot: slot ?? null,
      details: details ? JSON.stringify(details) : null,
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning('run_id')
    .execute()
  if (inserted.length === 0) return undefined
  await db
    .insertInto('queue')
    .values({ run_id: runId, job, trigger, due_at: dueAt, is_catchup: isCatchup, attempts: 0 })
    .execute()
  return runId
}

/** Records a tick that does not run. */
export interface SkippedTick {
  readonly job: string
  readonly nominalAt: Date
  readonly dueAt: Date
  readonly code: FailureCode
  readonly text: string
}

export async function recordSkipped(db: Db, ticks: readonly SkippedTick[], now: Date): Promise<void> {
  if (ticks.length === 0) return
  await db
    .insertInto('runs')
    .values(
      ticks.map(({ job, nominalAt, dueAt, code, text }) => ({
        run_id: randomUUID(),
        job,
        kind: kindOf(job),
        trigger: 'schedule',
        state: 'skipped' as const,
        nominal_at: nominalAt,
        due_at: dueAt,
        slot: nominalAt,
        finished_at: now,
        error_code: code,
        error_text: text,
      })),
    )
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

const kindOf = (job: string): string => job.split(':')[0] as string

/** What waits or is being worked on, by job. */
export async function activities(db: Db): Promise<ReadonlyMap<string, Activity>> {
  const rows = await db
    .selectFrom('queue')
    .innerJoin('runs', 'runs.run_id', 'queue.run_id')
    .leftJoin('leases', 'leases.run_id', 'queue.run_id')
    .where('runs.state', 'in', ['queued', 'running'])
    .select(['queue.job', 'queue.is_catchup', 'leases.run_id as held'])
    // Making up for the past stands in nobody's way.
    .where('queue.trigger', '!=', 'backfill')
    .execute()
  const byJob = new Map<string, Activity>()
  for (const { job, is_catchup, held } of rows) {
    const { active, waiting, isCatchingUp } = byJob.get(job) ?? idle
    byJob.set(job, {
      active: active + 1,
      waiting: waiting + (held === null ? 1 : 0),
      isCatchingUp: isCatchingUp || is_catchup,
    })
  }
  return byJob
}

export const idle: Activity = { active: 0, waiting: 0, isCatchingUp: false }

export type QueueEntry = Selectable<QueueTable>

/** Longer than any run that was put back waits. */
const longestWaitMs = 60_000

/** Runs that could be begun, oldest first: one of each job that nobody works on. */
export async function startable(db: Db, now: Date): Promise<QueueEntry[]> {
  const rows = await db
    .selectFrom('queue as waiting')
    .leftJoin('leases', 'leases.job', 'waiting.job')
    .selectAll('waiting')
    .where('leases.run_id', 'is', null)
    .where((where) =>
      where.or([
        where('not_before', 'is', null),
        where('not_before', '<=', now),
        // Nobody waits for this long: it was set when the clock was ahead.
        where('not_before', '>', new Date(now.getTime() + longestWaitMs)),
      ]),
    )
    .orderBy((row) => row.case().when('trigger', '=', 'backfill').then(1).else(0).end())
    .orderBy('due_at')
    .orderBy('waiting.run_id')
    .execute()
  const jobs = new Set<string>()
  return rows.filter(({ job }) => !jobs.has(job) && jobs.add(job))
}

/** When the next run that waits for its time may begin. */
export async function nextRetry(db: Db, now: Date): Promise<Date | null> {
  const { at } = await db
    .selectFrom('queue')
    .select(({ fn }) => fn.min('not_before').as('at'))
    .where('not_before', '>', now)
    .executeTakeFirstOrThrow()
  return at ?? null
}

export async function dequeue(db: Db, runId: string): Promise<void> {
  await db.deleteFrom('queue').where('run_id', '=', runId).execute()
}
