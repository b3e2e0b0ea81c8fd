/** Iterable → warehouse: one run over all streams. */
import { setMaxListeners } from 'node:events'
import pLimit from 'p-limit'
import { InterruptedError } from '../errors.ts'
import { removeSpool } from '../spool/spool.ts'
import { endExportJob } from '../state/export-jobs.ts'
import { inSpan } from '../telemetry.ts'
import { lockStreams } from '../warehouse/stream-locks.ts'
import { leftOut } from './asked.ts'
import { type BegunSync, begin, declaredTypes } from './begin.ts'
import type { StreamStart, SyncContext } from './context.ts'
import { Course } from './course.ts'
import { endpointOf } from './endpoint.ts'
import { finishSync } from './finish.ts'
import { planOptions, routesOf, type SyncInput, selectedStreams } from './input.ts'
import { JobDesk } from './job-desk.ts'
import { judgeLacking, mayLack, unaskedReport } from './lacking.ts'
import { forgetVanishedLists } from './lists.ts'
import type { Part } from './parts.ts'
import { byBulk, listParts, partsOf } from './plan.ts'
import { type StreamReport, type SyncReport, untouchedReport } from './progress.ts'
import { type PlannedStream, withWhole } from './remaining.ts'
import { refuseDropped } from './retention.ts'
import { DiskRoom } from './room.ts'
import { directLanes, jobPlaces } from './routes.ts'
import { syncStream } from './stream.ts'
import { beginSweeps, type Sweep } from './sweep.ts'

/** How many answers of one kind may be on their way at once; the pace is the client's. */
const lanes = {
  export: directLanes,
  jobs: jobPlaces,
  members: 2,
  documents: 4,
  metadata: 1,
  walk: 6,
} as const

/**
 * Syncs the selected streams, each on its own: one that fails does not stop the others. Where several syncs may work at
 * once, streams that another one has are left to it.
 * @throws UserError `locked` when another sync has the warehouse, or all of the streams; ConfigError for unknown streams, and whatever
 * the warehouse says when it cannot be opened. Failures of streams are in the report.
 */
export function sync(input: SyncInput): Promise<SyncReport> {
  return inSpan('iterable_elt.sync', { 'iterable_elt.run_id': input.runId }, async (span) => {
    const report = await syncStreams(input)
    const { state, rows_read, rows_written, rows_rejected } = report
    span.set({ 'iterable_elt.state': state })
    span.set({ 'iterable_elt.rows_read': rows_read, 'iterable_elt.rows_written': rows_written })
    span.set({ 'iterable_elt.rows_rejected': rows_rejected })
    if (state === 'failed') span.fail('failed')
    return report
  })
}

async function syncStreams(given: SyncInput): Promise<SyncReport> {
  const course = new Course(given.log, given.clock)
  const input = { ...given, signal: AbortSignal.any([given.signal]), emit: course.heard(given.emit) }
  const { warehouse, runId, clock, signal, stopping } = input
  // Every request of every stream listens to it; the caller's own stays as it is.
  setMaxListeners(0, signal)
  const selected = selectedStreams(input)
  refuseDropped(input.config, selected, input.reach, clock.now())
  const names = selected.map(({ name }) => name)
  await using locks = await lockStreams(warehouse, names, runId)
  // Within the locks: what ended before this sync has nothing of a later time.
  const now = clock.now()
  if (locks.isWhole) await removeSpool(warehouse.spoolDirectory)
  const streams = selected.filter(({ name }) => !locks.heldBy.has(name))
  const begun = await begin(input, { streams, locks, now })
  const emit = withWhole(input.client, plannedStreams(input, begun, now), input.emit)
  emit({ type: 'started', runId, streams: streams.map(({ name }) => name) })
  const room = new DiskRoom(warehouse.spoolDirectory)
  await room.measure()
  const turns = new Map(Object.entries(lanes).map(([kind, most]) => [kind, pLimit(most)]))
  const context: SyncContext = {
    runId,
    warehouse,
    client: input.client,
    clock,
    now,
    signal,
    stopping,
    projectType: input.connection.project_type,
    declared: await declaredTypes(input, streams),
    maxRejectPercent: input.config.max_reject_percent,
    memberCounts: begun.memberCounts,
    course,
    emit,
    routes: routesOf(input, begun.volumes, () => room.windowBytes),
    room,
    jobDesk: new JobDesk(),
    turnOf: (stream, work, route) =>
      (turns.get(route === 'jobs' ? route : stream.read.kind) as ReturnType<typeof pLimit>)(() => {
        if (stopping.aborted) throw new InterruptedError()
        return work()
      }),
  }
  // A stream that is not asked for is not swept either: its sweep stays due.
  const asked = begun.starts.filter((start) => !isLeftOut(context, input, start))
  const sweeps = await beginSweeps(context, input, asked)
  for (const [stream, holder] of locks.heldBy) emit({ type: 'finished', report: heldReport(stream, holder) })
  const reports = await syncAll(context, input, begun, sweeps)
  if (locks.isWhole) await removeSpool(warehouse.spoolDirectory)
  // Within the locks: who comes next finds this run ended.
  return await finishSync(input, {
    locks,
    reports: names.map((name) => {
      const holder = locks.heldBy.get(name)
      const report = reports.find(({ stream }) => stream === name)
      return holder === undefined ? (report as StreamReport) : heldReport(name, holder)
    }),
    starts: begun.starts,
    sweeps,
    now,
    unwritten: course.takeAll(),
  })
}

/** A stream that is left to the sync that has it. */
const heldReport = (stream: string, holder: string): StreamReport =>
  untouchedReport(stream, {
    state: 'skipped',
    error: `held by another sync (${holder})`,
    error_code: 'locked',
    error_kind: 'transient',
  })

/** As far as it is known before the lists of the project are asked for. */
const plannedStreams = (
  input: SyncInput,
  { starts, memberCounts }: BegunSync,
  now: Date,
): readonly PlannedStream[] =>
  starts.map((start) => ({
    stream: start.stream.name,
    endpoint: endpointOf(start.stream),
    parts:
      start.stream.read.kind === 'members'
        ? Math.max(1, memberCounts.size)
        : partsOf(start.stream, start.bookmark, planOptions(input, start, now)).length,
  }))

/** Syncs all of them; what may be lacking in the project is judged, and told, when the others have ended. */
async function syncAll(
  context: SyncContext,
  input: SyncInput,
  { starts, hasExported }: Pick<BegunSync, 'starts' | 'hasExported'>,
  sweeps: ReadonlyMap<string, Sweep>,
): Promise<readonly StreamReport[]> {
  const one = async (start: StreamStart) => {
    const report = isLeftOut(context, input, start)
      ? unaskedReport(start)
      : await syncOne(context, input, start, sweeps.get(start.stream.name))
    if (!mayLack(start.stream, report)) context.emit({ type: 'finished', report })
    return { start, report }
  }
  const ordered = [...starts].sort((a, b) => byBulk(a.stream, b.stream))
  return judgeLacking(context, await Promise.all(ordered.map(one)), hasExported)
}

const isLeftOut = ({ routes, now }: SyncContext, input: SyncInput, start: StreamStart): boolean =>
  leftOut(start, input, routes.volumeOf(start.stream.name), now) !== undefined

async function syncOne(
  context: SyncContext,
  input: SyncInput,
  start: StreamStart,
  sweep: Sweep | undefined,
): Promise<StreamReport> {
  const { stream, bookmark } = start
  if (stream.read.kind !== 'members') {
    return syncStream(context, start, async () => {
      const options = { ...planOptions(input, start, context.now), sweepFrom: sweep?.from }
      const parts = partsOf(stream, bookmark, options)
      if (input.reach.kind !== 'slice') await discardUnused(context, start, parts)
      return parts
    })
  }
  return syncStream(context, start, async (client) => {
    const isEmailProject = context.projectType === 'email'
    const { lists, parts } = await listParts(client, { isEmailProject, updatedAt: context.now })
    await forgetVanishedLists(context, stream, lists)
    return parts
  })
}

/** Jobs of earlier syncs that nobody goes on with: this one asks for other windows. */
async function discardUnused(
  { warehouse, clock }: SyncContext,
  { openJobs }: StreamStart,
  parts: readonly Part[],
): Promise<void> {
  const unused = openJobs.filter((job) => !parts.some(({ openJob }) => openJob === job))
  if (unused.length === 0) return
  const end = {
    state: 'discarded',
    problem: 'a later sync asked for other windows',
    now: clock.now(),
  } as const
  await warehouse.use(async ({ db }) => {
    for (const { requestId } of unused) await endExportJob(db, requestId, end)
  })
}
