/** Streams whose types the project lacks. */
import type { Kysely } from 'kysely'
import type { StateDatabase } from './tables.ts'

type Db = Kysely<StateDatabase>

/** When each of them was last asked for. */
export async function readLackingStreams(db: Db): Promise<ReadonlyMap<string, Date>> {
  const rows = await db.selectFrom('lacking_streams').select(['stream', 'asked_at']).execute()
  return new Map(rows.map(({ stream, asked_at }) => [stream, asked_at]))
}

export async function rememberLacking(db: Db, stream: string, answer: string, now: Date): Promise<void> {
  const values = { asked_at: now, answer }
  await db
    .insertInto('lacking_streams')
    .values({ stream, ...values })
    .onConflict((conflict) => conflict.column('stream').doUpdateSet(values))
    .execute()
}

/** They have answered. */
export async function forgetLacking(db: Db, streams: readonly string[]): Promise<void> {
  if (streams.length > 0) await db.deleteFrom('lacking_streams').where('stream', 'in', streams).execute()
}
