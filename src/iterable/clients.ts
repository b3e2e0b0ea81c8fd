/** Clients of one project keep one pace, however many there are: a sync and exports, on this machine and on others. */
import type { RateLimit } from '../config/values.ts'
import { type ClientContext, type ClientOptions, createClient, type IterableClient } from './client.ts'
import { systemClock } from './clock.ts'
import { createPacer, type Pacer, type TakeSlot } from './pace.ts'

/** Options of a client, and the name of its connection, under which other processes know its pace. */
export type NamedClientOptions = ClientOptions & { readonly name?: string }

/**
 * Gives a function that makes clients. `takeSlot` is asked for every request that is paced, with
 * `connection/endpoint` as lane; without it the pace is that of this process alone.
 */
export function clientsOf(
  context: ClientContext,
  takeSlot?: (lane: string, rate: RateLimit) => Promise<number>,
): (options: NamedClientOptions) => IterableClient {
  const pacers = new Map<string, Pacer>()
  return (options) => {
    const { name, region, base_url, api_key, rate_limits = {} } = options
    const project = JSON.stringify([region, base_url, api_key, rate_limits])
    const shared: TakeSlot | undefined =
      takeSlot && name !== undefined ? (endpoint, rate) => takeSlot(`${name}/${endpoint}`, rate) : undefined
    const pacer = pacers.get(project) ?? createPacer(rate_limits, context.clock ?? systemClock, shared)
    pacers.set(project, pacer)
    return createClient(options, { ...context, pacer })
  }
}
