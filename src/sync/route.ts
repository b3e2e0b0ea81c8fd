/** By which of two routes a window is read; the loader sees no difference. Pure. */
import type { StreamVolume } from '../state/stream-volumes.ts'

/** `direct`: one request whose answer is the rows. `jobs`: an asynchronous export whose files are fetched. */
export type Route = 'direct' | 'jobs'
export type RouteSetting = 'auto' | Route

export interface RouteCase {
  readonly setting: RouteSetting
  /** Length of the window. */
  readonly days: number
  readonly volume: Pick<StreamVolume, 'bytesPerDay'> | undefined
  /** A job of an earlier sync is at work on this very window. */
  readonly hasJob: boolean
  /** The route by which the window was tried in vain. */
  readonly missed: Route | undefined
  /** The route that had a place for it when it was cut from a longer window. */
  readonly cutFor?: Route | undefined
  /** Iterable refused to start jobs. */
  readonly refusesJobs: boolean
  /** Until a direct request may be sent, by the rate limit. */
  readonly directSeconds: number
  /** Until a job would have brought everything. */
  readonly jobSeconds: number
}

export interface Decision {
  readonly route: Route
  /** For people. */
  readonly reason: string
  /** Nothing speaks against the other one but time. */
  readonly isFree?: boolean
}

/** More than this is better fetched in files of 10 MB, each of which can be asked for again. */
const largeBytes = 50e6
/** A window that is no longer than this is sooner there in halves than by a job. */
const shortDays = 1

/** Decides for one window. */
export function routeOf(one: RouteCase): Decision {
  const { setting, missed, volume, days } = one
  if (setting === 'direct') return { route: 'direct', reason: 'as configured' }
  if (missed === 'jobs') return { route: 'direct', reason: 'no job brought it' }
  if (one.refusesJobs) return { route: 'direct', reason: 'Iterable starts no jobs for this key' }
  if (one.hasJob) return { route: 'jobs', reason: 'a job is at work on it' }
  if (setting === 'jobs') return { route: 'jobs', reason: 'as configured' }
  if (missed === 'direct' && days > shortDays) return { route: 'jobs', reason: 'it did not arrive whole' }
  if (missed === 'direct') return { route: 'direct', reason: 'a short window, in halves' }
  if (one.cutFor) return { route: one.cutFor, reason: 'part of a large window' }
  if (volume && volume.bytesPerDay * days > largeBytes) return { route: 'jobs', reason: 'large' }
  if (one.directSeconds > one.jobSeconds) {
    return { route: 'jobs', reason: 'sooner than the rate limit', isFree: true }
  }
  return { route: 'direct', reason: volume ? 'small' : 'nothing known yet', isFree: true }
}
