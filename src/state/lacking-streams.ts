/** Streams whose types the project lacks. */
import type { Db } from './tables.ts'

/** When each of them was last asked for. */
export async function readLackingStreams(db: Db): Promise<ReadonlyMap<string, Date>> {
  const rows = await db.selectFrom('lacking_streams').select(['stream', 'asked_at']).execute()
  return new Map(rows.map(({ stream, asked_at }) => [stream, asked_at]))
}

/** A stream that the project lacks, and what Iterable said when it was last asked. */
export interface LackingStream {
  readonly stream: string
  /** ISO 8601. */
  readonly asked_at: string
  readonly answer: string
}

/** The same with Iterable's answers, by name. */
export async function describeLackingStreams(db: Db): Promise<readonly LackingStream[]> {
  const rows = await db.selectFrom('lacking_streams').selectAll().orderBy('stream').execute()
  return rows.map(({ stream, asked_at, answer }) => ({ stream, asked_at: asked_at.toISOString(), answer }))
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
