/** What Iterable last acknowledged for each person of an export, and what it refused. */
import { type ExpressionBuilder, type Kysely, sql } from 'kysely'
import type { PlanRow, SeqRange } from './batches.ts'
import { inRanges } from './batches.ts'
import type { ExportOp, StateDatabase } from './tables.ts'

type Db = Kysely<StateDatabase>

/** Whose state it is. */
export interface Owner {
  readonly runId: string
  readonly name: string
  readonly listId: number
}

/** The people of some batches whom Iterable took are on the list now, or off it. */
export async function acknowledgeMembers(
  db: Db,
  { runId, name, listId }: Owner,
  {
    op,
    ranges,
    refusedSeqs,
    keepsRemoved,
    now,
  }: {
    readonly op: ExportOp
    readonly ranges: readonly SeqRange[]
    readonly refusedSeqs: readonly number[]
    /** An export of the kind `remove` keeps whom it has removed. */
    readonly keepsRemoved: boolean
    readonly now: Date
  },
): Promise<void> {
  const owner = { runId, name, listId }
  await db
    .deleteFrom('members')
    .where(isPersonOf(db, owner, ranges, refusedSeqs))
    .execute()
  if (op === 'remove' && !keepsRemoved) return
  await db
    .insertInto('members')
    .columns(['export', 'list_id', 'member_key', 'status', 'payload', 'hash', 'run_id', 'confirmed_at'])
    .expression(
      rowsOf(db, owner, ranges, refusedSeqs).select([
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
    await doubtMembers(db, owner, { op, ranges: [{ first: Number(first_seq), last: Number(last_seq) }], now })
  }
}

/**
 * Nobody knows whether the people of some rows were put on the list, or taken off it: an empty hash makes the next plan
 * send them again, or remove them.
 */
export async function doubtMembers(
  db: Db,
  owner: Owner,
  { op, ranges, now }: { readonly op: ExportOp; readonly ranges: readonly SeqRange[]; readonly now: Date },
): Promise<void> {
  if (op !== 'remove') {
    await acknowledgeMembers(db, owner, { op, ranges, refusedSeqs: [], keepsRemoved: false, now })
  }
  await db
    .updateTable('members')
    .set({ hash: '' })
    .where(isPersonOf(db, owner, ranges))
    .execute()
}

/** Some rows of a run's plan. */
function rowsOf(db: Db, { runId }: Owner, ranges: readonly SeqRange[], without: readonly number[] = []) {
  const rows = db.selectFrom('plan').where('run_id', '=', runId).where(inRanges(ranges))
  return without.length > 0 ? rows.where('seq', 'not in', without) : rows
}

/**
 * A condition on `members` and `export_rejects`: the state of the people in some rows of a run's plan. Of a table without
 * statistics Postgres believes that hardly anybody is of this export, and would look through the batch for each of a
 * million members, or through the members for each of the batch. `distinct` makes the people one table, compared by its
 * three columns at once: what remains is to ask the index for each of them, or to read the members once.
 */
const isPersonOf =
  (db: Db, owner: Owner, ranges: readonly SeqRange[], without?: readonly number[]) =>
  (row: ExpressionBuilder<StateDatabase, 'members' | 'export_rejects'>) =>
    row(
      row.refTuple('export', 'list_id', 'member_key'),
      'in',
      rowsOf(db, owner, ranges, without)
        .distinct()
        .select([
          sql<string>`cast(${owner.name} as varchar)`.as('export'),
          sql<number>`cast(${sql.lit(owner.listId)} as bigint)`.as('list_id'),
          'member_key',
        ])
        .$asTuple('export', 'list_id', 'member_key'),
    )

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
  ranges: readonly SeqRange[],
  refused: readonly RefusedRow[],
  now: Date,
): Promise<void> {
  const { name, listId } = owner
  const known = db.selectFrom('export_rejects').where('export', '=', name).where('list_id', '=', listId)
  const [before] = await known.select('member_key').limit(1).execute()
  if (before) {
    await db
      .deleteFrom('export_rejects')
      .where(isPersonOf(db, owner, ranges))
      .execute()
  }
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
        ...{ run_id: runId, source, code, reason, rejected_at },
        ...{ row: row.payload, raw: null },
      })),
    )
    .execute()
  await db
    .insertInto('export_rejects')
    .values(
      refused.map(({ row: { member_key, op, payload, hash }, code, reason, permanent }) => ({
        ...{ export: name, list_id: listId, member_key, op, payload, hash },
        ...{ code, reason, permanent, run_id: runId, rejected_at },
      })),
    )
    .execute()
}
