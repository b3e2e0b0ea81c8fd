import type { RateLimit } from '../config/values.ts'
import { ConfigError, InterruptedError } from '../errors.ts'
import type { Call, Send, Wait } from './call.ts'
import type { Clock } from './clock.ts'
import { type EndpointName, endpoints } from './endpoints.ts'
import { IterableHttpError } from './errors.ts'

/** Gives out the right to send. */
export interface Pacer {
  /** Resolves when a request to the endpoint may be sent; takes no slot when the signal is aborted first. */
  reserve(endpoint: EndpointName, options?: ReserveOptions): Promise<void>
  /** Lets nobody through for this long: the server has asked for it, of all who use this endpoint. */
  hold(endpoint: EndpointName, waitMs: number): void
  /** Milliseconds between two requests at the steady pace; 0 when the endpoint is not paced. */
  slotMs(endpoint: EndpointName): number
  /** Seconds from the first to the last of so many requests, sent as fast as the pace allows. */
  secondsFor(endpoint: EndpointName, requests: number): number
  /** Seconds until the last of so many further requests may be sent, behind those that were sent or wait already. */
  secondsUntil(endpoint: EndpointName, requests: number): number
}

export interface ReserveOptions {
  readonly signal?: AbortSignal | undefined
  readonly onWait?: ((wait: Wait) => void) | undefined
}

/** Limits that replace the documented ones, by endpoint, as text or as the configuration has read it. */
export type RateLimits = Readonly<Partial<Record<string, RateLimit | string>>> | 'off'

/** The server's clock starts when a request arrives; a period stretched by this much keeps late arrivals apart. */
const safety = 1.02

/** A book that other processes keep too. Everything in it rejects when the book cannot be had. */
export interface SharedLanes {
  /** Takes the next free slot; resolves to the milliseconds until it. */
  takeSlot(lane: string, rate: RateLimit): Promise<number>
  /** Closes a lane for this long, for everybody. */
  hold(lane: string, waitMs: number): Promise<void>
  /** Milliseconds for which a lane stays closed. */
  heldMs(lane: string): Promise<number>
}

/** Makes each call wait for its turn. Who is told to wait waits for all: others that use the endpoint too are held back. */
export function withPace<Answer>(send: Send<Answer>, pacer: Pacer): Send<Answer> {
  return async (call: Call) => {
    await pacer.reserve(call.endpoint, call)
    try {
      return await send(call)
    } catch (error) {
      const askedMs = error instanceof IterableHttpError ? error.retryAfterMs : undefined
      if (askedMs !== undefined) pacer.hold(call.endpoint, Math.min(askedMs, longestHoldMs))
      throw error
    }
  }
}

/** Nobody is held back for longer than this by what one answer said; who asked may give up sooner. */
const longestHoldMs = 3_600_000

/**
 * Each endpoint has a sliding window: a burst up to the limit goes at once, and no stretch of one period ever holds
 * more. Turns are first come, first served. With a `book` a turn waits for a slot of it too; where that cannot be had,
 * this process keeps the pace alone.
 */
export function createPacer(rateLimits: RateLimits, clock: Clock, book?: SharedLanes): Pacer {
  const lanes = new Map<EndpointName, Lane>()
  const laneOf = (endpoint: EndpointName): Lane => {
    const known = lanes.get(endpoint)
    if (known) return known
    const rate = rateOf(endpoint, rateLimits)
    const lane: Lane = { rate, sentAt: [], waiting: 0, tail: Promise.resolve(), closedUntilMs: 0 }
    lanes.set(endpoint, lane)
    return lane
  }
  return {
    hold(endpoint, waitMs) {
      const lane = laneOf(endpoint)
      lane.closedUntilMs = Math.max(lane.closedUntilMs, clock.now().getTime() + waitMs)
      if (lane.rate !== 'off') book?.hold(endpoint, waitMs).catch(() => {})
    },
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
    secondsUntil: (endpoint, requests) => secondsUntil(laneOf(endpoint), requests, clock.now().getTime()),
    async reserve(endpoint, options = {}) {
      const lane = laneOf(endpoint)
      lane.waiting += 1
      const turn = lane.tail
        .then(() => takeTurn(lane, { endpoint, clock, book, ...options }))
        .finally(() => {
          lane.waiting -= 1
        })
      lane.tail = turn.catch(() => undefined)
      await unlessAborted(turn, options.signal)
    },
  }
}

interface Lane {
  readonly rate: RateLimit | 'off'
  /** When the latest requests were let through, oldest first, as many as one period may hold. */
  readonly sentAt: number[]
  /** Requests that have not had their turn. */
  waiting: number
  /** Settles when the one who came last has had its turn. */
  tail: Promise<void>
  /** The server lets nobody through before this. */
  closedUntilMs: number
}

function secondsUntil(
  { rate, sentAt, waiting, closedUntilMs }: Lane,
  requests: number,
  nowMs: number,
): number {
  const openMs = Math.max(nowMs, closedUntilMs)
  const sent = [...sentAt]
  for (let count = waiting + requests; count > 0; count -= 1) {
    const before = rate === 'off' ? undefined : sent.at(-rate.requests)
    const periodMs = rate === 'off' ? 0 : rate.perMs * safety
    sent.push(before === undefined ? openMs : Math.max(openMs, before + periodMs))
  }
  return requests > 0 ? ((sent.at(-1) as number) - nowMs) / 1000 : 0
}

interface Turn extends ReserveOptions {
  readonly endpoint: EndpointName
  readonly clock: Clock
  readonly book: SharedLanes | undefined
}

async function takeTurn(lane: Lane, turn: Turn): Promise<void> {
  if (turn.signal?.aborted) throw new InterruptedError(undefined, { cause: turn.signal.reason })
  if (lane.rate !== 'off') await takeSlot(lane, lane.rate, turn)
  await untilOpen(lane, turn)
  lane.sentAt.push(turn.clock.now().getTime())
  const kept = lane.rate === 'off' ? 0 : lane.rate.requests
  if (lane.sentAt.length > kept) lane.sentAt.shift()
}

/** While others wait for their turn somebody may be told to wait. */
async function untilOpen(lane: Lane, turn: Turn): Promise<void> {
  for (let waitedFor = 0; waitedFor < lane.closedUntilMs; ) {
    waitedFor = lane.closedUntilMs
    await pause(Math.min(waitedFor - turn.clock.now().getTime(), longestHoldMs), turn, 'rate_limit')
  }
}

async function takeSlot(lane: Lane, rate: RateLimit, turn: Turn): Promise<void> {
  const { endpoint, clock, book } = turn
  const stretchedMs = rate.perMs * safety
  const oldest = lane.sentAt.length < rate.requests ? undefined : lane.sentAt[0]
  const nowMs = clock.now().getTime()
  // A clock that was set back must not make anybody wait for longer than one period.
  if (oldest !== undefined) await pause(Math.min(oldest + stretchedMs - nowMs, stretchedMs), turn)
  if (!book) return
  const waitMs = await book.takeSlot(endpoint, { ...rate, perMs: stretchedMs }).catch(() => 0)
  await pause(waitMs, turn)
  // Another process may have been told to wait since.
  if (waitMs > 0) await pause(await book.heldMs(endpoint).catch(() => 0), turn, 'rate_limit')
}

async function pause(
  waitMs: number,
  { endpoint, clock, signal, onWait }: Turn,
  reason: 'pace' | 'rate_limit' = 'pace',
): Promise<void> {
  if (waitMs <= 0) return
  const until = new Date(clock.now().getTime() + waitMs)
  onWait?.({ endpoint, reason, until, attempt: 0 })
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
