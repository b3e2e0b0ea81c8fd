/** Ctrl-C and SIGTERM: the first asks the work to stop, the second ends the process at once. */
import { exitCodes } from '../errors.ts'

/** How long work may take to stop before the process ends anyway; what it has committed stays. */
const graceMs = 1_500

export interface Interruption {
  readonly signal: AbortSignal
  /** Lets work that must finish a step (a worker's batch in flight) take as long as it needs. */
  waitForTheEnd(): void
}

/**
 * Listens for the signals of `source`.
 * @param onStop told once, when the work is asked to stop.
 * @param end ends the process.
 */
export function interruptionOf(
  source: NodeJS.Process,
  { onStop, end }: { readonly onStop: () => void; readonly end: (exitCode: number) => void },
): Interruption {
  const controller = new AbortController()
  let hasTime = false
  const stop = () => {
    if (controller.signal.aborted) return end(exitCodes.interrupted)
    onStop()
    controller.abort()
    if (!hasTime) setTimeout(() => end(exitCodes.interrupted), graceMs).unref()
  }
  source.on('SIGINT', stop)
  source.on('SIGTERM', stop)
  return {
    signal: controller.signal,
    waitForTheEnd() {
      hasTime = true
    },
  }
}
