/** Since when the events of each stream are kept, where older ones were dropped. */
import type { Db } from './tables.ts'

/** What was dropped of a stream at one time. */
export interface Dropped {
  readonly stream: string
  readonly keptSince: Date
  readonly rows: number
}

export async function readKeptSince(db: Db): Promise<ReadonlyMap<string, Date>> {
  const rows = await db.selectFrom('retention').select(['stream', 'kept_since']).execute()
  return new Map(rows.map(({ stream, kept_since }) => [stream, kept_since]))
}

/** Records it; the last time of each stream stays. */
export async function recordDropped(
  db: Db,
  { stream, keptSince, rows }: Dropped,
  { runId, now }: { readonly runId: string; readonly now: Date },
): Promise<void> {
  const values = { kept_since: keptSince, rows_dropped: rows, run_id: runId, dropped_at: now }
  await db
    .insertInto('retention')
    .values({ stream, ...values })
    .onConflict((conflict) => conflict.column('stream').doUpdateSet(values))
    .execute()
}
