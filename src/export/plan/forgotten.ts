/** Nobody who asked to be forgotten is sent: Iterable tells their hashes, and the stream `forgotten_users` keeps them. */
import { sql } from 'kysely'
import type { Tx } from '../../warehouse/session.ts'
import type { TypedColumn } from '../../warehouse/shape.ts'
import { change, type Sql, streamTable } from '../../warehouse/sql.ts'

/** Whether the hashes of forgotten people are replicated. */
export async function knowsForgotten({ db }: Pick<Tx, 'db'>): Promise<boolean> {
  const column = db.selectFrom('columns').select('column_name').where('stream', '=', 'forgotten_users')
  return (await column.limit(1).executeTakeFirst()) !== undefined
}

/** Marks the staged rows of forgotten people, who become rejected rows with the code `forgotten`. Returns how many. */
export const markForgotten = async (tx: Tx, staging: Sql): Promise<number> =>
  change(
    tx.db,
    sql`update ${staging} as s set code = 'forgotten',
       reason = 'the person asked to be forgotten: Iterable keeps the hash of this identifier'
     from ${await forgottenIn(tx)} as f
     where s.code is null and ${isForgotten(tx, 's.member_key')}`,
  )

/**
 * Lets go of managed people who are forgotten: Iterable has taken them off the list itself, and a removal would name them
 * once more.
 * @param members The rows of `members` in question: a table and a condition.
 * @param candidates `select member_key …`: of those, who may be forgotten; each costs a hash.
 */
export async function dropForgotten(tx: Tx, members: Sql, candidates: Sql): Promise<void> {
  await change(
    tx.db,
    sql`delete from ${members} and member_key in (
       select g.member_key from (${candidates}) as g
       join ${await forgottenIn(tx)} as f on ${isForgotten(tx, 'g.member_key')})`,
  )
}

/** The people to forget, where our own tables are. */
const forgottenIn = (tx: Tx): Promise<Sql> =>
  tx.copied(forgottenColumns, sql`select "kind", "hash" from ${streamTable(tx, 'forgotten_users')}`)

const forgottenColumns: readonly TypedColumn[] = [
  { name: 'kind', type: 'text' },
  { name: 'hash', type: 'text' },
]

/** A key is `e:` and an address in lower case, or `u:` and a userId. */
const isForgotten = ({ dialect }: Tx, key: 's.member_key' | 'g.member_key'): Sql =>
  sql.raw(
    `f.kind = case when ${key} like 'e:%' then 'email' else 'userId' end
     and f.hash = ${dialect.sha256(`lower(trim(substr(${key}, 3)))`)}`,
  )
