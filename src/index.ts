/**
 * iterable-elt as a library: `open(config)` wires everything in order.
 * @example
 * await using elt = await open({ warehouse: { type: 'duckdb', path: 'warehouse.duckdb' }, connections: { … } })
 * const report = await elt.sync({ streams: ['email_*'], onProgress: console.log })
 */
import { randomUUID } from 'node:crypto'
import { check } from './check/check.ts'
import type { CheckReport } from './check/item.ts'
import { connectionOf } from './config/connections.ts'
import { parseConfig } from './config/load.ts'
import type { Config, ConfigInput, WarehouseConfig } from './config/schema.ts'
import { secretsOf } from './config/secrets.ts'
import { type ExportDetail, readExportDetail } from './export/detail.ts'
import { createExporter, type Exporter } from './export/exporter.ts'
import { loadExports } from './export/saved.ts'
import type { ClientContext, IterableClient } from './iterable/client.ts'
import { clientsOf } from './iterable/clients.ts'
import { systemClock } from './iterable/clock.ts'
import { deliverMessages, type NotifyContext, recordHappening } from './notify/outbox.ts'
import { version } from './package-files.ts'
import { type PrintedRows, printRows, queryRows, type ResultRow } from './report/query.ts'
import { readState } from './report/read.ts'
import {
  type RejectPage,
  type RejectQuery,
  type RunDetail,
  type RunSummary,
  readRejects,
  readRun,
  readRuns,
} from './report/runs.ts'
import { readStatus, type Status } from './report/status.ts'
import { readStreams, type StreamStatus } from './report/streams.ts'
import { readViewSql, readViews, type ViewStatus } from './report/views.ts'
import type { JobDefinition, JobResult, Jobs, RunContext } from './schedule/job.ts'
import { createScheduler, type Scheduler } from './schedule/scheduler.ts'
import { readBookmarks } from './state/bookmarks.ts'
import { databaseTime } from './state/schedules.ts'
import { planSync, type SyncPlan } from './sync/dry-run.ts'
import { type Reach, sliceOf } from './sync/plan.ts'
import type { SyncEvent, SyncReport } from './sync/progress.ts'
import { sync } from './sync/sync.ts'
import { refuseNamesake } from './warehouse/duckdb/file-name.ts'
import { openDuckdb } from './warehouse/duckdb/warehouse.ts'
import type { Warehouse } from './warehouse/session.ts'

export type { CheckItem, CheckReport } from './check/item.ts'
export type { Config, ConfigInput } from './config/schema.ts'
export { ConfigError, InterruptedError, UserError } from './errors.ts'
export type { ChangeReader } from './export/context.ts'
export type { ExportDetail } from './export/detail.ts'
export type { AdhocExport, ExportRequest, ExportStatus } from './export/exporter.ts'
export type { ExportEvent, ExportPlan, ExportReport, PlanView } from './export/progress.ts'
export type { PrintedRows, ResultRow } from './report/query.ts'
export type { Reject, RejectPage, RejectQuery, RunDetail, RunSummary } from './report/runs.ts'
export type { Status } from './report/status.ts'
export type { StreamStatus } from './report/streams.ts'
export type { ViewStatus } from './report/views.ts'
export type { Backfill, BackfillRequest, RequestedRun, WorkerRequest } from './schedule/scheduler.ts'
export type { WorkerEvent } from './schedule/worker.ts'
export type { ScheduleStatus, WorkerStatus } from './state/schedules-status.ts'
export type { SyncPlan } from './sync/dry-run.ts'
export type { StreamReport, SyncEvent, SyncReport } from './sync/progress.ts'

/** How a sync is asked for. */
export interface SyncRequest {
  /** Names or globs of streams, `!name` excludes; those of the configuration by default. */
  readonly streams?: readonly string[]
  /** Reload incremental streams from `start_date`. */
  readonly fullRefresh?: boolean
  /** Reload this half-open slice of event streams; bookmarks stay. */
  readonly slice?: { readonly from: Date; readonly to: Date }
  /** Stops the sync at once; what was committed stays, and the next sync goes on. */
  readonly signal?: AbortSignal
  /** Stops the sync when what it is reading has been committed. */
  readonly stopping?: AbortSignal
  readonly onProgress?: (event: SyncEvent) => void
  readonly trigger?: string
  /** Of the row in `runs` that a worker has made. */
  readonly runId?: string
}

/** An open configuration. */
export interface Elt extends AsyncDisposable, Exporter, Scheduler {
  readonly config: Config
  readonly warehouse: Warehouse
  /** Replicates Iterable into the warehouse. A stream that fails is told in the report, not thrown. */
  sync(request?: SyncRequest): Promise<SyncReport>
  /** What `sync` would read, and how long the rate limits make it take; reads nothing of it. */
  planSync(request?: SyncRequest): Promise<SyncPlan>
  /** Tests every connection's key and the warehouse, and says what to change. */
  check(options?: { readonly signal?: AbortSignal }): Promise<CheckReport>
  /** The catalogue with rows, bookmark and last sync of each stream. */
  streams(): Promise<readonly StreamStatus[]>
  /** The views for analysts: what they answer, their columns, and whether they are made. */
  views(): Promise<readonly ViewStatus[]>
  /** The select of a view as it is made in this warehouse. @throws ConfigError when there is none of the name. */
  viewSql(name: string): Promise<string>
  /** The latest runs, newest first (50 unless `limit` says otherwise). */
  runs(query?: { readonly limit?: number }): Promise<readonly RunSummary[]>
  /** One run by its id or the beginning of it. @throws ConfigError when there is none. */
  run(runId: string): Promise<RunDetail & { readonly export: ExportDetail | null }>
  /** Rejected rows, newest first (50 unless `limit` says otherwise). */
  rejects(query?: Partial<RejectQuery>): Promise<RejectPage>
  /** How fresh each stream is, the latest runs, and what they rejected. */
  status(): Promise<Status>
  /** Runs one statement that reads; the rows come as they are read. The warehouse is held until the last one. */
  query(sql: string, options?: { readonly signal?: AbortSignal }): AsyncIterable<ResultRow>
  /** The same, each value as the database writes it: for showing. */
  print(sql: string, options?: { readonly signal?: AbortSignal }): AsyncIterable<PrintedRows>
  /** A client of the connection that the sync uses. */
  client(): IterableClient
}

/** What a host may put in place of its defaults. */
export interface OpenOptions {
  /** Folder that relative paths of the configuration are relative to; the working directory by default. */
  readonly baseDirectory?: string
  /** For `${NAME}` in values, and for HTTPS_PROXY and NO_PROXY. */
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly clock?: typeof systemClock
  readonly logger?: ClientContext['logger']
  /** Hears once, in words, when another program holds the warehouse and must be waited for. */
  readonly onWait?: ((message: string) => void) | undefined
}

/**
 * Opens a configuration (an object as in `config.json`; `warehouse` may also hold a live `pg.Pool` or DuckDB instance).
 * The warehouse itself is touched when it is first used.
 * @throws ConfigError with all faults of the configuration at once.
 */
export async function open(input: ConfigInput, options: OpenOptions = {}): Promise<Elt> {
  const { env = {}, clock = systemClock, baseDirectory = '.' } = options
  const config = parseConfig(input, { baseDirectory, env })
  return openParsed(config, { env, clock, logger: options.logger, onWait: options.onWait })
}

/** Opens a configuration that has been parsed already. */
export async function openParsed(
  config: Config,
  { env = {}, clock = systemClock, logger, onWait }: Omit<OpenOptions, 'baseDirectory'> = {},
): Promise<Elt> {
  const warehouse = await openWarehouse(config, { env, onWait })
  const connection = () => connectionOf(config, config.sync.connection, 'sync.connection')
  const clientContext = { clock, proxyEnv: env, logger, version: version() }
  const clientFor = clientsOf(clientContext, warehouse.paceBook)
  const client = () => clientFor(connection())
  const reachOf = ({ fullRefresh, slice }: SyncRequest): Reach =>
    slice ? sliceOf(slice.from, slice.to) : { kind: fullRefresh ? 'full' : 'incremental' }
  const work: Pick<Elt, 'sync'> & Exporter = {
    async sync(request = {}) {
      await using iterable = client()
      return await sync({
        warehouse,
        client: iterable,
        connection: connection(),
        config: config.sync,
        streams: request.streams,
        reach: reachOf(request),
        trigger: request.trigger ?? 'manual',
        runId: request.runId ?? randomUUID(),
        clock,
        signal: request.signal ?? new AbortController().signal,
        stopping: request.stopping ?? new AbortController().signal,
        emit: request.onProgress ?? (() => {}),
      })
    },
    ...createExporter({
      ...{ config, warehouse, clock, clientFor, random: Math.random },
    }),
  }
  return {
    config,
    warehouse,
    client,
    ...work,
    async planSync(request = {}) {
      await using iterable = client()
      const bookmarks = await readState({ warehouse, config }, ({ db }) => readBookmarks(db))
      return await planSync({
        bookmarks: bookmarks ?? new Map(),
        client: iterable,
        connection: connection(),
        config: config.sync,
        streams: request.streams,
        reach: reachOf(request),
        now: clock.now(),
        signal: request.signal ?? new AbortController().signal,
      })
    },
    check: ({ signal } = {}) => check({ warehouse, config, clock, signal, context: clientContext }),
    streams: () => readStreams({ warehouse, config }),
    views: () => readViews({ warehouse, config }),
    viewSql: (name) => readViewSql({ warehouse, config }, name),
    runs: ({ limit = 50 } = {}) => readRuns({ warehouse, config }, { limit }),
    async run(runId) {
      const run = await readRun({ warehouse, config }, runId)
      const detail = await readState({ warehouse, config }, async ({ db, names }, tables) =>
        tables.has(`${names.sync}.export_runs`)
          ? readExportDetail(db, run.run_id, tables.has(`${names.sync}.approvals`))
          : null,
      )
      return { ...run, export: detail ?? null }
    },
    rejects: (query = {}) => readRejects({ warehouse, config }, { limit: 50, ...query }),
    status: () => readStatus({ warehouse, config }),
    query: (sql, options) => queryRows(warehouse, sql, options),
    print: (sql, options) => printRows(warehouse, sql, options),
    ...schedulerOf(work, { config, warehouse, env, clock }),
    [Symbol.asyncDispose]: () => warehouse[Symbol.asyncDispose](),
  }
}

/** Syncs and exports as jobs of schedules, and who is told about them. */
function schedulerOf(
  work: Pick<Elt, 'sync'> & Exporter,
  {
    config,
    warehouse,
    env,
    clock,
  }: Pick<Elt, 'config' | 'warehouse'> & Required<Pick<OpenOptions, 'env' | 'clock'>>,
): Scheduler {
  const definitions = new Map<string, JobDefinition>()
  const jobs: Jobs = {
    async definitions() {
      const saved = await loadExports(warehouse, config.exports.directory, {
        now: clock.now(),
        notifications: config.notifications,
      })
      definitions.clear()
      definitions.set('sync', { job: 'sync', schedule: config.sync.schedule, definedIn: 'config' })
      for (const { name, definedIn, definition } of saved) {
        const { schedule, notify } = definition?.settings ?? {}
        definitions.set(`export:${name}`, {
          ...{ job: `export:${name}`, schedule, notify },
          definedIn: definedIn === 'file' ? 'file' : 'exports',
          isUnreadable: definition === undefined,
        })
      }
      return [...definitions.values()]
    },
    run: (run) => runJob(work, run),
  }
  const notify: NotifyContext = {
    notifications: config.notifications,
    secrets: secretsOf(config, env),
    env,
    version: version(),
  }
  return createScheduler({
    warehouse,
    jobs,
    concurrency: config.worker.concurrency,
    disableAfterFailures: config.worker.disable_after_failures,
    isSingle: isDuckdb(config.warehouse),
    announce: (db, happening) =>
      recordHappening(db, happening, definitions.get(happening.job)?.notify, notify),
    deliver: () => deliverMessages({ ...notify, warehouse, time: databaseTime }),
    sleep: clock.sleep,
  })
}

/** Runs a job as its schedule asks for it. */
async function runJob(
  work: Pick<Elt, 'sync'> & Exporter,
  { job, runId, trigger, nominalAt, previousNominalAt, signal, stopping }: RunContext,
): Promise<JobResult> {
  if (job === 'sync') {
    const { state, streams } = await work.sync({ runId, trigger, signal, stopping })
    const failed = streams.filter((stream) => stream.state === 'failed')
    return {
      state,
      kind: failed.every(({ error_kind }) => error_kind === 'config') ? 'config' : 'transient',
      error: failed[0] && {
        code: failed[0].error_code ?? 'failed',
        text: failed.map(({ stream, error }) => `${stream}: ${error}`).join('\n'),
      },
    }
  }
  const { state, error, error_code, error_kind } = await work.export(job.replace(/^export:/, ''), {
    ...{ runId, trigger },
    // It finishes the batch on its way either way.
    signal: AbortSignal.any([signal, stopping]),
    ...(nominalAt && { nominalAt }),
    ...(previousNominalAt && { previousNominalAt }),
  })
  return {
    state,
    kind: error_kind ?? 'run',
    error: error === null ? undefined : { code: error_code ?? 'failed', text: error },
  }
}

async function openWarehouse(
  { warehouse, schema, spool_directory, exports }: Config,
  { env: environment, onWait }: Pick<OpenOptions, 'env' | 'onWait'>,
): Promise<Warehouse> {
  const shared = { schema, spoolDirectory: spool_directory, onWait }
  if (isDuckdb(warehouse)) {
    const allowsExternalAccess = exports.allow_external_access
    if ('instance' in warehouse)
      return openDuckdb({ source: warehouse.instance, allowsExternalAccess, ...shared })
    refuseNamesake(warehouse.path, schema)
    return openDuckdb({
      source: warehouse.path,
      memoryLimit: warehouse.memory_limit,
      threads: warehouse.threads,
      allowsExternalAccess,
      ...shared,
    })
  }
  // Loaded only where it is used: the Postgres client costs a DuckDB user memory for nothing.
  const { openPostgres } = await import('./warehouse/postgres/warehouse.ts')
  return openPostgres({
    source: 'pool' in warehouse ? warehouse.pool : warehouse,
    queryRole: exports.role,
    environment,
    ...shared,
  })
}

const isDuckdb = (warehouse: WarehouseConfig): warehouse is Extract<WarehouseConfig, { type: 'duckdb' }> =>
  warehouse.type === 'duckdb'
