/** Refused rows wait to be sent again (`retry.ts`), until a later run no longer wants what they say. */
import { sql } from 'kysely'
import type { Db } from '../../state/tables.ts'
import { change, type Sql } from '../../warehouse/sql.ts'

export interface Refusals {
  /** Rows of `export_rejects`: the table and a condition. */
  readonly refusals: Sql
  readonly staging: Sql
  /** The people of the export as they are, called m. */
  readonly managed: Sql
  readonly isMirror: boolean
}

/**
 * Forgets refusals that the query has overtaken: values of who is as the query has them, and of a mirror also values that
 * are no longer those of the query, and removals of who came back.
 */
export async function dropOutdated(
  db: Db,
  { refusals, staging, managed, isMirror }: Refusals,
): Promise<void> {
  const isSettled = sql`count(m.member_key) > 0`
  const isOutdated = isMirror
    ? sql`case r.op when 'remove' then count(s.member_key) > 0
        else ${isSettled} or bool_or(s.hash = r.hash) is not true end`
    : isSettled
  const outdated = sql`
    select r.member_key from (select member_key, op, hash from ${refusals}) as r
      left join ${staging} as s on s.member_key = r.member_key
      left join ${managed} on m.member_key = r.member_key and m.hash = s.hash
    group by r.member_key, r.op having ${isOutdated}`
  await change(db, sql`delete from ${refusals} and member_key in (${outdated})`)
}
