/** What the routes of one sync depend on while it goes on: volumes, queues, and whether jobs can be had. */
import type { StreamVolume } from '../state/stream-volumes.ts'
import { type Decision, type Route, type RouteCase, type RouteSetting, routeOf } from './route.ts'
import { jobBytesPerSecond } from './volume.ts'

export interface RoutesOptions {
  readonly setting: RouteSetting
  readonly volumes: ReadonlyMap<string, StreamVolume>
  /** Seconds until the rate limit lets the last of so many further direct requests pass. */
  readonly directSecondsFor: (requests: number) => number
  /** What the window of a job may bring, by the room on the disk. */
  readonly roomBytes: () => number
}

/** Jobs of an organization that work at once. */
export const jobSlots = 4
/** Two more wait at Iterable, so that no slot is idle between two jobs of ours. */
export const jobPlaces = jobSlots + 2
/** Requests that one minute lets pass: more would only wait where they could no longer go by a job. */
const directPlaces = 4
/** Answers of the direct route that are read at once. */
export const directLanes = 2
/** Nothing is published on how long a job takes. A minute, until the first ones show: as long as four requests must wait. */
const usualJobSeconds = 60

/** What a window should bring where all go by the direct route: it is spooled whole, and read again whole. */
const directBytes = 2e9
/** The same where it goes directly beside jobs: so much comes in the time that the rate limit makes of two requests. */
const besideBytes = 500e6
/** Jobs bring four fifths of what both routes bring at their best, in four slots. */
const jobShare = 1 / 5
/** The wait of a job costs as much as this does: less is not worth one, while there is more. */
const leastJobBytes = 600e6

/** A place in one of the routes. */
export interface RoutePlace extends Disposable {
  readonly route: Route
  /** The other route would do as well. */
  readonly isFree: boolean
  /** Jobs of ours had all slots when this one was asked for: how long it takes tells nothing about those of others. */
  readonly isBehindOurs: boolean
  /** Its request goes to the client now, which keeps the pace; or its job is asked for. */
  begin(): void
}

/** What of a window decides on its route. */
export type WindowCase = Pick<RouteCase, 'days' | 'hasJob' | 'missed' | 'cutFor'>

/** Somebody who has much to read, in windows of any length. */
export interface Taker {
  /** What is expected of that of it that nobody reads yet. */
  readonly bytesLeft: number
  /** Begins what needs no place to be offered. */
  fill(): void
  /** Takes a place that is free; false where it has nothing for it. */
  take(route: Route): boolean
}

/** Somebody who waits for a place. */
interface Ticket {
  wake: () => void
}

export class Routes {
  readonly #setting: RouteSetting
  readonly #directSecondsFor: (requests: number) => number
  readonly #roomBytes: () => number
  readonly #volumes: Map<string, StreamVolume>
  readonly #busy = { direct: 0, jobs: 0 }
  /** Of those who have a place in the direct route: who have not begun. */
  #unsent = 0
  /** Jobs that were asked for. Those of one stream are asked for one after the other, so another may come before them. */
  #begunJobs = 0
  #refusesJobs = false
  /** Who waits for a place, in the order in which they came. */
  readonly #line: Ticket[] = []
  readonly #takers = new Set<Taker>()

  constructor({ setting, volumes, directSecondsFor, roomBytes }: RoutesOptions) {
    this.#setting = setting
    this.#volumes = new Map(volumes)
    this.#directSecondsFor = directSecondsFor
    this.#roomBytes = roomBytes
  }

  /** Decides for the next window of a stream, which comes after so many others that wait. */
  choose(stream: string, one: WindowCase, before = 0): Decision {
    const volume = this.#volumes.get(stream)
    const rounds = Math.floor(this.#busy.jobs / jobSlots) + 1
    return routeOf({
      ...one,
      setting: this.#setting,
      volume,
      refusesJobs: this.#refusesJobs,
      directSeconds: this.#directSecondsFor(this.#unsent + before + 1),
      // One start a second, whatever is behind it; and what large streams have left takes every place that is free.
      jobSeconds:
        Math.max(this.#busy.jobs, rounds * (volume?.jobSeconds ?? this.#medianJobSeconds())) +
        this.#bytesLeft / (jobSlots * jobBytesPerSecond),
    })
  }

  /**
   * Waits for a place and takes it: of two routes that would both do, the one that has a place first. What is urgent
   * goes to the front of the line. Disposing gives the place back.
   */
  async place(stream: string, one: WindowCase & { readonly isUrgent: boolean }): Promise<RoutePlace> {
    const ticket: Ticket = { wake: () => {} }
    if (one.isUrgent) this.#line.unshift(ticket)
    else this.#line.push(ticket)
    try {
      for (;;) {
        const { route, isFree } = this.choose(stream, one, this.#line.indexOf(ticket))
        if (!isFree) return this.join(route, { isFree })
        // What is known to be large goes first: the wait of many small ones would leave it to the end.
        if (route === 'jobs') this.#offerJobs()
        if (route === 'jobs' && this.#busy.jobs < jobPlaces) return this.join(route, { isFree })
        if (this.#busy.direct < directPlaces) return this.join('direct', { isFree })
        await new Promise<void>((resolve) => {
          ticket.wake = resolve
        })
      }
    } finally {
      this.#line.splice(this.#line.indexOf(ticket), 1)
    }
  }

  /** Joins the queue of a route; disposing leaves it. */
  join(route: Route, { isFree = false } = {}): RoutePlace {
    this.#busy[route] += 1
    if (route === 'direct') this.#unsent += 1
    let isBegun = false
    let isBehindOurs = false
    const begin = () => {
      if (isBegun) return
      isBegun = true
      if (route === 'direct') this.#unsent -= 1
      else this.#begunJobs += 1
      isBehindOurs = route === 'jobs' && this.#begunJobs > jobSlots
    }
    return {
      route,
      isFree,
      get isBehindOurs() {
        return isBehindOurs
      },
      begin,
      [Symbol.dispose]: () => {
        begin()
        this.#busy[route] -= 1
        if (route === 'jobs') this.#begunJobs -= 1
        for (const { wake } of this.#line) wake()
        // Who waits goes before windows that may be of any length.
        queueMicrotask(() => this.offer())
      },
    }
  }

  /** Who takes places that become free; disposing withdraws. */
  admit(taker: Taker): Disposable {
    this.#takers.add(taker)
    return { [Symbol.dispose]: () => this.#takers.delete(taker) }
  }

  /** Gives places that are free to those who have much to read: the most by jobs, the least directly. */
  offer(): void {
    const takers = this.#largestFirst()
    for (;;) {
      const hasJob = this.#takesJob(takers)
      const hasDirect = this.#isDirectFree && takers.findLast((one) => one.take('direct')) !== undefined
      if (!hasJob && !hasDirect) return
    }
  }

  #offerJobs(): void {
    const takers = this.#largestFirst()
    for (let hasTaken = true; hasTaken; ) hasTaken = this.#takesJob(takers)
  }

  #takesJob(takers: readonly Taker[]): boolean {
    return this.hasJobs && this.#busy.jobs < jobPlaces && takers.some((one) => one.take('jobs'))
  }

  #largestFirst(): readonly Taker[] {
    return [...this.#takers].sort((a, b) => b.bytesLeft - a.bytesLeft)
  }

  /** Windows may go by jobs. */
  get hasJobs(): boolean {
    return this.#setting !== 'direct' && !this.#refusesJobs
  }

  /** Another direct answer may be read, and nobody waits for that. */
  get #isDirectFree(): boolean {
    return this.#setting === 'auto' && this.#line.length === 0 && this.#busy.direct < directLanes
  }

  /**
   * What the next window should bring that takes a place of this route. Those of jobs are shorter when little is left,
   * so that the last ones end together.
   */
  windowBytes(route: Route | undefined): number {
    if (route === undefined) return this.hasJobs ? this.roomBytes : this.answerBytes
    if (route === 'direct') return this.answerBytes
    return Math.min(this.roomBytes, Math.max(leastJobBytes, this.#bytesLeft * jobShare))
  }

  /** What a direct answer should bring at most. */
  get answerBytes(): number {
    return Math.min(this.roomBytes, this.hasJobs ? besideBytes : directBytes)
  }

  /** Windows of one stream that may be read at once; those that come directly may wait behind a job for as much as one brings. */
  mostAhead(route: Route): number {
    return route === 'jobs' ? jobPlaces : Math.max(1, Math.floor(this.roomBytes / besideBytes))
  }

  /** What is expected of all windows that are still to be read. */
  get #bytesLeft(): number {
    return [...this.#takers].reduce((sum, { bytesLeft }) => sum + bytesLeft, 0)
  }

  /** What the window of a job may bring, by the room on the disk. */
  get roomBytes(): number {
    return this.#roomBytes()
  }

  volumeOf(stream: string): StreamVolume | undefined {
    return this.#volumes.get(stream)
  }

  /** A window has been loaded. */
  learn(stream: string, volume: StreamVolume): void {
    this.#volumes.set(stream, volume)
  }

  /** Jobs of others keep ours waiting: for streams that know how long jobs take, at least this long. */
  learnQueue(seconds: number): void {
    for (const [stream, volume] of this.#volumes) {
      if (volume.jobSeconds === undefined || volume.jobSeconds >= seconds) continue
      this.#volumes.set(stream, { ...volume, jobSeconds: seconds })
    }
  }

  /** A job was refused. Where others have come it is about a type that the project lacks, not about the key. */
  refuseJobs(): void {
    this.#refusesJobs = [...this.#volumes.values()].every(({ jobSeconds }) => jobSeconds === undefined)
    // Nobody offers a place to those who waited for one of a job.
    if (this.#refusesJobs) for (const taker of this.#takers) taker.fill()
  }

  #medianJobSeconds(): number {
    const known = [...this.#volumes.values()].flatMap(({ jobSeconds }) => jobSeconds ?? [])
    known.sort((a, b) => a - b)
    return known[Math.floor(known.length / 2)] ?? usualJobSeconds
  }
}
