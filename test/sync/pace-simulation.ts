/**
 * A sync without data: plan, routes, lengths of windows, and pace are the product's own; what Iterable would answer is
 * a size and a time, and the clock jumps from one event to the next.
 */
import pLimit from 'p-limit'
import { catalogue, type Stream, selectStreams } from '../../src/catalog/index.ts'
import type { Clock, EndpointName } from '../../src/iterable/client.ts'
import { createPacer, type Pacer } from '../../src/iterable/pace.ts'
import type { Volume } from '../../src/state/stream-volumes.ts'
import type { Download } from '../../src/sync/download.ts'
import { WindowFit } from '../../src/sync/fit.ts'
import { insteadOf, LargeAnswer } from '../../src/sync/instead.ts'
import { TruncatedJob } from '../../src/sync/job-errors.ts'
import type { Part } from '../../src/sync/parts.ts'
import { partsOf } from '../../src/sync/plan.ts'
import { isQuiet } from '../../src/sync/quiet.ts'
import type { Route, RouteSetting } from '../../src/sync/route.ts'
import { jobPlaces, jobSlots, Routes } from '../../src/sync/routes.ts'
import { daysOf, learned } from '../../src/sync/volume.ts'
import { directBudgetBytes, jobBudgetBytes } from '../../src/sync/window-length.ts'

/** What is assumed of Iterable beside its limits: nothing is published about it. */
const assumed = {
  /** From a request to its first byte. */
  answerSeconds: 5,
  directBytesPerSecond: 10e6,
  /** From a start to the first byte. */
  jobSeconds: 30,
  jobBytesPerSecond: 20e6,
  fileBytes: 10e6,
  pageFiles: 10,
  /** Answers of the direct route that the product reads at once. */
  directLanes: 2,
} as const

export interface SimulatedSync {
  /** Bytes a day of each stream; of those that are not named, nothing. */
  readonly bytesPerDay: ReadonlyMap<string, number>
  readonly streams: readonly string[]
  readonly setting: RouteSetting
  readonly windowInDays: number | 'auto'
  readonly startDate: Date
  readonly now: Date
  readonly bookmark?: Date | undefined
  readonly volumes?: ReadonlyMap<string, Volume>
}

export interface SimulatedEnd {
  readonly seconds: number
  readonly calls: number
  readonly volumes: ReadonlyMap<string, Volume>
  /** Streams that were asked for. */
  readonly asked: number
  readonly bytes: number
}

/** A clock that jumps to the next moment at which somebody wakes. */
class VirtualClock implements Clock {
  #nowMs: number
  readonly #sleepers: { readonly atMs: number; readonly wake: () => void }[] = []

  constructor(now: Date) {
    this.#nowMs = now.getTime()
  }

  now(): Date {
    return new Date(this.#nowMs)
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((wake) => {
      this.#sleepers.push({ atMs: this.#nowMs + Math.max(0, delayMs), wake })
    })
  }

  async run<T>(work: Promise<T>): Promise<T> {
    let isOver = false
    const end = work.finally(() => {
      isOver = true
    })
    end.catch(() => {})
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve))
      if (isOver) return end
      const next = this.#sleepers.toSorted((a, b) => a.atMs - b.atMs)[0]
      if (!next) throw new Error('everybody waits for somebody else')
      this.#sleepers.splice(this.#sleepers.indexOf(next), 1)
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      next.wake()
    }
  }
}

/** Runs a sync and tells how many calls and seconds it took. */
export async function simulate(input: SimulatedSync): Promise<SimulatedEnd> {
  const clock = new VirtualClock(input.now)
  const pacer = createPacer({}, clock)
  const known = new Map(input.volumes)
  const routes = new Routes({
    setting: input.setting,
    volumes: known,
    directSecondsFor: (requests) => pacer.secondsFor('export', requests),
  })
  const world: World = {
    ...{ input, clock, pacer, routes, known, calls: 0, bytes: 0 },
    lanes: { direct: pLimit(assumed.directLanes), jobs: pLimit(jobPlaces) },
    slots: pLimit(jobSlots),
  }
  const selected = selectStreams(catalogue('email'), input.streams).filter(
    (stream) =>
      stream.read.kind === 'export' &&
      !isQuiet({ stream, bookmark: input.bookmark }, known.get(stream.name), input.now),
  )
  await clock.run(Promise.all(selected.map((stream) => syncStream(world, stream))))
  const seconds = (clock.now().getTime() - input.now.getTime()) / 1000
  return { seconds, calls: world.calls, volumes: known, asked: selected.length, bytes: world.bytes }
}

interface World {
  readonly input: SimulatedSync
  readonly clock: VirtualClock
  readonly pacer: Pacer
  readonly routes: Routes
  readonly known: Map<string, Volume>
  readonly lanes: Readonly<Record<Route, ReturnType<typeof pLimit>>>
  /** Iterable's, for jobs that work. */
  readonly slots: ReturnType<typeof pLimit>
  calls: number
  /** Of windows that were taken. */
  bytes: number
}

interface Brought {
  readonly part: Part
  readonly bytes: number
  readonly jobSeconds?: number
  readonly instead?: readonly Part[]
}

/** The loop of `StreamWork`, without what it loads. */
async function syncStream(world: World, stream: Stream): Promise<void> {
  const { input, routes, clock, known } = world
  const fit = new WindowFit(stream, routes.volumeOf(stream.name))
  const startTurn = pLimit(1)
  const queue = partsOf(stream, input.bookmark, {
    ...{ startDate: input.startDate, lookbackMs: 86_400_000, settleMs: 300_000, now: input.now },
    ...{
      windowInDays: input.windowInDays,
      reach: { kind: 'incremental' },
      completeDimensions: true,
      openJobs: [],
    },
  })
  const begin = (part: Part) => {
    const route = routeOf(world, stream, part)
    return { route, result: read(world, { stream, part, startTurn }) }
  }
  const ahead: ReturnType<typeof begin>[] = []
  const readAhead = () => {
    for (let next = queue[0]; next; next = queue[0]) {
      const isFree = ahead.at(-1)?.route === 'jobs' && (!next.isFlexible || fit.isKnown)
      if (ahead.length > 0 && (!isFree || ahead.length >= jobPlaces)) return
      const [part, rest] = fit.cut(next)
      queue.splice(0, 1, ...(rest ? [rest] : []))
      ahead.push(begin(part))
    }
  }
  for (readAhead(); ahead.length > 0; readAhead()) {
    const startedMs = clock.now().getTime()
    const { part, bytes, jobSeconds, instead } = await (ahead[0] as (typeof ahead)[number]).result
    ahead.shift()
    if (instead && ahead.length > 0) ahead.unshift(...instead.map(begin))
    else if (instead) queue.unshift(...instead)
    if (instead || !part.window) continue
    world.bytes += bytes
    const job = jobSeconds === undefined ? undefined : { requestId: '', files: 0, bytes, seconds: jobSeconds }
    const download = { chunks: [{ lines: Math.ceil(bytes / 700) }], bytes, job } as unknown as Download
    fit.learn(part, download, (clock.now().getTime() - startedMs) / 1000)
    const volume = learned(known.get(stream.name), {
      ...{ window: part.window, rows: Math.ceil(bytes / 700), bytes, jobSeconds },
    })
    known.set(stream.name, volume)
    routes.learn(stream.name, volume)
  }
}

function routeOf({ routes }: World, stream: Stream, { window, missed }: Part): Route {
  return window ? routes.choose(stream.name, { days: daysOf(window), hasJob: false, missed }).route : 'direct'
}

interface Reading {
  readonly stream: Stream
  readonly part: Part
  readonly startTurn: ReturnType<typeof pLimit>
}

async function read(world: World, reading: Reading): Promise<Brought> {
  const { stream, part } = reading
  const days = part.window ? daysOf(part.window) : 0
  const bytes = (world.input.bytesPerDay.get(stream.name) ?? 0) * days
  using place = await world.routes.place(stream.name, { days, hasJob: false, missed: part.missed })
  const { route } = place
  try {
    if (route === 'jobs') return await readByJob(world, reading, bytes)
    return await world.lanes.direct(() => readDirectly(world, part, bytes))
  } catch (error) {
    const instead = insteadOf(stream, { part, route, error }, (one) => routeOf(world, stream, one))
    if (!instead) throw error
    return { part, bytes: 0, instead: instead.parts }
  }
}

async function readDirectly(world: World, part: Part, bytes: number): Promise<Brought> {
  const budget = part.isFlexible ? directBudgetBytes : Number.POSITIVE_INFINITY
  await call(world, 'export')
  const read = Math.min(bytes, budget)
  await world.clock.sleep(1000 * (assumed.answerSeconds + read / assumed.directBytesPerSecond))
  if (bytes > budget) throw new LargeAnswer(budget)
  return { part, bytes }
}

async function readByJob(world: World, { part, startTurn }: Reading, bytes: number): Promise<Brought> {
  const { clock } = world
  const budget = part.isFlexible ? jobBudgetBytes : Number.POSITIVE_INFINITY
  const pages = Math.max(1, Math.ceil(Math.min(bytes, budget) / assumed.fileBytes / assumed.pageFiles))
  const askedMs = await world.lanes.jobs(async () => {
    await startTurn(() => call(world, 'export_start'))
    const startedMs = clock.now().getTime()
    let isThrough = false
    const seconds = assumed.jobSeconds + Math.min(bytes, budget) / assumed.jobBytesPerSecond
    const work = world
      .slots(() => clock.sleep(seconds * 1000))
      .then(() => {
        isThrough = true
      })
    // Looks of several jobs are one call: this counts too many.
    for (let waited = 0; !isThrough; ) {
      const wait = Math.min(30, Math.max(1, waited / 8))
      waited += wait
      await clock.sleep(wait * 1000)
      await call(world, 'export_jobs')
    }
    await work
    return startedMs
  })
  if (bytes > budget) throw new TruncatedJob('too much')
  for (let page = 0; page < pages; page += 1) await call(world, 'export_files')
  return { part, bytes, jobSeconds: (clock.now().getTime() - askedMs) / 1000 }
}

async function call(world: World, endpoint: EndpointName): Promise<void> {
  await world.pacer.reserve(endpoint)
  world.calls += 1
}

/** The least seconds that limits and assumptions allow for so many streams and bytes, each at its best alone. */
export function floorSeconds(streams: number, bytes: number): number {
  const perSecond = assumed.directLanes * assumed.directBytesPerSecond + jobSlots * assumed.jobBytesPerSecond
  const least = Math.min(assumed.answerSeconds, assumed.jobSeconds)
  for (let seconds = 0; ; seconds += 1) {
    const direct = 4 * (Math.floor(Math.max(0, seconds - assumed.answerSeconds) / 60) + 1)
    const jobs = jobSlots * Math.floor(seconds / assumed.jobSeconds)
    if (seconds >= least && direct + jobs >= streams && seconds * perSecond >= bytes) return seconds
  }
}
