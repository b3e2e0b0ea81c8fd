/** How long a window may be where the configuration leaves it to us (`window_in_days: "auto"`). Pure. */
import type { Volume } from '../state/stream-volumes.ts'

/** What a window should bring at most: it is spooled whole, and read again whole when something goes wrong. */
const targetBytes = 2e9
/** And how long its answer should take. */
const targetSeconds = 300
const longestDays = 366
const shortestDays = 1 / 24

/** What a window of unknown volume may bring before it is given up for a shorter one, or for a job. */
export const directBudgetBytes = 250e6
export const jobBudgetBytes = 4e9
/** What is left of the length then. */
export const shrinkFactor = 8

export interface Stretch {
  /** Days that are still to be read. */
  readonly days: number
  readonly volume: Pick<Volume, 'bytesPerDay'> | undefined
  /** How long the window before took to come, and how long it was. */
  readonly before?: { readonly days: number; readonly seconds: number } | undefined
}

/**
 * Days of the next window. All that is left where nothing is known, or where it is small: a quiet stream of years is one
 * request. Else what brings the target, in the time that it may take, and never more than a year.
 */
export function windowDays({ days, volume, before }: Stretch): number {
  const byTime =
    before && before.seconds > targetSeconds ? (before.days * targetSeconds) / before.seconds : days
  if (!volume) return Math.min(days, byTime)
  const byVolume = volume.bytesPerDay > 0 ? targetBytes / volume.bytesPerDay : days
  const fitting = Math.min(byVolume, byTime)
  if (fitting >= days) return days
  return Math.min(days, longestDays, Math.max(shortestDays, fitting))
}
