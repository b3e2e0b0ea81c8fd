/** One stream: its volume, columns, windows and runs, rejected rows, and some of its rows. */
import { remarksOf } from '../../report/run-streams.ts'
import type { StreamDetail } from '../../report/stream.ts'
import { daysBefore, type Volumes } from '../../report/volume.ts'
import { count } from '../../words.ts'
import type { Beside } from '../context.ts'
import { type Html, html } from '../html.ts'
import type { Page, View } from '../page.ts'
import {
  badge,
  brief,
  chart,
  countedAt,
  facts,
  htmlTable,
  rowCount,
  runLink,
  timeElement,
  when,
} from '../parts.ts'
import { stepsTable } from './course.ts'

/** Days of the chart. */
export const streamDays = 90

export function streamView(page: Page, detail: StreamDetail, volumes: Beside<Volumes> | undefined): View {
  const { stream, columns, runs, steps, rejects, rejected } = detail
  return {
    title: `Stream ${stream.stream}`,
    body: html`
      ${facts([
        ['table', html`<code>${stream.table}</code>`],
        ['rows', rowCount(stream)],
        ['replication', stream.replication],
        ['primary key', stream.primary_key.join(', ') || 'none'],
        ['bookmark', timeElement(stream.bookmark)],
        [
          'last sync',
          stream.last_sync && html`${badge(stream.last_sync.state)} ${when(stream.last_sync.at, page)}`,
        ],
      ])}
      ${volumePart(page, stream.stream, volumes)}
      <h2>Runs</h2>
      ${htmlTable(
        'Runs',
        ['run', 'state', 'started', 'windows', 'calls', 'read', 'rejected', 'remarks'],
        runs.map((run) => [
          ...[runLink(run.run_id), badge(run.state), when(run.started_at, page)],
          ...[count(run.windows), count(run.api_calls), count(run.rows_read), count(run.rows_rejected)],
          brief(remarksOf(run), page, 200),
        ]),
        'lllrrrrl',
      )}
      <h2>Windows</h2>
      ${stepsTable(steps, 'run')}
      <h2>Columns</h2>
      ${htmlTable(
        'Columns',
        ['column', 'type', 'from', 'first seen', 'was before'],
        columns.map((column) => [
          html`<code>${column.column}</code>${column.source !== column.column && ` (${column.source} in Iterable)`}`,
          ...[column.type, column.origin, timeElement(column.first_seen_at)],
          column.previous_types.length > 0
            ? html`${column.previous_types.join(', ')}, until ${timeElement(column.changed_at)}`
            : null,
        ]),
      )}
      <h2>Rejected rows</h2>
      <p>${count(rejected)} in all${rejected > rejects.length && `, the latest ${rejects.length} here`}.</p>
      ${htmlTable(
        'Rejected rows',
        ['when', 'run', 'code', 'reason', 'row'],
        rejects.map((reject) => [
          ...[
            timeElement(reject.rejected_at),
            runLink(reject.run_id),
            reject.code,
            page.see.reason(reject.reason),
          ],
          html`<code>${page.see.value(reject.raw ?? JSON.stringify(reject.row))?.slice(0, 500)}</code>`,
        ]),
      )}
      <h2>Sample rows</h2>
      ${samplePart(page, detail)}`,
  }
}

function volumePart(page: Page, stream: string, volumes: Beside<Volumes> | undefined): Html | null {
  if (!volumes) return html`<p class="soft">The rows of each day are being counted.</p>`
  const volume = volumes.value.get(stream)
  if (!volume) return null
  const days = daysBefore(page.now, streamDays)
  return html`
    ${chart({
      title: `Rows per day of ${stream}`,
      kind: 'bars',
      labels: days,
      series: [{ name: 'rows', values: days.map((day) => volume.get(day) ?? 0) }],
    })}
    ${countedAt(page, volumes)}`
}

function samplePart(page: Page, { stream, samples }: StreamDetail): Html {
  if (page.see.isMasked) return html`<p>Rows are personal data, which a viewer does not see.</p>`
  if (!samples) {
    return html`<p><a href="/streams/${encodeURIComponent(stream.stream)}?samples=yes">Show ten rows</a>: they are personal data.</p>`
  }
  const names = Object.keys(samples[0] ?? {})
  return htmlTable(
    'Sample rows',
    names,
    samples.map((row) => names.map((name) => row[name]?.slice(0, 200) ?? null)),
  )
}
