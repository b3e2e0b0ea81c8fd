/** Cuts a plan into batches, by rows and by bytes. */
import { sql, type Transaction } from 'kysely'
import type { StateDatabase } from '../state/tables.ts'
import type { Session } from '../warehouse/session.ts'
import { literal, quoted } from '../warehouse/sql.ts'

/** Rows of one request, as far as anybody has had success with (iterable-api.md 4.7). */
const batchRows = 1_000
/** Cut here; with the largest row (payload.ts) a request stays below 4 MB. */
const batchBytes = 2_300_000

/** Fills the outbox of a run; a batch is a range of `seq` within one operation. */
export async function cutBatches(
  session: Session,
  trx: Transaction<StateDatabase>,
  runId: string,
): Promise<void> {
  const table = (name: string) => `${quoted(session.names.sync)}.${quoted(name)}`
  await sql
    .raw(`
      insert into ${table('batches')} (run_id, batch_no, op, first_seq, last_seq, row_count, bytes, state)
      select ${literal(runId)}, row_number() over (order by min(seq)), op, min(seq), max(seq), count(*),
        cast(sum(bytes) as bigint), 'pending'
      from (
        select seq, op, bytes, block,
          floor(sum(bytes + 1) over (partition by op, block order by seq) / ${batchBytes}.0) as part
        from (
          select seq, op, bytes, floor((row_number() over (partition by op order by seq) - 1) / ${batchRows}.0) as block
          from ${table('plan')} where run_id = ${literal(runId)}
        ) as numbered
      ) as sized
      group by op, block, part`)
    .execute(trx)
}
