/** Reading one part: when its turn has come, by the route that suits it, until a whole answer is there. */
import pLimit from 'p-limit'
import type { Stream } from '../catalog/index.ts'
import { messageOf, UserError } from '../errors.ts'
import { IterableHttpError } from '../iterable/errors.ts'
import { inSpan } from '../telemetry.ts'
import type { SyncContext } from './context.ts'
import { type Download, download, hasBadLines } from './download.ts'
import type { WindowFit } from './fit.ts'
import { insteadOf, LargeAnswer, mayPass } from './instead.ts'
import { WindowJob, type WindowJobInput } from './job.ts'
import { QueuedJob, RefusedJob } from './job-errors.ts'
import { checkMemberCount, rejectList } from './lists.ts'
import type { Part } from './parts.ts'
import type { SyncEvent } from './progress.ts'
import { isBrokenTransfer, type List } from './readers.ts'
import type { Route } from './route.ts'
import type { RoutePlace } from './routes.ts'
import type { CountingClient } from './source.ts'
import { daysBetween } from './volume.ts'
import { budgetBytes, probeDays, shorterDays } from './window-length.ts'
import type { Window } from './windows.ts'

/** What became of a part: its download, what is to be read in its place, or neither, where it is left out. */
export interface ReadPart {
  readonly part: Part
  readonly download?: Download
  readonly instead?: readonly Part[]
}

export type Phase = Extract<SyncEvent, { type: 'progress' }>['phase']

export interface PartReaderInput {
  readonly context: SyncContext
  readonly stream: Stream
  readonly client: CountingClient
  readonly fit: WindowFit
  /** What is under way is left to the next sync. */
  readonly leaving: AbortSignal
  readonly progress: (part: Part, phase: Phase, bytes: number) => void
  readonly say: (message: string) => void
}

const caseOf = ({ missed, openJob, cutFor }: Part, window: Window) => ({
  days: daysBetween(window),
  hasJob: openJob !== undefined,
  missed,
  cutFor,
})

export class PartReader {
  readonly #context: SyncContext
  readonly #stream: Stream
  readonly #client: CountingClient
  readonly #fit: WindowFit
  readonly #stopping: AbortSignal
  readonly #progress: PartReaderInput['progress']
  readonly #say: PartReaderInput['say']
  readonly #jobs = new Map<Part, WindowJob>()
  /** Jobs of one type are started one after the other: of two whose answers are lost nobody could tell which is which. */
  readonly #startTurn = pLimit(1)

  constructor({ context, stream, client, fit, leaving, progress, say }: PartReaderInput) {
    this.#context = context
    this.#stream = stream
    this.#client = client
    this.#fit = fit
    this.#stopping = AbortSignal.any([context.stopping, leaving])
    this.#progress = progress
    this.#say = say
  }

  /** Reads a part; what Iterable does not deliver goes another way, in halves, or (a list) is reported and left out. */
  read(part: Part): Promise<ReadPart> {
    const { window } = part
    const attributes = {
      'iterable_elt.stream': this.#stream.name,
      ...(window && {
        'iterable_elt.window_from': window.from.toISOString(),
        'iterable_elt.window_to': window.to.toISOString(),
      }),
    }
    return inSpan('iterable_elt.window', attributes, async (span) => {
      const read = await this.#readPart(part)
      span.set({
        'iterable_elt.bytes': read.download?.bytes ?? 0,
        'iterable_elt.is_read': read.download !== undefined,
      })
      return read
    })
  }

  async #readPart(part: Part): Promise<ReadPart> {
    const { context, stream } = { context: this.#context, stream: this.#stream }
    this.#progress(part, 'waiting', 0)
    try {
      const download = await this.#inTurn(part)
      this.#progress(part, 'downloaded', download.bytes)
      return { part, download }
    } catch (error) {
      if (context.signal.aborted) throw error
      const instead = this.instead(part, error)
      if (instead) return { part, instead }
      if (!part.list || !isUnreadable(error)) throw error
      await rejectList(context, stream, part.list, error)
      this.#say(`list ${part.list.id} cannot be read and keeps its rows: ${messageOf(error)}`)
      return { part }
    }
  }

  /** Reads a part once more, of another job where it came of one. */
  readAgain(part: Part): Promise<Download> {
    return this.#inTurn(part, true)
  }

  /** It is committed: what it came by is needed no more. */
  forget(part: Part): void {
    this.#jobs.delete(part)
  }

  /** Reads a part by its route, when it is the part's turn. */
  async #inTurn(part: Part, isAgain = false): Promise<Download> {
    const { context, stream } = { context: this.#context, stream: this.#stream }
    const { window, type } = part
    using place = window ? await this.#placeOf(part, window) : undefined
    const job =
      place?.route === 'jobs' && window && type
        ? this.#jobOf(part, {
            window,
            type,
            patienceMs: place.isFree ? patienceMs : undefined,
            place,
          })
        : undefined
    // What is asked for again is asked of another job.
    if (isAgain) await job?.discard(badJob)
    if (job) return await this.#download(part, { isAgain, job })
    return await context.turnOf(stream, () => {
      place?.begin()
      return this.#download(part, { isAgain, job })
    })
  }

  /** A look at what a large stream brings goes first: places are given by what it shows. */
  #placeOf(part: Part, window: Window): Promise<RoutePlace> {
    const isUrgent = part.isFlexible === true && !this.#fit.isKnown && daysBetween(window) <= probeDays
    return this.#context.routes.place(this.#stream.name, { ...caseOf(part, window), isUrgent })
  }

  /** The route that a part would take now. */
  routeOf(part: Part): Route {
    if (!part.window) return 'direct'
    return this.#context.routes.choose(this.#stream.name, caseOf(part, part.window)).route
  }

  /** What it may bring before it is given up; undefined where its length is not ours. */
  #budgetOf({ isFlexible, window }: Part, route: Route): number | undefined {
    if (!isFlexible || !window) return undefined
    const { isKnown } = this.#fit
    const { roomBytes, answerBytes } = this.#context.routes
    return budgetBytes(route, { days: daysBetween(window), isKnown, roomBytes, answerBytes })
  }

  #jobOf(part: Part, of: Pick<WindowJobInput, 'window' | 'type' | 'patienceMs' | 'place'>): WindowJob {
    const known = this.#jobs.get(part)
    if (known) return known
    const stream = this.#stream
    const job = new WindowJob(this.#context, {
      ...of,
      client: this.#client,
      stream: stream.name,
      asked: part.openJob,
      turn: (work) => this.#context.turnOf(stream, work, 'jobs'),
      startTurn: this.#startTurn,
      stopping: this.#stopping,
      budgetBytes: this.#budgetOf(part, 'jobs'),
      timeField: stream.bookmark as string,
      onStand: (stand) => this.#progress({ ...part, label: `${part.label}, ${stand}` }, 'waiting', 0),
      say: (message) => this.#say(`${part.label}: ${message}`),
    })
    this.#jobs.set(part, job)
    return job
  }

  /** What is read in place of a part that did not arrive, if anything can be. */
  instead(part: Part, error: unknown): readonly Part[] | undefined {
    const route = this.#jobs.has(part) ? 'jobs' : 'direct'
    const days = part.window ? daysBetween(part.window) : 0
    const failure = { part, route, error, shorterDays: shorterDays(days, this.#fit.isKnown) } as const
    const instead = insteadOf(this.#stream, failure, (one) => this.routeOf(one))
    if (error instanceof QueuedJob) this.#context.routes.learnQueue(error.seconds)
    if (error instanceof RefusedJob && error.isGeneral) this.#context.routes.refuseJobs()
    if (instead) this.#say(instead.message)
    return instead?.parts
  }

  /** Reads until a whole answer has come; one with bad lines is read once more before anything is decided. */
  async #download(
    part: Part,
    { isAgain, job }: { readonly isAgain: boolean; readonly job: WindowJob | undefined },
  ): Promise<Download> {
    let isSecondRead = isAgain
    const attempts = job ? jobAttempts : part.attempts
    for (let attempt = 1; ; attempt += 1) {
      try {
        const read = await this.#readOnce(part, { isSecondRead, job })
        if (!isSecondRead && (await hasBadLines(read, this.#stream))) {
          isSecondRead = true
          await read[Symbol.asyncDispose]()
          await job?.discard(badJob)
          this.#say(`${part.label}: the answer has bad lines; reading it once more`)
          continue
        }
        if (part.list) await this.#checkMembers(part.list, read)
        return read
      } catch (error) {
        if (this.#context.signal.aborted || !mayPass(error) || attempt >= attempts) throw error
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

  async #readOnce(
    part: Part,
    { isSecondRead, job }: { readonly isSecondRead: boolean; readonly job: WindowJob | undefined },
  ): Promise<Download> {
    this.#progress(part, 'downloading', 0)
    const startedMs = this.#context.clock.now().getTime()
    const budget = (job ? undefined : this.#budgetOf(part, 'direct')) ?? Number.POSITIVE_INFINITY
    const read = await download(
      {
        stream: this.#stream,
        spoolDirectory: this.#context.warehouse.spoolDirectory,
        isSecondRead,
        findsTwins: this.#context.warehouse.dialect.dropsTwins,
        onBytes: (bytes) => {
          if (bytes > budget) throw new LargeAnswer(bytes)
          this.#progress(part, 'downloading', bytes)
        },
      },
      (sink) => (job ? job.read(sink) : part.read(this.#client, sink)),
    )
    const brought = { ...read, job: job?.brought }
    this.#fit.learn(part, brought, (this.#context.clock.now().getTime() - startedMs) / 1000)
    return brought
  }
}

/** How long a job that was to be sooner than the rate limit may wait for a place. */
const patienceMs = 10 * 60_000

/** Jobs for one window, before it goes by the direct route. */
const jobAttempts = 3

const badJob = { state: 'discarded', message: 'what it brought was read once more' } as const

/** A list that cannot be read, while others may be: not a key that is refused, nor a host that is gone. */
const isUnreadable = (error: unknown): boolean =>
  isBrokenTransfer(error) ||
  (error instanceof UserError && error.code === 'list_shrunk') ||
  (error instanceof IterableHttpError && ![401, 403].includes(error.status))
