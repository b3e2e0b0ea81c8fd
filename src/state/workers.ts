/** Which workers are alive, as rows that they keep writing. */
import type { Selectable } from 'kysely'
import type { WorkersTable } from './tables/schedules.ts'
import type { Db } from './tables.ts'

export type WorkerRow = Selectable<WorkersTable>

/** Rows of workers that ended are kept this long. */
const keptMs = 86_400_000

/** Says that a worker is there; it is believed until `until`. */
export async function writeWorker(db: Db, worker: WorkerRow): Promise<void> {
  const { worker_id: _, started_at: __, ...news } = worker
  await db
    .insertInto('workers')
    .values(worker)
    .onConflict((conflict) => conflict.column('worker_id').doUpdateSet(news))
    .execute()
}

export async function forgetOldWorkers(db: Db, now: Date): Promise<void> {
  await db
    .deleteFrom('workers')
    .where('until', '<', new Date(now.getTime() - keptMs))
    .execute()
}
