/** Schedules and workers as people see them. */
import type { ScheduleRow } from './schedules.ts'
import { isInstant } from './sound.ts'
import type { Db } from './tables.ts'

/** A schedule; an entry of `schedule list --json`. Times are ISO 8601. */
export interface ScheduleStatus {
  readonly name: string
  readonly cron: string
  readonly dialect: string
  readonly timezone: string
  readonly delay_seconds: number
  /** No run has a nominal time before this. */
  readonly start_at: string | null
  /** No run has a nominal time at or after this. */
  readonly end_at: string | null
  readonly overlap: string
  readonly catchup: string
  readonly defined_in: string
  readonly last_nominal_at: string | null
  readonly next_nominal_at: string | null
  readonly next_due_at: string | null
  readonly retry_at: string | null
  readonly paused_at: string | null
  readonly paused_reason: string | null
  readonly consecutive_failures: number
  /** Why it cannot be read. */
  readonly problem: string | null
}

/** A worker that is alive. */
export interface WorkerStatus {
  readonly worker_id: string
  readonly host: string
  readonly pid: number
  readonly concurrency: number
  readonly running: number
  readonly started_at: string
  readonly seen_at: string
}

export function statusOf(row: ScheduleRow): ScheduleStatus {
  const iso = (at: Date | null) => (isInstant(at) ? at.toISOString() : null)
  const { name, cron, dialect, timezone, overlap, catchup, defined_in, paused_reason, problem } = row
  return {
    name,
    cron,
    dialect,
    timezone,
    delay_seconds: row.delay_seconds,
    start_at: iso(row.start_at),
    end_at: iso(row.end_at),
    overlap,
    catchup,
    defined_in,
    last_nominal_at: iso(row.last_nominal_at),
    next_nominal_at: iso(row.next_nominal_at),
    next_due_at: iso(row.next_due_at),
    retry_at: iso(row.retry_at),
    paused_at: iso(row.paused_at),
    paused_reason,
    consecutive_failures: row.consecutive_failures,
    problem,
  }
}

export async function readLiveWorkers(db: Db, now: Date): Promise<readonly WorkerStatus[]> {
  const rows = await db
    .selectFrom('workers')
    .selectAll()
    .where('stopped_at', 'is', null)
    .where('until', '>=', now)
    .orderBy('started_at')
    .execute()
  return rows.map(({ worker_id, host, pid, concurrency, running, started_at, seen_at }) => ({
    worker_id,
    host,
    pid,
    concurrency,
    running,
    started_at: started_at.toISOString(),
    seen_at: seen_at.toISOString(),
  }))
}
