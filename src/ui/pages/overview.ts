/** The first page: how fresh each stream is, what is at work, and what asks for attention. */
import type { Overview, WorkingRun } from '../../report/overview.ts'
import type { RunSummary } from '../../report/runs.ts'
import type { StreamStatus } from '../../report/streams.ts'
import { daysBefore, type Volume, type Volumes } from '../../report/volume.ts'
import type { ScheduleRow } from '../../state/schedules.ts'
import { count, counted, seconds } from '../../words.ts'
import type { Beside } from '../context.ts'
import { freshnessOf, lastTick } from '../freshness.ts'
import { type Html, html } from '../html.ts'
import type { Page, View } from '../page.ts'
import {
  badge,
  brief,
  countedAt,
  htmlTable,
  jobLink,
  rowCount,
  runLink,
  sparkSvg,
  streamLink,
  tiles,
  timeElement,
  when,
} from '../parts.ts'
import { codeLink, cureOf } from './errors.ts'

/** Days of the small charts. */
export const overviewDays = 30

export interface OverviewInput {
  readonly overview: Overview
  readonly schedule: ScheduleRow | undefined
}

export function overviewView(
  page: Page,
  input: OverviewInput | undefined,
  volumes: Beside<Volumes> | undefined,
): View {
  if (!input) {
    return {
      title: 'Overview',
      body: html`<p>Nothing has been synced into this warehouse yet. <code>iterable-elt sync</code> begins.</p>`,
    }
  }
  const { overview, schedule } = input
  const { status, working, held, failures, quotas } = overview
  const tick = lastTick(schedule, page.now)
  const streams = status.streams.map((stream) => ({ stream, freshness: freshnessOf(stream, tick) }))
  const of = (freshness: string) => streams.filter((one) => one.freshness === freshness).length
  const rows = status.streams.reduce((sum, stream) => sum + (stream.rows ?? 0), 0)
  return {
    title: 'Overview',
    body: html`
      ${tiles([
        ['Streams fresh', `${of('fresh') + of('running')} of ${streams.length}`],
        ['Late', of('late')],
        ['Failed', of('failed')],
        ['Rows', rowCount({ rows, is_estimate: status.streams.some((stream) => stream.is_estimate) })],
        ['Waiting for approval', held.length],
        ['Workers', status.workers.length],
      ])}
      ${held.length > 0 && heldRuns(page, held)}
      <h2>At work now</h2>
      ${workingRuns(page, working)}
      <h2>Streams</h2>
      ${htmlTable(
        'Streams',
        ['stream', 'state', 'rows', 'bookmark', 'last sync', `rows per day, ${overviewDays} days`],
        streams.map((one) => streamRow(page, one, volumes?.value.get(one.stream.stream))),
        'llrlll',
      )}
      ${volumes ? countedAt(page, volumes) : html`<p class="soft">The rows of each day are being counted.</p>`}
      <h2>Last failures</h2>
      ${failedRuns(page, failures)}
      ${
        quotas.length > 0 &&
        html`<h2>Pace of the endpoints</h2>
          ${htmlTable(
            'Pace',
            [
              'connection and endpoint',
              'requests in the last minute',
              'waiting',
              'last request',
              'closed until',
            ],
            quotas.map(({ lane, used, waiting, last_at, closed_until }) => [
              ...[lane, count(used), count(waiting), timeElement(last_at), timeElement(closed_until)],
            ]),
            'lrrll',
          )}`
      }
      <h2>Latest runs</h2>
      ${runsTable(page, status.runs)}`,
  }
}

function streamRow(
  page: Page,
  { stream, freshness }: { readonly stream: StreamStatus; readonly freshness: string },
  volume: Volume | undefined,
): (Html | string | null)[] {
  const days = daysBefore(page.now, overviewDays).map((day) => volume?.get(day) ?? 0)
  return [
    streamLink(stream.stream),
    badge(freshness),
    rowCount(stream),
    when(stream.bookmark, page),
    stream.last_sync && html`${when(stream.last_sync.at, page)} ${runLink(stream.last_sync.run_id)}`,
    volume ? sparkSvg(days, stream.stream) : null,
  ]
}

const heldRuns = (page: Page, runs: readonly RunSummary[]): Html => html`
  <h2>Waiting for approval</h2>
  ${htmlTable(
    'Held runs',
    ['run', 'export', 'held', 'why', ''],
    runs.map((run) => [
      runLink(run.run_id),
      jobLink(run.job),
      when(run.finished_at ?? run.started_at, page),
      brief(run.error_text, page),
      html`<a href="/runs/${run.run_id}/plan">look at the plan</a>`,
    ]),
  )}`

function workingRuns(page: Page, runs: readonly WorkingRun[]): Html {
  if (runs.length === 0) return html`<p class="empty">Nothing runs at the moment.</p>`
  return htmlTable(
    'Runs at work',
    ['run', 'job', 'since', 'progress', 'rows', 'rows per second', 'calls'],
    runs.map((run) => {
      const tookMs = run.started_at ? page.now.getTime() - Date.parse(run.started_at) : 0
      const rows = Math.max(run.rows_read, run.rows_written)
      return [
        ...[runLink(run.run_id), jobLink(run.job), when(run.started_at, page)],
        progressOf(run, page, tookMs),
        ...[count(rows), tookMs > 0 ? count(Math.round(rows / (tookMs / 1000))) : null, count(run.api_calls)],
      ]
    }),
    'llllrrr',
  )
}

function progressOf({ progress }: WorkingRun, page: Page, tookMs: number): Html | null {
  if (!progress) return null
  const { unit, done, total, secondsLeft, at } = progress
  const bySpeed = done > 0 ? ((total - done) * tookMs) / done / 1000 : null
  // The rate limits say how long the rest takes at least; what was told a while ago has become less since.
  const sinceMs = at === null ? 0 : page.now.getTime() - Date.parse(at)
  const byPace = secondsLeft === null ? null : Math.max(0, secondsLeft - sinceMs / 1000)
  const left = bySpeed === null && byPace === null ? null : Math.max(bySpeed ?? 0, byPace ?? 0)
  const told = left === null ? '' : `, about ${seconds(left)} left`
  return html`<progress max="${total}" value="${done}" aria-label="${unit}s done"></progress> ${done} of ${counted(total, unit)}${told}`
}

const failedRuns = (page: Page, runs: readonly RunSummary[]): Html =>
  htmlTable(
    'Failures',
    ['run', 'job', 'when', 'what happened', 'error', 'what helps'],
    runs.map((run) => [
      ...[runLink(run.run_id), jobLink(run.job), when(run.finished_at ?? run.started_at, page)],
      ...[brief(run.error_text, page, 300), codeLink(run.error_code), cureOf(run.error_code)],
    ]),
  )

/** Runs as on the page of runs. */
export const runsTable = (page: Page, runs: readonly RunSummary[]): Html =>
  htmlTable(
    'Runs',
    ['run', 'job', 'state', 'trigger', 'started', 'took', 'read', 'written', 'rejected', 'error'],
    runs.map((run) => [
      ...[runLink(run.run_id), jobLink(run.job), badge(run.state), run.trigger],
      ...[when(run.started_at ?? run.due_at, page), tookText(run)],
      ...[count(run.rows_read), count(run.rows_written), count(run.rows_rejected)],
      run.error_code && html`${codeLink(run.error_code)} ${brief(run.error_text, page, 100)}`,
    ]),
    'llllllrrrl',
  )

export function tookText({ started_at, finished_at }: RunSummary): string | null {
  if (started_at === null || finished_at === null) return null
  return seconds(Math.max(0, Date.parse(finished_at) - Date.parse(started_at)) / 1000)
}
