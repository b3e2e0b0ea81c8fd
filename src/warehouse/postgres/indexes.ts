/**
 * Indexes for those who look for one person, campaign or message among events. They are built beside everything else,
 * which no transaction may do, on a connection of their own.
 */
import type { ClientBase } from 'pg'
import { messageOf } from '../../errors.ts'
import type { SchemaNames } from '../schema-names.ts'
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
    const { rows } = await client.query<{
      readonly table: string
      readonly column: string
      readonly name: string
      readonly is_broken: boolean
      readonly has_parts: boolean
    }>(
      `select c.relname as table, a.attname as column, wanted.name, i.indexrelid is not null as is_broken,
         c.relkind = 'p' as has_parts
       from pg_class c
       join pg_namespace n on n.oid = c.relnamespace and n.nspname = $1
       join pg_attribute a on a.attrelid = c.oid and a.attname = any($3::text[]) and not a.attisdropped
       cross join lateral (select 'elt_' || left(c.relname, 40) || '_' || a.attname as name) wanted
       left join (pg_index i join pg_class x on x.oid = i.indexrelid)
         on i.indrelid = c.oid and x.relname = wanted.name
       where c.relkind in ('r', 'p') and c.relname = any($2::text[]) and (i.indexrelid is null or not i.indisvalid)
       order by 1, 2`,
      [streams, tables, [...indexedColumns]],
    )
    for (const { table, column, name, is_broken: isBroken, has_parts: hasParts } of rows) {
      if (signal.aborted) break
      try {
        if (hasParts) {
          await buildOnParts(client, { schema: streams, table, column, name })
          continue
        }
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

interface WantedIndex {
  readonly schema: string
  readonly table: string
  readonly column: string
  readonly name: string
}

/**
 * The index of a table of parts, which cannot be built beside everything else at once: that of each part can, and the
 * whole is there when it has all of them. Parts that come later have it from the beginning.
 */
async function buildOnParts(client: ClientBase, { schema, table, column, name }: WantedIndex): Promise<void> {
  const of = (index: string) => `${quoted(schema)}.${quoted(index)}`
  await client.query(
    `create index if not exists ${quoted(name)} on only ${quoted(schema)}.${quoted(table)} (${quoted(column)})`,
  )
  const { rows } = await client.query<{
    readonly schema: string
    readonly part: string
    readonly name: string
    readonly is_valid: boolean | null
  }>(
    `select n.nspname as schema, c.relname as part, wanted.name, x.indisvalid as is_valid
     from pg_inherits h
       join pg_class c on c.oid = h.inhrelid
       join pg_namespace n on n.oid = c.relnamespace
       cross join lateral (select 'elt_' || left(c.relname, 40) || '_' || $3 as name) wanted
       left join (pg_class i join pg_index x on x.indexrelid = i.oid)
         on i.relnamespace = c.relnamespace and i.relname = wanted.name and x.indrelid = c.oid
     where h.inhparent = $1::regclass and not exists (
       select from pg_inherits held join pg_index of_part on of_part.indexrelid = held.inhrelid
       where held.inhparent = $2::regclass and of_part.indrelid = c.oid
     )
     order by 2`,
    [`${quoted(schema)}.${quoted(table)}`, of(name), column],
  )
  for (const { schema: where, part, name: own, is_valid: isValid } of rows) {
    const index = `${quoted(where)}.${quoted(own)}`
    if (isValid === false) await client.query(`drop index concurrently ${index}`)
    if (isValid !== true)
      await client.query(
        `create index concurrently ${quoted(own)} on ${quoted(where)}.${quoted(part)} (${quoted(column)})`,
      )
    await client.query(`alter index ${of(name)} attach partition ${index}`)
  }
}
