/** How far a copy has come: a run in the warehouse that it fills, so that whoever was cut off goes on there. */
import { randomUUID } from 'node:crypto'
import { ConfigError } from '../errors.ts'
import { beginRun } from '../state/runs.ts'
import type { Db } from '../state/tables.ts'
import type { Checksum } from './checksum.ts'

const copyJob = 'copy'

export interface TableSum extends Checksum {
  /** `schema.table` of the source. */
  readonly table: string
}

/** Stands in `runs.details`. */
export interface CopyProgress extends Record<string, unknown> {
  /** Tells one warehouse from another, and its state from a later one. */
  readonly source: string
  /** Stream tables that are there as a whole. */
  readonly tables: readonly TableSum[]
  /** Our own tables, once they are there: then all is. */
  readonly own?: readonly TableSum[] | undefined
}

export interface CopyAttempt {
  readonly runId: string
  readonly progress: CopyProgress
}

/** What a copy of a warehouse goes by: exports change nothing but our own tables, which are copied at once. */
export async function stateOf(db: Db): Promise<string> {
  const runs = await db
    .selectFrom('runs')
    .select(['run_id', 'state'])
    .where('job', 'not like', 'export:%')
    .where('job', '<>', 'maintain')
    .orderBy('started_at', 'desc')
    .orderBy('run_id')
    .execute()
  return `${runs.length} runs, the last ${runs[0]?.run_id ?? 'none'} (${runs[0]?.state ?? 'none'})`
}

/**
 * Begins a copy, or goes on with one; a copy of an earlier state of the source is begun anew.
 * @throws ConfigError `target_not_empty`.
 */
export async function beginAttempt(db: Db, source: string, now: Date): Promise<CopyAttempt> {
  const open = await refuseOthers(db, source)
  const runId = open?.runId ?? randomUUID()
  const progress = open?.progress.source === source ? open.progress : { source, tables: [] }
  await beginRun(db, { runId, job: copyJob, kind: copyJob, trigger: 'manual', now, details: progress })
  return { runId, progress }
}

/** The copy that has not ended, where there is one. @throws ConfigError where something else is there. */
export async function refuseOthers(db: Db, source: string): Promise<CopyAttempt | undefined> {
  const runs = await db.selectFrom('runs').select(['run_id', 'job', 'state', 'details']).execute()
  const open = runs.find(({ job, state }) => job === copyJob && state !== 'succeeded')
  const progress = open?.details as CopyProgress | undefined
  const isWhole = progress?.own !== undefined
  if (open && progress && isWhole && progress.source === source) return { runId: open.run_id, progress }
  const others = runs.find(({ run_id }) => run_id !== open?.run_id)
  const isEmpty = open !== undefined || !(await hasState(db))
  if (isEmpty && !others && !isWhole) return open && progress && { runId: open.run_id, progress }
  throw new ConfigError(
    `the target holds data already${others ? ` (run ${others.run_id} of ${others.job})` : ''}; copy into an empty warehouse or another "schema", or remove what is there`,
    { code: 'target_not_empty' },
  )
}

async function hasState(db: Db): Promise<boolean> {
  for (const table of ['columns', 'bookmarks', 'exports', 'members'] as const) {
    const found = await db.selectFrom(table).selectAll().limit(1).execute()
    if (found.length > 0) return true
  }
  return false
}

/** Tells how far it is, in the transaction of what came. */
export async function recordProgress(db: Db, runId: string, progress: CopyProgress): Promise<void> {
  await db
    .updateTable('runs')
    .set({ details: JSON.stringify(progress) })
    .where('run_id', '=', runId)
    .execute()
}
