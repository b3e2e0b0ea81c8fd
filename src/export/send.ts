/**
 * Sends a frozen plan. A few batches are on their way at once; what they brought is recorded in one commit with the
 * claim of the next ones, so a DuckDB file is held only for that moment, and state never runs ahead of Iterable.
 */
import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Transaction } from 'kysely'
import { InterruptedError, UserError } from '../errors.ts'
import {
  ackedAmong,
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
import {
  acknowledgeMembers,
  doubtMembers,
  type Owner,
  type RefusedRow,
  recordRefusals,
} from '../state/members.ts'
import type { StateDatabase } from '../state/tables.ts'
import type { Warehouse } from '../warehouse/session.ts'
import type { Refused } from './answer.ts'
import { bodyOf } from './body.ts'
import { inSession } from './context.ts'
import { type Courier, type Delivered, DeliveryError, deliver } from './deliver.ts'
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
/**
 * An answer is recorded when it comes: what a crash takes with it goes out again. Others that come within this moment,
 * up to so many, are recorded with it.
 */
const lingerMs = 50
const recordedTogether = lanes / 2
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
  for (;;) {
    const results = flying.landed()
    failure ??= results.flatMap((result) => ('error' in result ? [result.error] : []))[0]
    const free = failure || verdict || stop.aborted ? 0 : lanes - flying.batches.length
    const step = await inSession(
      input,
      (session) =>
        session.db.transaction().execute(async (trx) => {
          if (!(await holdsLease(trx, owner.runId, input.token))) throw leaseLost(owner)
          await record(trx, input, await unrecorded(trx, owner, results))
          // Thrown only when everything that Iterable acknowledged is committed.
          const tooMany = await verdictOnRefusals(trx, input)
          const claimed = free > 0 && !tooMany ? await claim(trx, input, flying.batches, free) : []
          return { tooMany, claimed, progress: await progressOf(trx, owner.runId) }
        }),
      { isRepeatable: true },
    )
    verdict ??= step.tooMany
    if (step.progress) input.emit(step.progress)
    for (const claimed of step.claimed) flying.start(claimed.batch, attempt(claimed, input))
    if (flying.batches.length === 0) {
      if (verdict) throw verdict
      if (failure) throw causeOf(failure)
      if (step.progress?.batchesDone === step.progress?.batches) return
      throw new InterruptedError('interrupted; the next run of this export goes on where this one stopped')
    }
    await flying.landing(1)
    await Promise.race([flying.landing(recordedTogether), delay(lingerMs)])
  }
}

/** Answers that are not in the outbox yet: the connection may have broken after the commit that holds them. */
async function unrecorded(
  trx: Transaction<StateDatabase>,
  { runId }: Owner,
  results: readonly Result[],
): Promise<readonly Result[]> {
  const acked = await ackedAmong(
    trx,
    runId,
    results.map(({ batch }) => Number(batch.batch_no)),
  )
  return results.filter(({ batch }) => !acked.has(Number(batch.batch_no)))
}

/** Requests under way. */
class Flying {
  readonly #batches = new Map<number, Batch>()
  #landed: Result[] = []
  #onLanding: () => void = () => {}

  get batches(): readonly Batch[] {
    return [...this.#batches.values()]
  }

  start(batch: Batch, result: Promise<Result>): void {
    const number = Number(batch.batch_no)
    this.#batches.set(number, batch)
    result.then((one) => {
      this.#landed.push(one)
      this.#onLanding()
    })
  }

  /** Resolves when so many have landed, or all. */
  landing(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.#onLanding = () => {
        if (this.#landed.length >= Math.min(count, this.#batches.size)) resolve()
      }
      this.#onLanding()
    })
  }

  /** What has landed since the last time. */
  landed(): readonly Result[] {
    const landed = this.#landed
    this.#landed = []
    for (const { batch } of landed) this.#batches.delete(Number(batch.batch_no))
    return landed
  }
}

interface Claimed {
  readonly batch: Batch
  readonly rows: readonly PlanRow[]
}

type Result = Claimed & (Delivered | { readonly error: DeliveryError })

async function claim(
  trx: Transaction<StateDatabase>,
  input: SendInput,
  flying: readonly Batch[],
  most: number,
): Promise<readonly Claimed[]> {
  const { owner, courier } = input
  const batches = await nextBatches(trx, owner.runId, flying, most)
  const first = batches[0]
  const last = batches.at(-1)
  if (!first || !last) return []
  const rows = await planRows(trx, owner.runId, Number(first.first_seq), Number(last.last_seq))
  const claimed = batches.map((batch) => ({
    batch,
    rows: rows.filter(({ seq }) => seq >= batch.first_seq && seq <= batch.last_seq),
  }))
  const bodies = claimed.map(({ batch, rows }) => {
    const sha256 = createHash('sha256')
      .update(bodyOf(batch.op, rows, courier.envelope))
      .digest('hex')
    if (batch.body_sha256 !== null && batch.body_sha256 !== sha256) {
      throw new Error(
        `batch ${batch.batch_no} of run ${owner.runId} changed since it was sent: this is a fault of iterable-elt`,
      )
    }
    return { batchNo: Number(batch.batch_no), sha256 }
  })
  await markInFlight(trx, owner.runId, bodies, courier.clock.now())
  return claimed
}

async function attempt(claimed: Claimed, { courier }: SendInput): Promise<Result> {
  try {
    const { refused, isRepeated } = await deliver(claimed.batch.op, claimed.rows, courier)
    // As it was before it was claimed.
    const wasInFlight = claimed.batch.state === 'in_flight'
    return { ...claimed, refused, isRepeated: isRepeated || wasInFlight }
  } catch (error) {
    return { ...claimed, error: error instanceof DeliveryError ? error : new DeliveryError(error, false) }
  }
}

/** Records answers, whichever of them came together; all are of one operation. */
async function record(
  trx: Transaction<StateDatabase>,
  { owner, action, isTracked, courier }: SendInput,
  results: readonly Result[],
): Promise<void> {
  const now = courier.clock.now()
  for (const result of results) {
    if ('error' in result && result.error.isUntouched) await markPending(trx, result.batch)
  }
  const answered = results.flatMap((result) => ('refused' in result ? [judged(result, courier)] : []))
  const [first] = answered
  if (!first) return
  const { op } = first.batch
  const rejected = answered.flatMap((answer) => answer.rejected)
  const left = answered.flatMap((answer) => answer.left)
  const ranges = answered.map(({ batch }) => ({
    first: Number(batch.first_seq),
    last: Number(batch.last_seq),
  }))
  const clean = answered.filter((answer) => answer.rejected.length + answer.left.length === 0)
  await markAcked(
    trx,
    clean.map(({ batch }) => batch),
    { refused: 0, left_out: 0 },
    now,
  )
  for (const { batch, ...answer } of answered.filter((one) => !clean.includes(one))) {
    await markAcked(trx, [batch], { refused: answer.rejected.length, left_out: answer.left.length }, now)
  }
  const keys = answered.flatMap((answer) => answer.keys)
  await recordRefusals(trx, owner, keys, rejected, now)
  if (isTracked) {
    const refusedSeqs = [...rejected, ...left].map(({ row }) => row.seq)
    const refusedKeys = new Set([...rejected, ...left].map(({ row }) => row.member_key))
    await acknowledgeMembers(trx, owner, {
      ...{ op, ranges, refusedSeqs, now },
      keys: keys.filter((key) => !refusedKeys.has(key)),
      keepsRemoved: action === 'remove',
    })
    // An earlier try, whose answer was lost, may have done what this one was refused.
    const doubtful = answered
      .filter(({ isRepeated }) => isRepeated)
      .flatMap(({ rejected, left }) => [...rejected, ...left])
    const doubtfulRanges = doubtful.map(({ row: { seq } }) => ({ first: Number(seq), last: Number(seq) }))
    const doubtfulKeys = doubtful.map(({ row }) => row.member_key)
    if (doubtful.length > 0)
      await doubtMembers(trx, owner, { op, ranges: doubtfulRanges, keys: doubtfulKeys, now })
  }
  const rows = answered.reduce((sum, answer) => sum + answer.rows, 0)
  const taken = rows - rejected.length - left.length
  const isQueryRow = action === 'remove' || op !== 'remove'
  await addToExportRun(trx, owner.runId, {
    sent: isQueryRow ? taken : 0,
    removed: isQueryRow ? 0 : taken,
    rejected: isQueryRow ? rejected.length : 0,
    skipped: left.length,
    refused: rejected.length,
  })
}

interface Judged {
  readonly batch: Batch
  readonly rows: number
  readonly keys: readonly string[]
  readonly rejected: readonly RefusedRow[]
  readonly left: readonly RefusedRow[]
  readonly isRepeated: boolean
}

function judged({ batch, rows, refused, isRepeated }: Claimed & Delivered, { envelope }: Courier): Judged {
  const verdicts = rows.flatMap((row) => {
    const why = refused.get(row.member_key)
    return why ? [{ row, ...why, kind: kindOf(batch.op, why, envelope.updateExistingUsersOnly) }] : []
  })
  return {
    batch,
    rows: rows.length,
    keys: rows.map(({ member_key }) => member_key),
    isRepeated,
    rejected: verdicts.filter(({ kind }) => kind === 'rejected'),
    left: verdicts.filter(({ kind }) => kind === 'skipped'),
  }
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
