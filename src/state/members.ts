/** What Iterable last acknowledged for each person of an export, and what it refused. */
import { sql } from 'kysely'
import type { PlanRow, SeqRange } from './batches.ts'
import { inRanges } from './batches.ts'
import type { ExportOp } from './tables/exports.ts'
import type { Db } from './tables.ts'

/** Whose state it is. */
export interface Owner {
  readonly runId: string
  readonly name: string
  readonly listId: number
}

/** The people of some batches whom Iterable took are on the list now, or off it. */
export async function acknowledgeMembers(
  db: Db,
  owner: Owner,
  {
    op,
    ranges,
    keys,
    refusedSeqs,
    keepsRemoved,
    now,
  }: {
    readonly op: ExportOp
    readonly ranges: readonly SeqRange[]
    /** Of the people in the ranges who were taken. */
    readonly keys: readonly string[]
    readonly refusedSeqs: readonly number[]
    /** An export of the kind `remove` keeps whom it has removed. */
    readonly keepsRemoved: boolean
    readonly now: Date
  },
): Promise<void> {
  const { runId, name, listId } = owner
  const taken = (trx: Db) => {
    const rows = trx.selectFrom('plan').where('run_id', '=', runId).where(inRanges(ranges))
    return refusedSeqs.length > 0 ? rows.where('seq', 'not in', refusedSeqs) : rows
  }
  // By their keys, not by a join: whatever statistics a server has of a table that is growing, it asks the index then.
  await forget(db, 'members', owner, keys)
  if (op === 'remove' && !keepsRemoved) return
  await db
    .insertInto('members')
    .columns(['export', 'list_id', 'member_key', 'status', 'payload', 'hash', 'run_id', 'confirmed_at'])
    .expression(
      taken(db).select([
        sql.val(name).as('export'),
        sql`cast(${sql.lit(listId)} as bigint)`.as('list_id'),
        'member_key',
        sql.lit(op === 'remove' ? 'removed' : 'member').as('status'),
        'payload',
        'hash',
        'run_id',
        sql`cast(${now} as timestamptz)`.as('confirmed_at'),
      ]),
    )
    .execute()
}

/**
 * A run is given up while batches of it may or may not have been carried out: their people are looked at anew by the
 * next plan, whatever it wants of them.
 */
export async function forgetOutcomes(db: Db, owner: Owner, now: Date): Promise<void> {
  const unknown = await db
    .selectFrom('batches')
    .selectAll()
    .where('run_id', '=', owner.runId)
    .where('state', '=', 'in_flight')
    .execute()
  for (const { op, first_seq, last_seq } of unknown) {
    const ranges = [{ first: first_seq, last: last_seq }]
    const people = await peopleOf(db, owner, ranges).execute()
    await doubtMembers(db, owner, { op, ranges, keys: people.map(({ member_key }) => member_key), now })
  }
}

/**
 * Nobody knows whether the people of some rows were put on the list, or taken off it: an empty hash makes the next plan
 * send them again, or remove them.
 */
export async function doubtMembers(
  db: Db,
  owner: Owner,
  {
    op,
    ranges,
    keys,
    now,
  }: {
    readonly op: ExportOp
    readonly ranges: readonly SeqRange[]
    readonly keys: readonly string[]
    readonly now: Date
  },
): Promise<void> {
  if (op !== 'remove') {
    await acknowledgeMembers(db, owner, { op, ranges, keys, refusedSeqs: [], keepsRemoved: false, now })
  }
  for (const some of portions(keys)) {
    await db
      .updateTable('members')
      .set({ hash: '' })
      .where('export', '=', owner.name)
      .where('list_id', '=', owner.listId)
      .where('member_key', 'in', some)
      .execute()
  }
}

/** What was known of these people, by the one or the other table, is known no longer. */
async function forget(
  db: Db,
  table: 'members' | 'export_rejects',
  { name, listId }: Owner,
  keys: readonly string[],
): Promise<void> {
  for (const some of portions(keys)) {
    await db
      .deleteFrom(table)
      .where('export', '=', name)
      .where('list_id', '=', listId)
      .where('member_key', 'in', some)
      .execute()
  }
}

/** Keys that one statement is asked with. */
function* portions(keys: readonly string[]): Generator<readonly string[]> {
  for (let at = 0; at < keys.length; at += 10_000) yield keys.slice(at, at + 10_000)
}

/** The keys of the people in some ranges of a run's plan. */
const peopleOf = (db: Db, { runId }: Owner, ranges: readonly SeqRange[]) =>
  db.selectFrom('plan').select('member_key').where('run_id', '=', runId).where(inRanges(ranges))

export interface RefusedRow {
  readonly row: PlanRow
  readonly code: string
  readonly reason: string
  readonly permanent: boolean
}

/** Keeps what Iterable refused of some batches, and forgets what it had refused before of the same people. */
export async function recordRefusals(
  db: Db,
  owner: Owner,
  keys: readonly string[],
  refused: readonly RefusedRow[],
  now: Date,
): Promise<void> {
  const { name, listId } = owner
  const known = db.selectFrom('export_rejects').where('export', '=', name).where('list_id', '=', listId)
  const [before] = await known.select('member_key').limit(1).execute()
  if (before) await forget(db, 'export_rejects', owner, keys)
  if (refused.length === 0) return
  for (let at = 0; at < refused.length; at += rowsOfInsert) {
    await insertRefusals(db, owner, refused.slice(at, at + rowsOfInsert), now)
  }
}

/** Postgres takes 65,535 parameters a statement. */
const rowsOfInsert = 2_000

async function insertRefusals(
  db: Db,
  { runId, name, listId }: Owner,
  refused: readonly RefusedRow[],
  now: Date,
): Promise<void> {
  const [source, rejected_at] = [`export:${name}`, now]
  await db
    .insertInto('rejected_rows')
    .values(
      refused.map(({ row, code, reason }) => ({
        run_id: runId,
        source,
        code,
        reason,
        rejected_at,
        row: row.payload,
        raw: null,
      })),
    )
    .execute()
  await db
    .insertInto('export_rejects')
    .values(
      refused.map(({ row: { member_key, op, payload, hash }, code, reason, permanent }) => ({
        export: name,
        list_id: listId,
        member_key,
        op,
        payload,
        hash,
        code,
        reason,
        permanent,
        run_id: runId,
        rejected_at,
      })),
    )
    .execute()
}
