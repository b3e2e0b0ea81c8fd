/** Work on a lake that is begun anew where nothing of it has happened. */
import { setTimeout as delay } from 'node:timers/promises'
import { firstOf } from '../../errors.ts'

/** How often, in all. */
const attempts = 5
/** Before the second attempt; longer before each further one. */
const pauseMs = 100

/** Does `work`, and again after errors of which `isAgain` says so, unless it was aborted. @throws its last error. */
export async function again<T>(
  work: () => Promise<T>,
  isAgain: (error: unknown) => boolean,
  signal?: AbortSignal,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work()
    } catch (caught) {
      const error = firstOf(caught)
      if (attempt >= attempts || signal?.aborted || !isAgain(error)) throw error
    }
    await delay(attempt * pauseMs)
  }
}
