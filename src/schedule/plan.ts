/** What becomes of the ticks of a schedule that are due: which run, which are skipped and why. Pure. */
import type { Activity } from '../state/queue.ts'
import { dueAt, dueTicks, nextTick, type Schedule } from './definition.ts'

export type SkipReason = 'missed' | 'catchup_window' | 'overlap' | 'paused'

export interface Tick {
  readonly nominalAt: Date
  readonly dueAt: Date
  /** Absent: it runs. */
  readonly skipped?: SkipReason
  /** It makes up for a tick that was missed, or waits behind one that does. */
  readonly isCatchup: boolean
}

export interface Plan {
  readonly ticks: readonly Tick[]
  /** Where the schedule goes on; null when it never fires again. */
  readonly nextNominalAt: Date | null
}

export interface Situation {
  readonly now: Date
  /** The first tick that nobody has decided about. */
  readonly from: Date
  readonly activity: Activity
  readonly isPaused: boolean
}

/** A tick found so late was not missed: its worker was only busy. */
const onTimeMs = 60_000
/** Ticks decided in one go; after a long outage the rest follows at once. */
const ticksAtOnce = 200

/** Decides about the ticks that are due by now, at most 200; the rest is due again at once. */
export function planTicks(schedule: Schedule, { now, from, activity, isPaused }: Situation): Plan {
  const due: Date[] = []
  for (const at of dueTicks(schedule, from, now)) {
    due.push(at)
    if (due.length > ticksAtOnce) break
  }
  // One more than is decided now: the next one to decide, and the proof that the others are not the latest.
  const rest = due.length > ticksAtOnce ? due.pop() : undefined
  const decide = decider(schedule, activity)
  const ticks = due.map((nominalAt, index): Tick => {
    const isLatest = rest === undefined && index === due.length - 1
    const at = dueAt(schedule, nominalAt)
    const lateMs = now.getTime() - at.getTime()
    const decision = isPaused ? ({ skipped: 'paused' } as const) : decide({ isLatest, lateMs })
    return { nominalAt, dueAt: at, isCatchup: false, ...decision }
  })
  return { ticks, nextNominalAt: rest ?? nextTick(schedule, now) }
}

type Decision = Pick<Tick, 'skipped'> & { readonly isCatchup?: boolean }

function decider({ catchup, catchupWindowMs, overlap }: Schedule, activity: Activity) {
  let { isCatchingUp } = activity
  return ({ isLatest, lateMs }: { readonly isLatest: boolean; readonly lateMs: number }): Decision => {
    const isMissed = !isLatest || lateMs > onTimeMs
    if (isMissed && (catchup === 'none' || (catchup === 'latest' && !isLatest))) return { skipped: 'missed' }
    if (isMissed && lateMs > catchupWindowMs) return { skipped: 'catchup_window' }
    // Nothing of a series that is being made up for gets lost because the series takes its time.
    if (catchup === 'all' && (isMissed || isCatchingUp)) {
      isCatchingUp = true
      return { isCatchup: true }
    }
    const mustWait = activity.active > 0
    const isFull = overlap === 'skip' || activity.waiting > 0
    return mustWait && isFull ? { skipped: 'overlap' } : { isCatchup: isMissed }
  }
}

/** Sentences for `runs.error_text`. */
export const skipTexts: Readonly<Record<SkipReason, string>> = {
  missed: 'it fell due while no worker was there (or while the job was backing off), and is not made up for',
  catchup_window: 'it fell due longer ago than catchup_window',
  overlap: 'the run before was still at work',
  paused: 'the schedule was paused',
}
