/**
 * Indexes for those who look for one person, campaign or message among events. They are built beside everything else,
 * which no transaction may do, on a connection of their own.
 */
import { messageOf } from '../../errors.ts'
import type { SchemaNames } from '../session.ts'
import { quoted } from '../sql.ts'
import type { PostgresServer } from './server.ts'

/** What an event is looked up by, where its table has the column; README, "Postgres". */
const indexedColumns = ['email', 'userId', 'campaignId', 'messageId'] as const

/** Builds what is missing on these tables. Returns what could not be built, and why. */
export async function buildIndexes(
  server: PostgresServer,
  { streams }: SchemaNames,
  tables: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const client = await server.connectAlone()
  const stop = () => void client.end().catch(() => {})
  signal.addEventListener('abort', stop, { once: true })
  const failures: string[] = []
  try {
    // One that was interrupted is of no use, and stands in the way of its name.
    const { rows } = await client.query<{ table: string; column: string; name: string; is_broken: boolean }>(
      `select c.relname as table, a.attname as column, wanted.name, i.indexrelid is not null as is_broken
       from pg_class c
       join pg_namespace n on n.oid = c.relnamespace and n.nspname = $1
       join pg_attribute a on a.attrelid = c.oid and a.attname = any($3::text[]) and not a.attisdropped
       cross join lateral (select 'elt_' || left(c.relname, 40) || '_' || a.attname as name) wanted
       left join (pg_index i join pg_class x on x.oid = i.indexrelid)
         on i.indrelid = c.oid and x.relname = wanted.name
       where c.relkind = 'r' and c.relname = any($2::text[]) and (i.indexrelid is null or not i.indisvalid)
       order by 1, 2`,
      [streams, tables, [...indexedColumns]],
    )
    for (const { table, column, name, is_broken: isBroken } of rows) {
      if (signal.aborted) break
      try {
        if (isBroken) await client.query(`drop index concurrently ${quoted(streams)}.${quoted(name)}`)
        await client.query(
          `create index concurrently ${quoted(name)} on ${quoted(streams)}.${quoted(table)} (${quoted(column)})`,
        )
      } catch (error) {
        failures.push(`the index of ${table} on ${column} could not be built: ${messageOf(error)}`)
      }
    }
    return failures
  } finally {
    signal.removeEventListener('abort', stop)
    await client.end().catch(() => {})
  }
}
