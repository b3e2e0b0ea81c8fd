/** The worker: looks for what is due, works on it, and leaves everything resumable when it is asked to stop. */
import { setMaxListeners } from 'node:events'
import { messageOf, UserError } from '../errors.ts'
import type { RunState } from '../state/tables/sync.ts'
import { Dispatcher, type DispatcherInput } from './dispatcher.ts'
import type { RunAtWork, RunOutcome } from './run.ts'

/** What a worker tells while it works. */
export type WorkerEvent =
  | { readonly type: 'ready'; readonly workerId: string }
  | { readonly type: 'looked'; readonly atWork: number; readonly tookMs: number }
  | {
      readonly type: 'begun'
      readonly job: string
      readonly runId: string
      readonly lateMs: number
      readonly attempt: number
    }
  | {
      readonly type: 'ended'
      readonly job: string
      readonly runId: string
      /** State of the run; `again` when it was put back, `lost` when another worker has it. */
      readonly state: RunState | Exclude<RunOutcome['kind'], 'ended'>
      readonly tookMs: number
      readonly error: string | null
    }
  /** A look came to nothing: the warehouse is away, or held by somebody. */
  | { readonly type: 'failed'; readonly message: string }
  | { readonly type: 'notice'; readonly message: string }
  | { readonly type: 'stopping'; readonly atWork: number }

export interface WorkerInput extends DispatcherInput {
  /** The longest time between two looks. */
  readonly pollMs: number
  /** How old definitions may be. */
  readonly refreshMs: number
  /** How long runs may go on after the worker was asked to stop, before they are stopped, too. */
  readonly graceMs: number
  /** Stops the worker. */
  readonly signal: AbortSignal
  /** Sends what there is to tell; called after each look. */
  readonly deliver: () => Promise<void>
  /** Calls back when there may be something to do, where the warehouse can tell. */
  readonly watch: (onChange: () => void) => Promise<AsyncDisposable>
  readonly sleep: (delayMs: number, signal: AbortSignal) => Promise<void>
  readonly onEvent: (event: WorkerEvent) => void
}

/** Works until the signal is aborted; resolves when nothing is at work any more. */
export async function runWorker(input: WorkerInput): Promise<void> {
  // Every run listens to it; the caller's own stays as it is.
  const signal = AbortSignal.any([input.signal])
  setMaxListeners(0, signal)
  await new Worker({ ...input, signal }).run()
}

/** After a look that failed (the warehouse is away, or held by somebody) the next one comes after this, at most. */
const failurePauseMs = 2_000

class Worker {
  readonly #input: WorkerInput
  readonly #dispatcher: Dispatcher
  readonly #bell = new Bell()
  readonly #working = new Set<Promise<void>>()
  #refreshedAtMs = Number.NEGATIVE_INFINITY
  #delivery: Promise<void> | undefined

  constructor(input: WorkerInput) {
    this.#input = input
    this.#dispatcher = new Dispatcher(input)
  }

  async run(): Promise<void> {
    const { signal, workerId, onEvent, watch, pollMs } = this.#input
    const ring = () => this.#bell.ring()
    signal.addEventListener('abort', ring)
    try {
      await this.#prepare()
      if (signal.aborted) return
      await using _watch = await watch(() => {
        this.#refreshedAtMs = Number.NEGATIVE_INFINITY
        ring()
      })
      onEvent({ type: 'ready', workerId })
      while (!signal.aborted) {
        const wakeInMs = await this.#look()
        await this.#wait(Math.min(wakeInMs, pollMs))
      }
      await this.#end()
    } finally {
      signal.removeEventListener('abort', ring)
    }
  }

  /** A file that somebody reads is waited for, however long. */
  async #prepare(): Promise<void> {
    const { signal, onEvent, sleep } = this.#input
    while (!signal.aborted) {
      try {
        return await this.#dispatcher.prepare()
      } catch (error) {
        if (!(error instanceof UserError) || error.code !== 'warehouse_locked') throw error
        onEvent({ type: 'failed', message: messageOf(error) })
      }
      await sleep(failurePauseMs, signal).catch(() => {})
    }
  }

  /** Looks once and begins what there is; resolves to when to look again. Never rejects. */
  async #look(canBegin = true): Promise<number> {
    const { onEvent, refreshMs } = this.#input
    const startedMs = performance.now()
    try {
      if (canBegin && startedMs - this.#refreshedAtMs > refreshMs) {
        await this.#refresh()
        this.#refreshedAtMs = startedMs
      }
      const { begun, wakeInMs } = await this.#dispatcher.look({ canBegin })
      for (const run of begun) this.#begin(run)
      this.#deliver()
      onEvent({
        type: 'looked',
        atWork: this.#dispatcher.atWork.length,
        tookMs: performance.now() - startedMs,
      })
      return Math.max(wakeInMs ?? Number.POSITIVE_INFINITY, 0)
    } catch (error) {
      onEvent({ type: 'failed', message: `could not look for work: ${messageOf(error)}` })
      return failurePauseMs
    }
  }

  /** Definitions that cannot be read now stop nothing that is known. */
  async #refresh(): Promise<void> {
    try {
      await this.#dispatcher.refresh()
    } catch (error) {
      this.#input.onEvent({ type: 'notice', message: `could not read definitions: ${messageOf(error)}` })
    }
  }

  #begin(run: RunAtWork): void {
    const work = this.#work(run).finally(() => {
      this.#working.delete(work)
      this.#bell.ring()
    })
    this.#working.add(work)
  }

  async #work(run: RunAtWork): Promise<void> {
    const { onEvent, jobs, signal } = this.#input
    const { job, runId, attempt, takenAt, dueAt } = run.taken
    const startedMs = performance.now()
    onEvent({ type: 'begun', job, runId, attempt, lateMs: takenAt.getTime() - dueAt.getTime() })
    const outcome = await run.work(jobs, signal)
    const isOurs = await this.#conclude(run, outcome)
    const { state, error } = outcome.kind === 'ended' ? outcome.result : { state: outcome.kind }
    onEvent({
      type: 'ended',
      job,
      runId,
      state: isOurs ? state : 'lost',
      tookMs: performance.now() - startedMs,
      error: error?.text ?? null,
    })
    this.#deliver()
  }

  /** The end of a run must get into the warehouse, however long that is away. */
  async #conclude(run: RunAtWork, outcome: RunOutcome): Promise<boolean> {
    const { onEvent, sleep, signal } = this.#input
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#dispatcher.conclude(run, outcome)
      } catch (error) {
        onEvent({
          type: 'notice',
          message: `could not record the end of ${run.taken.job}: ${messageOf(error)}`,
        })
        // Another worker finds the lease of this run ended, and does the rest.
        if (signal.aborted && attempt >= 3) return false
        await sleep(Math.min(attempt * 500, 5_000), new AbortController().signal)
      }
    }
  }

  /** Messages go out beside the work, one delivery at a time. */
  #deliver(): void {
    const { deliver, onEvent } = this.#input
    this.#delivery ??= deliver()
      .catch((error) => onEvent({ type: 'notice', message: `could not send messages: ${messageOf(error)}` }))
      .finally(() => {
        this.#delivery = undefined
      })
  }

  async #wait(delayMs: number): Promise<void> {
    const { sleep } = this.#input
    const timer = new AbortController()
    const heard = this.#bell.heard()
    await Promise.race([sleep(delayMs, timer.signal).catch(() => {}), heard])
    timer.abort()
  }

  /** Lets the runs finish their step, then stops them; they are put back and go on where they stopped. */
  async #end(): Promise<void> {
    const { onEvent, graceMs, pollMs } = this.#input
    onEvent({ type: 'stopping', atWork: this.#dispatcher.atWork.length })
    const deadlineMs = performance.now() + graceMs
    while (this.#working.size > 0) {
      const leftMs = deadlineMs - performance.now()
      if (leftMs <= 0) for (const run of this.#dispatcher.atWork) run.stop('shutdown')
      await this.#wait(Math.min(pollMs, leftMs > 0 ? leftMs : pollMs))
      if (this.#working.size > 0) await this.#dispatcher.keep().catch(() => {})
    }
    await this.#delivery
    await this.#dispatcher.leave().catch((error) => {
      onEvent({ type: 'notice', message: `could not say goodbye: ${messageOf(error)}` })
    })
  }
}

/** Wakes who waits; a ring that nobody waits for is heard by the next. */
class Bell {
  #hasRung = false
  #wake: (() => void) | undefined

  ring(): void {
    this.#hasRung = true
    this.#wake?.()
  }

  async heard(): Promise<void> {
    if (!this.#hasRung) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    this.#hasRung = false
    this.#wake = undefined
  }
}
