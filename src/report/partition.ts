/** Tables of events become tables of parts, as a run: no sync works meanwhile, and what was done stands in its row. */
import { catalogue, selectStreams } from '../catalog/index.ts'
import { ConfigError } from '../errors.ts'
import type { PartitionedTable, PartitioningRequest } from '../warehouse/partitioning.ts'
import { runJob } from './job-run.ts'
import { type ReportSource, readState } from './read.ts'

export interface PartitionRequest extends Pick<PartitioningRequest, 'signal' | 'onMonth' | 'onTable'> {
  /** Names or globs of streams of events; all of them where it is left out. */
  readonly streams?: readonly string[] | undefined
  /** Looks, and changes nothing. */
  readonly isDryRun?: boolean | undefined
}

/** What was done, or would be; what `migrate --partition --json` prints. */
export interface Partitioning {
  /** Null where nothing was done. */
  readonly run_id: string | null
  /** Rows and parts of the tables that were converted. */
  readonly rows: number
  readonly months: number
  readonly tables: readonly PartitionedTable[]
}

/**
 * Gives each table of events parts, one for each month; a table that has them stays as it is.
 * @throws ConfigError where the warehouse is not Postgres; UserError `locked` while a sync runs.
 */
export async function partitionEvents(
  source: ReportSource & { readonly now: () => Date },
  { streams: patterns = [], isDryRun = false, ...hearing }: PartitionRequest,
): Promise<Partitioning> {
  const { warehouse, config, now } = source
  const { partition } = warehouse.upkeep
  if (!partition) {
    const { type } = config.warehouse
    const instead =
      type === 'ducklake' ? 'a lake keeps events by month from the beginning' : 'DuckDB has no such parts'
    throw new ConfigError(
      `only tables of Postgres are partitioned, and the warehouse is "${type}": ${instead}`,
      {
        code: 'usage',
      },
    )
  }
  const events = catalogue('email').filter(({ replication }) => replication === 'append')
  const isOnlyLess = patterns.every((one) => one.startsWith('!'))
  const streams = selectStreams(events, isOnlyLess ? ['*', ...patterns] : patterns)
  const request = { ...hearing, streams, isDryRun }
  if (!(await readState(source, async () => true))) return { run_id: null, ...told([]) }
  if (isDryRun) return { run_id: null, ...told(await partition(request)) }
  await using _lock = await warehouse.lock('sync')
  return runJob({ warehouse, job: 'migrate', signal: hearing.signal, now }, async () =>
    told(await partition(request)),
  )
}

function told(tables: readonly PartitionedTable[]): Omit<Partitioning, 'run_id'> {
  const converted = tables.filter(({ state }) => state === 'converted')
  return {
    rows: converted.reduce((total, { rows }) => total + (rows ?? 0), 0),
    months: converted.reduce((total, { months }) => total + months, 0),
    tables,
  }
}
