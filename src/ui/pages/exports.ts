/** Saved exports, and one of them: definition, schedule, history and members. */

import { messageOf } from '../../errors.ts'
import type { ExportHistory, SavedExportStatus } from '../../report/exports.ts'
import { type CronExplanation, explainCron } from '../../schedule/cron/explain.ts'
import { count, counted } from '../../words.ts'
import type { Beside } from '../context.ts'
import { type Html, html } from '../html.ts'
import type { Page, View } from '../page.ts'
import { actionForm, badge, brief, chart, facts, htmlTable, runLink, timeElement, when } from '../parts.ts'
import { sqlText } from '../sql-text.ts'

const linkTo = (name: string): string => `/exports/${encodeURIComponent(name)}`
const textOf = (value: unknown): string | null =>
  value === undefined || value === null
    ? null
    : typeof value === 'object'
      ? JSON.stringify(value)
      : String(value)

export const exportsView = (page: Page, saved: readonly SavedExportStatus[]): View => ({
  title: 'Exports',
  body: html`
    ${htmlTable(
      'Exports',
      ['export', 'action', 'list', 'schedule', 'last run', 'sent', 'removed', 'rejected', 'problem'],
      saved.map(({ name, settings, last_run, error }) => [
        html`<a href="${linkTo(name)}">${name}</a>`,
        ...[textOf(settings.action), textOf(settings.list_id ?? settings.list)],
        html`<code>${cronOf(settings.schedule)?.cron ?? 'none'}</code>`,
        last_run &&
          html`${badge(last_run.state)} ${when(last_run.started_at, page)} ${runLink(last_run.run_id)}`,
        ...[
          count(last_run?.sent ?? null),
          count(last_run?.removed ?? null),
          count(last_run?.rejected ?? null),
        ],
        brief(error, page),
      ]),
      'lllllrrrl',
    )}
    <p class="soft">As a command, a worker or this page last read the files.</p>
    ${actionForm(page, { action: '/definitions', label: 'Read the files anew' })}`,
})

export function exportView(page: Page, history: ExportHistory, members: Beside<number> | undefined): View {
  const { name, settings, query, runs, error } = history
  const oldestFirst = [...runs].reverse()
  const series = (label: string, of: (run: ExportHistory['runs'][number]) => number) => ({
    name: label,
    values: oldestFirst.map(of),
  })
  return {
    title: `Export ${name}`,
    body: html`
      ${error && html`<p class="notice failure">It cannot run: ${page.see.text(error)}</p>`}
      ${facts([
        ['action', textOf(settings.action)],
        ['list', textOf(settings.list_id ?? settings.list)],
        ['defined in', history.defined_in],
        [
          'on the list through it',
          history.keepsMembers ? (members ? peopleText(members.value) : 'being counted') : 'not kept',
        ],
      ])}
      ${actionForm(page, { action: `${linkTo(name)}/plan`, label: 'Dry run' })}
      ${actionForm(page, { action: `/schedules/${encodeURIComponent(`export:${name}`)}/run`, label: 'Run now' })}
      <h2>Schedule</h2>
      ${schedulePart(page, settings.schedule)}
      <h2>Query</h2>
      ${sqlText(page.see.text(query))}
      <h2>History</h2>
      ${
        runs.length > 0 &&
        chart({
          title: `Runs of ${name}`,
          kind: 'stack',
          labels: oldestFirst.map(({ started_at }) => started_at),
          series: [
            series('added', ({ planned }) => planned.add),
            series('updated', ({ planned }) => planned.update),
            series('removed', ({ planned }) => planned.remove),
            series('unchanged', ({ planned }) => planned.unchanged),
            series('rejected', ({ rejected }) => rejected),
          ],
        })
      }
      ${htmlTable(
        'Runs',
        [
          'run',
          'state',
          'started',
          'rows',
          'add',
          'update',
          'remove',
          'unchanged',
          'sent',
          'rejected',
          'skipped',
        ],
        runs.map((run) => [
          ...[runLink(run.run_id), badge(run.state), when(run.started_at, page), count(run.rows)],
          ...[count(run.planned.add), count(run.planned.update), count(run.planned.remove)],
          ...[count(run.planned.unchanged), count(run.sent), count(run.rejected), count(run.skipped)],
        ]),
        'lllrrrrrrrr',
      )}
      <h2>Settings</h2>
      ${htmlTable(
        'Settings',
        ['setting', 'value'],
        Object.entries(settings).map(([key, value]) => [
          key,
          html`<code>${page.see.text(textOf(value) ?? '')}</code>`,
        ]),
      )}
      <h2>People on the list</h2>
      ${history.keepsMembers ? peoplePart(page, history, members) : html`<p>Only a mirror, or an export with <code>send: changes</code>, keeps whom it has put on its list.</p>`}`,
  }
}

function peoplePart(page: Page, { sample }: ExportHistory, members: Beside<number> | undefined): Html {
  return html`
    ${members && html`<p>${peopleText(members.value)} whom this export put there, as of ${timeElement(members.at.toISOString())}${members.value > sample.length && `; ${sample.length} of them here`}.</p>`}
    ${htmlTable(
      'People on the list',
      ['person', 'since'],
      sample.map(({ person, since }) => [
        page.see.isMasked
          ? page.see.person(person)
          : html`<a href="/person?${new URLSearchParams({ who: person }).toString()}">${person}</a>`,
        timeElement(since),
      ]),
    )}`
}

const peopleText = (people: number): string => counted(people, 'person').replace('persons', 'people')

interface Cron {
  readonly cron: string
  readonly timezone: string
  readonly dialect: 'treasuredata' | 'standard'
}

/** A schedule as settings have it, parsed or not. */
function cronOf(schedule: unknown): Cron | undefined {
  const given = typeof schedule === 'string' ? { cron: schedule } : schedule
  const { cron, timezone, dialect } = (given ?? {}) as Readonly<Record<string, unknown>>
  if (typeof cron !== 'string') return undefined
  return {
    cron,
    timezone: typeof timezone === 'string' ? timezone : 'UTC',
    dialect: dialect === 'standard' ? 'standard' : 'treasuredata',
  }
}

function schedulePart(page: Page, schedule: unknown): Html {
  const cron = cronOf(schedule)
  if (!cron) return html`<p>It runs only when somebody asks for it.</p>`
  const explained = explain(cron, page.now)
  if (typeof explained === 'string') return html`<p class="notice">${explained}</p>`
  return html`
    <p>${explained.words}</p>
    ${explained.warnings.map((warning) => html`<p class="notice">${warning}</p>`)}
    ${htmlTable(
      'Next runs',
      [`next runs in ${explained.timezone}`, 'UTC', ''],
      explained.runs.map(({ local, utc, transition }) => [local, utc, transition ?? '']),
    )}`
}

function explain({ cron, timezone, dialect }: Cron, from: Date): CronExplanation | string {
  try {
    return explainCron(cron, { dialect, timezone, from, count: 10 })
  } catch (error) {
    return messageOf(error)
  }
}
