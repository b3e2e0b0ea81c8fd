/** Functions that reach beyond the tables of a statement. */
import { sql } from 'kysely'
import type { Session } from '../../warehouse/session.ts'
import { notMaskable, type Word } from './words.ts'

/**
 * Refuses what shows the statement itself, whose text has more in it than was asked, and what runs SQL or reads files by
 * itself. Postgres marks nearly all of these as volatile; the harmless among the volatile are known.
 * @throws ConfigError `not_maskable`
 */
export async function refuseWrongCalls(
  { tables, dialect }: Pick<Session, 'tables' | 'dialect'>,
  words: readonly Word[],
): Promise<void> {
  const names = words.filter(({ kind }) => kind === 'name').map(({ name }) => name)
  const wrong = names.find((name) =>
    /^pg_|_to_xml|^current_query$|^current_setting$|^getvariable$/.test(name),
  )
  if (wrong !== undefined) throw notMaskable(`${wrong} tells what cannot be masked`)
  if (dialect.isEngine) return
  const called = words.flatMap(({ kind, name }, at) =>
    kind === 'name' && words[at + 1]?.text === '(' ? [name] : [],
  )
  if (called.length === 0) return
  const { rows } = await sql<{ name: string }>`
    select proname as name from pg_catalog.pg_proc
    where provolatile = 'v' and proname in (${sql.join([...new Set(called)])})`.execute(tables)
  const volatile = rows.find(({ name }) => !harmless.has(name))
  if (volatile) throw notMaskable(`${volatile.name} may do more than compute`)
}

const harmless = new Set(['random', 'clock_timestamp', 'timeofday', 'gen_random_uuid'])
