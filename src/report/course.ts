/** The course of runs: what they committed step by step, what they told, and how far those are that are at work. */
import { sql } from 'kysely'
import type { RunLogTable } from '../state/tables/sync.ts'
import { type ReportSource, readState } from './read.ts'
import type { RunSummary } from './runs.ts'

/** Something that a sync has committed: a window, a list, a whole table. Times are ISO 8601. */
export interface StepStatus {
  readonly run_id: string
  readonly stream: string
  readonly step: string
  readonly begun_at: string
  readonly ended_at: string
  readonly rows_read: number
  readonly rows_written: number
  readonly rows_rejected: number
  readonly bytes_read: number
  readonly api_calls: number
  readonly retries: number
  readonly waited_ms: number
}

export interface LogStatus extends Pick<RunLogTable, 'level' | 'stream' | 'message'> {
  readonly at: string
}

/** What a run did in all, step by step. */
export interface CourseSums {
  /** Windows and lists of a sync, requests of an export. */
  readonly steps: number
  readonly retries: number
  readonly waited_ms: number
}

/** How far a run at work is. */
export interface Progress {
  readonly unit: 'step' | 'request'
  readonly done: number
  readonly total: number
  /** What the rate limits alone make of the rest, since `at`; null where nobody has said. */
  readonly secondsLeft: number | null
  readonly at: string | null
}

/** The steps of a run, or the latest of a stream, in the order in which they ended; a run's first ones. */
export async function readSteps(
  source: ReportSource,
  { run, stream, limit }: { readonly run?: string; readonly stream?: string; readonly limit: number },
): Promise<readonly StepStatus[]> {
  const rows = await readState(source, async ({ db, names }, tables) =>
    tables.has(`${names.sync}.run_steps`)
      ? db
          .selectFrom('run_steps')
          .selectAll()
          .$if(run !== undefined, (steps) => steps.where('run_id', '=', run as string))
          .$if(stream !== undefined, (steps) => steps.where('stream', '=', stream as string))
          .orderBy('ended_at', run === undefined ? 'desc' : 'asc')
          .orderBy('steps_done', run === undefined ? 'desc' : 'asc')
          .limit(limit)
          .execute()
      : [],
  )
  return (rows ?? []).map((row) => ({
    run_id: row.run_id,
    stream: row.stream,
    step: row.step,
    begun_at: row.begun_at.toISOString(),
    ended_at: row.ended_at.toISOString(),
    rows_read: row.rows_read,
    rows_written: row.rows_written,
    rows_rejected: row.rows_rejected,
    bytes_read: row.bytes_read,
    api_calls: row.api_calls,
    retries: row.retries,
    waited_ms: row.waited_ms,
  }))
}

/** What a run told, in order. */
export async function readLog(
  source: ReportSource,
  run: string,
  limit: number,
): Promise<readonly LogStatus[]> {
  const rows = await readState(source, async ({ db, names }, tables) =>
    tables.has(`${names.sync}.run_log`)
      ? db
          .selectFrom('run_log')
          .selectAll()
          .where('run_id', '=', run)
          .orderBy('logged_at')
          .orderBy('line')
          .limit(limit)
          .execute()
      : [],
  )
  return (rows ?? []).map(({ logged_at, level, stream, message }) => ({
    at: logged_at.toISOString(),
    level,
    stream,
    message,
  }))
}

/** By run. */
export async function readCourseSums(
  source: ReportSource,
  runs: readonly string[],
): Promise<ReadonlyMap<string, CourseSums>> {
  const rows = await readState(source, async ({ db, names }, tables) => {
    const ofSyncs = tables.has(`${names.sync}.run_steps`)
      ? await db
          .selectFrom('run_steps')
          .select(({ fn }) => ['run_id', fn.countAll<number>().as('steps')])
          .select(sql<number>`coalesce(sum(retries), 0)`.as('retries'))
          .select(sql<number>`coalesce(sum(waited_ms), 0)`.as('waited_ms'))
          .where('run_id', 'in', runs)
          .groupBy('run_id')
          .execute()
      : []
    // They came together.
    const ofExports = tables.has(`${names.sync}.run_steps`)
      ? await db
          .selectFrom('batches')
          .select(({ fn }) => ['run_id', fn.countAll<number>().as('steps')])
          .select(sql<number>`coalesce(sum(retries), 0)`.as('retries'))
          .select(sql<number>`coalesce(sum(waited_ms), 0)`.as('waited_ms'))
          .where('run_id', 'in', runs)
          .groupBy('run_id')
          .execute()
      : []
    return [...ofSyncs, ...ofExports]
  })
  return new Map(
    (rows ?? []).map(({ run_id, steps, retries, waited_ms }) => [
      run_id,
      {
        steps,
        retries,
        waited_ms,
      },
    ]),
  )
}

/** By run; without those of which nothing is known. */
export async function readProgress(
  source: ReportSource,
  runs: readonly Pick<RunSummary, 'run_id' | 'kind'>[],
): Promise<ReadonlyMap<string, Progress>> {
  const progress = await readState(source, async ({ db, names }, tables) => {
    const known = new Map<string, Progress>()
    if (runs.length === 0) return known
    const syncs = tables.has(`${names.sync}.run_steps`) ? runs.filter(({ kind }) => kind === 'sync') : []
    for (const { run_id } of syncs) {
      const last = await db
        .selectFrom('run_steps')
        .select(['steps_done', 'steps_total', 'seconds_left', 'ended_at'])
        .where('run_id', '=', run_id)
        .orderBy('ended_at', 'desc')
        .orderBy('steps_done', 'desc')
        .limit(1)
        .executeTakeFirst()
      if (!last) continue
      const { steps_done: done, steps_total: total, seconds_left: secondsLeft } = last
      known.set(run_id, { unit: 'step', done, total, secondsLeft, at: last.ended_at.toISOString() })
    }
    const batches = tables.has(`${names.sync}.batches`)
      ? await db
          .selectFrom('batches')
          .select(({ fn }) => ['run_id', 'state', fn.countAll<number>().as('n')])
          .where(
            'run_id',
            'in',
            runs.map(({ run_id }) => run_id),
          )
          .groupBy(['run_id', 'state'])
          .execute()
      : []
    for (const { run_id, state, n } of batches) {
      const { done = 0, total = 0 } = known.get(run_id) ?? {}
      const more = { done: done + (state === 'acked' ? n : 0), total: total + n }
      known.set(run_id, { unit: 'request', ...more, secondsLeft: null, at: null })
    }
    return known
  })
  return progress ?? new Map()
}
