/** The parts of one stream that are being read at once, in the order in which they are committed. */
import type { Stream } from '../catalog/index.ts'
import type { WindowFit } from './fit.ts'
import type { Part } from './parts.ts'
import type { Route } from './route.ts'
import { jobPlaces, type Routes, type Taker } from './routes.ts'
import { daysBetween } from './volume.ts'
import { wholeBytes } from './window-length.ts'

/** What became of a part: something is to be read in its place, where it did not arrive. */
export interface PartOutcome {
  readonly instead?: readonly Part[] | undefined
}

export interface AheadInput<Read extends PartOutcome> {
  readonly stream: Stream
  readonly fit: WindowFit
  readonly routes: Routes
  readonly read: (part: Part) => Promise<Read>
}

/** A part that is being read. */
interface Reading<Read> {
  readonly route: Route
  readonly result: Promise<Read>
}

export class Ahead<Read extends PartOutcome> implements Taker {
  readonly #input: AheadInput<Read>
  readonly #queue: Part[] = []
  readonly #readings: Reading<Read>[] = []
  readonly #admission: Disposable
  #begun = 0
  /** Wakes who waits for a part to be begun. */
  #wake: (() => void) | undefined

  constructor(input: AheadInput<Read>, parts: readonly Part[]) {
    this.#input = input
    this.#queue.push(...parts)
    this.#admission = input.routes.admit(this)
  }

  /** Parts in all, as far as it is known: those that were begun, and those in the queue. */
  get total(): number {
    return this.#begun + this.#queue.length
  }

  /** What is expected of windows that nobody has begun to read. */
  get bytesLeft(): number {
    return this.#queue.reduce((sum, part) => sum + this.#bytesOf(part), 0)
  }

  /** What the part that comes first has brought; undefined when nothing is left. @throws whatever its read throws. */
  async next(): Promise<Read | undefined> {
    for (this.fill(); this.#readings.length === 0; ) {
      if (this.#queue.length === 0) return undefined
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    const first = this.#readings[0] as Reading<Read>
    const read = await first.result
    this.#readings.shift()
    const { instead } = read
    if (!instead) return read
    this.#begun -= 1
    // In order, before anything later: the bookmark follows what is committed.
    if (this.#readings.length > 0) this.#readings.unshift(...instead.map((part) => this.#begin(part)))
    else this.#queue.unshift(...instead)
    return read
  }

  /** Begins to read the next part, and the ones behind it where several of them can come at once. */
  fill(): void {
    for (let next = this.#queue[0]; next && this.#mayBegin(next); next = this.#queue[0]) this.#take(next)
    if (this.#queue.length > 0) this.#input.routes.offer()
  }

  take(route: Route): boolean {
    const [next] = this.#queue
    if (!next || !this.#isShared(next)) return false
    const under = this.#readings.filter((reading) => reading.route === route).length
    if (under >= this.#input.routes.mostAhead(route)) return false
    this.#take(next, route)
    return true
  }

  /** Begins nothing more, and waits until nothing is read any more; tells what has come and was not taken. */
  async end(): Promise<readonly Read[]> {
    this.#admission[Symbol.dispose]()
    this.#queue.length = 0
    const settled = await Promise.allSettled(this.#readings.map(({ result }) => result))
    return settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  }

  /** Its windows go wherever there is a place: they are cut when they have one. */
  #isShared(part: Part): boolean {
    const { fit, routes } = this.#input
    return routes.hasJobs && fit.isKnown && fit.mayCut(part) && this.#bytesOf(part) > wholeBytes
  }

  #mayBegin(next: Part): boolean {
    if (this.#isShared(next)) return false
    const last = this.#readings.at(-1)
    if (!last) return true
    // How long the next window may be shows only when one has come.
    if (next.isFlexible && !this.#input.fit.isKnown) return false
    return last.route === 'jobs' && this.#readings.length < jobPlaces
  }

  /** Reads a part, or the first days of it. */
  #take(part: Part, route?: Route): void {
    const { fit, routes } = this.#input
    const [taken, rest] = fit.cut(part, routes.windowBytes(route))
    this.#queue.splice(0, 1, ...(rest ? [rest] : []))
    this.#readings.push(this.#begin({ ...taken, cutFor: route }))
    this.#wake?.()
  }

  #bytesOf({ window }: Part): number {
    return window ? this.#input.fit.expectedBytes(daysBetween(window)) : 0
  }

  #begin(part: Part): Reading<Read> {
    this.#begun += 1
    const { stream, routes, read } = this.#input
    const { window, openJob, missed, cutFor } = part
    const one = window && { days: daysBetween(window), hasJob: openJob !== undefined, missed, cutFor }
    const route = one ? routes.choose(stream.name, one).route : 'direct'
    const result = read(part)
    result.catch(() => {})
    return { route, result }
  }
}
