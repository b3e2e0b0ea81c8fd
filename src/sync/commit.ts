/** One part into the warehouse: prepared, committed, and prepared anew where the fast path was refused. */

import type { Stream } from '../catalog/index.ts'
import { advanceBookmark } from '../state/bookmarks.ts'
import { addToRun } from '../state/runs.ts'
import { isCheckpointFailure } from '../warehouse/engine.ts'
import { DriftError, type Loaded, load, type Scope } from '../warehouse/load/commit.ts'
import { UnreadableChunk } from '../warehouse/load/inspect.ts'
import { type Prepared, type PrepareOptions, prepareLoad } from '../warehouse/load/prepare.ts'
import { countUnreadTimes } from '../warehouse/load/unread.ts'
import type { Shape } from '../warehouse/shape.ts'
import { sweepAll } from '../warehouse/sweep.ts'
import { prepareTable } from '../warehouse/tables.ts'
import type { SyncContext } from './context.ts'
import { BadAnswer, type Download, hasBadLines } from './download.ts'
import type { Part } from './parts.ts'

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
  readonly notes: readonly string[]
}

/**
 * Loads a download and moves the bookmark, in one transaction.
 * @throws BadAnswer, ShrunkWindow, UserError; the warehouse is as it was then.
 */
export async function commitPart(context: SyncContext, input: CommitInput): Promise<Committed> {
  let careful = false
  let leavesOutStrays = false
  let isCounted = false
  const doubtful = new Set<string>()
  let shape = input.shape
  for (;;) {
    try {
      const prepared = await prepare(context, input, shape, { careful, doubtful })
      // Where altering is a transaction of its own, the table keeps what it became, also when the load fails.
      shape = await alterTable(context, shape, prepared)
      const loaded = await transact(context, { ...input, shape, leavesOutStrays, isCounted }, prepared)
      // What is left of a large load is in nobody's way any more when the next one comes.
      if (input.download.bytes > sweptBytes) sweepAll()
      const notes = notesOf(input.shape, loaded.shape, prepared)
      return { ...loaded, notes: [...notes, ...(await noteOfTimes(context, input, loaded, prepared))] }
    } catch (error) {
      // Of a commit whose checkpoint found no room everything stands, the counts of the run too.
      if (isCheckpointFailure(error)) isCounted = true
      if (error instanceof DriftError && error.column === input.stream.bookmark && !leavesOutStrays) {
        leavesOutStrays = true
      } else if (error instanceof DriftError && error.column && !doubtful.has(error.column) && !careful) {
        doubtful.add(error.column)
      } else if ((error instanceof DriftError || error instanceof UnreadableChunk) && !careful) {
        await refuseFirstBadAnswer(input)
        careful = true
      } else if (!(await context.warehouse.engine.growAfter(error))) throw causeOf(error)
    }
  }
}

/** A download of so many bytes leaves garbage that counts. */
const sweptBytes = 8 * 2 ** 20

/** Lines that are no JSON show when they are loaded: before they are taken for bad, the question is asked again. */
async function refuseFirstBadAnswer({ download, stream }: CommitInput): Promise<void> {
  if (!download.isSecondRead && (await hasBadLines(download, stream, { everywhere: true })))
    throw new BadAnswer()
}

function prepare(
  { warehouse, declared }: SyncContext,
  { stream, download }: CommitInput,
  shape: Shape,
  how: Pick<PrepareOptions, 'careful' | 'doubtful'>,
): Promise<Prepared> {
  return prepareLoad(warehouse, {
    stream,
    shape,
    chunks: download.chunks,
    refused: download.refused,
    declared: stream.hasProfileFields ? declared : new Map(),
    directory: download.directory,
    ...how,
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
  input: CommitInput & { readonly leavesOutStrays: boolean; readonly isCounted: boolean },
  prepared: Prepared,
): Promise<Loaded> {
  const { runId, now, warehouse, signal, emit, maxRejectPercent } = context
  const { stream, part, shape, download, heldUntil, keepBefore, leavesOutStrays } = input
  const scope: Scope = part.scope.kind === 'window' ? { ...part.scope, keepBefore } : part.scope
  const onWait = (message: string) => emit({ type: 'notice', stream: stream.name, message })
  return warehouse.use(
    (session) =>
      session.db.transaction().execute(async (trx) => {
        const stamps = { runId, loadedAt: now }
        const loaded = await load(trx, session, {
          stream,
          before: shape,
          prepared,
          scope,
          stamps,
          maxRejectPercent,
          leavesOutStrays,
          heldUntil,
        })
        if (part.bookmark) await advanceBookmark(trx, stream.name, part.bookmark, { runId, now })
        const counts = { ...loaded, bytesRead: download.bytes, apiCalls: input.apiCalls }
        if (!input.isCounted) await addToRun(trx, runId, counts)
        return loaded
      }),
    { signal, onWait, isRepeatable: true },
  )
}

function notesOf(before: Shape, after: Shape, prepared: Prepared): string[] {
  const old = new Map(before.columns.map(({ name, type }) => [name, type]))
  const notes: string[] = []
  for (const { name, type } of after.columns) {
    const was = old.get(name)
    if (was === undefined) notes.push(`new column "${name}" (${type})`)
    else if (was !== type) notes.push(`column "${name}" widened from ${was} to ${type}`)
  }
  if (prepared.replacedSurrogates > 0) {
    notes.push(
      `${prepared.replacedSurrogates} rows had half a surrogate pair or broken UTF-8: it is U+FFFD now`,
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
