/** Clients of one project keep one pace, however many there are: a sync and exports, on this machine and on others. */
import { type ClientContext, type ClientOptions, createClient, type IterableClient } from './client.ts'
import { systemClock } from './clock.ts'
import { createPacer, type Pacer, type SharedLanes } from './pace.ts'

/** Options of a client, and the name of its connection, under which other processes know its pace. */
export type NamedClientOptions = ClientOptions & { readonly name?: string }

/**
 * Gives a function that makes clients. The `book` is asked for every request that is paced, with
 * `connection/endpoint` as lane; without it the pace is that of this process alone.
 */
export function clientsOf(
  context: ClientContext,
  book?: SharedLanes,
): (options: NamedClientOptions) => IterableClient {
  const pacers = new Map<string, Pacer>()
  return (options) => {
    const { name, region, base_url, api_key, rate_limits = {} } = options
    const project = JSON.stringify([region, base_url, api_key, rate_limits])
    const shared = book && name !== undefined ? pagesOf(book, name) : undefined
    const pacer = pacers.get(project) ?? createPacer(rate_limits, context.clock ?? systemClock, shared)
    pacers.set(project, pacer)
    return createClient(options, { ...context, pacer })
  }
}

/** The lanes of one connection in the book. */
const pagesOf = (book: SharedLanes, connection: string): SharedLanes => ({
  takeSlot: (endpoint, rate) => book.takeSlot(`${connection}/${endpoint}`, rate),
  hold: (endpoint, waitMs) => book.hold(`${connection}/${endpoint}`, waitMs),
  heldMs: (endpoint) => book.heldMs(`${connection}/${endpoint}`),
})
