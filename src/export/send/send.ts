/**
 * Sends a frozen plan. A few batches are on their way at once; what they brought is recorded in one commit with the
 * claim of the next ones, so a DuckDB file is held only for that moment, and state never runs ahead of Iterable.
 */
import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Transaction } from 'kysely'
import { sweepYoung } from '../../engine/sweep.ts'
import { InterruptedError, UserError } from '../../errors.ts'
import {
  type Batch,
  type BatchCounts,
  countBatches,
  markInFlight,
  nextBatches,
  rowsOfBatches,
} from '../../state/batches.ts'
import { type ExportRun, holdsLease, readExportRun } from '../../state/exports.ts'
import type { Owner } from '../../state/members.ts'
import type { StateDatabase } from '../../state/tables.ts'
import { inSpan } from '../../telemetry.ts'
import type { Warehouse } from '../../warehouse/session.ts'
import { inTransaction } from '../context.ts'
import type { ExportEvent } from '../progress.ts'
import { bodyOf } from './body.ts'
import type { DeliveryError } from './deliver.ts'
import { attempt, type Claimed, Flying } from './flight.ts'
import { type RecordInput, record, unrecorded } from './record.ts'

export interface SendInput extends RecordInput {
  readonly warehouse: Warehouse
  readonly token: number
  readonly maxRejectPercent: number
  /** The wish to stop: batches on their way come to their end. */
  readonly stop: AbortSignal
  readonly emit: (event: ExportEvent) => void
}

/** Batches on their way at once: as many as a second of the documented pace lets through, and some more. */
const lanes = 8
/** An answer is recorded when it comes: what a crash takes with it goes out again. Others of this moment are recorded with it. */
const lingerMs = 50
/** With fewer rows, a share of refusals says nothing while sending. */
export const rowsBeforeVerdict = 500

/**
 * @throws UserError `too_many_rejects`, `lease_lost`; InterruptedError; what Iterable says when no retry helps. What was
 * acknowledged by then is recorded; the rest can be resumed.
 */
export async function sendPlan(input: SendInput): Promise<void> {
  const flying = new Flying()
  try {
    await sendBatches(input, flying)
  } finally {
    // Nobody else may write to the list while a request of ours is on its way.
    await flying.landing(lanes)
  }
}

async function sendBatches(input: SendInput, flying: Flying): Promise<void> {
  const { owner, stop } = input
  let failure: DeliveryError | undefined
  let verdict: UserError | undefined
  let done: Pick<BatchCounts, 'total' | 'acked'> | undefined
  for (;;) {
    const results = flying.landed()
    // Measured: 30 MB less at the peak of a million rows.
    if (results.length > 0) sweepYoung()
    failure ??= results.flatMap((result) => ('error' in result ? [result.error] : []))[0]
    const free = failure || verdict || stop.aborted ? 0 : lanes - flying.batches.length
    const commit = { 'iterable_elt.export': owner.name, 'iterable_elt.batches': results.length }
    const step = await inSpan('iterable_elt.commit', commit, () =>
      inTransaction(
        input,
        async ({ db: trx }) => {
          if (!(await holdsLease(trx, owner.runId, input.token))) throw leaseLost(owner)
          await record(trx, input, await unrecorded(trx, owner, results))
          const run = await readExportRun(trx, owner.runId)
          // Thrown only when everything that Iterable acknowledged is committed.
          const tooMany = run && verdictOnRefusals(run, input)
          const claimed = free > 0 && !tooMany ? await claim(trx, input, flying.batches, free) : []
          return { run, tooMany, claimed, counts: done ?? (await countBatches(trx, owner.runId)) }
        },
        { isRepeatable: true },
      ),
    )
    verdict ??= step.tooMany
    const acked = done
      ? done.acked + results.filter((result) => 'refused' in result).length
      : step.counts.acked
    done = { total: step.counts.total, acked }
    if (step.run) input.emit(progressOf(step.run, done))
    for (const claimed of step.claimed) flying.start(claimed.batch, attempt(claimed, input.courier))
    if (flying.batches.length === 0) {
      if (verdict) throw verdict
      if (failure) throw causeOf(failure)
      if (done.acked === done.total) return
      throw new InterruptedError('interrupted; the next run of this export goes on where this one stopped')
    }
    await flying.landing(1)
    await Promise.race([flying.landing(lanes), delay(lingerMs)])
  }
}

async function claim(
  trx: Transaction<StateDatabase>,
  input: SendInput,
  flying: readonly Batch[],
  most: number,
): Promise<readonly Claimed[]> {
  const { owner, courier } = input
  const batches = await nextBatches(trx, owner.runId, flying, most)
  if (batches.length === 0) return []
  const rowsOf = await rowsOfBatches(trx, owner.runId, batches)
  const claimed = batches.flatMap((batch) => {
    const rows = rowsOf.get(batch.batch_no)
    return rows ? [{ batch, rows, body: bodyOf(batch.op, rows, courier.envelope) }] : []
  })
  const bodies = claimed.map(({ batch, body }) => {
    const sha256 = createHash('sha256').update(body).digest('hex')
    if (batch.body_sha256 !== null && batch.body_sha256 !== sha256) {
      throw new Error(
        `batch ${batch.batch_no} of run ${owner.runId} changed since it was sent: this is a fault of iterable-elt`,
      )
    }
    return { batchNo: batch.batch_no, sha256 }
  })
  await markInFlight(trx, owner.runId, bodies, courier.clock.now())
  return claimed
}

function verdictOnRefusals(
  { sent, removed, refused }: ExportRun,
  { maxRejectPercent }: SendInput,
): UserError | undefined {
  const processed = sent + removed + refused
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

const progressOf = (
  run: ExportRun,
  { total, acked }: Pick<BatchCounts, 'total' | 'acked'>,
): Extract<ExportEvent, { type: 'sending' }> => ({
  type: 'sending',
  batches: total,
  batchesDone: acked,
  rowsDone: run.sent + run.removed + run.refused,
  rows: run.planned_add + run.planned_update + run.planned_remove,
})
