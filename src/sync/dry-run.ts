/** What a sync would do: windows, API calls, and the time that the rate limits make of them. */
import type { Stream } from '../catalog/index.ts'
import type { IterableClient } from '../iterable/client.ts'
import type { EndpointName } from '../iterable/endpoints.ts'
import type { StreamVolume } from '../state/stream-volumes.ts'
import { type LeftOut, leftOut } from './asked.ts'
import { endpointOf } from './endpoint.ts'
import { WindowFit } from './fit.ts'
import { planOptions, routesOf, type SyncInput, selectedStreams } from './input.ts'
import { type Known, knownOf } from './known.ts'
import type { Part } from './parts.ts'
import { partsOf } from './plan.ts'
import { readLists } from './readers.ts'
import { refuseDropped } from './retention.ts'
import { DiskRoom } from './room.ts'
import type { Decision, Route } from './route.ts'
import type { Routes } from './routes.ts'
import { countingClient } from './source.ts'
import { sweepOf } from './sweep.ts'
import { daysBetween } from './volume.ts'
import type { Window } from './windows.ts'

/** Windows of one stream that go by a route, and why the first of them does. */
export interface RoutePlan extends Pick<Decision, 'route' | 'reason'> {
  readonly windows: number
}

/** The plan of one stream. */
export interface StreamPlan {
  readonly stream: string
  /** Half-open windows to ask for, for streams that are read by window. */
  readonly windows: readonly Window[]
  /** The routes that they would take now; what the windows bring may change that while the sync goes on. */
  readonly routes: readonly RoutePlan[]
  /** Nothing is known of what it brings, so its days are counted one by one; the first of them tells how long windows may be. */
  readonly is_guess: boolean
  /** Requests at least, unless `is_guess`; pages and metadata values show only when they are read. */
  readonly api_calls: number
  /** Why it is not asked for this time: the project lacks it, or it has long been empty. */
  readonly left_out: LeftOut | null
  /** A sweep is due: everything from here on is read again. */
  readonly sweep_from: Date | null
}

export interface SyncPlan {
  readonly streams: readonly StreamPlan[]
  readonly api_calls: number
  /** Seconds that the rate limits alone make the sync take. */
  readonly seconds: number
}

/** Plans a sync without reading any stream; the lists of the project are asked for, to count them. */
export async function planSync(
  input: Pick<SyncInput, 'client' | 'connection' | 'config' | 'streams' | 'reach' | 'signal'> & {
    readonly now: Date
    readonly known: Known
    readonly spoolDirectory: string
  },
): Promise<SyncPlan> {
  const selected = selectedStreams(input)
  refuseDropped(input.config, selected, input.reach, input.now)
  const streams: StreamPlan[] = []
  const { known, now } = input
  const room = new DiskRoom(input.spoolDirectory)
  await room.measure()
  const routes = routesOf(input, known.volumes, () => room.windowBytes)
  for (const stream of selected) {
    const start = knownOf(known, stream)
    const volume = known.volumes.get(stream.name)
    const reason = leftOut(start, input, volume, now)
    if (reason) {
      streams.push({
        stream: stream.name,
        windows: [],
        routes: [],
        is_guess: false,
        api_calls: 0,
        left_out: reason,
        sweep_from: null,
      })
      continue
    }
    const sweep = sweepOf(start, input)
    const options = { ...planOptions(input, start, now), sweepFrom: sweep?.from }
    const whole = partsOf(stream, start.bookmark, options)
    const parts = fittedParts(stream, whole, { volume, routes })
    const planned = plannedRoutes(stream, parts, routes)
    streams.push({
      stream: stream.name,
      windows: parts.flatMap(({ window }) => window ?? []),
      routes: planned,
      is_guess: !volume && parts.length > whole.length,
      api_calls: await callsOf(stream, parts.length, planned, input),
      left_out: null,
      sweep_from: sweep?.from ?? null,
    })
  }
  return {
    streams,
    api_calls: streams.reduce((sum, { api_calls }) => sum + api_calls, 0),
    seconds: secondsFor(selected, streams, input.client),
  }
}

/** Windows of whatever length as they would be cut by what is known now. */
function fittedParts(
  stream: Stream,
  parts: readonly Part[],
  { volume, routes }: { readonly volume: StreamVolume | undefined; readonly routes: Routes },
): readonly Part[] {
  const fit = new WindowFit(stream, volume)
  const fitted: Part[] = []
  for (let left = [...parts]; left.length > 0; ) {
    const [next, ...others] = left as [Part, ...Part[]]
    const [part, rest] = fit.cut(next, routes.windowBytes(undefined))
    fitted.push(part)
    left = rest ? [rest, ...others] : others
  }
  return fitted
}

/** All streams are in the queues at once, each with one window at a time. */
function plannedRoutes(stream: Stream, parts: readonly Part[], routes: Routes): readonly RoutePlan[] {
  const planned = new Map<Route, RoutePlan>()
  for (const { window, openJob } of parts) {
    if (!window) continue
    const hasJob = openJob !== undefined
    const { route, reason } = routes.choose(stream.name, {
      days: daysBetween(window),
      hasJob,
      missed: undefined,
    })
    if (planned.size === 0) routes.join(route)
    const before = planned.get(route)
    planned.set(route, { route, reason, ...before, windows: (before?.windows ?? 0) + 1 })
  }
  return [...planned.values()]
}

/** A job is started, looked at and listed. */
const callsPerJob = 3

const windowsBy = (planned: readonly RoutePlan[], route: Route): number =>
  planned.find((one) => one.route === route)?.windows ?? 0

async function callsOf(
  { read }: Stream,
  parts: number,
  planned: readonly RoutePlan[],
  { client, signal }: { readonly client: IterableClient; readonly signal: AbortSignal },
): Promise<number> {
  switch (read.kind) {
    case 'export':
      return windowsBy(planned, 'direct') + callsPerJob * windowsBy(planned, 'jobs')
    case 'documents':
      return parts * (read.variants ?? read.queries ?? [1]).length
    case 'walk':
      return parts
    case 'metadata':
      return 1
    case 'members':
      return 1 + (await readLists(countingClient(client, { signal, onWait: () => {} }))).length
  }
}

/** Endpoints are paced apart from one another, so the slowest one decides. */
function secondsFor(
  selected: readonly Stream[],
  plans: readonly StreamPlan[],
  client: IterableClient,
): number {
  const calls = new Map<EndpointName, number>()
  const add = (endpoint: EndpointName, more: number) => {
    calls.set(endpoint, (calls.get(endpoint) ?? 0) + more)
  }
  selected.forEach((stream, index) => {
    const { routes = [], api_calls = 0 } = plans[index] ?? {}
    const jobs = windowsBy(routes, 'jobs')
    add('export_start', jobs)
    add('export_files', jobs)
    add(endpointOf(stream), stream.read.kind === 'export' ? windowsBy(routes, 'direct') : api_calls)
  })
  const seconds = [...calls].map(([endpoint, count]) => client.secondsFor(endpoint, count))
  return Math.ceil(Math.max(0, ...seconds))
}
