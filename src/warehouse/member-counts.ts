/** The members of lists, counted. */
import { sql } from 'kysely'
import type { Place } from './session.ts'
import { streamTable } from './sql.ts'

/** How many members each list has in the table `list_users`, by the id of the list as text. */
export async function readMemberCounts(place: Place): Promise<ReadonlyMap<string, number>> {
  const { rows } = await sql<{ id: string; members: number }>`
    select cast("listId" as varchar) as id, count(*) as members from ${streamTable(place, 'list_users')} group by 1`.execute(
    place.tables,
  )
  return new Map(rows.map(({ id, members }) => [id, members]))
}
