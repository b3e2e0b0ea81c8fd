import { setTimeout as delay } from 'node:timers/promises'
import { InterruptedError } from '../errors.ts'

/** The time and the waiting of the client, so that tests may own both. */
export interface Clock {
  now(): Date
  /** Resolves after `delayMs`, or rejects with InterruptedError as soon as the signal is aborted. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>
}

/** Timers of Node fire at once when asked for more than this. */
const longestTimerMs = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => new Date(),
  async sleep(delayMs, signal) {
    try {
      for (let leftMs = delayMs; leftMs > 0; leftMs -= longestTimerMs) {
        await delay(Math.min(leftMs, longestTimerMs), undefined, signal ? { signal } : {})
      }
    } catch (error) {
      if (signal?.aborted) throw new InterruptedError(undefined, { cause: signal.reason })
      throw error
    }
  },
}
