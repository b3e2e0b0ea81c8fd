/** How a run ends: what is recorded of it, and what the user is told. */
import type { Transaction } from 'kysely'
import { codeOf, type ErrorKind, type FailureCode, InterruptedError, kindOf, messageOf } from '../errors.ts'
import { countBatches, dropPlan } from '../state/batches.ts'
import { type ExportRun, readExportRun, updateExportRun } from '../state/exports.ts'
import { forgetOldCourses, type LogLine, writeLog } from '../state/run-log.ts'
import { endRun, type RunEnd } from '../state/runs.ts'
import type { StateDatabase } from '../state/tables.ts'
import { explainedFault } from '../warehouse/faults.ts'
import { count, counted } from '../words.ts'
import { type ExportInput, inTransaction } from './context.ts'
import { defaultRejectPercent } from './definition/settings.ts'
import type { Braking } from './plan/brakes.ts'
import type { ExportReport, ExportState } from './progress.ts'
import { rowsBeforeVerdict, tooManyRejects } from './send/send.ts'
import { verifyList } from './send/verify.ts'

export interface Ended {
  readonly state: ExportState
  readonly error?: { readonly code: FailureCode; readonly text: string }
  readonly kind?: ErrorKind
  /** The message is completed by the first rejected rows. */
  readonly listsRejects?: boolean
}

/** The end that an error makes. */
export function endOf(caught: unknown): Ended {
  const error = explainedFault(caught)
  const state = error instanceof InterruptedError ? 'cancelled' : 'failed'
  return { state, error: { code: codeOf(error), text: messageOf(error) }, kind: kindOf(error) }
}

export interface Finish {
  readonly notices: readonly string[]
  readonly brakes: readonly Braking[]
  /** Nothing of the plan will be sent any more. */
  readonly dropsPlan: boolean
  /** Rows of a query whose plan is not sent. */
  readonly rows?: RunEnd['rows']
}

/** Records the end of a run, in a session of its own, and reports it. */
export async function finishExport(
  input: ExportInput,
  runId: string,
  ended: Ended,
  ending: Finish,
): Promise<ExportReport> {
  const verified = isToBeVerified(input, ended) ? await verifyList(input, runId) : undefined
  const report = await inTransaction(
    input,
    async ({ db }) => {
      const run = await readExportRun(db, runId)
      if (!run) throw new Error(`run ${runId} is not there: this is a fault of iterable-elt`)
      return recordEnd(db, input, run, ended, ending)
    },
    { isRepeatable: true },
  )
  return { ...report, ...(verified && { verified }) }
}

/** True where the list is to be read back before the run is over. */
export const isToBeVerified = ({ verify }: ExportInput, { state }: Ended): boolean =>
  verify === true && state === 'succeeded'

/** Records the end of a run in the caller's transaction, and what there is to report of it. */
export async function recordEnd(
  trx: Transaction<StateDatabase>,
  input: ExportInput,
  run: ExportRun,
  ended: Ended,
  { notices, brakes, dropsPlan, rows }: Finish,
): Promise<ExportReport> {
  const runId = run.run_id
  const sums = { sent: run.sent, removed: run.removed, rejected: run.rejected }
  // Who has lost the lease must not touch what the next one does.
  const isLost = ended.error?.code === 'lease_lost'
  const state = isLost ? await stateOf(trx, runId) : undefined
  const judged =
    state === 'cancelled' ? { ...ended, state } : judge(ended, { ...sums, refused: run.refused }, input)
  const text = judged.listsRejects
    ? `${judged.error?.text}: ${await firstRejects(trx, runId)}`
    : judged.error?.text
  const error = judged.error ? { code: judged.error.code, text: text ?? '' } : undefined
  const hasPlan = run.planned_add + run.planned_update + run.planned_remove > 0
  const batches = hasPlan ? (await countBatches(trx, runId)).acked : 0
  const now = input.clock.now()
  if (!isLost && judged.state !== 'held') {
    if (dropsPlan && hasPlan) await dropPlan(trx, runId)
    if (dropsPlan && run.phase !== 'done') await updateExportRun(trx, runId, { phase: 'done' })
    await endRun(trx, runId, { state: judged.state, now, error, rows, apiCalls: input.client.calls })
  }
  const lines = linesOf(run, { judged, sums, batches, now }).map((line) => input.log.lineOf(line))
  await writeLog(trx, runId, [...input.log.unwritten, ...lines], { isFirst: run.lease_token === 1 })
  // Runs that have nothing to do are many, and leave two lines each: the next that has removes the oldest of them.
  if (hasPlan || input.log.unwritten.length > 0) await forgetOldCourses(trx, now)
  return reportOf(judged, error, { run, sums, batches, brakes, notices })
}

interface Sums {
  readonly sent: number
  readonly removed: number
  readonly rejected: number
}

/** What the log says of every run: its plan, and its end. */
function linesOf(
  run: ExportRun,
  {
    judged,
    sums,
    batches,
    now,
  }: { readonly judged: Ended; readonly sums: Sums; readonly batches: number; readonly now: Date },
): readonly LogLine[] {
  const { planned_at, rows_queried, planned_add, planned_update, planned_remove, planned_unchanged } = run
  const line = { line: 0, level: 'info', stream: null } as const
  const plan = `${counted(rows_queried, 'row')} of the query: ${count(planned_add)} to add, ${count(planned_update)} to update, ${count(planned_remove)} to remove, ${count(planned_unchanged)} unchanged`
  const why = judged.error ? ` (${judged.error.code})` : ''
  const end = `${judged.state.replaceAll('_', ' ')}${why}: ${count(sums.sent)} sent, ${count(sums.removed)} taken off the list, ${count(sums.rejected)} rejected, ${counted(batches, 'request')} acknowledged`
  return [
    ...(planned_at ? [{ ...line, at: planned_at, message: plan }] : []),
    {
      ...line,
      line: lastLine,
      at: now,
      level: judged.state === 'failed' ? 'warn' : 'info',
      message: end,
    },
  ]
}

/** After whatever was told at the same moment. */
const lastLine = 1_000_000

/** A run in which Iterable refused too much has failed, even though all of it was sent. */
function judge(
  ended: Ended,
  { sent, removed, rejected, refused }: Sums & { refused: number },
  input: ExportInput,
): Ended {
  if (ended.state !== 'succeeded') return ended
  const { max_reject_percent } = input.definition.settings
  const processed = sent + removed + refused
  const isFair = max_reject_percent !== undefined || processed >= rowsBeforeVerdict
  const limit = max_reject_percent ?? defaultRejectPercent
  if (isFair && refused * 100 > processed * limit) return endOf(tooManyRejects(refused, processed, limit))
  return rejected > 0 || refused > 0 ? { ...ended, state: 'succeeded_with_rejects' } : ended
}

async function stateOf(trx: Transaction<StateDatabase>, runId: string): Promise<'cancelled' | undefined> {
  const run = await trx.selectFrom('runs').select('state').where('run_id', '=', runId).executeTakeFirst()
  return run?.state === 'cancelled' ? run.state : undefined
}

async function firstRejects(trx: Transaction<StateDatabase>, runId: string): Promise<string> {
  const rows = await trx
    .selectFrom('rejected_rows')
    .select(['code', 'reason', 'row'])
    .where('run_id', '=', runId)
    .limit(5)
    .execute()
  const lines = rows.map(({ reason, row }) => {
    const text = typeof row === 'string' ? row : JSON.stringify(row)
    return `\n  ${reason}: ${text.length > 200 ? `${text.slice(0, 200)}…` : text}`
  })
  return `${lines.join('')}\nall of them: iterable-elt rejects --run ${runId}; correct them, or set skip_invalid_data: true`
}

function reportOf(
  { state, kind }: Ended,
  error: Ended['error'],
  facts: {
    readonly run: ExportRun
    readonly sums: Sums
    readonly batches: number
    readonly brakes: readonly Braking[]
    readonly notices: readonly string[]
  },
): ExportReport {
  const { run, sums, batches, brakes, notices } = facts
  return {
    run_id: run.run_id,
    export: run.export,
    state,
    planned: {
      add: run.planned_add,
      update: run.planned_update,
      remove: run.planned_remove,
      unchanged: run.planned_unchanged,
    },
    rows: run.rows_queried,
    ...sums,
    skipped: run.skipped,
    batches,
    error: error?.text ?? null,
    error_code: error?.code ?? null,
    error_kind: error ? (kind ?? 'run') : null,
    brakes,
    notices,
  }
}
