import { messageOf, TransientError } from '../errors.ts'
import type { Call, Send, Wait } from './call.ts'
import type { Clock } from './clock.ts'
import { endpoints } from './endpoints.ts'
import { IterableHttpError, isRetryable, UnreachableError } from './errors.ts'

export interface Patience {
  /** How often a failed request is sent again. */
  readonly maxRetries: number
  /** The longest wait that an answer may ask for; one that asks for more is thrown at once. */
  readonly maxWaitMs: number
  readonly clock: Clock
  /** A number in [0, 1), for the jitter. */
  readonly random: () => number
  /** Milliseconds between two requests at the steady pace of the endpoint; 0 when it is not paced. */
  readonly slotMs: (endpoint: Call['endpoint']) => number
}

/** Answers 429 say nothing about the request, only that others drew on the quota too: they have an own allowance. */
export const maxRateLimited = 20
const firstDelayMs = 1000
const longestDelayMs = 60_000

/**
 * Repeats a call whose failure may pass, until it succeeds or patience ends; then the last error is thrown.
 * A wait asked for by the server is honoured in full, ours is drawn from a range that doubles (full jitter).
 */
export function withRetry<Answer>(send: Send<Answer>, patience: Patience): Send<Answer> {
  return async (call) => {
    let failures = 0
    let rateLimited = 0
    for (;;) {
      try {
        return await send(call)
      } catch (error) {
        if (!call.retry || !mayRepeat(call, error)) throw error
        const limited = isRateLimit(error)
        const tries = limited ? ++rateLimited : ++failures
        if (tries > (limited ? maxRateLimited : patience.maxRetries)) throw error
        refuseLongWait(error, patience.maxWaitMs)
        await pause(call, error, tries, failures + rateLimited, patience)
      }
    }
  }
}

/** @throws TransientError where an answer asks for a longer wait than anybody wants to sit through. */
export function refuseLongWait(error: unknown, maxWaitMs: number): void {
  const askedMs = error instanceof IterableHttpError ? (error.retryAfterMs ?? 0) : 0
  if (askedMs <= maxWaitMs) return
  const message = `${messageOf(error)}; it asks to wait ${Math.round(askedMs / 1000)} s, and "timeouts.wait" allows ${Math.round(maxWaitMs / 1000)} s`
  throw new TransientError('rate_limited', message, { cause: error })
}

/** What may have been done already is repeated only where doing it twice is doing it once. */
function mayRepeat(call: Call, error: unknown): boolean {
  if (!isRetryable(error)) return false
  return endpoints[call.endpoint].idempotent || isRateLimit(error) || error instanceof UnreachableError
}

async function pause(
  call: Call,
  error: unknown,
  tries: number,
  attempt: number,
  { clock, random, slotMs }: Patience,
): Promise<void> {
  const askedMs = error instanceof IterableHttpError ? error.retryAfterMs : undefined
  const backoffMs = random() * Math.min(longestDelayMs, firstDelayMs * 2 ** (tries - 1))
  // Iterable is not known to send Retry-After: a fixed window has likely moved on after one slot of the pace.
  const leastMs = isRateLimit(error) ? slotMs(call.endpoint) : 0
  // To ask for no wait at all, or for a time that is over, says nothing.
  const waitMs = Math.ceil(askedMs || Math.max(backoffMs, leastMs))
  const status = error instanceof IterableHttpError ? { status: error.status } : {}
  const until = new Date(clock.now().getTime() + waitMs)
  call.onWait?.({ endpoint: call.endpoint, reason: reasonOf(error), until, attempt, ...status })
  await clock.sleep(waitMs, call.signal)
}

export const isRateLimit = (error: unknown): boolean =>
  error instanceof IterableHttpError && error.code === 'rate_limited'

function reasonOf(error: unknown): Wait['reason'] {
  if (isRateLimit(error)) return 'rate_limit'
  return error instanceof IterableHttpError ? 'server_error' : 'connection'
}

const yearMs = 366 * 86_400_000

/** Reads the header Retry-After: seconds, or an HTTP date, which is compared with `now` of the server; a year at most. */
export function parseRetryAfter(header: string | string[] | undefined, now: Date): number | undefined {
  const text = (Array.isArray(header) ? header[0] : header)?.trim()
  if (!text) return undefined
  if (/^\d+(\.\d+)?$/.test(text)) return Math.min(Number(text) * 1000, yearMs)
  const dateMs = /[a-z]/i.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(dateMs) ? undefined : Math.min(Math.max(0, dateMs - now.getTime()), yearMs)
}
