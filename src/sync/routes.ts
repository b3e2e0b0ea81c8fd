/** What the routes of one sync depend on while it goes on: volumes, queues, and whether jobs can be had. */
import type { Volume } from '../state/stream-volumes.ts'
import { type Decision, type Route, type RouteCase, type RouteSetting, routeOf } from './route.ts'

export interface RoutesOptions {
  readonly setting: RouteSetting
  readonly volumes: ReadonlyMap<string, Volume>
  /** Seconds that the rate limit makes of so many direct requests. */
  readonly directSecondsFor: (requests: number) => number
}

/** Jobs of an organization that work at once. */
export const jobSlots = 4
/** Two more wait at Iterable, so that no slot is idle between two jobs of ours. */
export const jobPlaces = jobSlots + 2
/** Requests that one minute lets pass: more would only wait where they could no longer go by a job. */
const directPlaces = 4
/** Nothing is published on how long a job takes; until it is known, minutes. */
const usualJobSeconds = 300

/** A place in one of the routes. */
export interface Place extends Disposable {
  readonly route: Route
  /** The other route would do as well. */
  readonly isFree: boolean
}

export class Routes {
  readonly #setting: RouteSetting
  readonly #directSecondsFor: (requests: number) => number
  readonly #volumes: Map<string, Volume>
  readonly #busy = { direct: 0, jobs: 0 }
  #refusesJobs = false
  #waiting = 0
  readonly #wake = new Set<() => void>()

  constructor({ setting, volumes, directSecondsFor }: RoutesOptions) {
    this.#setting = setting
    this.#volumes = new Map(volumes)
    this.#directSecondsFor = directSecondsFor
  }

  /** Decides for the next window of a stream. */
  choose(stream: string, one: Pick<RouteCase, 'days' | 'hasJob' | 'missed'>): Decision {
    const volume = this.#volumes.get(stream)
    const rounds = Math.floor(this.#busy.jobs / jobSlots) + 1
    return routeOf({
      ...one,
      setting: this.#setting,
      volume,
      refusesJobs: this.#refusesJobs,
      directSeconds: this.#directSecondsFor(this.#busy.direct + Math.max(1, this.#waiting)),
      // One start a second, whatever is behind it.
      jobSeconds: Math.max(this.#busy.jobs, rounds * (volume?.jobSeconds ?? this.#medianJobSeconds())),
    })
  }

  /**
   * Waits for a place and takes it: of two routes that would both do, the one that has a place first. Disposing gives it
   * back.
   */
  async place(stream: string, one: Pick<RouteCase, 'days' | 'hasJob' | 'missed'>): Promise<Place> {
    this.#waiting += 1
    try {
      for (;;) {
        const { route, isFree } = this.choose(stream, one)
        if (!isFree) return { route, isFree: false, ...this.join(route) }
        if (this.#busy.direct < directPlaces) return { route: 'direct', isFree, ...this.join('direct') }
        if (route === 'jobs' && this.#busy.jobs < jobPlaces) return { route, isFree, ...this.join(route) }
        await new Promise<void>((resolve) => this.#wake.add(resolve))
      }
    } finally {
      this.#waiting -= 1
    }
  }

  /** Joins the queue of a route; disposing leaves it. */
  join(route: Route): Disposable {
    this.#busy[route] += 1
    return {
      [Symbol.dispose]: () => {
        this.#busy[route] -= 1
        for (const wake of this.#wake) wake()
        this.#wake.clear()
      },
    }
  }

  volumeOf(stream: string): Volume | undefined {
    return this.#volumes.get(stream)
  }

  /** A window has been loaded. */
  learn(stream: string, volume: Volume): void {
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
  }

  #medianJobSeconds(): number {
    const known = [...this.#volumes.values()].flatMap(({ jobSeconds }) => jobSeconds ?? [])
    known.sort((a, b) => a - b)
    return known[Math.floor(known.length / 2)] ?? usualJobSeconds
  }
}
