/** The story of one stream: read a part while the one before is committed, until nothing is left. */
import { codeOf, InterruptedError, kindOf, messageOf, UserError } from '../errors.ts'
import { IterableHttpError } from '../iterable/errors.ts'
import { explainedFault } from '../warehouse/faults.ts'
import { ShrunkWindow, UnansweredError } from '../warehouse/load/commit.ts'
import type { Shape } from '../warehouse/shape.ts'
import { type Committed, commitPart } from './commit.ts'
import type { StreamStart, SyncContext } from './context.ts'
import { BadAnswer, type Download, download, hasBadLines } from './download.ts'
import { checkMemberCount, rejectList } from './lists.ts'
import { halvesOf, type Part } from './parts.ts'
import type { StreamReport } from './progress.ts'
import { isBrokenTransfer, isUndelivered, type List } from './readers.ts'
import { type CountingClient, countingClient } from './source.ts'

/** Syncs one stream; a failure is part of the report, never thrown. The caller tells that it has ended. */
export async function syncStream(
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

type ExportStream = Parameters<typeof halvesOf>[0]

class StreamWork {
  readonly #context: SyncContext
  readonly #start: StreamStart
  readonly #client: CountingClient
  readonly #queue: Part[] = []
  readonly #notes = new Set<string>()
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
    this.#bookmark = start.bookmark
    this.#client = countingClient(context.client, {
      signal: context.signal,
      onWait: ({ reason, until }) => context.emit({ type: 'wait', stream: start.stream.name, reason, until }),
    })
  }

  async run(plan: (client: CountingClient) => Promise<readonly Part[]>): Promise<void> {
    this.#queue.push(...(await plan(this.#client)))
    // The next part is on its way while this one is committed.
    let ahead = this.#begin()
    try {
      while (ahead) {
        const { part, download } = await ahead.result
        ahead = undefined
        if (!download) {
          ahead = this.#begin()
          continue
        }
        await using current = download
        ahead = this.#begin()
        await this.#commit(part, current)
      }
    } finally {
      const left = await ahead?.result.catch(() => undefined)
      await left?.download?.[Symbol.asyncDispose]()
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

  /** Takes the next part of the queue and begins to read it. */
  #begin(): { result: Promise<{ part: Part; download: Download | undefined }> } | undefined {
    const part = this.#queue.shift()
    if (!part) return undefined
    this.#begun += 1
    const result = this.#read(part)
    result.catch(() => {})
    return { result }
  }

  /** Reads a part; what Iterable does not deliver is halved, or (a list) reported and left out. */
  async #read(part: Part): Promise<{ part: Part; download: Download | undefined }> {
    const { context, stream } = { context: this.#context, stream: this.#start.stream }
    try {
      return { part, download: await context.turnOf(stream, () => this.#download(part)) }
    } catch (error) {
      if (context.signal.aborted) throw error
      const parts = isUndelivered(error) ? this.#halvesOf(part) : undefined
      if (parts) {
        this.#begun -= 1
        this.#queue.unshift(...parts)
        this.#say(`${part.label} does not arrive whole (${messageOf(error)}); reading it in halves`)
        return { part, download: undefined }
      }
      if (part.list && isUnreadable(error)) {
        await rejectList(context, stream, part.list, error)
        this.#begun -= 1
        this.#rowsRejected += 1
        this.#say(`list ${part.list.id} cannot be read and keeps its rows: ${messageOf(error)}`)
        return { part, download: undefined }
      }
      throw error
    }
  }

  /** Reads until a whole answer has come; one with bad lines is read once more before anything is decided. */
  async #download(part: Part, isAgain = false): Promise<Download> {
    let isSecondRead = isAgain
    for (let attempt = 1; ; attempt += 1) {
      try {
        const read = await this.#readOnce(part, isSecondRead)
        if (!isSecondRead && (await hasBadLines(read, this.#start.stream))) {
          isSecondRead = true
          await read[Symbol.asyncDispose]()
          this.#say(`${part.label}: the answer has bad lines; reading it once more`)
          continue
        }
        if (part.list) await this.#checkMembers(part.list, read)
        return read
      } catch (error) {
        if (this.#context.signal.aborted || !isBrokenTransfer(error) || attempt >= part.attempts) throw error
        this.#say(`${part.label}: ${messageOf(error)}; trying again`)
        await this.#context.clock.sleep(500 * 2 ** attempt, this.#context.signal)
      }
    }
  }

  async #checkMembers(list: List, read: Download): Promise<void> {
    const members = read.chunks.reduce((sum, { lines }) => sum + lines, 0)
    const before = this.#context.memberCounts.get(list.id) ?? 0
    try {
      await checkMemberCount(this.#client, list, { members, before })
    } catch (error) {
      await read[Symbol.asyncDispose]()
      throw error
    }
  }

  #readOnce(part: Part, isSecondRead: boolean): Promise<Download> {
    this.#progress(part, 'downloading', 0)
    return download(
      {
        stream: this.#start.stream,
        spoolDirectory: this.#context.warehouse.spoolDirectory,
        isSecondRead,
        onBytes: (bytes) => this.#progress(part, 'downloading', bytes),
      },
      (sink) => part.read(this.#client, sink),
    )
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
      await using again = await this.#context.turnOf(this.#start.stream, () => this.#download(part, true))
      await this.#commitAgain(part, again)
    } catch (error) {
      if (!isUndelivered(error) && !(error instanceof UnansweredError)) throw error
      const halves = this.#halvesOf(part)
      if (!halves) throw error
      this.#say(`${part.label} does not arrive whole (${messageOf(error)}); reading it in halves`)
      this.#begun += halves.length - 1
      // In order, before anything later: the bookmark follows what is committed.
      for (const half of halves) await this.#readAgain(half)
    }
  }

  #halvesOf(part: Part): readonly Part[] | undefined {
    const { stream } = this.#start
    return stream.read.kind === 'export' ? halvesOf(stream as ExportStream, part) : undefined
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
    for (const note of committed.notes) this.#notes.add(note)
    this.#progress(part, 'loading', 0)
  }

  #progress(part: Part, phase: 'downloading' | 'loading', bytes: number): void {
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

/** A list that cannot be read, while others may be: not a key that is refused, nor a host that is gone. */
const isUnreadable = (error: unknown): boolean =>
  isBrokenTransfer(error) ||
  (error instanceof UserError && error.code === 'list_shrunk') ||
  (error instanceof IterableHttpError && ![401, 403].includes(error.status))
