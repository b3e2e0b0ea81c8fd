/** Sends rows again that Iterable refused and has not taken since. */
import { sql } from 'kysely'
import { beginExportRun, updateExportRun } from '../state/exports.ts'
import { hasSucceeded } from '../state/runs.ts'
import type { Tx, Warehouse } from '../warehouse/session.ts'
import { ownTable } from '../warehouse/sql.ts'
import { openInterrupted } from './begin.ts'
import { type ExportInput, inTransaction } from './context.ts'
import { definitionHash, mappingHash } from './definition/settings.ts'
import { cutBatches } from './plan/cut.ts'
import { dropForgotten, knowsForgotten } from './plan/forgotten.ts'
import type { ExportReport } from './progress.ts'
import { lockList, resume, sendRun } from './run.ts'
import { envelopeOf } from './send/body.ts'

/** One run per export that has such rows; who was forgotten is left alone. */
export async function retryRejects(
  warehouse: Warehouse,
  only: string | undefined,
  run: (name: string, work: (input: ExportInput) => Promise<ExportReport>) => Promise<ExportReport>,
): Promise<readonly ExportReport[]> {
  const names = await warehouse.use(async ({ db }) => {
    const rows = await db
      .selectFrom('export_rejects')
      .select('export')
      .distinct()
      .where('code', '<>', 'forgotten')
      // The key of an ad-hoc export is kept nowhere, so its rows cannot be sent again.
      .where('export', 'not like', 'adhoc-%')
      .orderBy('export')
      .execute()
    return rows.map((row) => row.export).filter((name) => only === undefined || name === only)
  })
  const reports: ExportReport[] = []
  for (const name of names) reports.push(await run(name, retry))
  return reports
}

async function retry(input: ExportInput): Promise<ExportReport> {
  const { definition, runId, isQueued, trigger, clock, emit } = input
  const { name, query, settings } = definition
  await using _lock = await lockList(input)
  // A later run would give it up, with all that it has not sent yet.
  const interrupted = await openInterrupted(input)
  if (interrupted) {
    const report = await resume(input, interrupted)
    if (interrupted.run.run_id === runId || !hasSucceeded(report.state)) return report
  }
  const now = clock.now()
  const envelope = envelopeOf(settings)
  const token = await inTransaction(input, async (tx) => {
    const lease = await beginExportRun(tx.db, {
      runId,
      name,
      action: settings.action,
      listId: settings.list_id,
      trigger,
      isQueued,
      envelope,
      now,
      definitionHash: definitionHash(query, settings),
      mappingHash: mappingHash(settings),
      nominalAt: null,
    })
    await planRejects(tx, input, now)
    return lease
  })
  emit({ type: 'started', runId, export: name })
  return await sendRun(input, runId, envelope, token, [])
}

async function planRejects(
  tx: Tx,
  { definition: { name, settings }, runId }: ExportInput,
  now: Date,
): Promise<void> {
  const rejects = sql`${ownTable(tx, 'export_rejects')} where export = ${name} and list_id = ${settings.list_id}`
  // The hashes may have come since.
  if (await knowsForgotten(tx)) await dropForgotten(tx, rejects, sql`select member_key from ${rejects}`)
  // The export may have been one of another kind.
  const isOp = { add: sql`op <> 'remove'`, remove: sql`op = 'remove'`, mirror: sql`true` }[settings.action]
  await sql`
      insert into ${ownTable(tx, 'plan')} (run_id, seq, op, member_key, payload, hash, before, bytes)
      select cast(${runId} as varchar), row_number() over (order by case op when 'remove' then 1 else 0 end, member_key),
        case op when 'update' then 'add' else op end, member_key, payload, hash, cast(null as varchar), length(payload) * 4
      from ${rejects} and code <> 'forgotten' and ${isOp}`.execute(tx.db)
  await cutBatches(tx, runId)
  const counts = await tx.db
    .selectFrom('plan')
    .select(({ fn }) => ['op', fn.countAll<number>().as('n')])
    .where('run_id', '=', runId)
    .groupBy('op')
    .execute()
  const of = (op: string) => counts.find((row) => row.op === op)?.n ?? 0
  // Who leaves a mirror is no row of its query.
  const isRow = (op: string) => settings.action === 'remove' || op !== 'remove'
  const rows = counts.reduce((sum, { op, n }) => sum + (isRow(op) ? n : 0), 0)
  await updateExportRun(tx.db, runId, {
    phase: 'sending',
    planned_add: of('add'),
    planned_remove: of('remove'),
    rows_queried: rows,
    planned_at: now,
  })
  await tx.db.updateTable('runs').set({ rows_read: rows }).where('run_id', '=', runId).execute()
}
