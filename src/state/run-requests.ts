/** Runs asked for from SQL: `insert into run_requests (job) values ('export:vip')`. */
import type { Selectable } from 'kysely'
import type { RunRequestsTable } from './tables/schedules.ts'
import type { Db } from './tables.ts'

export type RunRequest = Selectable<RunRequestsTable>

/** Requests that nobody has taken, oldest first. */
export const openRequests = (db: Db): Promise<RunRequest[]> =>
  db
    .selectFrom('run_requests')
    .selectAll()
    .where('taken_at', 'is', null)
    .orderBy('requested_at')
    .limit(100)
    .execute()

/** Takes a request, for a run or with the reason why there is none; false when another worker was quicker. */
export async function takeRequest(
  db: Db,
  requestId: string,
  taken: { readonly now: Date; readonly runId: string | null; readonly error: string | null },
): Promise<boolean> {
  const rows = await db
    .updateTable('run_requests')
    .set({ taken_at: taken.now, run_id: taken.runId, error_text: taken.error })
    .where('request_id', '=', requestId)
    .where('taken_at', 'is', null)
    .returning('request_id')
    .execute()
  return rows.length === 1
}
