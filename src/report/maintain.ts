/** Upkeep of a lake as a run: no sync works meanwhile, and what was done stands in its row. */
import { ConfigError } from '../errors.ts'
import type { MaintainedTable, Maintenance } from '../warehouse/maintenance.ts'
import { runJob } from './job-run.ts'
import { type ReportSource, readState } from './read.ts'

export const maintenanceJob = 'maintain'

export interface MaintainRequest {
  /** Looks, and changes nothing. */
  readonly isDryRun?: boolean | undefined
  /** Of a run that a worker has begun. */
  readonly runId?: string | undefined
  readonly trigger?: string | undefined
  readonly signal?: AbortSignal | undefined
  readonly onTable?: ((table: MaintainedTable) => void) | undefined
}

/** What was done, or would be; what `maintain --json` prints. */
export interface MaintenanceReport {
  /** Null where nothing was done. */
  readonly run_id: string | null
  readonly files_before: number
  readonly files_after: number
  readonly bytes_before: number
  readonly bytes_after: number
  readonly snapshots_expired: number
  readonly files_removed: number
  readonly orphans_removed: number
  /** Files in the folder of the lake that may be another's: they stay. */
  readonly files_unknown: number
  readonly tables: readonly MaintainedTable[]
}

/**
 * Maintains the lake as `lake.maintenance` says.
 * @throws ConfigError where the warehouse is not a lake; UserError `locked` while a sync runs.
 */
export async function maintain(
  { warehouse, config, now }: ReportSource & { readonly now: () => Date },
  { isDryRun = false, runId, trigger, signal, onTable }: MaintainRequest,
): Promise<MaintenanceReport> {
  const work = warehouse.upkeep.maintain
  if (!work)
    throw new ConfigError('only a lake (a "warehouse" of type "ducklake") has files to maintain', {
      code: 'usage',
    })
  const { keep_snapshots, keep_files } = config.lake.maintenance
  const request = {
    keepSnapshotsMs: keep_snapshots,
    keepFilesMs: keep_files,
    isDryRun,
    signal,
    onTable,
  }
  if (isDryRun) {
    // To look makes no lake.
    const isThere = await readState({ warehouse, config }, async () => true)
    return { run_id: null, ...told(isThere ? await work(request) : nothing) }
  }
  await using _lock = await warehouse.lock('sync')
  const run = { warehouse, job: maintenanceJob, runId, trigger, signal, now }
  return runJob(run, async () => told(await work(request)))
}

const nothing: Maintenance = { tables: [], snapshots: 0, removed: 0, orphans: 0, foreign: 0 }

function told(done: Maintenance): Omit<MaintenanceReport, 'run_id'> {
  const sum = (of: (table: MaintainedTable) => number) =>
    done.tables.reduce((total, table) => total + of(table), 0)
  return {
    files_before: sum(({ before }) => before.files),
    files_after: sum(({ after }) => after.files),
    bytes_before: sum(({ before }) => before.bytes),
    bytes_after: sum(({ after }) => after.bytes),
    snapshots_expired: done.snapshots,
    files_removed: done.removed,
    orphans_removed: done.orphans,
    files_unknown: done.foreign,
    tables: done.tables,
  }
}
