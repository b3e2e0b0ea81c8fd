/** Sends rows again that Iterable refused and has not taken since. */
import { sql, type Transaction } from 'kysely'
import { beginExportRun, updateExportRun } from '../state/exports.ts'
import type { StateDatabase } from '../state/tables.ts'
import { migrate } from '../warehouse/migrations.ts'
import type { Session, Warehouse } from '../warehouse/session.ts'
import { literal, quoted } from '../warehouse/sql.ts'
import { envelopeOf } from './body.ts'
import { type ExportInput, inSession } from './context.ts'
import { cutBatches } from './cut.ts'
import type { ExportReport } from './progress.ts'
import { lockList, sendRun } from './run.ts'
import { definitionHash, mappingHash } from './settings.ts'

/** One run per export that has such rows; who was forgotten is left alone. */
export async function retryRejects(
  warehouse: Warehouse,
  only: string | undefined,
  run: (name: string, work: (input: ExportInput) => Promise<ExportReport>) => Promise<ExportReport>,
): Promise<readonly ExportReport[]> {
  const names = await warehouse.use(async (session) => {
    await migrate(session)
    const rows = await session.db
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
  const { definition, runId, trigger, clock, emit } = input
  const { name, query, settings } = definition
  await using _lock = await lockList(input)
  const now = clock.now()
  const envelope = envelopeOf(settings)
  const token = await inSession(input, (session) =>
    session.db.transaction().execute(async (trx) => {
      const lease = await beginExportRun(trx, {
        ...{
          runId,
          name,
          action: settings.action,
          listId: settings.list_id,
          trigger,
          envelope,
          now,
          nominalAt: null,
        },
        ...{ definitionHash: definitionHash(query, settings), mappingHash: mappingHash(settings) },
      })
      await planRejects(session, trx, input, now)
      return lease
    }),
  )
  emit({ type: 'started', runId, export: name })
  return await sendRun(input, runId, envelope, token, [])
}

async function planRejects(
  session: Session,
  trx: Transaction<StateDatabase>,
  { definition: { name, settings }, runId }: ExportInput,
  now: Date,
): Promise<void> {
  const table = (of: string) => `${quoted(session.names.sync)}.${quoted(of)}`
  await sql
    .raw(`
      insert into ${table('plan')} (run_id, seq, op, member_key, payload, hash, before, bytes)
      select ${literal(runId)}, row_number() over (order by case op when 'remove' then 1 else 0 end, member_key),
        case op when 'update' then 'add' else op end, member_key, payload, hash, cast(null as varchar), length(payload) * 4
      from ${table('export_rejects')}
      where export = ${literal(name)} and list_id = ${settings.list_id} and code <> 'forgotten'`)
    .execute(trx)
  await cutBatches(session, trx, runId)
  const counts = await trx
    .selectFrom('plan')
    .select(({ fn }) => ['op', fn.countAll<number | string>().as('n')])
    .where('run_id', '=', runId)
    .groupBy('op')
    .execute()
  const of = (op: string) => Number(counts.find((row) => row.op === op)?.n ?? 0)
  const rows = counts.reduce((sum, { n }) => sum + Number(n), 0)
  await updateExportRun(trx, runId, {
    ...{
      phase: 'sending',
      planned_add: of('add'),
      planned_remove: of('remove'),
      rows_queried: rows,
      planned_at: now,
    },
  })
  await trx.updateTable('runs').set({ rows_read: rows }).where('run_id', '=', runId).execute()
}
