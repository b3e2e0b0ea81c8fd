/** The story of one stream: read a part while the one before is committed, until nothing is left. */
import { codeOf, InterruptedError, kindOf, messageOf } from '../errors.ts'
import { ShrunkWindow, UnansweredError } from '../load/faults.ts'
import { inSpan } from '../telemetry.ts'
import { explainedFault } from '../warehouse/faults.ts'
import type { Shape } from '../warehouse/shape.ts'
import { type Committed, commitPart } from './commit.ts'
import type { StreamStart, SyncContext } from './context.ts'
import { BadAnswer, type Download } from './download.ts'
import { WindowFit } from './fit.ts'
import { isExport } from './instead.ts'
import { PartReader, type Phase, type ReadPart } from './part-reader.ts'
import { halvesOf, type Part } from './parts.ts'
import type { StreamReport } from './progress.ts'
import type { Route } from './route.ts'
import { jobPlaces } from './routes.ts'
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

/** A part that is being read. */
interface Reading {
  readonly route: Route
  readonly result: Promise<ReadPart>
}

class StreamWork {
  readonly #context: SyncContext
  readonly #start: StreamStart
  readonly #client: CountingClient
  readonly #queue: Part[] = []
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
  /** Parts that were taken from the queue, but for those that went back to it in halves or were left out. */
  #begun = 0
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
    this.#queue.push(...(await plan(this.#client)))
    const ahead: Reading[] = []
    try {
      for (this.#readAhead(ahead); ahead.length > 0; this.#readAhead(ahead)) {
        const { part, download, instead } = await (ahead[0] as Reading).result
        ahead.shift()
        if (!download) this.#leaveOut(instead)
        // In order, before anything later: the bookmark follows what is committed.
        if (instead && ahead.length > 0) ahead.unshift(...instead.map((one) => this.#begin(one)))
        else if (instead) this.#queue.unshift(...instead)
        if (!download) continue
        await using current = download
        // The next part is on its way while this one is committed.
        this.#readAhead(ahead)
        await this.#commit(part, current)
      }
    } finally {
      this.#leaving.abort()
      for (const { result } of ahead) {
        const left = await result.catch(() => undefined)
        await left?.download?.[Symbol.asyncDispose]()
      }
    }
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
      notes: [...this.#notes],
    }
  }

  /** Begins to read the next part, and the ones behind it where jobs can work on them at once. */
  #readAhead(ahead: Reading[]): void {
    for (let next = this.#queue[0]; next && this.#mayBegin(next, ahead); next = this.#queue[0]) {
      const [part, rest] = this.#fit.cut(next)
      this.#queue.splice(0, 1, ...(rest ? [rest] : []))
      ahead.push(this.#begin(part))
    }
  }

  #mayBegin({ isFlexible }: Part, ahead: readonly Reading[]): boolean {
    const last = ahead.at(-1)
    if (!last) return true
    // How long the next window may be shows only when one has come.
    return last.route === 'jobs' && ahead.length < jobPlaces && (!isFlexible || this.#fit.isKnown)
  }

  #begin(part: Part): Reading {
    this.#begun += 1
    const route = this.#reader.routeOf(part)
    const result = this.#reader.read(part)
    result.catch(() => {})
    return { route, result }
  }

  /** A part that is read otherwise counts no more; a list that cannot be read is a rejected row. */
  #leaveOut(instead: readonly Part[] | undefined): void {
    this.#begun -= 1
    if (!instead) this.#rowsRejected += 1
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
      this.#begun += parts.length - 1
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
      total: this.#begun + this.#queue.length,
    })
  }

  #say(message: string): void {
    this.#notes.add(message)
    this.#context.emit({ type: 'notice', stream: this.#start.stream.name, message })
  }
}
