import type { RateLimit } from '../config/values.ts'
import { ConfigError, InterruptedError } from '../errors.ts'
import type { Call, Send, Wait } from './call.ts'
import type { Clock } from './clock.ts'
import { type EndpointName, endpoints } from './endpoints.ts'

/** Gives out the right to send. */
export interface Pacer {
  /** Resolves when a request to the endpoint may be sent; takes no slot when the signal is aborted first. */
  reserve(endpoint: EndpointName, options?: ReserveOptions): Promise<void>
  /** Milliseconds between two requests at the steady pace; 0 when the endpoint is not paced. */
  slotMs(endpoint: EndpointName): number
  /** Seconds from the first to the last of so many requests, sent as fast as the pace allows. */
  secondsFor(endpoint: EndpointName, requests: number): number
}

export interface ReserveOptions {
  readonly signal?: AbortSignal | undefined
  readonly onWait?: ((wait: Wait) => void) | undefined
}

/** Limits that replace the documented ones, by endpoint, as text or as the configuration has read it. */
export type RateLimits = Readonly<Partial<Record<string, RateLimit | string>>> | 'off'

/** The server's clock starts when a request arrives; a period stretched by this much keeps late arrivals apart. */
const safety = 1.02

/**
 * Takes a slot in a book that other processes keep too; resolves to the milliseconds until it. It rejects when the book
 * cannot be had.
 */
export type TakeSlot = (endpoint: EndpointName, rate: RateLimit) => Promise<number>

/** Makes each call wait for its turn. */
export function withPace<Answer>(send: Send<Answer>, pacer: Pacer): Send<Answer> {
  return async (call: Call) => {
    await pacer.reserve(call.endpoint, call)
    return send(call)
  }
}

/**
 * Each endpoint has a sliding window: a burst up to the limit goes at once, and no stretch of one period ever holds
 * more. Turns are first come, first served. With `takeSlot` a turn waits for a slot of the shared book too; where that
 * cannot be had, this process keeps the pace alone.
 */
export function createPacer(rateLimits: RateLimits, clock: Clock, takeSlot?: TakeSlot): Pacer {
  const lanes = new Map<EndpointName, Lane>()
  const laneOf = (endpoint: EndpointName): Lane => {
    const known = lanes.get(endpoint)
    if (known) return known
    const lane = { rate: rateOf(endpoint, rateLimits), sentAt: [], tail: Promise.resolve() }
    lanes.set(endpoint, lane)
    return lane
  }
  return {
    slotMs(endpoint) {
      const { rate } = laneOf(endpoint)
      return rate === 'off' ? 0 : rate.perMs / rate.requests
    },
    secondsFor(endpoint, requests) {
      const { rate } = laneOf(endpoint)
      if (rate === 'off' || requests === 0) return 0
      // A burst goes at once, then the window must pass.
      return (Math.floor((requests - 1) / rate.requests) * rate.perMs * safety) / 1000
    },
    async reserve(endpoint, options = {}) {
      const lane = laneOf(endpoint)
      const { rate } = lane
      if (rate === 'off') return
      const turn = lane.tail.then(() => takeTurn(lane, rate, { endpoint, clock, takeSlot, ...options }))
      lane.tail = turn.catch(() => undefined)
      await unlessAborted(turn, options.signal)
    },
  }
}

interface Lane {
  readonly rate: RateLimit | 'off'
  /** When the latest requests were let through, oldest first, as many as one period may hold. */
  readonly sentAt: number[]
  /** Settles when the one who came last has had its turn. */
  tail: Promise<void>
}

interface Turn extends ReserveOptions {
  readonly endpoint: EndpointName
  readonly clock: Clock
  readonly takeSlot: TakeSlot | undefined
}

async function takeTurn(lane: Lane, rate: RateLimit, turn: Turn): Promise<void> {
  const { endpoint, clock, takeSlot, signal } = turn
  if (signal?.aborted) throw new InterruptedError(undefined, { cause: signal.reason })
  const stretchedMs = rate.perMs * safety
  const oldest = lane.sentAt.length < rate.requests ? undefined : lane.sentAt[0]
  const nowMs = clock.now().getTime()
  // A clock that was set back must not make anybody wait for longer than one period.
  if (oldest !== undefined) await pause(Math.min(oldest + stretchedMs - nowMs, stretchedMs), turn)
  if (takeSlot) {
    await pause(await takeSlot(endpoint, { ...rate, perMs: stretchedMs }).catch(() => 0), turn)
  }
  lane.sentAt.push(clock.now().getTime())
  if (lane.sentAt.length > rate.requests) lane.sentAt.shift()
}

async function pause(waitMs: number, { endpoint, clock, signal, onWait }: Turn): Promise<void> {
  if (waitMs <= 0) return
  const until = new Date(clock.now().getTime() + waitMs)
  onWait?.({ endpoint, reason: 'pace', until, attempt: 0 })
  // Timers may fire a millisecond early, so round up.
  await clock.sleep(Math.ceil(waitMs) + 1, signal)
}

/** Lets a caller leave the queue at once; its turn, when it comes, sees the signal and takes no slot. */
function unlessAborted(turn: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (!signal) return turn
  return new Promise((resolve, reject) => {
    const leave = () => reject(new InterruptedError(undefined, { cause: signal.reason }))
    if (signal.aborted) leave()
    signal.addEventListener('abort', leave, { once: true })
    turn.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave))
  })
}

function rateOf(endpoint: EndpointName, rateLimits: RateLimits): RateLimit | 'off' {
  if (rateLimits === 'off') return 'off'
  const limit = rateLimits[endpoint] ?? endpoints[endpoint].limit
  return typeof limit === 'string' ? parseRate(limit) : limit
}

const periodsMs = new Map([
  ...['s', 'sec', 'second'].map((unit) => [unit, 1000] as const),
  ...['m', 'min', 'minute'].map((unit) => [unit, 60_000] as const),
  ...['h', 'hour'].map((unit) => [unit, 3_600_000] as const),
])

/** Reads `4/min`, `100/s`, `1000/hour` or `off`. Throws ConfigError. */
export function parseRate(text: string): RateLimit | 'off' {
  const trimmed = text.trim().toLowerCase()
  if (trimmed === 'off') return 'off'
  const [, count, unit] = /^(\d+)\s*\/\s*([a-z]+)$/.exec(trimmed) ?? []
  const perMs = periodsMs.get(unit ?? '')
  if (Number(count) > 0 && perMs) return { requests: Number(count), perMs }
  throw new ConfigError(`a rate limit is written like "4/min", "100/s", "1000/hour" or "off", not "${text}"`)
}
