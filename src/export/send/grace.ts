/** Requests on their way may come to their end, but not for ever, once the user wants to stop. */
import type { Clock } from '../../iterable/clock.ts'

const graceMs = 10_000

/** A signal that comes so long after another; `done` ends the wait for it. */
export function graceAfter(
  signal: AbortSignal,
  clock: Clock,
): { readonly signal: AbortSignal; readonly done: () => void } {
  const hard = new AbortController()
  const over = new AbortController()
  const start = () => {
    clock
      .sleep(graceMs, over.signal)
      .then(() => hard.abort())
      .catch(() => {})
  }
  if (signal.aborted) start()
  signal.addEventListener('abort', start, { once: true })
  return {
    signal: hard.signal,
    done() {
      over.abort()
      signal.removeEventListener('abort', start)
    },
  }
}
