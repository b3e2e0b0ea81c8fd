/** What a sync would do: windows, API calls, and the time that the rate limits make of them. */
import type { Stream } from '../catalog/index.ts'
import type { IterableClient } from '../iterable/client.ts'
import type { EndpointName } from '../iterable/endpoints.ts'
import { partsOf } from './plan.ts'
import { readLists } from './readers.ts'
import { countingClient } from './source.ts'
import { planOptions, type SyncInput, selectedStreams } from './sync.ts'
import type { Window } from './windows.ts'

/** The plan of one stream. */
export interface StreamPlan {
  readonly stream: string
  /** Half-open windows to ask for, for streams that are read by window. */
  readonly windows: readonly Window[]
  /** Requests at least; pages and metadata values show only when they are read. */
  readonly api_calls: number
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
    /** How far each stream has come; empty where nothing was ever synced. */
    readonly bookmarks: ReadonlyMap<string, Date>
  },
): Promise<SyncPlan> {
  const selected = selectedStreams(input)
  const streams: StreamPlan[] = []
  for (const stream of selected) {
    const options = planOptions(input, stream, input.now)
    const parts = partsOf(stream, input.bookmarks.get(stream.name), options)
    streams.push({
      stream: stream.name,
      windows: parts.flatMap(({ window }) => window ?? []),
      api_calls: await callsOf(stream, parts.length, input),
    })
  }
  return {
    streams,
    api_calls: streams.reduce((sum, { api_calls }) => sum + api_calls, 0),
    seconds: secondsFor(selected, streams, input.client),
  }
}

async function callsOf(
  { read }: Stream,
  parts: number,
  { client, signal }: { readonly client: IterableClient; readonly signal: AbortSignal },
): Promise<number> {
  switch (read.kind) {
    case 'export':
      return parts
    case 'documents':
      return parts * (read.variants?.length ?? 1)
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
  selected.forEach((stream, index) => {
    const endpoint = endpointOf(stream)
    calls.set(endpoint, (calls.get(endpoint) ?? 0) + (plans[index]?.api_calls ?? 0))
  })
  const seconds = [...calls].map(([endpoint, count]) => client.secondsFor(endpoint, count))
  return Math.ceil(Math.max(0, ...seconds))
}

function endpointOf({ read }: Stream): EndpointName {
  switch (read.kind) {
    case 'export':
      return 'export'
    case 'documents':
      return read.endpoint
    case 'members':
      return 'list_users'
    case 'metadata':
      return 'metadata'
  }
}
