/** One run with everything that is known of it: for an export its plan, its batches and who decided about it. */
import { type ExportDetail, readExportDetail } from '../export/plan/detail.ts'
import { type ReportSource, readState } from './read.ts'
import { type RunDetail, readRun } from './runs.ts'

/** What `runs RUN_ID --json` prints. */
export type CompleteRun = RunDetail & { readonly export: ExportDetail | null }

/** One run by its id or the beginning of it. @throws ConfigError when there is none. */
export async function readCompleteRun(
  source: ReportSource,
  id: string,
  { countsFields = true }: { readonly countsFields?: boolean } = {},
): Promise<CompleteRun> {
  const run = await readRun(source, id)
  const detail = await readState(source, async ({ db, names }, tables) => {
    const hasApprovals = tables.has(`${names.sync}.approvals`)
    return tables.has(`${names.sync}.export_runs`)
      ? readExportDetail(db, run.run_id, { hasApprovals, countsFields })
      : null
  })
  return { ...run, export: detail ?? null }
}

/** A request to Iterable with many people. Times are ISO 8601. */
export interface BatchStatus {
  readonly batch_no: number
  readonly op: string
  readonly state: string
  readonly rows: number
  readonly attempts: number
  /** Requests that were sent again, and how long was waited before. */
  readonly retries: number
  readonly waited_ms: number
  readonly sent_at: string | null
  readonly acked_at: string | null
}

/** The requests of a run, in the order of sending, and how many there are in all. */
export async function readBatches(
  source: ReportSource,
  runId: string,
  limit: number,
): Promise<{ readonly batches: readonly BatchStatus[]; readonly total: number; readonly done: number }> {
  const found = await readState(source, async ({ db, names }, tables) => {
    if (!tables.has(`${names.sync}.batches`)) return undefined
    const ofRun = db.selectFrom('batches').where('run_id', '=', runId)
    const counts = await ofRun
      .select(['state', ({ fn }) => fn.countAll<number>().as('n')])
      .groupBy('state')
      .execute()
    const rows = await ofRun
      // Their answers may be long.
      .select([
        'batch_no',
        'op',
        'state',
        'row_count',
        'attempts',
        'retries',
        'waited_ms',
        'sent_at',
        'acked_at',
      ])
      .orderBy('batch_no')
      .limit(limit)
      .execute()
    return {
      total: counts.reduce((sum, { n }) => sum + n, 0),
      done: counts.find(({ state }) => state === 'acked')?.n ?? 0,
      batches: rows.map(
        ({ batch_no, op, state, row_count, attempts, sent_at, acked_at, retries, waited_ms }) => ({
          batch_no,
          op,
          state,
          rows: row_count,
          attempts,
          retries: retries ?? 0,
          waited_ms: waited_ms ?? 0,
          sent_at: sent_at?.toISOString() ?? null,
          acked_at: acked_at?.toISOString() ?? null,
        }),
      ),
    }
  })
  return found ?? { batches: [], total: 0, done: 0 }
}
