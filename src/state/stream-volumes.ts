/** How much each stream brings, as its latest windows have shown. */
import type { Db } from './tables.ts'

export interface StreamVolume {
  readonly rowsPerDay: number
  readonly bytesPerDay: number
  /** How long jobs of the stream took, from asking to the last file. */
  readonly jobSeconds: number | undefined
  /** The start of the time without a row that reaches up to the bookmark. */
  readonly emptySince: Date | undefined
}

/** What is known of every stream that was read by window. */
export async function readStreamVolumes(db: Db): Promise<ReadonlyMap<string, StreamVolume>> {
  const rows = await db.selectFrom('stream_volumes').selectAll().execute()
  return new Map(
    rows.map((row) => [
      row.stream,
      {
        rowsPerDay: row.rows_per_day,
        bytesPerDay: row.bytes_per_day,
        jobSeconds: row.job_seconds ?? undefined,
        emptySince: row.empty_since ?? undefined,
      },
    ]),
  )
}

/** Writes down what is known now, in the transaction of the window that has shown it. */
export async function writeVolume(db: Db, stream: string, volume: StreamVolume, now: Date): Promise<void> {
  const values = {
    rows_per_day: volume.rowsPerDay,
    bytes_per_day: volume.bytesPerDay,
    job_seconds: volume.jobSeconds ?? null,
    empty_since: volume.emptySince ?? null,
    updated_at: now,
  }
  await db
    .insertInto('stream_volumes')
    .values({ stream, ...values })
    .onConflict((conflict) => conflict.column('stream').doUpdateSet(values))
    .execute()
}
