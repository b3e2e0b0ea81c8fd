/** Whether tables of events are kept by month as the configuration asks, and whether the server has room for the parts. */
import { sql } from 'kysely'
import { catalogue } from '../catalog/index.ts'
import type { Config } from '../config/schema.ts'
import type { Session } from '../warehouse/session.ts'
import { type CheckItem, ok, warning } from './item.ts'

/** So many queries over all tables should be able to run at a time. */
const queriesAtOnce = 8

interface Found {
  readonly tables: number
  readonly partitioned: number
  readonly parts: number
  /** The server has room for so many locks of each of its connections; one may take more. */
  readonly each: number
  readonly holders: number
}

/** Nothing where the warehouse has no tables of parts, and is not asked for any. */
export async function partitionItems(
  { db, names }: Session,
  { warehouse }: Config,
): Promise<readonly CheckItem[]> {
  if (warehouse.type !== 'postgres') return []
  const events = catalogue('email').filter(({ replication }) => replication === 'append')
  const { rows } = await sql<Found>`
    with events as (
      select c.oid, c.relkind from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = ${names.streams} and c.relkind in ('r', 'p') and c.relname = any(${events.map(({ name }) => name)})
    )
    select count(*) as tables, count(*) filter (where relkind = 'p') as partitioned,
      (select count(*) from pg_inherits where inhparent in (select oid from events)) as parts,
      current_setting('max_locks_per_transaction')::int as each,
      current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int as holders
    from events`.execute(db)
  const { tables, partitioned, parts, each, holders } = rows[0] as Found
  const isAsked = warehouse.partition === 'month'
  if (partitioned === 0 && !isAsked) return []
  const others = isAsked && partitioned < tables ? '; `migrate --partition` converts the others' : ''
  const message = `${partitioned} of ${tables} tables of events are kept by month, in ${parts} parts${others}`
  // Each part that a query may read takes a lock, and so does its index.
  const needed = 2 * parts * queriesAtOnce
  const locks = each * holders
  if (needed <= locks) return [ok('partitions', message)]
  const enough = Math.ceil(needed / holders)
  return [
    warning(
      'partitions',
      `${message}; ${queriesAtOnce} queries over all of them at a time take ${needed} locks, and the server has room for ${locks}`,
      `raise max_locks_per_transaction in postgresql.conf (to ${enough} or more, with a restart), or keep fewer tables by month`,
    ),
  ]
}
