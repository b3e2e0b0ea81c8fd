/** The story of one stream: read a part while the one before is committed, until nothing is left. */
import { codeOf, InterruptedError, kindOf, messageOf } from '../errors.ts'
import { ShrunkWindow, UnansweredError } from '../load/faults.ts'
import { inSpan } from '../telemetry.ts'
import { explainedFault } from '../warehouse/faults.ts'
import type { NewColumn, Shape } from '../warehouse/shape.ts'
import { Ahead } from './ahead.ts'
import { type Committed, commitPart } from './commit.ts'
import type { StreamStart, SyncContext } from './context.ts'
import { BadAnswer, type Download } from './download.ts'
import { WindowFit } from './fit.ts'
import { isExport } from './instead.ts'
import { PartReader, type Phase, type ReadPart } from './part-reader.ts'
import { halvesOf, type Part } from './parts.ts'
import type { StreamReport } from './progress.ts'
import { type CountingClient, countingClient } from './source.ts'

/** Syncs one stream; a failure is part of the report, never thrown. The caller tells that it has ended. */
export function syncStream(
  context: SyncContext,
  start: StreamStart,
  plan: (client: CountingClient) => Promise<readonly Part[]>,
): Promise<StreamReport> {
  return inSpan('iterable_elt.stream', { 'iterable_elt.stream': start.stream.name }, async (span) => {
    const report = await reportOf(context, start, plan)
    const { state, rows_written, windows, error_code } = report
    span.set({ 'iterable_elt.state': state, 'iterable_elt.windows': windows })
    span.set({ 'iterable_elt.rows_written': rows_written })
    if (state === 'failed') span.fail(error_code ?? 'failed')
    return report
  })
}

async function reportOf(
  context: SyncContext,
  start: StreamStart,
  plan: (client: CountingClient) => Promise<readonly Part[]>,
): Promise<StreamReport> {
  const work = new StreamWork(context, start)
  let error: unknown
  try {
    await work.run(plan)
  } catch (caught) {
    error = context.signal.aborted ? new InterruptedError() : explainedFault(caught)
  }
  return work.report(error)
}

class StreamWork {
  readonly #context: SyncContext
  readonly #start: StreamStart
  readonly #client: CountingClient
  readonly #newColumns: NewColumn[] = []
  readonly #notes = new Set<string>()
  readonly #fit: WindowFit
  readonly #reader: PartReader
  /** What is under way is left to the next sync. */
  readonly #leaving = new AbortController()
  #shape: Shape
  #bookmark: Date | undefined
  #rowsRead = 0
  #rowsWritten = 0
  #rowsRejected = 0
  #done = 0
  #ahead: Ahead<ReadPart> | undefined
  /** Parts beyond those that were planned, less those that were left out. */
  #more = 0
  #callsRecorded = 0

  constructor(context: SyncContext, start: StreamStart) {
    this.#context = context
    this.#start = start
    this.#shape = start.shape
    this.#fit = new WindowFit(start.stream, context.routes.volumeOf(start.stream.name))
    this.#bookmark = start.bookmark
    this.#client = countingClient(context.client, {
      signal: context.signal,
      onWait: ({ reason, until, attempt }) =>
        context.emit({ type: 'wait', stream: start.stream.name, reason, until, attempt }),
    })
    this.#reader = new PartReader({
      context,
      stream: start.stream,
      client: this.#client,
      fit: this.#fit,
      leaving: this.#leaving.signal,
      progress: (part, phase, bytes) => this.#progress(part, phase, bytes),
      say: (message) => this.#say(message),
    })
  }

  async run(plan: (client: CountingClient) => Promise<readonly Part[]>): Promise<void> {
    const parts = await plan(this.#client)
    const read = (part: Part) => this.#reader.read(part)
    const { routes, room } = this.#context
    const ahead = new Ahead({ stream: this.#start.stream, fit: this.#fit, routes, read }, parts)
    this.#ahead = ahead
    try {
      for (;;) {
        await room.measure()
        const next = await ahead.next()
        if (!next) return
        if (!next.download) this.#leaveOut(next.instead)
        else await this.#commitNext(ahead, next.part, next.download)
      }
    } finally {
      this.#leaving.abort()
      for (const { download } of await ahead.end()) await download?.[Symbol.asyncDispose]()
    }
  }

  async #commitNext(ahead: Ahead<ReadPart>, part: Part, download: Download): Promise<void> {
    await using current = download
    // The next part is on its way while this one is committed.
    ahead.fill()
    await this.#commit(part, current)
  }

  report(error: unknown): StreamReport {
    const { stream } = this.#start
    const state =
      error === undefined
        ? this.#rowsRejected > 0
          ? 'succeeded_with_rejects'
          : 'succeeded'
        : error instanceof InterruptedError
          ? 'cancelled'
          : 'failed'
    return {
      stream: stream.name,
      state,
      rows_read: this.#rowsRead,
      rows_written: this.#rowsWritten,
      rows_rejected: this.#rowsRejected,
      bookmark: this.#bookmark?.toISOString() ?? null,
      windows: this.#done,
      api_calls: this.#client.calls,
      error: error === undefined ? null : messageOf(error),
      error_code: error === undefined ? null : codeOf(error),
      error_kind: error === undefined ? null : kindOf(error),
      new_columns: this.#newColumns,
      notes: [...this.#notes],
    }
  }

  /** A part that is read otherwise counts no more; a list that cannot be read is a rejected row. */
  #leaveOut(instead: readonly Part[] | undefined): void {
    if (instead) return
    this.#more -= 1
    this.#rowsRejected += 1
  }

  /** Commits a part; an answer that turns out bad, or brings fewer rows than are held, is asked for once more. */
  async #commit(part: Part, download: Download): Promise<void> {
    this.#progress(part, 'loading', download.bytes)
    try {
      this.#account(part, await this.#commitOnce(part, download))
    } catch (error) {
      const isBad = error instanceof BadAnswer || error instanceof UnansweredError
      if (!isBad && !(error instanceof ShrunkWindow)) throw error
      if (isBad) this.#say(`${part.label}: the answer has bad lines; reading it once more`)
      await this.#readAgain(part)
    }
  }

  /** The second answer to one question decides; what it does not bring is asked for in halves, one after the other. */
  async #readAgain(part: Part): Promise<void> {
    try {
      await using again = await this.#reader.readAgain(part)
      await this.#commitAgain(part, again)
    } catch (error) {
      if (this.#context.signal.aborted) throw error
      const parts =
        error instanceof UnansweredError ? this.#halvesOf(part) : this.#reader.instead(part, error)
      if (!parts) throw error
      if (error instanceof UnansweredError) this.#say(`${part.label}: ${error.message}; reading it in halves`)
      this.#more += parts.length - 1
      // In order, before anything later: the bookmark follows what is committed.
      for (const one of parts) await this.#readAgain(one)
    }
  }

  #halvesOf(part: Part): readonly Part[] | undefined {
    const { stream } = this.#start
    return isExport(stream) ? halvesOf(stream, part) : undefined
  }

  async #commitAgain(part: Part, again: Download): Promise<void> {
    try {
      this.#account(part, await this.#commitOnce(part, again))
    } catch (error) {
      // Exports are eventually consistent: what we hold was there once.
      if (!(error instanceof ShrunkWindow)) throw error
      this.#say(
        `shrunk_window ${part.label}: ${error.message}; the rows held are kept, the new part is loaded`,
      )
      this.#account(part, await this.#commitOnce(part, again, this.#heldUntil(part)))
    }
  }

  #commitOnce(part: Part, download: Download, keepBefore?: Date): Promise<Committed> {
    const apiCalls = this.#client.calls - this.#callsRecorded
    this.#callsRecorded = this.#client.calls
    return commitPart(this.#context, {
      stream: this.#start.stream,
      shape: this.#shape,
      part,
      download,
      heldUntil: this.#heldUntil(part),
      keepBefore,
      apiCalls,
    })
  }

  /** The end of the interval of a window that was read before. */
  #heldUntil({ window }: Part): Date | undefined {
    if (!window || this.#start.stream.replication !== 'append') return undefined
    const before = this.#start.bookmark
    return before && before > window.from && before < window.to ? before : window.to
  }

  #account(part: Part, committed: Committed): void {
    this.#shape = committed.shape
    this.#rowsRead += committed.rowsRead
    this.#rowsWritten += committed.rowsWritten
    this.#rowsRejected += committed.rowsRejected
    if (part.bookmark) this.#bookmark = part.bookmark
    this.#done += 1
    this.#reader.forget(part)
    if (committed.volume) this.#context.routes.learn(this.#start.stream.name, committed.volume)
    this.#newColumns.push(...committed.newColumns)
    for (const note of committed.notes) this.#notes.add(note)
    this.#progress(part, 'done', 0)
  }

  #progress(part: Part, phase: Phase, bytes: number): void {
    this.#context.emit({
      type: 'progress',
      stream: this.#start.stream.name,
      phase,
      label: part.label,
      bytes,
      rows: this.#rowsWritten,
      done: this.#done,
      total: (this.#ahead?.total ?? 0) + this.#more,
    })
  }

  #say(message: string): void {
    this.#notes.add(message)
    this.#context.emit({ type: 'notice', stream: this.#start.stream.name, message })
  }
}
