/**
 * What a run's end means for its schedule: configuration errors are counted and pause it in the end, transient ones
 * make it wait, longer each time, and never pause it. Pure.
 */
import type { ErrorKind } from '../errors.ts'
import { hasSucceeded } from '../state/runs.ts'
import type { ScheduleProgress, ScheduleRow } from '../state/schedules.ts'
import { storable } from '../state/sound.ts'
import type { JobResult } from './job.ts'

const firstRetryMs = 60_000
export const longestRetryMs = 3_600_000

/**
 * What several failures of one run call for together: another try where it may help one of them, else a change by a
 * person where one needs it. Null is a failure whose kind nobody knows.
 */
export function kindOfAll(kinds: readonly (ErrorKind | null)[]): ErrorKind {
  if (kinds.some((kind) => kind === 'transient' || kind === null)) return 'transient'
  return kinds.includes('config') ? 'config' : 'run'
}

export interface EndedRun {
  readonly runId: string
  readonly trigger: string
  readonly result: JobResult
  readonly now: Date
}

/** What to write into the schedule's row; undefined for nothing. */
export function afterRun(
  row: Pick<ScheduleRow, 'consecutive_failures' | 'transient_failures' | 'paused_at'>,
  { runId, trigger, result, now }: EndedRun,
  disableAfterFailures: number,
): ScheduleProgress | undefined {
  if (hasSucceeded(result.state) || result.state === 'held') {
    return { consecutive_failures: 0, transient_failures: 0, retry_at: null, retry_run_id: null }
  }
  if (result.state !== 'failed') return undefined
  if (result.kind === 'run') return undefined
  if (result.kind === 'config') {
    const failures = row.consecutive_failures + 1
    const reason = `${failures} configuration ${failures === 1 ? 'error' : 'errors in a row'}; the last: ${result.error?.text ?? 'unknown'}`
    const mustPause = failures >= disableAfterFailures && row.paused_at === null
    return {
      consecutive_failures: failures,
      ...(mustPause && { paused_at: now, paused_reason: storable(reason.slice(0, 2000)) }),
    }
  }
  const failures = row.transient_failures + 1
  if (trigger !== 'schedule' && trigger !== 'retry') return { transient_failures: failures }
  return { transient_failures: failures, retry_at: retryAt(now, failures), retry_run_id: runId }
}

/** A minute after the first failure, twice as long after each more, an hour at most. */
const retryAt = (now: Date, failures: number): Date =>
  new Date(now.getTime() + Math.min(longestRetryMs, firstRetryMs * 2 ** Math.min(failures - 1, 20)))
