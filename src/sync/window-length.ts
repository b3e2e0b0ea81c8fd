/** How long a window may be where the configuration leaves it to us (`window_in_days: "auto"`). Pure. */
import type { StreamVolume } from '../state/stream-volumes.ts'
import type { Route } from './route.ts'

/** A window of unknown volume is given up once it has brought this; one that should bring more is not read whole. */
export const wholeBytes = 250e6

/** How long an answer should take. */
const targetSeconds = 300
const longestDays = 366
/** Longer than that where it should bring no more than this: also of a project that has grown eightfold a window comes whole. */
const longBytes = 2.5e9
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
  readonly volume: Pick<StreamVolume, 'bytesPerDay'> | undefined
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
 * time that it may take, and more than a year only where that is little.
 */
export function windowDays({ days, volume, mostBytes, before, isBulky = false }: Stretch): number {
  const byTime =
    before && before.seconds > targetSeconds ? (before.days * targetSeconds) / before.seconds : days
  if (!volume) return Math.min(days > longDays && isBulky ? probeDays : days, byTime)
  const byVolume = volume.bytesPerDay > 0 ? mostBytes / volume.bytesPerDay : days
  const fitting = Math.min(byVolume, byTime)
  if (fitting >= days) return days
  const longest = volume.bytesPerDay > 0 ? Math.max(longestDays, longBytes / volume.bytesPerDay) : longestDays
  return Math.min(days, longest, Math.max(shortestDays, fitting))
}

/** Days of the window that is read in place of one that brings too much. */
export const shorterDays = (days: number, isKnown: boolean): number =>
  isKnown ? days / shrinkFactor : Math.min(probeDays, days / shrinkFactor)

export interface Expected {
  readonly days: number
  readonly isKnown: boolean
  /** What the window of a job may bring. */
  readonly roomBytes: number
  /** What a direct answer should bring at most. */
  readonly answerBytes: number
}

/**
 * What a window may bring before it is given up for shorter ones: less where nothing is known of the stream, else
 * several times what is expected. A job has waited before it brings anything, so it is given up later.
 */
export function budgetBytes(route: Route, { days, isKnown, roomBytes, answerBytes }: Expected): number {
  const isUnknown = !isKnown && days > probeDays
  if (route === 'jobs') return isUnknown ? Math.max(wholeBytes, roomBytes / 4) : 2 * roomBytes
  return isUnknown ? wholeBytes : Math.max(4 * wholeBytes, 2 * answerBytes)
}
