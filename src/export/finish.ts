/** How a run ends: what is recorded of it, and what the user is told. */
import { codeOf, type ErrorKind, InterruptedError, kindOf, messageOf } from '../errors.ts'
import { countBatches, dropPlan } from '../state/batches.ts'
import { readExportRun, updateExportRun } from '../state/exports.ts'
import { endRun } from '../state/runs.ts'
import type { Braking } from './brakes.ts'
import { type ExportInput, inSession } from './context.ts'
import type { ExportReport, ExportState, Verification } from './progress.ts'
import { rowsBeforeVerdict, tooManyRejects } from './send.ts'
import { verifyList } from './verify.ts'

export interface Ended {
  readonly state: ExportState
  readonly error?: { readonly code: string; readonly text: string }
  readonly kind?: ErrorKind
  /** The message is completed by the first rejected rows. */
  readonly listsRejects?: boolean
}

/** The end that an error makes. */
export function endOf(error: unknown): Ended {
  const state = error instanceof InterruptedError ? 'cancelled' : 'failed'
  return { state, error: { code: codeOf(error), text: messageOf(error) }, kind: kindOf(error) }
}

export interface Finish {
  readonly notices: readonly string[]
  readonly brakes: readonly Braking[]
  /** Nothing of the plan will be sent any more. */
  readonly dropsPlan: boolean
}

/** Records the end of a run and reports it. */
export async function finish(
  input: ExportInput,
  runId: string,
  ended: Ended,
  { notices, brakes, dropsPlan }: Finish,
): Promise<ExportReport> {
  const verified = ended.state === 'succeeded' && input.verify ? await verifyList(input, runId) : undefined
  return inSession(
    input,
    ({ db }) =>
      db.transaction().execute(async (trx) => {
        const run = await readExportRun(trx, runId)
        if (!run) throw new Error(`run ${runId} is not there: this is a fault of iterable-elt`)
        const sums = { sent: Number(run.sent), removed: Number(run.removed), rejected: Number(run.rejected) }
        // Who has lost the lease must not touch what the next one does.
        const isLost = ended.error?.code === 'lease_lost'
        const state = isLost ? await stateOf(trx, runId) : undefined
        const judged =
          state === 'cancelled'
            ? { ...ended, state }
            : judge(ended, { ...sums, refused: Number(run.refused) }, input)
        const text = judged.listsRejects
          ? `${judged.error?.text}: ${await firstRejects(trx, runId)}`
          : judged.error?.text
        const error = judged.error ? { code: judged.error.code, text: text ?? '' } : undefined
        const counts = await countBatches(trx, runId)
        if (!isLost && judged.state !== 'held') {
          if (dropsPlan) {
            await dropPlan(trx, runId)
            await updateExportRun(trx, runId, { phase: 'done' })
          }
          await endRun(trx, runId, { state: judged.state, now: input.clock.now(), error })
          await trx
            .updateTable('runs')
            .set({ api_calls: input.client.calls })
            .where('run_id', '=', runId)
            .execute()
        }
        return reportOf(judged, error, { run, sums, batches: counts.acked, brakes, notices, verified })
      }),
    { isRepeatable: true },
  )
}

interface Sums {
  readonly sent: number
  readonly removed: number
  readonly rejected: number
}

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
  const limit = max_reject_percent ?? 5
  if (isFair && refused * 100 > processed * limit) return endOf(tooManyRejects(refused, processed, limit))
  return rejected > 0 || refused > 0 ? { ...ended, state: 'succeeded_with_rejects' } : ended
}

type Trx = Parameters<typeof readExportRun>[0]

async function stateOf(trx: Trx, runId: string): Promise<'cancelled' | undefined> {
  const run = await trx.selectFrom('runs').select('state').where('run_id', '=', runId).executeTakeFirst()
  return run?.state === 'cancelled' ? run.state : undefined
}

async function firstRejects(trx: Trx, runId: string): Promise<string> {
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
  error: { readonly code: string; readonly text: string } | undefined,
  facts: {
    readonly run: NonNullable<Awaited<ReturnType<typeof readExportRun>>>
    readonly sums: Sums
    readonly batches: number
    readonly brakes: readonly Braking[]
    readonly notices: readonly string[]
    readonly verified: Verification | undefined
  },
): ExportReport {
  const { run, sums, batches, brakes, notices, verified } = facts
  return {
    run_id: run.run_id,
    export: run.export,
    state,
    planned: {
      add: Number(run.planned_add),
      update: Number(run.planned_update),
      remove: Number(run.planned_remove),
      unchanged: Number(run.planned_unchanged),
    },
    rows: Number(run.rows_queried),
    ...sums,
    skipped: Number(run.skipped),
    batches,
    error: error?.text ?? null,
    error_code: error?.code ?? null,
    error_kind: error ? (kind ?? 'run') : null,
    brakes,
    notices,
    ...(verified && { verified }),
  }
}
