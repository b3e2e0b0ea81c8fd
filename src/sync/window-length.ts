/** How long a window may be where the configuration leaves it to us (`window_in_days: "auto"`). Pure. */
import type { Volume } from '../state/stream-volumes.ts'
import type { Route } from './route.ts'

/** A window of unknown volume is given up once it has brought this; one that should bring more is not read whole. */
export const wholeBytes = 250e6

/** How long an answer should take. */
const targetSeconds = 300
const longestDays = 366
const shortestDays = 1 / 24

/** The first window of a stream that brings much in every project: long enough to tell how much. */
export const probeDays = 1
/** Shorter stretches are read without a look. */
export const longDays = 60

/** What is left of the length of a window that brings too much, where the volume seemed to be known. */
const shrinkFactor = 8

export interface Stretch {
  /** Days that are still to be read. */
  readonly days: number
  readonly volume: Pick<Volume, 'bytesPerDay'> | undefined
  /** What the window should bring at most. */
  readonly mostBytes: number
  /** How long the window before took to come, and how long it was. */
  readonly before?: { readonly days: number; readonly seconds: number } | undefined
  /** The stream brings much in every project. */
  readonly isBulky?: boolean
}

/**
 * Days of the next window. All that is left where nothing is known, or where it is small: a quiet stream of years is one
 * request. Of what is known to be large everywhere a day is read first. Else what brings the most that it may, in the
 * time that it may take, and never more than a year.
 */
export function windowDays({ days, volume, mostBytes, before, isBulky = false }: Stretch): number {
  const byTime =
    before && before.seconds > targetSeconds ? (before.days * targetSeconds) / before.seconds : days
  if (!volume) return Math.min(days > longDays && isBulky ? probeDays : days, byTime)
  const byVolume = volume.bytesPerDay > 0 ? mostBytes / volume.bytesPerDay : days
  const fitting = Math.min(byVolume, byTime)
  if (fitting >= days) return days
  return Math.min(days, longestDays, Math.max(shortestDays, fitting))
}

/** Days of the window that is read in place of one that brings too much. */
export const shorterDays = (days: number, isKnown: boolean): number =>
  isKnown ? days / shrinkFactor : Math.min(probeDays, days / shrinkFactor)

/**
 * What a window may bring before it is given up for shorter ones: little where nothing is known of the stream, else
 * several times what is expected.
 */
export function budgetBytes(
  route: Route,
  of: { readonly days: number; readonly isKnown: boolean; readonly roomBytes: number },
): number {
  if (!of.isKnown && of.days > probeDays) return wholeBytes
  return route === 'jobs' ? 2 * of.roomBytes : 4 * wholeBytes
}
