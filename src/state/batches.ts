/** The outbox of export runs: which batches are to be sent, are on their way, or were acknowledged. */
import { type ExpressionBuilder, type RawBuilder, type Selectable, sql } from 'kysely'
import type { BatchesTable, ExportOp, PlanTable } from './tables/exports.ts'
import type { Db, StateDatabase } from './tables.ts'

export type Batch = Selectable<BatchesTable>
export type PlanRow = Selectable<PlanTable>

/** Rows of a plan, both ends included. */
export interface SeqRange {
  readonly first: number
  readonly last: number
}

/** A condition on `plan.seq`; ranges that touch are one. */
export const inRanges = (ranges: readonly SeqRange[]) => (row: ExpressionBuilder<StateDatabase, 'plan'>) =>
  row.or(merged(ranges).map(({ first, last }) => row.and([row('seq', '>=', first), row('seq', '<=', last)])))

function merged(ranges: readonly SeqRange[]): readonly SeqRange[] {
  const whole: SeqRange[] = []
  for (const range of [...ranges].sort((a, b) => a.first - b.first)) {
    const before = whole.at(-1)
    if (before && before.last + 1 === range.first)
      whole.splice(-1, 1, { first: before.first, last: range.last })
    else whole.push(range)
  }
  return whole
}

/**
 * The next batches of one operation, in order; those whose outcome is unknown come first. One operation at a time: a
 * person may leave under one identifier and come under another. `flying` are under way already.
 */
export async function nextBatches(
  db: Db,
  runId: string,
  flying: readonly Batch[],
  most: number,
): Promise<readonly Batch[]> {
  const batches = await db
    .selectFrom('batches')
    .selectAll()
    .where('run_id', '=', runId)
    .where('state', '<>', 'acked')
    .orderBy('batch_no')
    .limit(most + flying.length)
    .execute()
  const op = batches[0]?.op
  const isFlying = new Set(flying.map(({ batch_no }) => batch_no))
  return batches.filter((batch) => batch.op === op && !isFlying.has(batch.batch_no)).slice(0, most)
}

/** Where each batch of a plan begins and ends. */
export const planRanges = (
  db: Db,
  runId: string,
): Promise<readonly Pick<Selectable<BatchesTable>, 'first_seq' | 'last_seq'>[]> =>
  db
    .selectFrom('batches')
    .select(['first_seq', 'last_seq'])
    .where('run_id', '=', runId)
    .orderBy('first_seq')
    .execute()

/** The rows of neighbouring batches. */
export function planRows(db: Db, runId: string, first: number, last: number): Promise<readonly PlanRow[]> {
  return db
    .selectFrom('plan')
    .selectAll()
    .where('run_id', '=', runId)
    .where('seq', '>=', first)
    .where('seq', '<=', last)
    .orderBy('seq')
    .execute()
}

/** A row of a plan as it is sent, and as what became of it is recorded. */
export type PlannedRow = Pick<PlanRow, 'seq' | 'member_key' | 'payload' | 'hash' | 'before'>

/**
 * Rows of a plan as they come from the database: a text for each column, with a line for each row, since neither JSON that
 * we write nor a key has a line break. To take every value over by itself cost as much as all else that is done with it
 * (measured). Few batches are ever read apart.
 */
export class PlannedRows {
  readonly count: number
  readonly #texts: PlanTexts
  #rows: readonly PlannedRow[] | undefined

  constructor(count: number, texts: PlanTexts) {
    this.count = count
    this.#texts = texts
  }

  /** What would be sent of each row, with this in between. */
  payloads(separator: string): string {
    return this.#texts.payloads.replaceAll('\n', separator)
  }

  get keys(): readonly string[] {
    return this.#texts.keys.split('\n')
  }

  get all(): readonly PlannedRow[] {
    this.#rows ??= apart(this.#texts)
    return this.#rows
  }

  /** Some of them, in order. */
  slice(from: number, to = this.count): PlannedRows {
    const some = (text: string) => text.split('\n').slice(from, to).join('\n')
    const { first_seq, keys, payloads, hashes, befores } = this.#texts
    return new PlannedRows(to - from, {
      first_seq: first_seq + from,
      keys: some(keys),
      payloads: some(payloads),
      hashes: some(hashes),
      befores: some(befores),
    })
  }
}

type PlanTexts = Readonly<Record<'keys' | 'payloads' | 'hashes' | 'befores', string>> & {
  readonly first_seq: number
}

/** The rows of batches, by their numbers. */
export async function rowsOfBatches(
  db: Db,
  runId: string,
  batches: readonly Batch[],
): Promise<ReadonlyMap<number, PlannedRows>> {
  const [first, last] = [batches[0], batches.at(-1)]
  if (!first || !last) return new Map()
  const lines = (value: RawBuilder<unknown>) => sql<string>`string_agg(${value}, chr(10) order by seq)`
  const texts = await db
    .selectFrom('plan')
    .innerJoin('batches', (join) =>
      join
        .onRef('batches.run_id', '=', 'plan.run_id')
        .onRef('plan.seq', '>=', 'first_seq')
        .onRef('plan.seq', '<=', 'last_seq'),
    )
    .select([
      ...(['batch_no', 'row_count', 'first_seq'] as const),
      lines(sql.ref('member_key')).as('keys'),
      lines(sql.ref('payload')).as('payloads'),
      lines(sql.ref('hash')).as('hashes'),
      lines(sql`coalesce(before, '')`).as('befores'),
    ])
    .where('plan.run_id', '=', runId)
    .where('seq', '>=', first.first_seq)
    .where('seq', '<=', last.last_seq)
    .where(
      'batch_no',
      'in',
      batches.map(({ batch_no }) => batch_no),
    )
    .groupBy(['batch_no', 'row_count', 'first_seq'])
    .execute()
  return new Map(texts.map((text) => [text.batch_no, new PlannedRows(text.row_count, text)]))
}

function apart({ first_seq, ...texts }: PlanTexts): readonly PlannedRow[] {
  const [keys, payloads, hashes, befores] = [texts.keys, texts.payloads, texts.hashes, texts.befores].map(
    (text) => text.split('\n'),
  ) as [string[], string[], string[], string[]]
  return keys.map((member_key, index) => ({
    seq: first_seq + index,
    member_key,
    payload: payloads[index] as string,
    hash: hashes[index] as string,
    before: befores[index] || null,
  }))
}

/** Records that batches go out now, before they do, each with the hash of its body. */
export async function markInFlight(
  db: Db,
  runId: string,
  batches: readonly { readonly batchNo: number; readonly sha256: string }[],
  now: Date,
): Promise<void> {
  const hashes = sql.join(
    batches.map(({ batchNo, sha256 }) => sql`when ${sql.lit(batchNo)} then ${sha256}`),
    sql` `,
  )
  await db
    .updateTable('batches')
    .set((row) => ({
      state: 'in_flight',
      attempts: row('attempts', '+', 1),
      body_sha256: sql<string>`case batch_no ${hashes} end`,
      sent_at: now,
    }))
    .where('run_id', '=', runId)
    .where(
      'batch_no',
      'in',
      batches.map(({ batchNo }) => batchNo),
    )
    .execute()
}

/** Iterable refused to look at the batch: nothing of it happened. */
export async function markPending(db: Db, { run_id, batch_no }: Batch): Promise<void> {
  await db
    .updateTable('batches')
    .set({ state: 'pending' })
    .where('run_id', '=', run_id)
    .where('batch_no', '=', batch_no)
    .execute()
}

/** An answer of Iterable's: rows that were refused or left out, and what it took to get it. */
export interface Acknowledgement {
  readonly refused: number
  readonly left_out: number
  readonly retries: number
  readonly waitedMs: number
  readonly now: Date
}

/** Records that Iterable has answered, the same to all of them. */
export async function markAcked(
  db: Db,
  batches: readonly Batch[],
  { refused, left_out, retries, waitedMs, now }: Acknowledgement,
): Promise<void> {
  const [first] = batches
  if (!first) return
  const response = JSON.stringify({ refused, left_out })
  await db
    .updateTable('batches')
    .set({ state: 'acked', acked_at: now, response, retries, waited_ms: waitedMs })
    .where('run_id', '=', first.run_id)
    .where(
      'batch_no',
      'in',
      batches.map(({ batch_no }) => batch_no),
    )
    .execute()
}

/** Which of these batches have been acknowledged. */
export async function ackedAmong(
  db: Db,
  runId: string,
  batchNumbers: readonly number[],
): Promise<ReadonlySet<number>> {
  if (batchNumbers.length === 0) return new Set()
  const rows = await db
    .selectFrom('batches')
    .select('batch_no')
    .where('run_id', '=', runId)
    .where('batch_no', 'in', batchNumbers)
    .where('state', '=', 'acked')
    .execute()
  return new Set(rows.map(({ batch_no }) => batch_no))
}

export interface BatchCounts {
  readonly total: number
  readonly acked: number
  readonly open: Readonly<Record<ExportOp, number>>
}

export async function countBatches(db: Db, runId: string): Promise<BatchCounts> {
  const rows = await db
    .selectFrom('batches')
    .select(({ fn }) => ['op', 'state', fn.countAll<number>().as('n')])
    .where('run_id', '=', runId)
    .groupBy(['op', 'state'])
    .execute()
  const sum = (pick: (row: (typeof rows)[number]) => boolean) =>
    rows.filter(pick).reduce((total, { n }) => total + n, 0)
  const open = (op: ExportOp) => sum((row) => row.op === op && row.state !== 'acked')
  return {
    total: sum(() => true),
    acked: sum(({ state }) => state === 'acked'),
    open: { add: open('add'), update: open('update'), remove: open('remove') },
  }
}

/** Rows that Iterable left out, as it was asked to: nobody expects their people on the list. */
export async function dropRows(db: Db, runId: string, seqs: readonly number[]): Promise<void> {
  if (seqs.length > 0)
    await db.deleteFrom('plan').where('run_id', '=', runId).where('seq', 'in', seqs).execute()
}

/** The plan has done its work; its batches stay as history. */
export async function dropPlan(db: Db, runId: string): Promise<void> {
  await db.deleteFrom('plan').where('run_id', '=', runId).execute()
}
