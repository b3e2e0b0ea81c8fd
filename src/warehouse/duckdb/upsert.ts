/**
 * Rows by key in a DuckDB table. There is no primary key here: DuckDB's index costs gigabytes at upserts (measured).
 * Rows go straight into the table, and then those go that have become too many; a staging table in between took a
 * fifth more time, and its memory (measured).
 */
import { sql } from 'kysely'
import { ownColumns } from '../names.ts'
import type { Tx, Upsert, Upserted } from '../session.ts'
import { quoted } from '../sql.ts'
import { runOn } from './append.ts'

export async function upsertIntoDuckdb(
  { tables, append }: Pick<Tx, 'tables' | 'append'>,
  table: string,
  { rows, key, keyless, cleared, compare }: Upsert,
): Promise<Upserted> {
  const numbers = async (list: string): Promise<Numbers> => {
    const result = await sql.raw<Numbers>(`select ${list} from ${table}`).execute(tables)
    return result.rows[0] ?? {}
  }
  const remove = (condition: string) => runOn(tables, `delete from ${table} where ${condition}`)
  if (cleared && !compare) await remove(cleared)
  // Rows get their numbers in the order of arrival: what is new lies behind what is there.
  const { last } = await numbers('max(rowid) as last')
  const hasOld = last !== null && last !== undefined
  const isNew = hasOld ? `rowid > ${last}` : 'true'
  const read = await append(table, rows)
  const keys = key.length === 1 ? (key[0] as string) : `(${key.join(', ')})`
  const counted = (rest: string) => `count(*) filter (where ${isNew} and not (${keyless}) ${rest})`
  const extras = `${counted(`and ${quoted(ownColumns.extra)} is not null`)} as extras`
  const found = await numbers(
    `count(*) filter (where ${isNew} and (${keyless})) as keyless, ${extras},
     ${counted('')} - count(distinct ${keys}) filter (where ${isNew} and not (${keyless})) as repeated`,
  )
  const withoutKey = found.keyless ? await remove(`${isNew} and (${keyless})`) : 0
  if (cleared && compare) {
    const isOld = hasOld ? `rowid <= ${last} and (${cleared})` : 'false'
    const rowsThat = (condition: string) => sql.raw(`(select * from ${table} where ${condition})`)
    await compare(rowsThat(isNew), rowsThat(isOld))
    await remove(isOld)
  }
  if (hasOld) await remove(`not (${isNew}) and ${keys} in (select ${keys} from ${table} where ${isNew})`)
  if (!found.repeated)
    return { written: read - withoutKey, keyless: withoutKey, hasExtras: Boolean(found.extras) }
  const superseded = await remove(
    `${isNew} and rowid not in (select max(rowid) from ${table} where ${isNew} group by ${key.join(', ')})`,
  )
  const left = await numbers(extras)
  return { written: read - withoutKey - superseded, keyless: withoutKey, hasExtras: Boolean(left.extras) }
}

/** Whole numbers by name; beyond 2^53 they are texts. */
type Numbers = Readonly<Record<string, number | string | null>>
