/**
 * iterable-elt as a library: `open(config)` wires everything in order.
 * @example
 * await using elt = await open({ warehouse: { type: 'duckdb', path: 'warehouse.duckdb' }, connections: { … } })
 * const report = await elt.sync({ streams: ['email_*'], onProgress: console.log })
 */
import { randomUUID } from 'node:crypto'
import { check } from './check/check.ts'
import type { CheckReport } from './check/item.ts'
import { type InspectExports, inspectJobs } from './check/jobs.ts'
import { connectionOf } from './config/connections.ts'
import { openConfig } from './config/load.ts'
import type { Config, ConfigInput } from './config/schema.ts'
import { redact, secretsOf } from './config/secrets.ts'
import { type CopyReport, type CopyRequest, copyWarehouse } from './copy/copy.ts'
import { inspectExports } from './export/definition/inspect.ts'
import { createExporter, type Exporter } from './export/exporter.ts'
import type { ClientContext, IterableClient } from './iterable/client.ts'
import { clientsOf } from './iterable/clients.ts'
import { systemClock } from './iterable/clock.ts'
import { listsForm } from './iterable/forms.ts'
import { type ApiPerson, askForPerson } from './iterable/person.ts'
import { jobFaultLines, schedulerOf, workerThatLooks } from './jobs.ts'
import type { NotifyContext } from './notify/outbox.ts'
import { type ChannelAnswer, probeChannels } from './notify/probe.ts'
import { version } from './package-files.ts'
import { type DbtProject, readDbtProject } from './report/dbt.ts'
import { type EraseQuery, type Erasure, erasePerson } from './report/erase.ts'
import { describeLists, type ListStatus } from './report/lists.ts'
import { type MaintainRequest, type MaintenanceReport, maintain } from './report/maintain.ts'
import { type Partitioning, type PartitionRequest, partitionEvents } from './report/partition.ts'
import { type PerformanceQuery, type PerformanceReport, readPerformance } from './report/performance.ts'
import { type PersonQuery, type PersonReport, readPersonRows } from './report/person-rows.ts'
import { type PrintedRows, printRows, queryRows, type ResultRow } from './report/query.ts'
import { isMissing, readState } from './report/read.ts'
import { type CompleteRun, readCompleteRun } from './report/run-detail.ts'
import { type RejectPage, type RejectQuery, type RunSummary, readRejects, readRuns } from './report/runs.ts'
import { type Snapshot, type SnapshotRequest, takeSnapshot } from './report/snapshot.ts'
import { readStatus, type Status } from './report/status.ts'
import { readStreams, type StreamStatus } from './report/streams.ts'
import { readViewSql, readViews, type ViewStatus } from './report/views.ts'
import type { Scheduler } from './schedule/scheduler.ts'
import { readBookmarks } from './state/bookmarks.ts'
import { recordAnswer } from './state/channels.ts'
import { RunLog } from './state/run-log.ts'
import { planSync, type SyncPlan } from './sync/dry-run.ts'
import { nothingKnown, readKnown } from './sync/known.ts'
import type { SyncReport } from './sync/progress.ts'
import { reachOf, type SyncRequest } from './sync/request.ts'
import { configOfJob } from './sync/shares.ts'
import { sync } from './sync/sync.ts'
import { rebuildViews } from './sync/views.ts'
import { openWarehouse } from './warehouse/open.ts'
import type { Warehouse } from './warehouse/session.ts'

export type { CheckItem, CheckReport } from './check/item.ts'
export type { Config, ConfigInput } from './config/schema.ts'
export type { CopyEvent, CopyReport, CopyRequest } from './copy/copy.ts'
export { ConfigError, InterruptedError, UserError } from './errors.ts'
export type { ChangeReader } from './export/context.ts'
export type { AdhocExport, ExportRequest, ExportStatus } from './export/exporter.ts'
export type { ExportDetail } from './export/plan/detail.ts'
export type { ExportEvent, ExportPlan, ExportReport, PlanView } from './export/progress.ts'
export type { ChannelAnswer } from './notify/probe.ts'
export type { DbtProject } from './report/dbt.ts'
export type { EraseQuery, Erasure } from './report/erase.ts'
export type { ListStatus } from './report/lists.ts'
export type { MaintainRequest, MaintenanceReport } from './report/maintain.ts'
export type { Partitioning, PartitionRequest } from './report/partition.ts'
export type { PerformanceQuery, PerformanceReport } from './report/performance.ts'
export type { PrintedRows, ResultRow } from './report/query.ts'
export type { Reject, RejectPage, RejectQuery, RunDetail, RunSummary } from './report/runs.ts'
export type { Snapshot, SnapshotRequest } from './report/snapshot.ts'
export type { Status } from './report/status.ts'
export type { StreamStatus } from './report/streams.ts'
export type { ViewStatus } from './report/views.ts'
export type { Backfill, BackfillRequest, RequestedRun, WorkerRequest } from './schedule/scheduler.ts'
export type { WorkerEvent } from './schedule/worker.ts'
export type { ScheduleStatus, WorkerStatus } from './state/schedules-status.ts'
export type { SyncPlan } from './sync/dry-run.ts'
export type { StreamReport, SyncEvent, SyncReport } from './sync/progress.ts'
export type { SyncRequest } from './sync/request.ts'

/** An open configuration. */
export interface Elt extends AsyncDisposable, Exporter, Scheduler {
  readonly config: Config
  readonly warehouse: Warehouse
  /** Replicates Iterable into the warehouse. A stream that fails is told in the report, not thrown. */
  sync(request?: SyncRequest): Promise<SyncReport>
  /** What `sync` would read, and how long the rate limits make it take; reads nothing of it. */
  planSync(request?: SyncRequest): Promise<SyncPlan>
  /** Tests every connection's key, the warehouse, exports and schedules, and says what to change; sends nothing. */
  check(options?: {
    readonly signal?: AbortSignal
    /** Hears when a request must wait for its turn. */
    readonly onWait?: (message: string) => void
  }): Promise<CheckReport>
  /** Sends a test message to each configured channel; what they answer is kept, where there is a warehouse. */
  testNotifications(): Promise<readonly ChannelAnswer[]>
  /**
   * Copies the warehouse, as of one moment, into a DuckDB file or a folder of Parquet files; whole or not at all.
   * @throws ConfigError when something is there already and `force` is not set.
   */
  snapshot(request: SnapshotRequest): Promise<Snapshot>
  /** The lists of the project, with their members as of the last sync; the only connection, unless one is named. */
  lists(options?: {
    readonly connection?: string | undefined
    readonly signal?: AbortSignal | undefined
  }): Promise<readonly ListStatus[]>
  /** The catalogue with rows, bookmark and last sync of each stream. */
  streams(): Promise<readonly StreamStatus[]>
  /** The views for analysts: what they answer, their columns, and whether they are made. */
  views(): Promise<readonly ViewStatus[]>
  /** The files of a dbt project: what is in the warehouse as sources, the views as models. @throws UserError */
  dbtProject(): Promise<DbtProject>
  /** The select of a view as it is made in this warehouse. @throws ConfigError when there is none of the name. */
  viewSql(name: string): Promise<string>
  /**
   * Fills the tables of views that `marts.materialize` keeps as tables, from the beginning. Resolves to what could not be
   * done. @throws ConfigError for a view that it does not name.
   */
  rebuildViews(names: readonly string[]): Promise<readonly string[]>
  /**
   * How campaigns did in a range of days, against as many days before; or one campaign in depth.
   * @throws ConfigError for a range or a campaign that is none; UserError where nothing was ever synced.
   */
  report(query?: PerformanceQuery): Promise<PerformanceReport>
  /** The latest runs, newest first (50 unless `limit` says otherwise). */
  runs(query?: { readonly limit?: number }): Promise<readonly RunSummary[]>
  /** One run by its id or the beginning of it. @throws ConfigError when there is none. */
  run(runId: string): Promise<CompleteRun>
  /** Rejected rows, newest first (50 unless `limit` says otherwise). */
  rejects(query?: Partial<RejectQuery>): Promise<RejectPage>
  /** How fresh each stream is, the latest runs, and what they rejected. */
  status(): Promise<Status>
  /** All that the warehouse and (unless `asksApi` is false) Iterable know of one person. */
  person(
    query: PersonQuery & { readonly asksApi?: boolean; readonly signal?: AbortSignal },
  ): Promise<PersonAnswer>
  /** Erases one person from every table, and from the files of the tables; Iterable is not asked. */
  erase(query: EraseQuery): Promise<Erasure>
  /**
   * Merges the files of a lake, ends older states, and removes what nothing needs, as `lake.maintenance` says.
   * @throws ConfigError where the warehouse is not a lake; UserError `locked` while a sync runs.
   */
  maintain(request?: MaintainRequest): Promise<MaintenanceReport>
  /**
   * Gives the tables of events of a Postgres warehouse parts, one for each month, table by table.
   * @throws ConfigError where the warehouse is not Postgres; UserError `locked` while a sync runs.
   */
  partition(request?: PartitionRequest): Promise<Partitioning>
  /**
   * Copies this warehouse into that of another open configuration: whole, resumable, compared in the end.
   * @throws ConfigError `target_not_empty`; UserError `locked` while a sync or an export is at work.
   */
  copyTo(target: Pick<Elt, 'warehouse' | 'config'>, request?: CopyRequest): Promise<CopyReport>
  /** Runs one statement that reads; the rows come as they are read. The warehouse is held until the last one. */
  query(sql: string, options?: { readonly signal?: AbortSignal }): AsyncIterable<ResultRow>
  /** The same, each value as the database writes it: for showing. */
  print(sql: string, options?: { readonly signal?: AbortSignal }): AsyncIterable<PrintedRows>
  /** A client of the connection that the sync uses. */
  client(): IterableClient
}

/** What is known of one person. */
export interface PersonAnswer {
  readonly warehouse: PersonReport
  /** Null where Iterable was not asked. */
  readonly iterable: ApiPerson | null
}

/** What a host may put in place of its defaults. */
export interface OpenOptions {
  /** Folder that relative paths of the configuration are relative to; the working directory by default. */
  readonly baseDirectory?: string
  /** For `${NAME}` and the commands of `${exec:…}` in values, and for HTTPS_PROXY and NO_PROXY. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Which of the `targets` of the configuration. */
  readonly target?: string
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
  const { env = {}, clock = systemClock, baseDirectory = '.', target } = options
  const config = await openConfig(input, { baseDirectory, env, target })
  return openParsed(config, { env, clock, logger: options.logger, onWait: options.onWait })
}

/** Opens a configuration that has been parsed already. */
export async function openParsed(
  config: Config,
  { env = {}, clock = systemClock, logger, onWait }: Omit<OpenOptions, 'baseDirectory' | 'target'> = {},
): Promise<Elt> {
  const warehouse = await openWarehouse(config, { env, onWait, now: clock.now })
  const { threads, memory, reason } = warehouse.engine.budget
  logger?.debug({ threads, memory, reason }, `engine: ${memory}, threads: ${threads} (${reason})`)
  const connection = () => connectionOf(config, config.sync.connection, 'sync.connection')
  const clientContext = { clock, proxyEnv: env, logger, version: version() }
  const clientFor = clientsOf(clientContext, warehouse.paceBook)
  const client = () => clientFor(connection())
  const secrets = secretsOf(config, env)
  const work: Pick<Elt, 'sync' | 'maintain'> & Exporter = {
    maintain: (request = {}) => maintain({ warehouse, config, now: clock.now }, request),
    async sync(request = {}) {
      await using iterable = client()
      return await sync({
        warehouse,
        client: iterable,
        connection: connection(),
        config: configOfJob(config.sync, connection(), request.job),
        marts: config.marts,
        streams: request.streams,
        reach: reachOf(request),
        trigger: request.trigger ?? 'manual',
        runId: request.runId ?? randomUUID(),
        clock,
        signal: request.signal ?? new AbortController().signal,
        stopping: request.stopping ?? new AbortController().signal,
        log: new RunLog(clock.now, (text) => redact(text, secrets)),
        emit: request.onProgress ?? (() => {}),
      })
    },
    ...createExporter({
      config,
      warehouse,
      clock,
      clientFor,
      secrets,
      random: Math.random,
    }),
  }
  const lookAtExports: InspectExports = (rows, given) =>
    inspectExports(rows, { config, warehouse, clientFor, now: clock.now(), ...given })
  const jobFaults = async (signal?: AbortSignal) =>
    (await inspectJobs({ config, warehouse, inspectExports: lookAtExports, signal })).faults
  const notify: NotifyContext = {
    notifications: config.notifications,
    secrets,
    env,
    version: version(),
  }
  const scheduler = schedulerOf(work, { config, warehouse, notify, clock })
  return {
    config,
    warehouse,
    client,
    ...work,
    async exports(given) {
      const exports = await work.exports(given)
      const faults = await jobFaults(given?.signal)
      return exports.map((one) => ({
        ...one,
        error: one.error ?? jobFaultLines(`export:${one.name}`, faults),
      }))
    },
    async planSync(request = {}) {
      await using iterable = client()
      const known = await readState({ warehouse, config }, async ({ db, names }, tables) => {
        // A warehouse of an earlier version has not all of it until its next sync.
        return tables.has(`${names.sync}.sweeps`)
          ? readKnown(db)
          : { ...nothingKnown, bookmarks: await readBookmarks(db) }
      })
      return await planSync({
        known: known ?? nothingKnown,
        client: iterable,
        connection: connection(),
        config: config.sync,
        streams: request.streams,
        spoolDirectory: warehouse.spoolDirectory,
        reach: reachOf(request),
        now: clock.now(),
        signal: request.signal ?? new AbortController().signal,
      })
    },
    check: (given = {}) =>
      check({ warehouse, config, clock, clientFor, inspectExports: lookAtExports, ...given }),
    async testNotifications() {
      const answers = await probeChannels(notify, clock.now())
      if (answers.length > 0 && !isMissing(config)) {
        await warehouse.use(async ({ db }) => {
          const now = clock.now()
          for (const answer of answers) await recordAnswer(db, { ...answer, now })
        })
      }
      return answers
    },
    snapshot: (request) => takeSnapshot({ warehouse, config }, request),
    async lists({ connection: name, signal } = {}) {
      await using iterable = clientFor(connectionOf(config, name, 'lists'))
      const { lists } = await iterable.json('lists', { form: listsForm, signal })
      return describeLists({ warehouse, config }, lists)
    },
    streams: () => readStreams({ warehouse, config }),
    views: () => readViews({ warehouse, config }),
    dbtProject: () => readDbtProject({ warehouse, config }),
    viewSql: (name) => readViewSql({ warehouse, config }, name),
    rebuildViews: (names) => rebuildViews({ warehouse, marts: config.marts, clock }, names),
    report: (query = {}) => readPerformance({ warehouse, config }, query, clock.now()),
    runs: ({ limit = 50 } = {}) => readRuns({ warehouse, config }, { limit }),
    run: (runId) => readCompleteRun({ warehouse, config }, runId),
    rejects: (query = {}) => readRejects({ warehouse, config }, { limit: 50, ...query }),
    status: () => readStatus({ warehouse, config }),
    async person({ asksApi = true, signal, ...query }) {
      const found = await readPersonRows({ warehouse, config }, query)
      if (!asksApi) return { warehouse: found, iterable: null }
      await using iterable = client()
      return { warehouse: found, iterable: await askForPerson(iterable, query, { signal }) }
    },
    erase: (query) => erasePerson({ warehouse, config, now: clock.now }, query),
    partition: (request = {}) => partitionEvents({ warehouse, config, now: clock.now }, request),
    copyTo: (target, request) => copyWarehouse({ warehouse, config }, target, { now: clock.now, ...request }),
    query: (sql, options) => queryRows(warehouse, sql, options),
    print: (sql, options) => printRows(warehouse, sql, options),
    ...scheduler,
    worker: (request = {}) => workerThatLooks(scheduler, request, jobFaults),
    [Symbol.asyncDispose]: () => warehouse[Symbol.asyncDispose](),
  }
}
