/**
 * Types of events that a project lacks: a channel that it does not use; and things that it does not have or the key may
 * not read. Iterable answers 400, 403 or 404 to them; that is not a failure; it is told once, and asked again a day later.
 */
import type { Stream } from '../catalog/index.ts'
import { forgetLacking, rememberLacking } from '../state/lacking-streams.ts'
import type { StreamStart, SyncContext } from './context.ts'
import type { KnownStream } from './known.ts'
import { type StreamReport, untouchedReport } from './progress.ts'

const askAgainMs = 86_400_000

/** True while a stream need not be asked for. */
export const isKnownToLack = ({ lackingSince }: KnownStream, now: Date): boolean =>
  lackingSince !== undefined && Math.abs(now.getTime() - lackingSince.getTime()) < askAgainMs

/** A stream that was not asked for. */
export const unaskedReport = ({ stream, bookmark }: StreamStart): StreamReport =>
  untouchedReport(stream.name, { bookmark: bookmark?.toISOString() ?? null })

/**
 * True for a stream that may be lacking: the core streams every project has, and what was read once is there. A refusal
 * with 403 may also mean that the key may not export at all.
 */
export const mayLack = ({ groups }: Stream, report: StreamReport): boolean =>
  !groups.includes('core') &&
  report.state === 'failed' &&
  report.bookmark === null &&
  report.windows === 0 &&
  refusals.includes(report.error_code)

const refusals: readonly StreamReport['error_code'][] = ['bad_request', 'forbidden', 'not_found']

interface Ended {
  readonly start: StreamStart
  readonly report: StreamReport
}

/** Judges the streams that may be lacking, once all others have ended, and remembers which are. */
export async function judgeLacking(
  { warehouse, now, emit }: Pick<SyncContext, 'warehouse' | 'now' | 'emit'>,
  all: readonly Ended[],
  hasExported: boolean,
): Promise<readonly StreamReport[]> {
  const hasAnswered = ({ start, report }: Ended) => start.stream.read.kind === 'export' && report.windows > 0
  const mayExport = hasExported || all.some(hasAnswered)
  const mayRead = all.some(({ report }) => report.windows > 0)
  const isAllowed = ({ start, report }: Ended) =>
    report.error_code !== 'forbidden' || (start.stream.read.kind === 'export' ? mayExport : mayRead)
  const lacking = all.filter((one) => mayLack(one.start.stream, one.report) && isAllowed(one))
  const found = all.filter(({ start, report }) => start.lackingSince && report.windows > 0)
  const reports = all.map((one) => {
    if (!mayLack(one.start.stream, one.report)) return one.report
    const report = lacking.includes(one) ? lackingReport(one) : one.report
    for (const message of report.notes) emit({ type: 'notice', stream: report.stream, message })
    emit({ type: 'finished', report })
    return report
  })
  if (lacking.length === 0 && found.length === 0) return reports
  await warehouse.transaction(
    async ({ db }) => {
      const names = found.map(({ start }) => start.stream.name)
      await forgetLacking(db, names)
      for (const { report } of lacking) await rememberLacking(db, report.stream, report.error ?? '', now)
    },
    { isRepeatable: true, onWait: (message) => emit({ type: 'notice', stream: undefined, message }) },
  )
  return reports
}

/** Told once: whoever knows already is not told again. */
function lackingReport({ start, report }: Ended): StreamReport {
  const what = start.stream.read.kind === 'export' ? 'type of event' : 'resource'
  const note = `the project lacks this ${what}, or the key may not read it (${report.error}); it is asked for again in a day`
  return {
    ...report,
    state: 'succeeded',
    notes: start.lackingSince ? [] : [note],
    error: null,
    error_code: null,
    error_kind: null,
  }
}
