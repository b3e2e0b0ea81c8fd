/** The jobs that were asked for: what a sync finds again that a crash, or a signal, has interrupted. */

import type { ExportJobState } from './tables/sync.ts'
import type { Db } from './tables.ts'

/** A job that is not known to have ended. */
export interface OpenJob {
  readonly requestId: string
  readonly stream: string
  readonly dataType: string
  readonly from: Date
  readonly to: Date
  readonly askedAt: Date
  /** Unknown where nobody heard the answer to its start. */
  readonly jobId: number | undefined
}

const openStates: readonly ExportJobState[] = ['asked', 'started']

/** Jobs that have not ended, oldest first. */
export async function readOpenJobs(db: Db): Promise<readonly OpenJob[]> {
  const rows = await db
    .selectFrom('export_jobs')
    .select(['request_id', 'stream', 'data_type', 'window_from', 'window_to', 'asked_at', 'job_id'])
    .where('state', 'in', openStates)
    .orderBy('asked_at')
    .execute()
  return rows.map((row) => ({
    requestId: row.request_id,
    stream: row.stream,
    dataType: row.data_type,
    from: row.window_from,
    to: row.window_to,
    askedAt: row.asked_at,
    jobId: row.job_id ?? undefined,
  }))
}

/** Ids of jobs that are known to be those of some window. */
export async function readKnownJobIds(db: Db): Promise<ReadonlySet<number>> {
  const rows = await db
    .selectFrom('export_jobs')
    .select('job_id')
    .where('job_id', 'is not', null)
    .$narrowType<{ job_id: number }>()
    .execute()
  return new Set(rows.map(({ job_id }) => job_id))
}

/** Writes down that a job is about to be asked for. */
export async function insertJob(db: Db, { jobId, ...job }: OpenJob, runId: string): Promise<void> {
  await db
    .insertInto('export_jobs')
    .values({
      request_id: job.requestId,
      run_id: runId,
      stream: job.stream,
      data_type: job.dataType,
      window_from: job.from,
      window_to: job.to,
      state: 'asked',
      asked_at: job.askedAt,
    })
    .execute()
}

/** Its id has become known. */
export async function recordJobId(db: Db, requestId: string, jobId: number, dataType: string): Promise<void> {
  await db
    .updateTable('export_jobs')
    .set({ state: 'started', job_id: jobId, data_type: dataType })
    .where('request_id', '=', requestId)
    .execute()
}

/** It was of no use. */
export async function endExportJob(
  db: Db,
  requestId: string,
  { state, problem, now }: { readonly state: ExportJobState; readonly problem: string; readonly now: Date },
): Promise<void> {
  await db
    .updateTable('export_jobs')
    .set({ state, problem, ended_at: now })
    .where('request_id', '=', requestId)
    .execute()
}

/** What a job brought, once all of it has come. */
export interface JobYield {
  readonly requestId: string
  /** Unknown for a job that another process started. */
  readonly seconds: number | undefined
  /** Until it brought anything; unknown too where it stood in line with others of ours. */
  readonly waitSeconds?: number | undefined
  readonly files: number
  readonly bytes: number
}

/** Its rows are in the table: said in their transaction. */
export async function endLoadedJob(db: Db, job: JobYield, now: Date): Promise<void> {
  await db
    .updateTable('export_jobs')
    .set({ state: 'loaded', seconds: job.seconds ?? null, files: job.files, bytes: job.bytes, ended_at: now })
    .where('request_id', '=', job.requestId)
    .execute()
}

const keptMs = 90 * 86_400_000

/** Removes what is only history. */
export async function forgetOldJobs(db: Db, now: Date): Promise<void> {
  await db
    .deleteFrom('export_jobs')
    .where('state', 'not in', openStates)
    .where('asked_at', '<', new Date(now.getTime() - keptMs))
    .execute()
}
