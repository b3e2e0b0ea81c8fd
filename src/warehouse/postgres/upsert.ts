/** Rows by key in a Postgres table, by way of a temporary one; the primary key of the table does the rest. */
import { sql } from 'kysely'
import { ownColumns } from '../names.ts'
import type { Tx, Upsert, Upserted } from '../session.ts'
import type { TypedColumn } from '../shape.ts'
import { change, quoted } from '../sql.ts'

/** Makes an empty temporary table of these columns, gone with the transaction. Returns its quoted name. */
export type CreateStaging = (columns: readonly TypedColumn[]) => Promise<string>

export async function upsertIntoPostgres(
  { db: trx, append }: Pick<Tx, 'db' | 'append'>,
  createStaging: CreateStaging,
  table: string,
  { rows, key, keyless, cleared, compare }: Upsert,
): Promise<Upserted> {
  const run = (statement: string) => change(trx, sql.raw(statement))
  const staging = await createStaging(rows.columns)
  await append(staging, rows)
  const withoutKey = await run(`delete from ${staging} where ${keyless}`)
  const extras = await sql
    .raw(`select 1 from ${staging} where ${quoted(ownColumns.extra)} is not null limit 1`)
    .execute(trx)
  if (cleared) {
    await compare?.(sql.table(staging), sql.raw(`(select * from ${table} where ${cleared})`))
    await run(`delete from ${table} where ${cleared}`)
  }
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
