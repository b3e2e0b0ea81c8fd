/**
 * Sends a frozen plan. A few batches are on their way at once; what they brought is recorded in one commit with the
 * claim of the next ones, so a DuckDB file is held only for that moment, and state never runs ahead of Iterable.
 */
import { createHash } from 'node:crypto'
import type { Transaction } from 'kysely'
import { InterruptedError, UserError } from '../errors.ts'
import {
  type Batch,
  countBatches,
  markAcked,
  markInFlight,
  markPending,
  nextBatches,
  type PlanRow,
  planRows,
} from '../state/batches.ts'
import { addToExportRun, holdsLease, readExportRun } from '../state/exports.ts'
import { acknowledgeMembers, type Owner, type RefusedRow, recordRefusals } from '../state/members.ts'
import type { StateDatabase } from '../state/tables.ts'
import type { Warehouse } from '../warehouse/session.ts'
import type { Refused } from './answer.ts'
import { bodyOf } from './body.ts'
import { inSession } from './context.ts'
import { type Courier, DeliveryError, deliver } from './deliver.ts'
import type { ExportEvent } from './progress.ts'
import type { Action } from './settings.ts'

export interface SendInput {
  readonly warehouse: Warehouse
  readonly owner: Owner
  readonly token: number
  readonly action: Action
  readonly isTracked: boolean
  readonly maxRejectPercent: number
  readonly courier: Courier
  /** The wish to stop: batches on their way come to their end. */
  readonly stop: AbortSignal
  readonly emit: (event: ExportEvent) => void
}

/** Batches on their way at once: as many as a second of the documented pace lets through, and some more. */
const lanes = 8
/** With fewer rows, a share of refusals says nothing while sending. */
export const rowsBeforeVerdict = 500

/**
 * @throws UserError `too_many_rejects`, `lease_lost`; InterruptedError; what Iterable says when no retry helps. What was
 * acknowledged by then is recorded; the rest can be resumed.
 */
export async function sendPlan(input: SendInput): Promise<void> {
  const { owner, stop } = input
  let results: readonly Result[] = []
  for (;;) {
    const failure = results.find((result) => 'error' in result)
    const mayGoOn = !failure && !stop.aborted
    const step = await inSession(input, (session) =>
      session.db.transaction().execute(async (trx) => {
        if (!(await holdsLease(trx, owner.runId, input.token))) throw leaseLost(owner)
        await record(trx, input, results)
        // Thrown only when what Iterable acknowledged is committed.
        const verdict = await verdictOnRefusals(trx, input)
        const claimed = mayGoOn && !verdict ? await claim(trx, input) : []
        return { verdict, claimed, progress: await progressOf(trx, owner.runId) }
      }),
    )
    if (step.progress) input.emit(step.progress)
    if (step.verdict) throw step.verdict
    if (failure && 'error' in failure) throw causeOf(failure.error)
    if (step.claimed.length === 0) {
      if (step.progress?.batchesDone === step.progress?.batches) return
      throw new InterruptedError('interrupted; the next run of this export goes on where this one stopped')
    }
    results = await Promise.all(step.claimed.map((batch) => attempt(batch, input)))
  }
}

interface Claimed {
  readonly batch: Batch
  readonly rows: readonly PlanRow[]
}

type Result = Claimed &
  ({ readonly refused: ReadonlyMap<string, Refused> } | { readonly error: DeliveryError })

async function claim(trx: Transaction<StateDatabase>, input: SendInput): Promise<readonly Claimed[]> {
  const { owner, courier } = input
  const batches = await nextBatches(trx, owner.runId, lanes)
  const first = batches[0]
  const last = batches.at(-1)
  if (!first || !last) return []
  const rows = await planRows(trx, owner.runId, Number(first.first_seq), Number(last.last_seq))
  const claimed = batches.map((batch) => ({
    batch,
    rows: rows.filter(({ seq }) => seq >= batch.first_seq && seq <= batch.last_seq),
  }))
  for (const { batch, rows } of claimed) {
    const sha256 = createHash('sha256')
      .update(bodyOf(batch.op, rows, courier.envelope))
      .digest('hex')
    if (batch.body_sha256 !== null && batch.body_sha256 !== sha256) {
      throw new Error(
        `batch ${batch.batch_no} of run ${owner.runId} changed since it was sent: this is a fault of iterable-elt`,
      )
    }
    await markInFlight(trx, batch, sha256, courier.clock.now())
  }
  return claimed
}

async function attempt(claimed: Claimed, { courier }: SendInput): Promise<Result> {
  try {
    return { ...claimed, refused: await deliver(claimed.batch.op, claimed.rows, courier) }
  } catch (error) {
    if (error instanceof DeliveryError) return { ...claimed, error }
    throw error
  }
}

async function record(
  trx: Transaction<StateDatabase>,
  input: SendInput,
  results: readonly Result[],
): Promise<void> {
  const now = input.courier.clock.now()
  for (const result of results) {
    if ('refused' in result) await acknowledge(trx, input, result, now)
    else if (result.error.isUntouched) await markPending(trx, result.batch)
  }
}

async function acknowledge(
  trx: Transaction<StateDatabase>,
  { owner, action, isTracked, courier }: SendInput,
  { batch, rows, refused }: Claimed & { readonly refused: ReadonlyMap<string, Refused> },
  now: Date,
): Promise<void> {
  const verdicts = rows.flatMap((row) => {
    const why = refused.get(row.member_key)
    return why ? [{ row, ...why, kind: kindOf(batch.op, why, courier.envelope.updateExistingUsersOnly) }] : []
  })
  const rejected: readonly RefusedRow[] = verdicts.filter(({ kind }) => kind === 'rejected')
  const left = verdicts.filter(({ kind }) => kind === 'skipped')
  const taken = rows.length - rejected.length - left.length
  const isQueryRow = action === 'remove' || batch.op !== 'remove'
  await markAcked(trx, batch, { taken, refused: rejected.length, left_out: left.length }, now)
  await recordRefusals(trx, owner, batch, rejected, now)
  if (isTracked) {
    const refusedSeqs = [...rejected, ...left].map(({ row }) => row.seq)
    await acknowledgeMembers(trx, owner, batch, { refusedSeqs, keepsRemoved: action === 'remove', now })
  }
  await addToExportRun(trx, owner.runId, {
    sent: isQueryRow ? taken : 0,
    removed: isQueryRow ? 0 : taken,
    rejected: isQueryRow ? rejected.length : 0,
    skipped: left.length,
    refused: rejected.length,
  })
}

/** Who cannot be found or was forgotten is off the list; who was not to be created is no fault. */
function kindOf(op: Batch['op'], { code }: Refused, existingOnly: boolean): 'taken' | 'skipped' | 'rejected' {
  if (op === 'remove' && code === 'not_found') return 'taken'
  if (op !== 'remove' && code === 'not_found' && existingOnly) return 'skipped'
  return 'rejected'
}

async function verdictOnRefusals(
  trx: Transaction<StateDatabase>,
  { owner, maxRejectPercent }: SendInput,
): Promise<UserError | undefined> {
  const run = await readExportRun(trx, owner.runId)
  const refused = Number(run?.refused ?? 0)
  const processed = Number(run?.sent ?? 0) + Number(run?.removed ?? 0) + refused
  const isTooMuch = processed >= rowsBeforeVerdict && refused * 100 > processed * maxRejectPercent
  return isTooMuch ? tooManyRejects(refused, processed, maxRejectPercent) : undefined
}

export const tooManyRejects = (refused: number, processed: number, maxPercent: number) =>
  new UserError(
    'too_many_rejects',
    `Iterable refused ${refused} of ${processed} rows, more than max_reject_percent ${maxPercent} allows; ` +
      'see them with: iterable-elt rejects',
  )

const leaseLost = ({ runId }: Owner) =>
  new UserError(
    'lease_lost',
    `run ${runId} was cancelled or taken over by another process; nothing more was sent`,
  )

const causeOf = (error: DeliveryError): unknown => error.cause

async function progressOf(
  trx: Transaction<StateDatabase>,
  runId: string,
): Promise<Extract<ExportEvent, { type: 'sending' }> | undefined> {
  const counts = await countBatches(trx, runId)
  const run = await readExportRun(trx, runId)
  return (
    run && {
      type: 'sending',
      batches: counts.total,
      batchesDone: counts.acked,
      rowsDone: Number(run.sent) + Number(run.removed) + Number(run.refused),
      rows: Number(run.planned_add) + Number(run.planned_update) + Number(run.planned_remove),
    }
  )
}
