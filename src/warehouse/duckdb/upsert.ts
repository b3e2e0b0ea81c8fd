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
  const number = async (query: string) => {
    const { rows } = await sql.raw<{ n: number | null }>(`select ${query} as n from ${table}`).execute(tables)
    return rows[0]?.n ?? null
  }
  const remove = (condition: string) => runOn(tables, `delete from ${table} where ${condition}`)
  if (cleared && !compare) await remove(cleared)
  // Rows get their numbers in the order of arrival: what is new lies behind what is there.
  const last = await number('max(rowid)')
  const isNew = last === null ? 'true' : `rowid > ${last}`
  const read = await append(table, rows)
  const withoutKey = await remove(`${isNew} and (${keyless})`)
  if (cleared && compare) {
    const isOld = last === null ? 'false' : `rowid <= ${last} and (${cleared})`
    const rowsThat = (condition: string) => sql.raw(`(select * from ${table} where ${condition})`)
    await compare(rowsThat(isNew), rowsThat(isOld))
    await remove(isOld)
  }
  const keys = key.length === 1 ? (key[0] as string) : `(${key.join(', ')})`
  if (last !== null)
    await remove(`not (${isNew}) and ${keys} in (select ${keys} from ${table} where ${isNew})`)
  const repeated = await number(
    `count(*) filter (where ${isNew}) - count(distinct ${keys}) filter (where ${isNew})`,
  )
  const superseded = repeated
    ? await remove(
        `${isNew} and rowid not in (select max(rowid) from ${table} where ${isNew} group by ${key.join(', ')})`,
      )
    : 0
  const extras = await number(`count(*) filter (where ${isNew} and ${quoted(ownColumns.extra)} is not null)`)
  return { written: read - withoutKey - superseded, keyless: withoutKey, hasExtras: extras !== 0 }
}
