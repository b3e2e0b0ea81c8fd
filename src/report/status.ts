/** How things stand, on one screen: how fresh each stream is, what ran last, what was rejected. */

import { channelsOf } from '../config/channels.ts'
import type { WarehouseConfig } from '../config/schema.ts'
import { describeViews, type ViewStatus } from '../marts/describe.ts'
import { readAnswers } from '../state/channels.ts'
import { describeLackingStreams, type LackingStream } from '../state/lacking-streams.ts'
import { databaseTime, readSchedules } from '../state/schedules.ts'
import {
  readLiveWorkers,
  type ScheduleStatus,
  statusOf,
  type WorkerStatus,
} from '../state/schedules-status.ts'
import type { Session } from '../warehouse/session.ts'
import { type ReportSource, readState } from './read.ts'
import { streamsOfRun } from './run-streams.ts'
import { countRejects, latestRuns, type RejectCount, type RunSummary } from './runs.ts'
import { type Counting, describeStreams, readStreamState, type StreamStatus } from './streams.ts'

/** What `status --json` prints. */
export interface Status {
  readonly warehouse: WarehouseConfig['type']
  readonly schema: string
  /** What the engine that reads JSON takes of this machine: `warehouse.memory_limit` and `threads` change it. */
  readonly engine: { readonly threads: number; readonly memory: string; readonly reason: string }
  /** Those that are replicated, or were once. */
  readonly streams: readonly StreamStatus[]
  /** Streams that the project lacks, or the key may not read: asked for once a day. */
  readonly lacking: readonly LackingStream[]
  /** Views for analysts that are not made, and why; those that lack a stream which they would read, too. */
  readonly views: readonly Pick<
    ViewStatus,
    'view' | 'state' | 'missing_streams' | 'absent_streams' | 'problem'
  >[]
  /** What runs when; as a worker, or `schedule list`, has last read it. */
  readonly schedules: readonly ScheduleStatus[]
  /** Channels of notifications, and how each has answered last. Times are ISO 8601. */
  readonly channels: readonly {
    readonly channel: string
    readonly answered_at: string
    /** Null where the last message was taken. */
    readonly error: string | null
    readonly refusing_since: string | null
  }[]
  /** Workers that are alive. */
  readonly workers: readonly WorkerStatus[]
  /** Syncs that have begun and not ended; one whose process died stays here until the next sync begins. */
  readonly at_work: readonly SyncAtWork[]
  /** The latest runs, newest first, without ticks that were skipped. */
  readonly runs: readonly RunSummary[]
  /** Rows that the last run of each stream and export rejected. */
  readonly rejects: readonly RejectCount[]
}

/** A sync at work. */
export interface SyncAtWork {
  readonly run_id: string
  /** ISO 8601. */
  readonly started_at: string | null
  /** `PROCESS on MACHINE`; null where it has not got as far as to say so. */
  readonly process: string | null
  readonly streams: readonly string[]
}

const runsShown = 5

/** The state of the whole, in one session. */
export async function readStatus(source: ReportSource, counting: Counting = {}): Promise<Status> {
  const state = await readState(source, async (session, tables) => {
    const streams = await readStreamState(session, tables, counting)
    const runs = await latestRuns(session, { limit: runsShown, hidesSkipped: true })
    const lastRuns = lastRunOf(streams.lastSyncs, runs)
    const counts = await countRejects(session, [...new Set(lastRuns.values())])
    const rejects = counts.filter((count) => lastRuns.get(count.source) === count.run_id)
    // A warehouse of an older version has no schedules yet.
    const { db, names } = session
    const hasSchedules = tables.has(`${names.sync}.workers`)
    const schedules = hasSchedules ? (await readSchedules(db)).map(statusOf) : []
    const workers = hasSchedules ? await readLiveWorkers(db, await databaseTime(db)) : []
    const views = await describeViews(session, source.config.marts)
    const channels = tables.has(`${names.sync}.channels`) ? await readAnswers(db) : []
    const lacking = tables.has(`${names.sync}.lacking_streams`) ? await describeLackingStreams(db) : []
    const atWork = await readAtWork(session)
    return { streams, views, lacking, schedules, channels, workers, atWork, runs, rejects }
  })
  const { budget } = source.warehouse.engine
  return {
    warehouse: source.config.warehouse.type,
    schema: source.config.schema,
    engine: { threads: budget.threads, memory: budget.memory, reason: budget.reason },
    streams: describeStreams(source.config, state?.streams).filter(
      ({ selected, rows }) => selected || rows !== null,
    ),
    views: (state?.views ?? [])
      .filter(
        ({ state, absent_streams }) => state !== 'off' && (state !== 'made' || absent_streams.length > 0),
      )
      .map(({ view, state, missing_streams, absent_streams, problem }) => ({
        view,
        state,
        missing_streams,
        absent_streams,
        problem,
      })),
    lacking: state?.lacking ?? [],
    schedules: state?.schedules ?? [],
    channels: (state?.channels ?? [])
      .filter(isConfigured(source))
      .map(({ channel, answered_at, error_text, refusing_since }) => ({
        channel,
        answered_at: answered_at.toISOString(),
        error: error_text,
        refusing_since: refusing_since?.toISOString() ?? null,
      })),
    workers: state?.workers ?? [],
    at_work: state?.atWork ?? [],
    runs: state?.runs ?? [],
    rejects: state?.rejects ?? [],
  }
}

async function readAtWork({ db }: Session): Promise<readonly SyncAtWork[]> {
  const rows = await db
    .selectFrom('runs')
    .select(['run_id', 'started_at', 'details'])
    .where('kind', '=', 'sync')
    .where('state', '=', 'running')
    .orderBy('started_at')
    .execute()
  return rows.map(({ run_id, started_at, details }) => {
    const { process = null } = (details ?? {}) as Partial<Pick<SyncAtWork, 'process'>>
    const streams = streamsOfRun(details).map(({ stream }) => stream)
    return { run_id, started_at: started_at?.toISOString() ?? null, process, streams }
  })
}

/** What a channel said that nobody uses any more concerns nobody. */
const isConfigured = ({ config }: ReportSource) => {
  const channels = channelsOf(config.notifications)
  return ({ channel }: { readonly channel: string }) => channels.includes(channel)
}

/** The last run of each source of rejected rows. */
function lastRunOf(
  lastSyncs: ReadonlyMap<string, { readonly run_id: string }>,
  runs: readonly RunSummary[],
): ReadonlyMap<string, string> {
  const last = new Map<string, string>()
  for (const { job, run_id } of runs) if (!last.has(job)) last.set(job, run_id)
  for (const [stream, { run_id }] of lastSyncs) last.set(`stream:${stream}`, run_id)
  return last
}
