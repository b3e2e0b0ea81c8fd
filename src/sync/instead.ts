/** What is read in place of a part that did not arrive: the same by the other route, or parts of it. */
import type { Stream } from '../catalog/index.ts'
import { messageOf } from '../errors.ts'
import { JobError, QueuedJob, RefusedJob, TruncatedJob } from './job-errors.ts'
import { cutOf, type ExportStream, halvesOf, type Part } from './parts.ts'
import { isBrokenTransfer, isUndelivered } from './readers.ts'
import type { Route } from './route.ts'

/** A window of unknown volume turns out to bring more than one answer should. */
export class LargeAnswer extends Error {
  override readonly name = 'LargeAnswer'

  constructor(bytes: number) {
    super(`it brings more than ${Math.floor(bytes / 1e6)} MB`)
  }
}

/** Whether the same question may be answered the next time. */
export const mayPass = (error: unknown): boolean =>
  isBrokenTransfer(error) ||
  (error instanceof JobError &&
    !(error instanceof TruncatedJob || error instanceof RefusedJob || error instanceof QueuedJob))

export interface Instead {
  readonly parts: readonly Part[]
  /** For people. */
  readonly message: string
}

export interface FailedPart {
  readonly part: Part
  /** The route by which it was read. */
  readonly route: Route
  readonly error: unknown
  /** Days of the window that is read first where this one brings too much. */
  readonly shorterDays: number
}

/** Undefined where nothing else can be tried. */
export function insteadOf(
  stream: Stream,
  { part, route, error, shorterDays }: FailedPart,
  routeOf: (part: Part) => Route,
): Instead | undefined {
  const told = (parts: readonly Part[] | undefined, how: string): Instead | undefined =>
    parts && { parts, message: `${part.label}: ${messageOf(error)}; reading it ${how}` }
  const isLarge = error instanceof TruncatedJob || error instanceof LargeAnswer
  if (!isLarge && !(error instanceof JobError) && !isUndelivered(error)) return undefined
  const byJob: Part = { ...part, missed: part.missed ?? 'direct' }
  if (route === 'direct' && !isLarge && part.window && routeOf(byJob) === 'jobs')
    return told([byJob], 'by an export job')
  const pieces = isLarge && part.isFlexible && isExport(stream) ? cutOf(stream, part, shorterDays) : undefined
  if (pieces) return told(pieces, 'in shorter windows')
  if (route === 'jobs' && !isLarge) return told([{ ...part, missed: 'jobs' }], 'by the direct route')
  const halves = isExport(stream) ? halvesOf(stream, part) : undefined
  if (halves) return told(halves, 'in halves')
  return route === 'jobs' ? told([{ ...part, missed: 'jobs' }], 'by the direct route') : undefined
}

export const isExport = (stream: Stream): stream is ExportStream => stream.read.kind === 'export'
