/** A run beside the one before of its job: in all, and stream by stream. */
import type { CourseSums } from '../../report/course.ts'
import type { CompleteRun } from '../../report/run-detail.ts'
import { type RunStream, remarksOf, streamsOfRun } from '../../report/run-streams.ts'
import { count, seconds, size } from '../../words.ts'
import { type Html, html } from '../html.ts'
import type { Page } from '../page.ts'
import { badge, brief, htmlTable, runLink, streamLink, timeElement } from '../parts.ts'
import { tookText } from './overview.ts'

export interface ComparisonInput {
  readonly run: CompleteRun
  /** Null for the first of its job. */
  readonly before: CompleteRun | null
  /** Of both. */
  readonly sums: ReadonlyMap<string, CourseSums>
}

/** Totals. */
export function comparisonPart({ run, before, sums }: ComparisonInput): Html {
  if (!before) return html`<p class="empty">This is the first run of its job.</p>`
  const sum = (of: (one: CourseSums) => string | null) => (one: CompleteRun) => {
    const known = sums.get(one.run_id)
    return known ? of(known) : null
  }
  const line = (name: string, of: (one: CompleteRun) => string | null) => [name, of(run), of(before)]
  type Plan = NonNullable<CompleteRun['export']>
  const plan = (name: string, of: (one: Plan) => number) =>
    line(name, (one) => (one.export ? count(of(one.export)) : null))
  const ofExport = [
    plan('rows of the query', ({ rows }) => rows),
    plan('to add', ({ planned }) => planned.add),
    plan('to update', ({ planned }) => planned.update),
    plan('to remove', ({ planned }) => planned.remove),
    plan('unchanged', ({ planned }) => planned.unchanged),
    plan('sent', ({ sent }) => sent),
    plan('taken off the list', ({ removed }) => removed),
    plan('rejected', ({ rejected }) => rejected),
    plan('skipped', ({ skipped }) => skipped),
  ]
  const ofSync = [
    line('rows read', (one) => count(one.rows_read)),
    line('rows written', (one) => count(one.rows_written)),
    line('rows rejected', (one) => count(one.rows_rejected)),
    line('bytes read', (one) => size(one.bytes_read)),
  ]
  return htmlTable(
    'Comparison',
    ['', 'this run', html`the run before ${runLink(before.run_id)}`],
    [
      ['state', badge(run.state), badge(before.state)],
      line('took', tookText),
      ...(run.export ? ofExport : ofSync),
      line('calls', (one) => count(one.api_calls)),
      line(
        run.kind === 'sync' ? 'windows, lists and tables' : 'requests',
        sum((one) => count(one.steps)),
      ),
      line(
        'sent again',
        sum((one) => count(one.retries)),
      ),
      line(
        'waited',
        sum((one) => seconds(one.waited_ms / 1000)),
      ),
    ],
    'lrr',
  )
}

/** The reports of streams that a finished sync keeps, each with what the run before had where that differs. */
export function streamsPart(page: Page, { run, before }: ComparisonInput): Html | null {
  const reports = reportsOf(run)
  if (reports.length === 0) return null
  const earlier = new Map(before ? reportsOf(before).map((report) => [report.stream, report]) : [])
  return html`
    <h2>Streams</h2>
    ${earlier.size > 0 && html`<p class="soft">In brackets: the run before, where it differs.</p>`}
    ${htmlTable(
      'Streams of this run',
      ['stream', 'state', 'windows', 'calls', 'read', 'written', 'rejected', 'bookmark', 'remarks'],
      reports.map((report) => [
        streamLink(report.stream),
        badge(report.state ?? ''),
        ...counts.map((name) => compared(report[name], earlier.get(report.stream)?.[name])),
        timeElement(report.bookmark),
        brief(remarksOf(report), page, 300),
      ]),
      'llrrrrrll',
    )}`
}

const counts = ['windows', 'api_calls', 'rows_read', 'rows_written', 'rows_rejected'] as const

/** Those that have ended. */
const reportsOf = ({ details }: CompleteRun): readonly RunStream[] =>
  streamsOfRun(details).filter(({ state }) => state !== null)

function compared(now: number | null, before: number | null = null): Html | string | null {
  if (now === null) return null
  if (before === null || before === now) return count(now)
  return html`${count(now)} <span class="soft">(${count(before)})</span>`
}
