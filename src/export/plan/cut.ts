/** Cuts a plan into batches, by rows and by bytes. */
import { sql } from 'kysely'
import type { Tx } from '../../warehouse/session.ts'
import { ownTable } from '../../warehouse/sql.ts'

/** Rows of one request, as far as anybody has had success with. */
const batchRows = 1_000
/** Cut here; with the largest row (payload.ts) a request stays below 4 MB. */
const batchBytes = 2_300_000

/** Fills the outbox of a run; a batch is a range of `seq` within one operation. */
export async function cutBatches(tx: Tx, runId: string): Promise<void> {
  const [plan, batches] = [ownTable(tx, 'plan'), ownTable(tx, 'batches')]
  await sql`
    insert into ${batches} (run_id, batch_no, op, first_seq, last_seq, row_count, bytes, state)
    select cast(${runId} as varchar), row_number() over (order by min(seq)), op, min(seq), max(seq), count(*),
      cast(sum(bytes) as bigint), 'pending'
    from (
      select seq, op, bytes, block,
        floor(sum(bytes + 1) over (partition by op, block order by seq) / ${sql.lit(batchBytes)}.0) as part
      from (
        select seq, op, bytes,
          floor((row_number() over (partition by op order by seq) - 1) / ${sql.lit(batchRows)}.0) as block
        from ${plan} where run_id = ${runId}
      ) as numbered
    ) as sized
    group by op, block, part`.execute(tx.db)
}
