/** The history of runs: what was done, when, and how it ended. */
import { ConfigError, type FailureCode } from '../errors.ts'
import type { RunState } from './tables/sync.ts'
import type { Db } from './tables.ts'

/** The states of a run, or of a stream, that did what it was to do. */
export const goodStates: readonly RunState[] = ['succeeded', 'succeeded_with_rejects']

/** True for the state of a run, or of a stream, that did what it was to do. */
export const hasSucceeded = (state: string): boolean => goodStates.some((good) => good === state)

/** What a run has done so far. */
export interface RunTotals {
  readonly rowsRead: number
  readonly rowsWritten: number
  readonly rowsRejected: number
  readonly bytesRead: number
  readonly apiCalls: number
}

export interface NewRun {
  readonly runId: string
  readonly job: string
  readonly kind: string
  readonly trigger: string
  readonly now: Date
  readonly details?: Record<string, unknown>
}

/** Records a run that begins now; a worker has made its row already, and knows its trigger. */
export async function beginRun(db: Db, run: NewRun): Promise<void> {
  const details = run.details ? JSON.stringify(run.details) : null
  await db
    .insertInto('runs')
    .values({
      run_id: run.runId,
      job: run.job,
      kind: run.kind,
      trigger: run.trigger,
      state: 'running',
      started_at: run.now,
      details,
    })
    .onConflict((conflict) =>
      conflict
        .column('run_id')
        .doUpdateSet({ state: 'running', details, error_code: null, error_text: null }),
    )
    .execute()
}

/** Adds what one load did to its run, in the transaction of that load. */
export async function addToRun(db: Db, runId: string, added: RunTotals): Promise<void> {
  await db
    .updateTable('runs')
    .set((row) => ({
      rows_read: row('rows_read', '+', added.rowsRead),
      rows_written: row('rows_written', '+', added.rowsWritten),
      rows_rejected: row('rows_rejected', '+', added.rowsRejected),
      bytes_read: row('bytes_read', '+', added.bytesRead),
      api_calls: row('api_calls', '+', added.apiCalls),
    }))
    .where('run_id', '=', runId)
    .execute()
}

export interface RunEnd {
  readonly state: RunState
  readonly now: Date
  readonly totals?: RunTotals | undefined
  readonly apiCalls?: number | undefined
  /** Rows that were read, and those of them that were rejected. */
  readonly rows?: { readonly read: number; readonly rejected: number } | undefined
  readonly error?: { readonly code: FailureCode; readonly text: string } | undefined
  /** Told as JSON. */
  readonly details?: object | undefined
}

/** Records how a run ended. */
export async function endRun(db: Db, runId: string, end: RunEnd): Promise<void> {
  await db
    .updateTable('runs')
    .set({
      state: end.state,
      finished_at: end.now,
      error_code: end.error?.code ?? null,
      error_text: end.error?.text ?? null,
      ...(end.details && { details: JSON.stringify(end.details) }),
      ...(end.rows && { rows_read: end.rows.read, rows_rejected: end.rows.rejected }),
      ...(end.apiCalls !== undefined && { api_calls: end.apiCalls }),
      ...(end.totals && {
        rows_read: end.totals.rowsRead,
        rows_written: end.totals.rowsWritten,
        rows_rejected: end.totals.rowsRejected,
        bytes_read: end.totals.bytesRead,
        api_calls: end.totals.apiCalls,
      }),
    })
    .where('run_id', '=', runId)
    .execute()
}

/**
 * Marks other runs of a kind whose process died: only the holder of their lock may say so. Where others do work of the kind
 * as well, `isAtWork` tells which runs are theirs.
 */
export async function failAbandonedRuns(
  db: Db,
  {
    kind,
    runId,
    now,
    isAtWork = async () => false,
  }: Pick<NewRun, 'kind' | 'runId' | 'now'> & { readonly isAtWork?: (runId: string) => Promise<boolean> },
): Promise<void> {
  const running = await db
    .selectFrom('runs')
    .select('run_id')
    .where('kind', '=', kind)
    .where('run_id', '!=', runId)
    .where('state', '=', 'running')
    .execute()
  const abandoned: string[] = []
  for (const { run_id } of running) if (!(await isAtWork(run_id))) abandoned.push(run_id)
  if (abandoned.length === 0) return
  await db
    .updateTable('runs')
    .set({
      state: 'failed',
      finished_at: now,
      error_code: 'abandoned',
      error_text: 'the process ended without a word; what it had committed stays, the next run does the rest',
    })
    .where('run_id', 'in', abandoned)
    .where('state', '=', 'running')
    .execute()
}

/** How many runs a message lists. */
const runsListed = 5

/**
 * The run whose id is this, or begins so. What a person types is never a pattern.
 * @throws ConfigError `unknown_run` when no run fits, or several do: those are listed.
 */
export async function findRun(
  db: Db,
  id: string,
): Promise<{ readonly run_id: string; readonly job: string; readonly state: RunState }> {
  const fits = db.selectFrom('runs').select(['run_id', 'job', 'state', 'started_at'])
  const rows =
    id === ''
      ? []
      : await fits
          .where(({ fn, val }) => fn('starts_with', ['run_id', val(id)]), '=', true)
          .orderBy('started_at', 'desc')
          .limit(runsListed + 1)
          .execute()
  const exact = rows.find(({ run_id }) => run_id === id)
  const [run, another] = rows
  if (exact ?? (run && !another)) return (exact ?? run) as NonNullable<typeof run>
  const given = JSON.stringify(id)
  if (!run) throw new ConfigError(`there is no run ${given}; "runs" lists them`, { code: 'unknown_run' })
  const listed = rows.slice(0, runsListed).map(({ run_id, job, state }) => `${run_id} (${job}, ${state})`)
  const more = rows.length > runsListed ? ' and more' : ''
  throw new ConfigError(
    `several runs begin with ${given}: ${listed.join(', ')}${more}; give more of the id`,
    {
      code: 'unknown_run',
    },
  )
}
