/**
 * Rows by key in a DuckDB table. There is no primary key here: DuckDB's index costs gigabytes at upserts (measured).
 * Rows go straight into the table, and then those go that have become too many; a staging table in between took a
 * fifth more time, and its memory (measured).
 */
import { sql, type Transaction } from 'kysely'
import type { StateDatabase } from '../../state/tables.ts'
import { ownColumns } from '../names.ts'
import type { Session, Upsert, Upserted } from '../session.ts'
import { quoted } from '../sql.ts'

export async function upsertIntoDuckdb(
  append: Session['append'],
  trx: Transaction<StateDatabase>,
  table: string,
  { rows, key, keyless, cleared }: Upsert,
): Promise<Upserted> {
  const number = async (query: string) => {
    const { rows } = await sql.raw<{ n: number | null }>(`select ${query} as n from ${table}`).execute(trx)
    return rows[0]?.n ?? null
  }
  const remove = async (condition: string) => {
    const { numAffectedRows } = await sql.raw(`delete from ${table} where ${condition}`).execute(trx)
    return Number(numAffectedRows ?? 0n)
  }
  if (cleared) await remove(cleared)
  // Rows get their numbers in the order of arrival: what is new lies behind what is there.
  const last = await number('max(rowid)')
  const isNew = last === null ? 'true' : `rowid > ${last}`
  const read = await append(trx, table, rows)
  const withoutKey = await remove(`${isNew} and (${keyless})`)
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
