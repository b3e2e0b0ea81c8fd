/**
 * A sync without data: plan, routes, lengths of windows, and pace are the product's own; what Iterable would answer is
 * a size and a time, and the clock jumps from one event to the next.
 */
import pLimit from 'p-limit'
import { catalogue, type Stream, selectStreams } from '../../src/catalog/index.ts'
import type { EndpointName } from '../../src/iterable/client.ts'
import { createPacer, type Pacer } from '../../src/iterable/pace.ts'
import type { StreamVolume } from '../../src/state/stream-volumes.ts'
import { Ahead } from '../../src/sync/ahead.ts'
import type { Download } from '../../src/sync/download.ts'
import { WindowFit } from '../../src/sync/fit.ts'
import { insteadOf, LargeAnswer } from '../../src/sync/instead.ts'
import { pollMs } from '../../src/sync/job.ts'
import { TruncatedJob } from '../../src/sync/job-errors.ts'
import type { Part } from '../../src/sync/parts.ts'
import { byBulk, partsOf } from '../../src/sync/plan.ts'
import { isQuiet } from '../../src/sync/quiet.ts'
import type { Route, RouteSetting } from '../../src/sync/route.ts'
import { directLanes, jobPlaces, jobSlots, type RoutePlace, Routes } from '../../src/sync/routes.ts'
import { daysBetween, learned } from '../../src/sync/volume.ts'
import { budgetBytes, probeDays, shorterDays } from '../../src/sync/window-length.ts'
import { JumpingClock } from './jumping-clock.ts'

/** What is assumed of Iterable beside its limits: nothing is published about it. */
export const assumed = {
  /** From a request to its first byte. */
  answerSeconds: 5,
  directBytesPerSecond: 10e6,
  /** From a start to the first byte. */
  jobSeconds: 30,
  jobBytesPerSecond: 20e6,
  fileBytes: 10e6,
  pageFiles: 10,
  /** What the window of a job may bring, by the room on the disk: 160 GB are free. */
  roomBytes: 10e9,
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
  readonly volumes?: ReadonlyMap<string, StreamVolume>
}

export interface SimulatedEnd {
  readonly seconds: number
  readonly calls: number
  readonly volumes: ReadonlyMap<string, StreamVolume>
  /** Streams that were asked for. */
  readonly asked: number
  readonly bytes: number
}

/** Runs a sync and tells how many calls and seconds it took. */
export async function simulate(input: SimulatedSync): Promise<SimulatedEnd> {
  const clock = new JumpingClock(input.now)
  const pacer = createPacer({}, clock)
  const known = new Map(input.volumes)
  const routes = new Routes({
    setting: input.setting,
    volumes: known,
    directSecondsFor: (requests) => pacer.secondsUntil('export', requests),
    roomBytes: () => assumed.roomBytes,
  })
  const world: World = {
    input,
    clock,
    pacer,
    routes,
    known,
    calls: 0,
    bytes: 0,
    lanes: { direct: pLimit(directLanes), jobs: pLimit(jobPlaces) },
    slots: pLimit(jobSlots),
    look: undefined,
  }
  const selected = selectStreams(catalogue('email'), input.streams).filter(
    (stream) =>
      stream.read.kind === 'export' &&
      !isQuiet({ stream, bookmark: input.bookmark }, known.get(stream.name), input.now),
  )
  selected.sort(byBulk)
  await clock.run(Promise.all(selected.map((stream) => syncStream(world, stream))))
  const seconds = (clock.now().getTime() - input.now.getTime()) / 1000
  return { seconds, calls: world.calls, volumes: known, asked: selected.length, bytes: world.bytes }
}

interface World {
  readonly input: SimulatedSync
  readonly clock: JumpingClock
  readonly pacer: Pacer
  readonly routes: Routes
  readonly known: Map<string, StreamVolume>
  readonly lanes: Readonly<Record<Route, ReturnType<typeof pLimit>>>
  /** Iterable's, for jobs that work. */
  readonly slots: ReturnType<typeof pLimit>
  /** At all jobs, while it is under way. */
  look: Promise<void> | undefined
  calls: number
  /** Of windows that were taken. */
  bytes: number
}

interface Brought {
  readonly part: Part
  readonly bytes: number
  /** How long a direct answer took. */
  readonly seconds?: number
  /** How long a job took before it brought anything. */
  readonly waitSeconds?: number | undefined
  readonly instead?: readonly Part[]
}

/** The loop of `StreamWork`, without what it loads. */
async function syncStream(world: World, stream: Stream): Promise<void> {
  const { input, routes, known } = world
  const fit = new WindowFit(stream, routes.volumeOf(stream.name))
  const startTurn = pLimit(1)
  const queue = partsOf(stream, input.bookmark, {
    startDate: input.startDate,
    lookbackMs: 86_400_000,
    settleMs: 300_000,
    now: input.now,
    windowInDays: input.windowInDays,
    reach: { kind: 'incremental' },
    completeDimensions: true,
    openJobs: [],
  })
  const ahead = new Ahead(
    { stream, fit, routes, read: (part) => read(world, { stream, part, fit, startTurn }) },
    queue,
  )
  for (;;) {
    const brought = await ahead.next()
    if (!brought) break
    const { part, bytes, seconds, waitSeconds, instead } = brought
    if (instead || !part.window) continue
    world.bytes += bytes
    const job = seconds !== undefined ? undefined : { requestId: '', files: 0, bytes, seconds: undefined }
    const download = { chunks: [{ lines: Math.ceil(bytes / 700) }], bytes, job } as unknown as Download
    fit.learn(part, download, seconds ?? 0)
    const volume = learned(known.get(stream.name), {
      window: part.window,
      rows: Math.ceil(bytes / 700),
      bytes,
      waitSeconds,
    })
    known.set(stream.name, volume)
    routes.learn(stream.name, volume)
  }
}

function routeOf({ routes }: World, stream: Stream, { window, missed, cutFor }: Part): Route {
  if (!window) return 'direct'
  return routes.choose(stream.name, { days: daysBetween(window), hasJob: false, missed, cutFor }).route
}

interface Reading {
  readonly stream: Stream
  readonly part: Part
  readonly fit: WindowFit
  readonly startTurn: ReturnType<typeof pLimit>
}

async function read(world: World, reading: Reading): Promise<Brought> {
  const { stream, part, fit } = reading
  const { routes } = world
  const days = part.window ? daysBetween(part.window) : 0
  const bytes = (world.input.bytesPerDay.get(stream.name) ?? 0) * days
  using place = await routes.place(stream.name, {
    days,
    hasJob: false,
    missed: part.missed,
    cutFor: part.cutFor,
    isUrgent: part.isFlexible === true && !fit.isKnown && days <= probeDays,
  })
  const { route } = place
  const of = { days, isKnown: fit.isKnown, roomBytes: routes.roomBytes, answerBytes: routes.answerBytes }
  const budget = part.isFlexible ? budgetBytes(route, of) : Number.POSITIVE_INFINITY
  try {
    if (route === 'jobs') {
      const { waitSeconds, ...brought } = await readByJob(world, reading, { bytes, budget, place })
      return place.isBehindOurs ? brought : { ...brought, waitSeconds }
    }
    return await world.lanes.direct(() => {
      place.begin()
      return readDirectly(world, part, { bytes, budget })
    })
  } catch (error) {
    const failure = { part, route, error, shorterDays: shorterDays(days, fit.isKnown) }
    const instead = insteadOf(stream, failure, (one) => routeOf(world, stream, one))
    if (!instead) throw error
    return { part, bytes: 0, instead: instead.parts }
  }
}

/** What a window has, and what it may bring before it is given up. */
interface Load {
  readonly bytes: number
  readonly budget: number
}

async function readDirectly(world: World, part: Part, { bytes, budget }: Load): Promise<Brought> {
  const startedMs = world.clock.now().getTime()
  await call(world, 'export')
  const read = Math.min(bytes, budget)
  await world.clock.sleep(1000 * (assumed.answerSeconds + read / assumed.directBytesPerSecond))
  if (bytes > budget) throw new LargeAnswer(budget)
  return { part, bytes, seconds: (world.clock.now().getTime() - startedMs) / 1000 }
}

async function readByJob(
  world: World,
  { part, startTurn }: Reading,
  { bytes, budget, place }: Load & { readonly place: RoutePlace },
): Promise<Brought> {
  const { clock } = world
  const files = Math.ceil(Math.min(bytes, budget) / assumed.fileBytes)
  let listed = 0
  let firstMs = 0
  /** All pages from the file that was listed last on. */
  const list = async (exported: number) => {
    do {
      await call(world, 'export_files')
      listed += assumed.pageFiles
    } while (listed < exported)
    listed = exported
  }
  const askedMs = await world.lanes.jobs(async () => {
    await startTurn(() => {
      place.begin()
      return call(world, 'export_start')
    })
    const startedMs = clock.now().getTime()
    let workMs = Number.POSITIVE_INFINITY
    let isThrough = false
    const seconds = assumed.jobSeconds + Math.min(bytes, budget) / assumed.jobBytesPerSecond
    void world.slots(async () => {
      workMs = clock.now().getTime()
      await clock.sleep(seconds * 1000)
      isThrough = true
    })
    let listAt = firstListSeconds
    for (let waited = 0; ; ) {
      const wait = pollMs(waited * 1000) / 1000
      waited += wait
      await clock.sleep(wait * 1000)
      await lookAtJobs(world)
      if (isThrough) return startedMs
      if (clock.now().getTime() - workMs >= assumed.jobSeconds * 1000) firstMs ||= clock.now().getTime()
      const exporting = (clock.now().getTime() - workMs) / 1000 - assumed.jobSeconds
      if (exporting <= 0 || waited < listAt) continue
      await list(Math.floor((exporting * assumed.jobBytesPerSecond) / assumed.fileBytes))
      listAt = waited * 1.5
    }
  })
  firstMs ||= clock.now().getTime()
  if (bytes > budget) throw new TruncatedJob('too much')
  await list(files)
  return { part, bytes, waitSeconds: (firstMs - askedMs) / 1000 }
}

/** The first pages are asked for after this. */
const firstListSeconds = 4

/** Who looks at the jobs while somebody else does shares the look. */
function lookAtJobs(world: World): Promise<void> {
  world.look ??= call(world, 'export_jobs').finally(() => {
    world.look = undefined
  })
  return world.look
}

async function call(world: World, endpoint: EndpointName): Promise<void> {
  await world.pacer.reserve(endpoint)
  world.calls += 1
}
