/** The course of a sync, put together from what it tells: when each part was begun, what was waited for, how far all of it is. */
import type { Clock } from '../iterable/clock.ts'
import type { LogLine, RunLog } from '../state/run-log.ts'
import type { Step } from '../state/run-steps.ts'
import { counted } from '../words.ts'
import type { SyncEvent } from './progress.ts'

/** What is known of a part that is to be committed. */
export interface StepFacts {
  readonly begunAt: Date
  /** Requests of its stream that were sent again, and how long the stream had to wait, since its part before. */
  readonly retries: number
  readonly waitedMs: number
  /** Of the whole sync, this part included. */
  readonly done: number
  readonly total: number
  readonly secondsLeft: number
}

/** What is to be written with a commit. */
export interface Unwritten {
  readonly steps: readonly Step[]
  readonly lines: readonly LogLine[]
}

/** Hundreds of small windows in a second are written together; at the pace of Iterable's limits each is written with its own commit. */
const pauseMs = 1_000

interface Waits {
  retries: number
  waitedMs: number
  /** Waits that overlap are one. */
  untilMs: number
}

export class Course {
  readonly log: RunLog
  readonly #clock: Pick<Clock, 'now'>
  readonly #begun = new Map<string, Date>()
  readonly #waits = new Map<string, Waits>()
  #steps: readonly Step[] = []
  #writtenAtMs = Number.NEGATIVE_INFINITY
  #done = 0
  #total = 0
  #secondsLeft = 0

  constructor(log: RunLog, clock: Pick<Clock, 'now'>) {
    this.log = log
    this.#clock = clock
  }

  /** Passes every event on, and remembers what it says. */
  heard(emit: (event: SyncEvent) => void): (event: SyncEvent) => void {
    return (event) => {
      this.#hear(event)
      emit(event)
    }
  }

  /** A part is about to be committed. */
  begin(stream: string, label: string): StepFacts {
    const { retries = 0, waitedMs = 0 } = this.#waits.get(stream) ?? {}
    // Several may be on their way into the warehouse at once.
    this.#done += 1
    const done = this.#done
    return {
      begunAt: this.#begun.get(keyOf(stream, label)) ?? this.#clock.now(),
      retries,
      waitedMs,
      done,
      total: Math.max(done, this.#total),
      secondsLeft: this.#secondsLeft,
    }
  }

  /** Hands out what a commit is to write; undefined where the last one was a moment ago. */
  take(): Unwritten | undefined {
    const nowMs = this.#clock.now().getTime()
    if (nowMs - this.#writtenAtMs < pauseMs) return undefined
    this.#writtenAtMs = nowMs
    return this.takeAll()
  }

  takeAll(): Unwritten {
    const steps = this.#steps
    this.#steps = []
    return { steps, lines: this.log.take() }
  }

  /** Takes back what could not be written. */
  giveBack({ steps, lines }: Unwritten): void {
    this.#steps = [...steps, ...this.#steps]
    this.log.giveBack(lines)
  }

  /** A step that a later commit, or the end of the run, writes. */
  keep(step: Step): void {
    this.#steps = [...this.#steps, step]
  }

  /** It has been: what is waited for from now on belongs to the next one. */
  end(stream: string, label: string, { retries, waitedMs }: StepFacts): void {
    this.#begun.delete(keyOf(stream, label))
    const waits = this.#waits.get(stream)
    if (!waits) return
    waits.retries -= retries
    waits.waitedMs -= waitedMs
  }

  /** It could not be. */
  fail(): void {
    this.#done -= 1
  }

  #hear(event: SyncEvent): void {
    switch (event.type) {
      case 'progress': {
        const key = keyOf(event.stream, event.label)
        if (event.phase === 'downloading' && !this.#begun.has(key)) this.#begun.set(key, this.#clock.now())
        return
      }
      case 'whole':
        this.#total = event.total
        this.#secondsLeft = event.secondsLeft
        return
      case 'wait':
        this.#wait(event)
        return
      case 'notice':
        this.log.say('info', event.message, event.stream ?? null)
        return
      case 'finished': {
        const { stream, state, windows, rows_written, error_code } = event.report
        const what = `${counted(windows, 'step')}, ${counted(rows_written, 'row')} written`
        const why = error_code === null ? '' : ` (${error_code})`
        this.log.say(state === 'failed' ? 'warn' : 'info', `${state}${why}: ${what}`, stream)
      }
    }
  }

  #wait({ stream, reason, until, attempt }: Extract<SyncEvent, { type: 'wait' }>): void {
    const nowMs = this.#clock.now().getTime()
    const waits = this.#waits.get(stream) ?? { retries: 0, waitedMs: 0, untilMs: nowMs }
    waits.waitedMs += Math.max(0, until.getTime() - Math.max(nowMs, waits.untilMs))
    waits.untilMs = Math.max(waits.untilMs, until.getTime())
    this.#waits.set(stream, waits)
    // To keep the pace is how things go.
    if (attempt === 0) return
    waits.retries += 1
    this.log.say('warn', `waiting until ${until.toISOString()}: ${reason.replaceAll('_', ' ')}`, stream)
  }
}

const keyOf = (stream: string, label: string): string => `${stream}\n${label}`
