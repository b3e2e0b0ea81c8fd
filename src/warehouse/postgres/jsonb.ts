/** JSON as Postgres holds it: jsonb, whose numbers are those of `numeric`. */
import { sql, type Transaction } from 'kysely'
import { decimalOf } from '../../decimal.ts'
import { messageOf } from '../../errors.ts'
import type { StateDatabase } from '../../state/tables.ts'
import type { Session } from '../session.ts'
import { quoted } from '../sql.ts'
import { isRefusedValue } from './codes.ts'
import { withoutViews } from './views.ts'

/** Digits of `numeric` before and behind the point (PostgreSQL's documentation, 8.1.2). */
const digitsBefore = 131_072
const digitsBehind = 16_383

/** True for a number that `numeric`, and so jsonb, cannot hold. */
export function isBeyondNumeric(digits: string): boolean {
  // What is written without many digits has few, unless its exponent has.
  if (digits.length < digitsBehind && !/[eE][+-]?\d{4,}/.test(digits)) return false
  const { digits: significant, exponent } = decimalOf(digits)
  const written = /\.(\d*)/.exec(digits)?.[1]?.length ?? 0
  return significant.length + exponent > digitsBefore || Math.max(-exponent, written) > digitsBehind
}

interface JsonColumn {
  readonly stream: string
  readonly column: string
}

/** Columns of the type json, which an older version made, become jsonb, each table in a transaction of its own. */
export async function convertJson({ db, names, transaction }: Session): Promise<readonly string[]> {
  const { rows } = await sql<JsonColumn>`
    select relname as stream, attname as column
    from pg_attribute join pg_class as c on c.oid = attrelid join pg_namespace as n on n.oid = relnamespace
    where nspname = ${names.streams} and relkind in ('r', 'p') and atttypid = 'json'::regtype and not attisdropped
      and exists (select 1 from ${sql.table(`${names.sync}.columns`)} as known
        where known.stream = relname and known.column_name = attname)`.execute(db)
  const notes: string[] = []
  for (const stream of new Set(rows.map((row) => row.stream))) {
    const columns = rows.filter((row) => row.stream === stream).map(({ column }) => column)
    try {
      const table = `${quoted(names.streams)}.${quoted(stream)}`
      await transaction((tx) => convert(tx.db, table, columns), { isAltering: true })
      notes.push(`${stream}: ${columns.length} json columns are jsonb now`)
    } catch (error) {
      if (!isRefusedValue(error)) throw error
      notes.push(
        `${stream}: its json columns stay json, since jsonb cannot hold one of their values (${messageOf(error)})`,
      )
    }
  }
  return notes
}

const convert = (trx: Transaction<StateDatabase>, table: string, columns: readonly string[]): Promise<void> =>
  withoutViews(trx, table, { columns }, async () => {
    const changes = columns.map(
      (column) => `alter column ${quoted(column)} type jsonb using ${quoted(column)}::jsonb`,
    )
    await sql.raw(`alter table ${table} ${changes.join(', ')}`).execute(trx)
  })
