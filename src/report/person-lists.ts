/** The lists of Iterable that a person is on, and since when. */
import { type RawBuilder, sql } from 'kysely'
import type { Session } from '../warehouse/session.ts'
import { ownTable, streamTable } from '../warehouse/sql.ts'
import type { ExistingTables } from './read.ts'

/** Under which names somebody is known. */
export interface Identity {
  readonly email: string | null
  readonly userId: string | null
}

/** A list that somebody is on. Times are ISO 8601. */
export interface PersonList {
  readonly id: string
  readonly name: string | null
  /** The read of the list that found them there first; null where they were there at the first of all. */
  readonly joined_at: string | null
  /** The first read of the list; null where its history is not kept. */
  readonly first_read_at: string | null
  /** The last read. */
  readonly updated_at: string | null
}

/** An address as it was given, and in small letters. */
export const spellings = (email: string): RawBuilder<unknown> =>
  sql.join([...new Set([email, email.toLowerCase()])])

/** By the id of the list; none where the members of lists are not replicated. */
export async function readPersonLists(
  session: Session,
  tables: ExistingTables,
  identity: Identity,
): Promise<readonly PersonList[]> {
  const { names } = session
  if (!tables.has(`${names.streams}.list_users`)) return []
  const hasLists = tables.has(`${names.streams}.lists`)
  const rows = (await readMemberships(session, identity, hasLists)).map((row) => ({
    ...row,
    id: String(row.id),
  }))
  const hasHistory = rows.length > 0 && tables.has(`${names.sync}.list_changes`)
  const ids = rows.map(({ id }) => id)
  const stays = hasHistory ? await readStays(session, identity, ids) : new Map<string, Stay>()
  return rows.map(({ id, name, updated_at }) => ({
    id,
    name,
    updated_at: updated_at?.toISOString() ?? null,
    joined_at: stays.get(id)?.joined_at?.toISOString() ?? null,
    first_read_at: stays.get(id)?.first_read_at.toISOString() ?? null,
  }))
}

interface Membership {
  readonly id: unknown
  readonly name: string | null
  readonly updated_at: Date | null
}

async function readMemberships(
  session: Session,
  { email, userId }: Identity,
  hasLists: boolean,
): Promise<readonly Membership[]> {
  const name = hasLists
    ? sql`(select min(l.name) from ${streamTable(session, 'lists')} as l where l.id = m."listId")`
    : sql`cast(null as varchar)`
  const select = (condition: RawBuilder<unknown>) => sql<Membership>`
    select "listId" as id, ${name} as name, "updatedAt" as updated_at
    from ${streamTable(session, 'list_users')} as m where ${condition}`
  // Each twice: Postgres has an index on the key of the table, DuckDB the least and the greatest of a column's values.
  const key = sql`coalesce(m."email", m."userId")`
  const parts = [
    ...(email === null
      ? []
      : [select(sql`${key} in (${spellings(email)}) and m."email" in (${spellings(email)})`)]),
    ...(userId === null ? [] : [select(sql`${key} = ${userId} and m."userId" = ${userId}`)]),
  ]
  if (parts.length === 0) return []
  const { rows } = await sql<Membership>`${sql.join(parts, sql` union all `)} order by 1`.execute(
    session.tables,
  )
  return rows
}

interface Stay {
  readonly list_id: unknown
  readonly first_read_at: Date
  readonly joined_at: Date | null
}

/** Since when they are on these lists, by list. */
async function readStays(
  session: Session,
  { email, userId }: Identity,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Stay>> {
  const names = [...(email === null ? [] : [email.toLowerCase()]), ...(userId === null ? [] : [userId])]
  const { rows } = await sql<Stay>`
    select r.list_id, r.first_read_at, max(c.found_at) as joined_at
    from ${ownTable(session, 'list_reads')} as r
      left join ${ownTable(session, 'list_changes')} as c
        on c.list_id = r.list_id and c.change = 'joined' and coalesce(c.email, c.user_id) in (${sql.join(names)})
    where r.list_id in (${sql.join(ids.map((id) => sql`cast(${id} as bigint)`))})
    group by r.list_id, r.first_read_at`.execute(session.db)
  return new Map(rows.map((row) => [String(row.list_id), row]))
}
