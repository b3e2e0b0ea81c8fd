/**
 * The history of lists: a read of a list's members is set against those that the table has, and the differences are
 * kept. A read that brings the same people costs one look over them.
 */
import { sql } from 'kysely'
import type { Place, Tx } from './session.ts'
import type { TypedColumn } from './shape.ts'
import { change, ownTable, type Sql, streamTable } from './sql.ts'

export interface ListRead {
  readonly listId: string
  /** A relation of the members that were read. */
  readonly incoming: Sql
  /** One of those that the table has had until now. */
  readonly outgoing: Sql
  readonly runId: string
  readonly readAt: Date
}

/** Keeps what a read of a list has changed, in the transaction that replaces its members. */
export async function keepListHistory(tx: Tx, read: ListRead): Promise<void> {
  const last = await lastRead(tx, read.listId)
  const fingerprint = await fingerprintOf(tx, read.incoming)
  const since = last?.fingerprint === fingerprint ? undefined : await heldSince(tx, read, last)
  if (since) {
    const where = await differing(tx, read)
    await insertDifference(tx, read, {
      change: 'joined',
      of: read.incoming,
      without: read.outgoing,
      where,
      since,
    })
    await insertDifference(tx, read, {
      change: 'left',
      of: read.outgoing,
      without: read.incoming,
      where,
      since,
    })
  }
  await recordRead(tx, read, { firstReadAt: since ?? read.readAt, fingerprint })
}

/** Keeps that the members of lists that exist no longer have left. To be called before their rows are deleted. */
export async function keepVanishedLists(
  tx: Tx,
  {
    listIds,
    vanished,
    runId,
    now,
  }: {
    /** Lists that exist. */
    readonly listIds: readonly string[]
    /** Of the others, those whose members the table has. */
    readonly vanished: readonly string[]
    readonly runId: string
    readonly now: Date
  },
): Promise<void> {
  const { db } = tx
  if (vanished.length > 0) {
    const rows = await db
      .selectFrom('list_reads')
      .select(['list_id', 'last_read_at'])
      .where('list_id', 'in', vanished.map(Number))
      .execute()
    const reads = rows.map((read) => sql`when ${read.list_id} then ${time(read.last_read_at)}`)
    const since =
      rows.length > 0
        ? sql`case m."listId" ${sql.join(reads, sql` `)} else m."updatedAt" end`
        : sql`m."updatedAt"`
    await insertChanges(
      tx,
      sql`select m."listId", m."email", m."userId", 'left', ${since}, ${time(now)}, cast(${runId} as varchar)
       from ${streamTable(tx, 'list_users')} as m
       where m."listId" in (${sql.join(vanished.map(Number))})`,
    )
  }
  await db
    .updateTable('list_reads')
    .set({ gone_at: now, fingerprint: null })
    .where('gone_at', 'is', null)
    .$if(listIds.length > 0, (reads) => reads.where('list_id', 'not in', listIds.map(Number)))
    .execute()
}

/** An instant among the columns of a query, whose type nothing else tells. */
const time = (at: Date): Sql => sql`cast(${at} as timestamptz)`

/** The key of a member: an e-mail address, else a userId. */
const key = (relation: 'm' | 'o'): string => `coalesce(${relation}."email", ${relation}."userId")`

interface LastRead {
  readonly last_read_at: Date
  /** Null where the list had no members. */
  readonly fingerprint: string | null
}

const lastRead = ({ db }: Place, listId: string): Promise<LastRead | undefined> =>
  db
    .selectFrom('list_reads')
    .select(['last_read_at', 'fingerprint'])
    .where('list_id', '=', Number(listId))
    .executeTakeFirst()

/** The same for the same members, in whatever order. */
async function fingerprintOf({ tables, dialect }: Place, members: Sql): Promise<string | null> {
  const { rows } = await sql<{ fingerprint: string | null }>`
    select cast(sum(${sql.raw(dialect.hash(key('m')))}) as varchar) as fingerprint from ${members} as m`.execute(
    tables,
  )
  return rows[0]?.fingerprint ?? null
}

/**
 * The instant since which changes have come about; undefined where that is not known: at the first read of a list, and
 * where the table has lost its members by another hand than ours, so that all of them would seem to have joined.
 */
async function heldSince(
  { tables }: Place,
  { outgoing }: ListRead,
  last: LastRead | undefined,
): Promise<Date | undefined> {
  const { rows } = await sql<{ at: Date | null }>`
    select max("updatedAt") as at from ${outgoing} as members`.execute(tables)
  const heldAt = rows[0]?.at ?? undefined
  // An earlier version read the members, and kept no history.
  if (!last) return heldAt
  return heldAt || last.fingerprint === null ? last.last_read_at : undefined
}

/**
 * A condition on a member `m` that all differences meet, and few others: members are compared by the thousandth part, by
 * their hashes, before they are compared one by one, which took 2.7 s of CPU for a million members (measured).
 */
async function differing({ tables, dialect }: Place, { incoming, outgoing }: ListRead): Promise<Sql> {
  const hash = sql.raw(dialect.hash(key('m')))
  const { rows } = await sql<{ part: number }>`
    select mod(hash, ${sql.lit(parts)}) as part
    from (
      select ${hash} as hash, true as is_new from ${incoming} as m
      union all
      select ${hash}, false from ${outgoing} as m
    ) as members
    group by 1
    having sum(hash) filter (where is_new) is distinct from sum(hash) filter (where not is_new)`.execute(
    tables,
  )
  // Most parts of a list that is as good as new differ.
  if (rows.length > parts / 2) return sql`true`
  return rows.length === 0
    ? sql`false`
    : // Written out: a statement has so many parameters at most.
      sql`mod(${hash}, ${sql.lit(parts)}) in (${sql.join(rows.map(({ part }) => sql.lit(part)))})`
}

const parts = 16_384

interface Difference {
  readonly change: 'joined' | 'left'
  readonly of: Sql
  readonly without: Sql
  readonly where: Sql
  readonly since: Date
}

async function insertDifference(
  tx: Tx,
  { listId, runId, readAt }: ListRead,
  { change: kind, of, without, where, since }: Difference,
): Promise<void> {
  await insertChanges(
    tx,
    sql`select distinct cast(${Number(listId)} as bigint), m."email", m."userId", cast(${kind} as varchar),
         ${time(since)}, ${time(readAt)}, cast(${runId} as varchar)
       from ${of} as m
       where ${where} and not exists (
         select 1 from (select * from ${without} as m where ${where}) as o
         where ${sql.raw(key('o'))} = ${sql.raw(key('m'))})`,
  )
}

/** Puts what a query on stream tables returns into `list_changes`; its columns are `changeColumns`. */
async function insertChanges(tx: Tx, select: Sql): Promise<void> {
  const names = changeColumns.map(({ name }) => sql.id(name))
  const rows = await tx.copied(changeColumns, select)
  await change(
    tx.db,
    sql`insert into ${ownTable(tx, 'list_changes')} (${sql.join(names)}) select * from ${rows} as changes`,
  )
}

const changeColumns: readonly TypedColumn[] = [
  { name: 'list_id', type: 'bigint' },
  { name: 'email', type: 'text' },
  { name: 'user_id', type: 'text' },
  { name: 'change', type: 'text' },
  { name: 'since', type: 'timestamptz' },
  { name: 'found_at', type: 'timestamptz' },
  { name: 'run_id', type: 'text' },
]

async function recordRead(
  { db }: Place,
  { listId, readAt }: ListRead,
  { firstReadAt, fingerprint }: { readonly firstReadAt: Date; readonly fingerprint: string | null },
): Promise<void> {
  const read = { last_read_at: readAt, fingerprint }
  await db
    .insertInto('list_reads')
    .values({ list_id: Number(listId), first_read_at: firstReadAt, gone_at: null, ...read })
    .onConflict((conflict) => conflict.column('list_id').doUpdateSet({ ...read, gone_at: null }))
    .execute()
}
