/** What Iterable said of each row, recorded: who is a member now, who was refused, what the run has done. */
import type { Transaction } from 'kysely'
import { ackedAmong, type Batch, dropRows, markAcked, markPending } from '../../state/batches.ts'
import { addToExportRun } from '../../state/exports.ts'
import {
  acknowledgeMembers,
  doubtMembers,
  type Owner,
  type RefusedRow,
  recordRefusals,
} from '../../state/members.ts'
import type { StateDatabase } from '../../state/tables.ts'
import type { Action } from '../definition/settings.ts'
import type { Refused } from './answer.ts'
import type { Courier, Delivered } from './deliver.ts'
import type { Claimed, Result } from './flight.ts'

export interface RecordInput {
  readonly owner: Owner
  readonly action: Action
  readonly isTracked: boolean
  readonly courier: Courier
}

/** Records answers, whichever of them came together; all are of one operation. */
export async function record(
  trx: Transaction<StateDatabase>,
  { owner, action, isTracked, courier }: RecordInput,
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
    first: batch.first_seq,
    last: batch.last_seq,
  }))
  const clean = answered.filter(
    (answer) => answer.rejected.length + answer.left.length + answer.retries === 0,
  )
  await markAcked(
    trx,
    clean.map(({ batch }) => batch),
    { refused: 0, left_out: 0, retries: 0, waitedMs: 0, now },
  )
  for (const { batch, ...answer } of answered.filter((one) => !clean.includes(one))) {
    const { rejected, left, retries, waitedMs } = answer
    await markAcked(trx, [batch], {
      refused: rejected.length,
      left_out: left.length,
      retries,
      waitedMs,
      now,
    })
  }
  await recordRefusals(trx, owner, ranges, rejected, now)
  if (isTracked) {
    const except = [...rejected, ...left].map(({ row }) => row.seq)
    await acknowledgeMembers(trx, owner, {
      op,
      taken: { ranges, except },
      keepsRemoved: action === 'remove',
      now,
    })
    // An earlier try, whose answer was lost, may have done what this one was refused.
    const doubtful = answered
      .filter(({ isRepeated }) => isRepeated)
      .flatMap(({ rejected, left }) => [...rejected, ...left])
    const doubtfulRanges = doubtful.map(({ row: { seq } }) => ({ first: seq, last: seq }))
    if (doubtful.length > 0) await doubtMembers(trx, owner, { op, ranges: doubtfulRanges, now })
  }
  await dropRows(
    trx,
    owner.runId,
    left.map(({ row }) => row.seq),
  )
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
  readonly rejected: readonly RefusedRow[]
  readonly left: readonly RefusedRow[]
  readonly isRepeated: boolean
  readonly retries: number
  readonly waitedMs: number
}

function judged(
  { batch, rows, refused, isRepeated, retries, waitedMs }: Claimed & Delivered,
  { envelope }: Courier,
): Judged {
  const named = refused.size > 0 ? rows.all : []
  const verdicts = named.flatMap((row) => {
    const why = refused.get(row.member_key)
    return why
      ? [{ row, op: batch.op, ...why, kind: kindOf(batch.op, why, envelope.updateExistingUsersOnly) }]
      : []
  })
  return {
    batch,
    rows: rows.count,
    isRepeated,
    retries,
    waitedMs,
    rejected: verdicts.filter(({ kind }) => kind === 'rejected'),
    left: verdicts.filter(({ kind }) => kind === 'skipped'),
  }
}

/** Who cannot be found or was forgotten is off the list; who was not to be created is not a failure. */
function kindOf(op: Batch['op'], { code }: Refused, existingOnly: boolean): 'taken' | 'skipped' | 'rejected' {
  if (op === 'remove' && code === 'not_found') return 'taken'
  if (op !== 'remove' && code === 'not_found' && existingOnly) return 'skipped'
  return 'rejected'
}

/** Answers that are not in the outbox yet: the connection may have broken after the commit that holds them. */
export async function unrecorded(
  trx: Transaction<StateDatabase>,
  { runId }: Owner,
  results: readonly Result[],
): Promise<readonly Result[]> {
  const acked = await ackedAmong(
    trx,
    runId,
    results.map(({ batch }) => batch.batch_no),
  )
  return results.filter(({ batch }) => !acked.has(batch.batch_no))
}
