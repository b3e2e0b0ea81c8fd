/** What a person did, and what was sent to them. */
import { sql } from 'kysely'
import { streamTable } from '../warehouse/sql.ts'
import { type Identity, spellings } from './person-lists.ts'
import { streamsWithPeople } from './person-places.ts'
import { type ReportSource, readState } from './read.ts'

/** An event of a person. Times are ISO 8601. */
export interface PersonEvent {
  readonly stream: string
  readonly at: string
  readonly campaign_id: string | null
}

/** Events are looked for so far back: nothing but time leads a Postgres quickly to them. */
export const eventDays = 90
const eventsShown = 100
const dayMs = 86_400_000

/** The latest events, newest first, of every stream. */
export async function readPersonEvents(
  source: ReportSource,
  identity: Identity,
  { now }: { readonly now: Date },
): Promise<readonly PersonEvent[]> {
  const from = new Date(now.getTime() - eventDays * dayMs)
  const rows = await readState(source, async (session, tables) => {
    const streams = await streamsWithPeople(session, tables)
    const parts = [...streams].flatMap(([table, columns]) => {
      const condition = isThem(identity, columns)
      if (!condition || table === 'users' || !columns.has('createdAt')) return []
      const campaign = columns.has('campaignId')
        ? sql`cast("campaignId" as varchar)`
        : sql`cast(null as varchar)`
      return [
        sql<EventRow>`
          select ${table} as stream, "createdAt" as happened_at, ${campaign} as campaign_id
          from ${streamTable(session, table)} where "createdAt" >= ${from} and ${condition}`,
      ]
    })
    if (parts.length === 0) return []
    const found = await sql<EventRow>`
      select * from (${sql.join(parts, sql` union all `)}) as events
      order by happened_at desc limit ${sql.lit(eventsShown)}`.execute(session.tables)
    return found.rows
  })
  return (rows ?? []).map(({ happened_at, ...event }) => ({ ...event, at: happened_at.toISOString() }))
}

interface EventRow {
  readonly stream: string
  readonly happened_at: Date
  readonly campaign_id: string | null
}

/** A condition on a table with columns `email` and `userId`, or one of them. */
function isThem({ email, userId }: Identity, columns: ReadonlySet<string>) {
  const conditions = [
    ...(email !== null && columns.has('email') ? [sql`email in (${spellings(email)})`] : []),
    ...(userId !== null && columns.has('userId') ? [sql`${sql.ref('userId')} = ${userId}`] : []),
  ]
  return conditions.length === 0 ? undefined : sql`(${sql.join(conditions, sql` or `)})`
}
