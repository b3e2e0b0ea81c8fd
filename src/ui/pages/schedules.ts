/** The coming seven days, and what people do to schedules. */
import { messageOf } from '../../errors.ts'
import type { ScheduleBook } from '../../report/schedules.ts'
import { dueAt, nominalTimes, readSchedule } from '../../schedule/definition.ts'
import type { ScheduleRow } from '../../state/schedules.ts'
import { count, counted } from '../../words.ts'
import { type Html, html } from '../html.ts'
import type { Page, View } from '../page.ts'
import {
  actionForm,
  badge,
  brief,
  htmlTable,
  jobLink,
  runLink,
  signature,
  timeElement,
  when,
} from '../parts.ts'
import { codeLink } from './errors.ts'

const dayMs = 86_400_000
const days = 7
/** Times of a day that are listed one by one. */
const timesListed = 8

export const schedulesView = (page: Page, { schedules, skipped }: ScheduleBook): View => ({
  title: 'Schedules',
  body: html`
    ${schedules.length === 0 && html`<p>No schedules: add <code>sync.schedule</code> to the configuration, or <code>schedule</code> to an export.</p>`}
    <h2>The coming seven days (UTC)</h2>
    <div class="days">${calendar(page, schedules)}</div>
    <h2>Schedules</h2>
    ${htmlTable(
      'Schedules',
      ['job', 'when', 'time zone', 'state', 'next run', 'last nominal time', 'failures', ''],
      schedules.map((row) => scheduleRow(page, row)),
      'llllllrl',
    )}
    ${actionForm(page, { action: '/definitions', label: 'Read the definitions anew' })}
    <h2>Skipped ticks</h2>
    ${htmlTable(
      'Skipped ticks',
      ['run', 'job', 'nominal time', 'why'],
      skipped.map((run) => [
        ...[runLink(run.run_id), jobLink(run.job), timeElement(run.nominal_at)],
        run.error_code && html`${codeLink(run.error_code)} ${brief(run.error_text, page)}`,
      ]),
    )}`,
})

function scheduleRow(page: Page, row: ScheduleRow) {
  const path = `/schedules/${encodeURIComponent(row.name)}`
  const state = row.problem ? 'failed' : row.paused_at ? 'paused' : 'fresh'
  return [
    jobLink(row.name),
    html`<code>${row.cron || 'never'}</code>`,
    row.timezone,
    html`${badge(state === 'fresh' ? 'active' : state)} ${brief(row.problem ?? row.paused_reason, page)}`,
    row.paused_at ? null : timeElement(iso(row.retry_at ?? row.next_due_at)),
    when(iso(row.last_nominal_at), page),
    count(Number(row.consecutive_failures)),
    html`
      ${
        row.paused_at
          ? actionForm(page, { action: `${path}/resume`, label: 'Resume' })
          : actionForm(page, { action: `${path}/pause`, label: 'Pause' })
      }
      ${actionForm(page, { action: `${path}/run`, label: 'Run now' })}
      ${page.session.role === 'operator' && html`<a href="${path}/backfill">Backfill</a>`}`,
  ]
}

/** A time from SQL may be infinite. */
const iso = (at: unknown): string | null =>
  at instanceof Date && !Number.isNaN(at.getTime()) ? at.toISOString() : null

function calendar({ now }: Page, schedules: readonly ScheduleRow[]): readonly Html[] {
  const first = Math.floor(now.getTime() / dayMs) * dayMs
  return Array.from({ length: days }, (_, index) => {
    const from = new Date(Math.max(first + index * dayMs, now.getTime()))
    const to = new Date(first + (index + 1) * dayMs)
    const entries = schedules
      .filter((row) => row.paused_at === null && row.problem === null)
      .map((row) => ({ row, times: timesOf(row, from, to) }))
    const busy = entries.filter(({ times }) => times.length > 0)
    return html`
      <section>
        <h3>${weekdays[from.getUTCDay()]} ${from.toISOString().slice(0, 10)}</h3>
        ${busy.length === 0 && html`<p class="empty">nothing</p>`}
        <ul>${busy.map(({ row, times }) => html`<li>${jobLink(row.name)}: ${clockTimes(times)}</li>`)}</ul>
      </section>`
  })
}

const weekdays = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']

function clockTimes(times: readonly Date[]): string {
  const shown = times.slice(0, timesListed).map((at) => at.toISOString().slice(11, 16))
  const more = times.length - shown.length
  return more > 0 ? `${shown.slice(0, 2).join(', ')} … ${times.length} times` : shown.join(', ')
}

/** When runs are due within a day; whatever cannot be read has none, and says so in its row. */
function timesOf(row: ScheduleRow, from: Date, to: Date): readonly Date[] {
  try {
    const schedule = readSchedule(row)
    const back = (at: Date) => new Date(at.getTime() - schedule.offsetMs)
    return [...nominalTimes(schedule, back(from), back(to))].map((at) => dueAt(schedule, at))
  } catch {
    return []
  }
}

/** A backfill: asked for, then shown, then begun. */
export function backfillView(
  page: Page,
  name: string,
  {
    from,
    to,
    preview,
  }: { readonly from: string; readonly to: string; readonly preview: Preview | undefined },
): View {
  const path = `/schedules/${encodeURIComponent(name)}/backfill`
  return {
    title: `Backfill ${name}`,
    body: html`
      <div data-still></div>
      <p>Runs the job once for each nominal time of its schedule in the past.</p>
      <form class="filter" method="get" action="${path}">
        <label>From <input type="date" name="from" value="${from}" required></label>
        <label>To, not included <input type="date" name="to" value="${to}" required></label>
        <button>Show the nominal times</button>
      </form>
      ${preview && 'problem' in preview && html`<p class="notice failure">${preview.problem}</p>`}
      ${
        preview &&
        'times' in preview &&
        html`
          <h2>${counted(preview.times.length, 'run')}</h2>
          ${htmlTable(
            'Nominal times',
            ['nominal time'],
            preview.times.slice(0, 100).map((at) => [timeElement(at)]),
          )}
          ${
            preview.times.length > 0 &&
            actionForm(page, {
              action: path,
              label: `Run ${counted(preview.times.length, 'time')}`,
              fields: html`<input type="hidden" name="from" value="${from}"><input type="hidden" name="to" value="${to}">${signature(page)}`,
            })
          }`
      }`,
  }
}

export type Preview = { readonly times: readonly string[] } | { readonly problem: string }

/** The nominal times of a schedule in the past. */
export function previewOf(row: ScheduleRow, from: Date, to: Date): Preview {
  try {
    return { times: [...nominalTimes(readSchedule(row), from, to)].map((at) => at.toISOString()) }
  } catch (error) {
    return { problem: messageOf(error) }
  }
}
