/** How far each stream has come. */
import type { Db } from './tables.ts'

/** The bookmarks of all streams that have one. */
export async function readBookmarks(db: Db): Promise<ReadonlyMap<string, Date>> {
  const rows = await db.selectFrom('bookmarks').select(['stream', 'bookmark']).execute()
  return new Map(rows.map(({ stream, bookmark }) => [stream, bookmark]))
}

/** Moves a stream's bookmark, in the transaction of the rows that it speaks of. */
export async function advanceBookmark(
  db: Db,
  stream: string,
  bookmark: Date,
  { runId, now }: { readonly runId: string; readonly now: Date },
): Promise<void> {
  await db
    .insertInto('bookmarks')
    .values({ stream, bookmark, run_id: runId, updated_at: now })
    .onConflict((conflict) =>
      conflict.column('stream').doUpdateSet({ bookmark, run_id: runId, updated_at: now }),
    )
    .execute()
}
