/** Rows by key in a Postgres table, by way of a temporary one; the primary key of the table does the rest. */
import { sql, type Transaction } from 'kysely'
import type { StateDatabase } from '../../state/tables.ts'
import { ownColumns } from '../names.ts'
import type { Session, Upsert, Upserted } from '../session.ts'
import { quoted } from '../sql.ts'

export async function upsertIntoPostgres(
  { append, createStaging }: Pick<Session, 'append' | 'createStaging'>,
  trx: Transaction<StateDatabase>,
  table: string,
  { rows, key, keyless, cleared }: Upsert,
): Promise<Upserted> {
  const run = async (statement: string) => {
    const { numAffectedRows } = await sql.raw(statement).execute(trx)
    return Number(numAffectedRows ?? 0n)
  }
  const staging = await createStaging(trx, rows.columns)
  await append(trx, staging, rows)
  const withoutKey = await run(`delete from ${staging} where ${keyless}`)
  const extras = await sql
    .raw(`select 1 from ${staging} where ${quoted(ownColumns.extra)} is not null limit 1`)
    .execute(trx)
  if (cleared) await run(`delete from ${table} where ${cleared}`)
  const list = rows.columns.map(({ name }) => quoted(name))
  const written = await run(
    `insert into ${table} (${list.join(', ')})
     select ${list.join(', ')} from ${staging}
     where ctid in (select max(ctid) from ${staging} group by ${key.join(', ')})
     on conflict (${key.map(indexed).join(', ')})
     do update set ${list.map((name) => `${name} = excluded.${name}`).join(', ')}`,
  )
  return { written, keyless: withoutKey, hasExtras: extras.rows.length > 0 }
}

export const isColumn = (expression: string): boolean => expression.startsWith('"')

/** An expression as `create index` and `on conflict` take it. */
export const indexed = (expression: string): string => (isColumn(expression) ? expression : `(${expression})`)
