/** One part into the warehouse: prepared, committed, and prepared anew where the fast path was refused. */

import type { Stream } from '../catalog/index.ts'
import { sweepAll } from '../engine/sweep.ts'
import { type Loaded, load, type Scope } from '../load/commit.ts'
import { DriftError } from '../load/faults.ts'
import { type Prepared, prepareLoad } from '../load/prepare.ts'
import { countUnreadTimes } from '../load/unread.ts'
import { advanceBookmark } from '../state/bookmarks.ts'
import { endLoadedJob } from '../state/export-jobs.ts'
import { writeLog } from '../state/run-log.ts'
import { type Step, writeSteps } from '../state/run-steps.ts'
import { addToRun } from '../state/runs.ts'
import { type StreamVolume, writeVolume } from '../state/stream-volumes.ts'
import { inSpan } from '../telemetry.ts'
import { type NewColumn, newColumns, type Shape } from '../warehouse/shape.ts'
import { prepareTable } from '../warehouse/tables.ts'
import { type Care, moreCare, noCare } from './care.ts'
import type { SyncContext } from './context.ts'
import type { StepFacts } from './course.ts'
import { BadAnswer, type Download, hasBadLines } from './download.ts'
import type { Part } from './parts.ts'
import { learned } from './volume.ts'

export interface CommitInput {
  readonly stream: Stream
  readonly shape: Shape
  readonly part: Part
  readonly download: Download
  readonly heldUntil: Date | undefined
  /** Rows before this instant stay as they are (a shrunk window). */
  readonly keepBefore?: Date | undefined
  readonly apiCalls: number
}

export interface Committed extends Loaded {
  /** What is known of the stream now, where its bookmark has moved. */
  readonly volume: StreamVolume | undefined
  readonly newColumns: readonly NewColumn[]
  readonly notes: readonly string[]
}

/**
 * Loads a download and moves the bookmark, in one transaction.
 * @throws BadAnswer, ShrunkWindow, UserError; the warehouse is as it was then.
 */
export function commitPart(context: SyncContext, input: CommitInput): Promise<Committed> {
  const attributes = {
    'db.system.name': context.warehouse.dialect.system,
    'iterable_elt.stream': input.stream.name,
  }
  return inSpan('iterable_elt.commit', attributes, async (span) => {
    const committed = await committedPart(context, input)
    span.set({ 'iterable_elt.rows_written': committed.rowsWritten })
    return committed
  })
}

async function committedPart(context: SyncContext, input: CommitInput): Promise<Committed> {
  let care = noCare
  let shape = input.shape
  for (;;) {
    try {
      const prepared = await prepare(context, input, shape, care)
      // Where altering is a transaction of its own, the table keeps what it became, also when the load fails.
      shape = await alterTable(context, shape, prepared)
      const loaded = await transact(context, { ...input, shape, ...care }, prepared)
      // What is left of a large load is in nobody's way any more when the next one comes.
      if (input.download.bytes > sweptBytes) sweepAll()
      const notes = notesOf(input.shape, loaded.shape, prepared)
      notes.push(...(await noteOfTimes(context, input, loaded, prepared)))
      return { ...loaded, newColumns: newColumns(input.shape, loaded.shape), notes }
    } catch (error) {
      const more = moreCare(care, error, input.stream.bookmark)
      if (!more && !(await context.warehouse.engine.growAfter(error))) throw causeOf(error)
      if (more?.isCareful && !care.isCareful) await refuseFirstBadAnswer(input)
      care = more ?? care
    }
  }
}

/** A download of so many bytes leaves garbage that counts. */
const sweptBytes = 8 * 2 ** 20

/** Lines that are not JSON show when they are loaded: before they are taken for bad, the question is asked again. */
async function refuseFirstBadAnswer({ download, stream }: CommitInput): Promise<void> {
  if (!download.isSecondRead && (await hasBadLines(download, stream, { everywhere: true })))
    throw new BadAnswer()
}

function prepare(
  { warehouse, declared }: SyncContext,
  { stream, download }: CommitInput,
  shape: Shape,
  { isCareful, doubtful }: Care,
): Promise<Prepared> {
  return prepareLoad(warehouse, {
    stream,
    shape,
    chunks: download.chunks,
    refused: download.refused,
    declared: stream.hasProfileFields ? declared : new Map(),
    directory: download.directory,
    careful: isCareful,
    doubtful,
  })
}

function alterTable(
  { warehouse, now, signal }: SyncContext,
  before: Shape,
  { shape: after }: Prepared,
): Promise<Shape> {
  if (!warehouse.dialect.altersFirst || before === after) return Promise.resolve(before)
  return warehouse.use((session) => prepareTable(session, before, after, now), { signal, isRepeatable: true })
}

async function transact(
  context: SyncContext,
  input: CommitInput & Pick<Care, 'leavesOutStrays'>,
  prepared: Prepared,
): Promise<Omit<Committed, 'notes' | 'newColumns'>> {
  const { runId, now, warehouse, signal, emit, maxRejectPercent, course } = context
  const { stream, part, shape, download, heldUntil, keepBefore, leavesOutStrays } = input
  const scope: Scope = part.scope.kind === 'window' ? { ...part.scope, keepBefore } : part.scope
  const onWait = (message: string) => emit({ type: 'notice', stream: stream.name, message })
  const unwritten = course.take()
  const facts = course.begin(stream.name, part.label)
  const committing = warehouse.transaction(
    async (tx) => {
      const loaded = await load(tx, {
        stream,
        before: shape,
        prepared,
        scope,
        maxRejectPercent,
        leavesOutStrays,
        heldUntil,
        stamps: { runId, loadedAt: now },
      })
      if (part.bookmark) await advanceBookmark(tx.db, stream.name, part.bookmark, { runId, now })
      if (download.job) await endLoadedJob(tx.db, download.job, context.clock.now())
      const volume = volumeAfter(context, input, loaded)
      if (volume) await writeVolume(tx.db, stream.name, volume, now)
      await addToRun(tx.db, runId, { ...loaded, bytesRead: download.bytes, apiCalls: input.apiCalls })
      const step = stepOf(context, input, loaded, facts)
      if (unwritten) {
        await writeSteps(tx.db, [...unwritten.steps, step])
        await writeLog(tx.db, runId, unwritten.lines)
      }
      return { ...loaded, volume, step }
    },
    { signal, onWait, isRepeatable: true },
  )
  try {
    const { step, ...committed } = await committing
    if (!unwritten) course.keep(step)
    course.end(stream.name, part.label, facts)
    return committed
  } catch (error) {
    course.fail()
    if (unwritten) course.giveBack(unwritten)
    throw error
  }
}

/** What is kept of it for those who look at the run. */
function stepOf(
  { runId, clock }: SyncContext,
  { stream, part, download, apiCalls }: CommitInput,
  { rowsRead, rowsWritten, rowsRejected }: Loaded,
  { begunAt, retries, waitedMs, done, total, secondsLeft }: StepFacts,
): Step {
  return {
    run_id: runId,
    stream: stream.name,
    step: part.label,
    window_from: part.window?.from ?? null,
    window_to: part.window?.to ?? null,
    begun_at: begunAt,
    ended_at: clock.now(),
    rows_read: rowsRead,
    rows_written: rowsWritten,
    rows_rejected: rowsRejected,
    bytes_read: download.bytes,
    api_calls: apiCalls,
    retries,
    waited_ms: waitedMs,
    steps_done: done,
    steps_total: total,
    seconds_left: secondsLeft,
  }
}

/** Only windows that move the bookmark tell how a stream goes: others are of any time. */
function volumeAfter(
  { routes }: SyncContext,
  { stream, part, download }: CommitInput,
  { rowsRead }: Loaded,
): StreamVolume | undefined {
  if (!part.window || !part.bookmark) return undefined
  const { bytes, job } = download
  const seen = { window: part.window, rows: rowsRead, bytes, waitSeconds: job?.waitSeconds }
  return learned(routes.volumeOf(stream.name), seen)
}

function notesOf(before: Shape, after: Shape, prepared: Prepared): string[] {
  const old = new Map(before.columns.map(({ name, type }) => [name, type]))
  const notes: string[] = []
  for (const { name, type } of after.columns) {
    const was = old.get(name)
    if (was !== undefined && was !== type) notes.push(`column "${name}" widened from ${was} to ${type}`)
  }
  if (prepared.replacedSurrogates > 0) {
    notes.push(
      `${prepared.replacedSurrogates} rows had half a surrogate pair or broken UTF-8: it is U+FFFD now`,
    )
  }
  if (prepared.twins > 0) {
    notes.push(
      `${prepared.twins} rows had several members of one name within a nested value: the last of them is kept`,
    )
  }
  if (prepared.replacedNuls > 0) {
    notes.push(`${prepared.replacedNuls} rows had U+0000: it is U+2400 now, the original is in _extra`)
  }
  return notes
}

async function noteOfTimes(
  { warehouse }: SyncContext,
  { stream }: CommitInput,
  { shape, hasExtras }: Loaded,
  { chunks }: Prepared,
): Promise<string[]> {
  const count = hasExtras ? await countUnreadTimes(warehouse.engine, shape, stream, chunks) : 0
  return count > 0 ? [`${count} times could not be read: they are text in _extra`] : []
}

/** A drift that even the careful path meets is shown as what the database said. */
const causeOf = (error: unknown): unknown =>
  error instanceof DriftError && error.cause instanceof Error ? error.cause : error
