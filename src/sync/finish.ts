/** How a sync ends: views are made, sweeps are told, the run is recorded. */
import { catalogue } from '../catalog/index.ts'
import { messageOf } from '../errors.ts'
import { installViews } from '../marts/install.ts'
import { forgetOldCourses, writeLog } from '../state/run-log.ts'
import { readSince, writeSteps } from '../state/run-steps.ts'
import { endRun } from '../state/runs.ts'
import { commentTables } from '../warehouse/comments.ts'
import { customEvents, keepEventViews } from '../warehouse/custom-events.ts'
import type { Session } from '../warehouse/session.ts'
import type { StreamLocks } from '../warehouse/stream-locks.ts'
import { createMissingViews } from '../warehouse/views.ts'
import type { StreamStart } from './context.ts'
import type { Unwritten } from './course.ts'
import { type SyncInput, selectedStreams } from './input.ts'
import type { StreamReport, SyncReport } from './progress.ts'
import { dropAged } from './retention.ts'
import { endSweeps } from './sweep.ts'

/** Records the end of the run, and reports it. */
export async function finishSync(
  input: SyncInput,
  ended: Pick<Parameters<typeof endSweeps>[1], 'reports' | 'starts' | 'sweeps' | 'now'> & {
    readonly unwritten: Unwritten
    readonly locks: StreamLocks
  },
): Promise<SyncReport> {
  const { runId, warehouse, clock, emit } = input
  let { reports } = ended
  const { unwritten, locks } = ended
  const sum = (pick: (report: StreamReport) => number) =>
    reports.reduce((total, report) => total + pick(report), 0)
  let report: SyncReport = {
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
  const end = () =>
    warehouse.use(
      async (session) => {
        const views = {
          settings: input.marts,
          // Who began before this sync and still works may bring rows of an earlier time.
          loadedThrough: (await locks.hasCompany()) ? undefined : ended.now,
          now: clock.now(),
        }
        const notices: string[] = []
        if (!input.signal.aborted && input.marts.enabled)
          notices.push(...(await installViews(session, views)))
        if (!input.signal.aborted) notices.push(...(await trimmings(session, input)))
        await writeSteps(session.db, unwritten.steps)
        notices.push(...(await eventViews(session, input, reports)))
        if (!input.signal.aborted) {
          reports = await endSweeps(session, { ...ended, config: input.config, reach: input.reach, emit })
          reports = await dropOld(session, input, reports, ended)
        }
        report = { ...report, streams: reports }
        for (const message of notices) emit({ type: 'notice', stream: undefined, message })
        await writeLog(session.db, runId, [...unwritten.lines, ...input.log.unwritten])
        await forgetOldCourses(session.db, clock.now())
        // Of the views, and the schema that they may have come with.
        await warehouse.upkeep.admitReaders?.(session)
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
  await locks.inTurn(end, { signal: input.signal, onWait })
  await tendTables(input)
  return report
}

/** Drops what is older than streams keep it, where all of a stream was read; the report says what went. */
async function dropOld(
  session: Session,
  { config, runId, emit, warehouse }: SyncInput,
  reports: readonly StreamReport[],
  { starts, now }: { readonly starts: readonly StreamStart[]; readonly now: Date },
): Promise<readonly StreamReport[]> {
  const streams = starts.map(({ stream }) => stream)
  const dropped = await dropAged(session, warehouse.upkeep, config, { streams, runId, now })
  return reports.map((report) => {
    const one = dropped.find(({ stream, rows }) => stream === report.stream && rows > 0)
    if (!one) return report
    const message = `${one.rows} ${one.rows === 1 ? 'row' : 'rows'} from before ${one.keptSince.toISOString().slice(0, 10)} dropped (sync.retention)`
    emit({ type: 'notice', stream: report.stream, message })
    return { ...report, notes: [...report.notes, message] }
  })
}

/** After the run: whoever waits for its rows need not wait for them. What fails is told, and tried again after the next. */
async function tendTables(input: SyncInput): Promise<void> {
  const { warehouse, signal, emit } = input
  const tables = selectedStreams(input)
    .filter(({ replication }) => replication === 'append')
    .map(({ name }) => name)
  const { upkeep } = warehouse
  if (!upkeep.tendTables || tables.length === 0 || signal.aborted) return
  const failures = await upkeep
    .tendTables(tables, signal)
    .catch((error: unknown) => [`the tables of events could not be looked after: ${messageOf(error)}`])
  for (const message of failures) emit({ type: 'notice', stream: undefined, message })
}

/** What belongs to the stream tables, and may be missing. */
async function trimmings(session: Session, { connection }: SyncInput): Promise<readonly string[]> {
  try {
    await createMissingViews(session)
    await commentTables(session, catalogue(connection.project_type))
    return []
  } catch (error) {
    return [
      `the tables of ${session.names.streams} lack some of their views and comments: ${messageOf(error)}`,
    ]
  }
}

/** The views of custom events, where some were read. */
async function eventViews(
  session: Session,
  { runId, clock, signal }: SyncInput,
  reports: readonly StreamReport[],
): Promise<readonly string[]> {
  const report = reports.find(({ stream }) => stream === customEvents)
  if (signal.aborted || !report || report.windows === 0) return []
  try {
    const since = await readSince(session.db, customEvents, runId)
    return await keepEventViews(session, { since, now: clock.now() })
  } catch (error) {
    return [`the views of custom events are as they were: ${messageOf(error)}`]
  }
}

function stateOf(reports: readonly StreamReport[]): SyncReport['state'] {
  for (const state of ['cancelled', 'failed', 'succeeded_with_rejects'] as const) {
    if (reports.some((report) => report.state === state)) return state
  }
  return 'succeeded'
}
