/** One run at work: its job, the ways to stop it, and what its end means. */
import { codeOf, firstOf, InterruptedError, kindOf, messageOf, TransientError } from '../errors.ts'
import type { JobResult, Jobs } from './job.ts'
import type { Taken } from './take.ts'

/** Why a run is stopped before its end. */
export type StopReason = 'fenced' | 'cancelled' | 'timeout' | 'shutdown'

/** What became of a run: its result, or that it is put back. */
export type RunOutcome =
  | { readonly kind: 'ended'; readonly result: JobResult }
  | { readonly kind: 'again' | 'locked' | 'lost' }

/** A run that this process works on. */
export class RunAtWork {
  readonly taken: Taken
  readonly #controller = new AbortController()
  #reason: StopReason | undefined

  constructor(taken: Taken) {
    this.taken = taken
  }

  /** Ends the job as soon as it can; the first reason counts. */
  stop(reason: StopReason): void {
    this.#reason ??= reason
    this.#controller.abort()
  }

  /** Works until the job ends, however it ends. Never rejects. */
  async work(jobs: Pick<Jobs, 'run'>, stopping: AbortSignal): Promise<RunOutcome> {
    const { timeoutMs, lease: _, takenAt: __, ...run } = this.taken
    const { signal } = this.#controller
    const timer = timeoutMs === null ? undefined : longTimer(() => this.stop('timeout'), timeoutMs)
    try {
      const result = await jobs.run({ ...run, signal, stopping })
      return this.#outcomeOf(result, stopping)
    } catch (error) {
      return this.#outcomeOf(failureOf(error), stopping)
    } finally {
      clearTimeout(timer)
    }
  }

  #outcomeOf(result: JobResult, stopping: AbortSignal): RunOutcome {
    if (this.#reason === 'fenced' || result.error?.code === 'lease_lost') return { kind: 'lost' }
    const isCut = result.state === 'cancelled' || result.error?.code === 'interrupted'
    if (!isCut) return result.error?.code === 'locked' ? { kind: 'locked' } : { kind: 'ended', result }
    if (this.#reason === 'timeout') {
      const text = `it took longer than its timeout of ${(this.taken.timeoutMs ?? 0) / 1000} s`
      return { kind: 'ended', result: failureOf(new TransientError('timeout', text)) }
    }
    if (this.#reason === 'cancelled' || !stopping.aborted) {
      return { kind: 'ended', result: { ...result, state: 'cancelled' } }
    }
    return { kind: 'again' }
  }
}

/** What an error means for its run. */
function failureOf(caught: unknown): JobResult {
  const error = firstOf(caught)
  if (error instanceof InterruptedError) return { state: 'cancelled', kind: 'run' }
  return { state: 'failed', error: { code: codeOf(error), text: messageOf(error) }, kind: kindOf(error) }
}

/** Timers of Node fire at once when asked for more than 24.8 days. */
const longTimer = (ring: () => void, delayMs: number): NodeJS.Timeout =>
  setTimeout(ring, Math.min(delayMs, 2 ** 31 - 1))
