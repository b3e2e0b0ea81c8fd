/** Iterable → warehouse: one run over all streams. */
import { setMaxListeners } from 'node:events'
import pLimit from 'p-limit'
import { type ColumnType, catalogue, type Stream, selectStreams } from '../catalog/index.ts'
import type { ConnectionConfig, SyncConfig } from '../config/schema.ts'
import { ConfigError, InterruptedError, messageOf } from '../errors.ts'
import type { IterableClient } from '../iterable/client.ts'
import type { Clock } from '../iterable/clock.ts'
import { fieldsForm } from '../iterable/forms.ts'
import { installViews } from '../marts/install.ts'
import { readBookmarks } from '../state/bookmarks.ts'
import { readLackingStreams } from '../state/lacking-streams.ts'
import { beginRun, endRun, failAbandonedRuns } from '../state/runs.ts'
import { removeSpool } from '../warehouse/load/spool.ts'
import { migrate } from '../warehouse/migrations.ts'
import type { Session, Warehouse } from '../warehouse/session.ts'
import { ensureTable } from '../warehouse/tables.ts'
import type { StreamStart, SyncContext } from './context.ts'
import { isKnownToLack, judgeLacking, mayLack, unaskedReport } from './lacking.ts'
import { forgetVanishedLists, readMemberCounts } from './lists.ts'
import { listParts, type PlanOptions, partsOf, type Reach } from './plan.ts'
import type { StreamReport, SyncEvent, SyncReport } from './progress.ts'
import { syncStream } from './stream.ts'

export interface SyncInput {
  readonly warehouse: Warehouse
  readonly client: IterableClient
  readonly connection: ConnectionConfig
  readonly config: SyncConfig
  /** Names or globs; those of the configuration by default. */
  readonly streams?: readonly string[] | undefined
  readonly reach: Reach
  readonly trigger: string
  readonly runId: string
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Once it is aborted nothing further is read; what is being read is committed. */
  readonly stopping: AbortSignal
  readonly emit: (event: SyncEvent) => void
}

/** How many answers of one kind may be on their way at once; the pace is the client's. */
const lanes = { export: 2, members: 2, documents: 4, metadata: 1 } as const

/**
 * Syncs the selected streams, each on its own: one that fails does not stop the others.
 * @throws UserError `locked` when another sync of this warehouse runs, ConfigError for unknown streams, and whatever
 * the warehouse says when it cannot be opened. Failures of streams are in the report.
 */
export async function sync(input: SyncInput): Promise<SyncReport> {
  const { warehouse, runId, clock, signal, stopping, emit } = input
  // Every request of every stream listens to it.
  setMaxListeners(0, signal)
  const streams = selectedStreams(input)
  const now = clock.now()
  await using _lock = await warehouse.lock('sync')
  await removeSpool(warehouse.spoolDirectory)
  const begun = await begin(input, streams, now)
  emit({ type: 'started', runId, streams: streams.map(({ name }) => name) })
  const turns = new Map(Object.entries(lanes).map(([kind, most]) => [kind, pLimit(most)]))
  const context: SyncContext = {
    runId,
    warehouse,
    client: input.client,
    clock,
    now,
    signal,
    projectType: input.connection.project_type,
    declared: await declaredTypes(input, streams),
    maxRejectPercent: input.config.max_reject_percent,
    memberCounts: begun.memberCounts,
    emit,
    turnOf: (stream, work) =>
      (turns.get(stream.read.kind) as ReturnType<typeof pLimit>)(() => {
        if (stopping.aborted) throw new InterruptedError()
        return work()
      }),
  }
  const reports = await syncAll(context, input, begun)
  await removeSpool(warehouse.spoolDirectory)
  // Within the lock: who comes next finds this run ended.
  return await finish(input, reports)
}

/** The streams that a sync is about; a slice is for events only. */
export function selectedStreams({
  streams,
  config,
  connection,
  reach,
}: Pick<SyncInput, 'streams' | 'config' | 'connection' | 'reach'>): readonly Stream[] {
  const named = streams && streams.length > 0 ? streams : undefined
  const selected = selectStreams(catalogue(connection.project_type), named ?? config.streams)
  if (reach.kind !== 'slice') return selected
  const events = selected.filter(({ replication }) => replication === 'append')
  const others = selected.filter(({ replication }) => replication !== 'append')
  if (named && others.length > 0) {
    throw new ConfigError(
      `--from and --to are for event streams; ${others.map(({ name }) => name).join(', ')} cannot be read in slices, leave it out or use --full-refresh`,
    )
  }
  return events
}

interface Begun {
  readonly starts: readonly StreamStart[]
  readonly memberCounts: ReadonlyMap<string, number>
  /** Some stream of the export was read before: the key may export. */
  readonly hasExported: boolean
}

/** State and tables, in one session: what the sync needs to know of the warehouse. */
async function begin(
  { warehouse, connection, runId, trigger, reach, signal, emit }: SyncInput,
  streams: readonly Stream[],
  now: Date,
): Promise<Begun> {
  const onWait = (message: string) => emit({ type: 'notice', stream: undefined, message })
  const prepare = async (session: Session) => {
    await migrate(session)
    for (const message of await session.modernize()) onWait(message)
    return session.db.transaction().execute(async (trx) => {
      await failAbandonedRuns(trx, { job: 'sync', runId, now })
      const details = { reach: reach.kind, streams: streams.map(({ name }) => name) }
      await beginRun(trx, { runId, job: 'sync', kind: 'sync', trigger, now, details })
      const bookmarks = await readBookmarks(trx)
      const lacking = await readLackingStreams(trx)
      const starts: StreamStart[] = []
      for (const stream of streams) {
        const shape = await ensureTable(trx, session, stream, now)
        const { name } = stream
        starts.push({ stream, shape, bookmark: bookmarks.get(name), lackingSince: lacking.get(name) })
      }
      const hasLists = streams.some(({ read }) => read.kind === 'members')
      const memberCounts = hasLists ? await readMemberCounts({ ...session, db: trx }) : new Map()
      const hasExported = catalogue(connection.project_type).some(
        ({ name, read }) => read.kind === 'export' && bookmarks.has(name),
      )
      return { starts, memberCounts, hasExported }
    })
  }
  return warehouse.use(prepare, { signal, onWait })
}

/** Types of profile fields as Iterable declares them; without them, types come from the values seen. */
async function declaredTypes(
  { client, signal, emit }: SyncInput,
  streams: readonly Stream[],
): Promise<ReadonlyMap<string, ColumnType>> {
  if (!streams.some(({ hasProfileFields }) => hasProfileFields)) return new Map()
  const types = new Map<string, ColumnType>([
    ['string', 'text'],
    ['boolean', 'boolean'],
    ['long', 'bigint'],
    ['double', 'double'],
    ['date', 'timestamptz'],
    ['geo_location', 'json'],
    ['object', 'json'],
    ['nested', 'json'],
  ])
  try {
    const { fields } = await client.json('user_fields', { form: fieldsForm, signal })
    const known = Object.entries(fields).map(([name, type]) => [name, types.get(type)] as const)
    return new Map(known.filter((entry): entry is [string, ColumnType] => entry[1] !== undefined))
  } catch (error) {
    if (signal.aborted) return new Map()
    const message = `users/getFields: ${messageOf(error)}; types of new fields come from their values`
    emit({ type: 'notice', stream: undefined, message })
    return new Map()
  }
}

/** Syncs all of them; what may be lacking in the project is judged, and told, when the others have ended. */
async function syncAll(
  context: SyncContext,
  input: SyncInput,
  { starts, hasExported }: Pick<Begun, 'starts' | 'hasExported'>,
): Promise<readonly StreamReport[]> {
  const isAsked = (start: StreamStart) =>
    input.reach.kind !== 'incremental' ||
    input.streams?.includes(start.stream.name) === true ||
    !isKnownToLack(start, context.now)
  const one = async (start: StreamStart) => {
    const report = isAsked(start) ? await syncOne(context, input, start) : unaskedReport(start.stream)
    if (!mayLack(start.stream, report)) context.emit({ type: 'finished', report })
    return { start, report }
  }
  return judgeLacking(context, await Promise.all(starts.map(one)), hasExported)
}

async function syncOne(context: SyncContext, input: SyncInput, start: StreamStart): Promise<StreamReport> {
  const { stream, bookmark } = start
  if (stream.read.kind !== 'members') {
    return syncStream(context, start, async () =>
      partsOf(stream, bookmark, planOptions(input, stream, context.now)),
    )
  }
  return syncStream(context, start, async (client) => {
    const isEmailProject = context.projectType === 'email'
    const { lists, parts } = await listParts(client, { isEmailProject, updatedAt: context.now })
    await forgetVanishedLists(context, stream, lists)
    return parts
  })
}

/** The times that the plan of a stream depends on. */
export function planOptions(
  { config, reach }: Pick<SyncInput, 'config' | 'reach'>,
  { name }: Stream,
  now: Date,
): PlanOptions {
  return {
    startDate: config.start_date,
    windowInDays: config.window_in_days,
    lookbackMs: lookbackOf(config.lookback, name),
    settleMs: config.settle,
    completeDimensions: config.complete_dimensions,
    now,
    reach,
  }
}

const usualLookbackMs = 86_400_000

/** How far before the bookmark of a stream is read again. */
function lookbackOf(lookback: SyncInput['config']['lookback'], stream: string): number {
  if (typeof lookback === 'number') return lookback
  const byStream = new Map(Object.entries(lookback))
  return byStream.get(stream) ?? byStream.get('default') ?? usualLookbackMs
}

async function finish(input: SyncInput, reports: readonly StreamReport[]): Promise<SyncReport> {
  const { runId, warehouse, clock, emit } = input
  const sum = (pick: (report: StreamReport) => number) =>
    reports.reduce((total, report) => total + pick(report), 0)
  const report: SyncReport = {
    run_id: runId,
    job: 'sync',
    state: stateOf(reports),
    rows_read: sum(({ rows_read }) => rows_read),
    rows_written: sum(({ rows_written }) => rows_written),
    rows_rejected: sum(({ rows_rejected }) => rows_rejected),
    streams: reports,
  }
  const failed = reports.filter(({ state }) => state === 'failed')
  const onWait = (message: string) => emit({ type: 'notice', stream: undefined, message })
  await warehouse.use(
    async (session) => {
      const notices = input.signal.aborted ? [] : await installViews(session, clock.now())
      for (const message of notices) emit({ type: 'notice', stream: undefined, message })
      await endRun(session.db, runId, {
        state: report.state,
        now: clock.now(),
        error:
          failed.length > 0
            ? {
                code: failed[0]?.error_code ?? 'failed',
                text: failed.map(({ stream, error }) => `${stream}: ${error}`).join('\n'),
              }
            : undefined,
        details: { reach: input.reach.kind, streams: reports },
      })
    },
    { onWait, isRepeatable: true },
  )
  return report
}

function stateOf(reports: readonly StreamReport[]): SyncReport['state'] {
  for (const state of ['cancelled', 'failed', 'succeeded_with_rejects'] as const) {
    if (reports.some((report) => report.state === state)) return state
  }
  return 'succeeded'
}
