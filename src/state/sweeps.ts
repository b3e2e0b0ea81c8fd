/** When each stream of events was last swept, and what came late. */
import type { Db } from './tables.ts'

/** A sweep that has ended. */
export interface EventSweep {
  readonly stream: string
  /** Late rows by their age in whole days; undefined where nothing was swept yet. */
  readonly lateness: ReadonlyMap<number, number> | undefined
}

export async function readSweeps(db: Db): Promise<ReadonlyMap<string, Date>> {
  const rows = await db.selectFrom('sweeps').select(['stream', 'swept_at']).execute()
  return new Map(rows.map(({ stream, swept_at }) => [stream, swept_at]))
}

/** Records sweeps; the last one of each stream stays. */
export async function recordSweeps(db: Db, sweeps: readonly EventSweep[], now: Date): Promise<void> {
  if (sweeps.length === 0) return
  const rows = sweeps.map(({ stream, lateness }) => ({
    stream,
    swept_at: now,
    rows_late: lateness ? [...lateness.values()].reduce((sum, rows) => sum + rows, 0) : null,
    lateness: lateness ? JSON.stringify(Object.fromEntries(lateness)) : null,
  }))
  await db
    .insertInto('sweeps')
    .values(rows)
    .onConflict((conflict) =>
      conflict.column('stream').doUpdateSet((row) => ({
        swept_at: row.ref('excluded.swept_at'),
        rows_late: row.ref('excluded.rows_late'),
        lateness: row.ref('excluded.lateness'),
      })),
    )
    .execute()
}
