/** What Iterable last acknowledged for each person of an export, and what it refused. */
import { type Expression, type RawBuilder, sql } from 'kysely'
import { inRanges, type PlannedRow, type SeqRange } from './batches.ts'
import type { ExportOp } from './tables/exports.ts'
import type { Db } from './tables.ts'

/** Whose state it is. */
export interface Owner {
  readonly runId: string
  readonly name: string
  readonly listId: number
  readonly dialect: KeyDialect
}

/** How the warehouse looks some rows of a large table up. */
export interface KeyDialect {
  /** What follows the name of a column: a condition that it is one of what a select returns, which is little beside the table. */
  readonly among: (select: Expression<unknown>) => RawBuilder<unknown>
}

/** Rows of a run's plan. */
export interface PlanPart {
  readonly ranges: readonly SeqRange[]
  /** Of these rows, those that are not meant. */
  readonly except: readonly number[]
}

/** The people of some batches whom Iterable took are on the list now, or off it. */
export async function acknowledgeMembers(
  db: Db,
  owner: Owner,
  {
    op,
    taken,
    keepsRemoved,
    now,
  }: {
    readonly op: ExportOp
    readonly taken: PlanPart
    /** An export of the kind `remove` keeps whom it has removed. */
    readonly keepsRemoved: boolean
    readonly now: Date
  },
): Promise<void> {
  const { name, listId } = owner
  await forget(db, 'members', owner, taken)
  if (op === 'remove' && !keepsRemoved) return
  await db
    .insertInto('members')
    .columns(['export', 'list_id', 'member_key', 'status', 'payload', 'hash', 'run_id', 'confirmed_at'])
    .expression(
      rowsOf(db, owner, taken).select([
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
    await doubtMembers(db, owner, { op, ranges: [{ first: first_seq, last: last_seq }], now })
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
  const doubtful = { ranges, except: [] }
  if (op !== 'remove') {
    await acknowledgeMembers(db, owner, { op, taken: doubtful, keepsRemoved: false, now })
  }
  await db
    .updateTable('members')
    .set({ hash: '' })
    .where('export', '=', owner.name)
    .where('list_id', '=', owner.listId)
    .where(isIn(db, owner, doubtful))
    .execute()
}

/** What was known of these people, by the one or the other table, is known no longer. */
async function forget(
  db: Db,
  table: 'members' | 'export_rejects',
  owner: Owner,
  people: PlanPart,
): Promise<void> {
  await db
    .deleteFrom(table)
    .where('export', '=', owner.name)
    .where('list_id', '=', owner.listId)
    .where(isIn(db, owner, people))
    .execute()
}

/** A condition on a table of people. */
const isIn = (db: Db, owner: Owner, people: PlanPart) =>
  sql<boolean>`member_key ${owner.dialect.among(rowsOf(db, owner, people).select('plan.member_key'))}`

function rowsOf(db: Db, { runId }: Owner, { ranges, except }: PlanPart) {
  const rows = db.selectFrom('plan').where('plan.run_id', '=', runId).where(inRanges(ranges))
  return except.length > 0 ? rows.where('seq', 'not in', except) : rows
}

export interface RefusedRow {
  readonly row: PlannedRow
  readonly op: ExportOp
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
  if (before) await forget(db, 'export_rejects', owner, { ranges, except: [] })
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
      refused.map(({ row: { member_key, payload, hash }, op, code, reason, permanent }) => ({
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
