/** The history of runs, and one run in detail. */
import type { ActionStatus } from '../../report/actions.ts'
import type { LogStatus, StepStatus } from '../../report/course.ts'
import type { BatchStatus, CompleteRun } from '../../report/run-detail.ts'
import type { RunSummary } from '../../report/runs.ts'
import { count, counted, seconds } from '../../words.ts'
import { type Html, html } from '../html.ts'
import type { Page, View } from '../page.ts'
import { badge, facts, htmlTable, jobLink, timeElement, when } from '../parts.ts'
import { actionsTable } from './actions.ts'
import { type ComparisonInput, comparisonPart, streamsPart } from './comparison.ts'
import { batchesPart, logPart, stepsListed, stepsPart } from './course.ts'
import { codeLink, cureOf } from './errors.ts'
import { runsTable, tookText } from './overview.ts'

export const runStates = [
  ...(['queued', 'running', 'held', 'succeeded', 'succeeded_with_rejects'] as const),
  ...(['failed', 'cancelled', 'skipped'] as const),
]
export const runsOnPage = 50

export function runsView(
  page: Page,
  runs: readonly RunSummary[],
  { job, state, offset }: { readonly job: string; readonly state: string; readonly offset: number },
): View {
  const link = (to: number) => `/runs?${new URLSearchParams({ job, state, offset: String(to) })}`
  return {
    title: 'Runs',
    body: html`
      <form class="filter" method="get" action="/runs">
        <label>Job <input name="job" value="${job}" placeholder="sync or export:NAME"></label>
        <label>State
          <select name="state">
            <option value="">any</option>
            ${runStates.map(
              (one) =>
                html`<option value="${one}" ${one === state && html`selected`}>${one.replaceAll('_', ' ')}</option>`,
            )}
          </select>
        </label>
        <button>Show</button>
      </form>
      ${runsTable(page, runs.slice(0, runsOnPage))}
      <p>
        ${offset > 0 && html`<a href="${link(Math.max(0, offset - runsOnPage))}">newer</a>`}
        ${runs.length > runsOnPage && html`<a href="${link(offset + runsOnPage)}">older</a>`}
      </p>`,
  }
}

export interface RunInput extends ComparisonInput {
  readonly batches: {
    readonly batches: readonly BatchStatus[]
    readonly total: number
    readonly done: number
  }
  readonly steps: readonly StepStatus[]
  readonly log: readonly LogStatus[]
  readonly actions: readonly ActionStatus[]
}

export function runView(page: Page, input: RunInput): View {
  const { run, batches, steps, log, actions } = input
  const detail = run.export
  const cure = cureOf(run.error_code)
  return {
    title: `Run ${run.run_id.slice(0, 8)}`,
    body: html`
      ${facts([
        ['state', badge(run.state)],
        ['job', html`${jobLink(run.job)} (${run.trigger})`],
        ['started', timeElement(run.started_at)],
        ['finished', timeElement(run.finished_at)],
        ['took', tookText(run)],
        ['nominal time', timeElement(run.nominal_at)],
        ['id', html`<code>${run.run_id}</code>`],
      ])}
      ${
        run.error_text &&
        html`<p class="notice failure"><strong>${codeLink(run.error_code) ?? run.error_code}</strong>: ${page.see.reason(run.error_text)}
          ${cure && html`<br>What helps: ${cure}.`}</p>`
      }
      ${detail && exportPart(page, run)}
      <h2>Compared with the run before</h2>
      ${comparisonPart(input)}
      ${stepsPart(steps)}
      ${streamsPart(page, input)}
      ${
        batches.total > 0 &&
        html`<h2>Requests</h2>
          <p>${count(batches.done)} of ${counted(batches.total, 'request')} acknowledged.</p>
          ${batchesPart(batches.batches, page)}
          ${htmlTable(
            'Requests',
            ['no.', 'what', 'state', 'people', 'attempts', 'sent again', 'waited', 'sent', 'acknowledged'],
            batches.batches
              .slice(0, stepsListed)
              .map((batch) => [
                ...[
                  count(batch.batch_no),
                  batch.op,
                  badge(batch.state),
                  count(batch.rows),
                  count(batch.attempts),
                  count(batch.retries),
                  seconds(batch.waited_ms / 1000),
                ],
                ...[timeElement(batch.sent_at), timeElement(batch.acked_at)],
              ]),
            'rllrrrrll',
          )}`
      }
      <h2>Rejected rows</h2>
      ${htmlTable(
        'Rejected rows',
        ['of', 'reason', 'rows'],
        run.rejects.map(({ source, code, rows }) => [source, code, count(rows)]),
        'llr',
      )}
      ${logPart(page, log)}
      ${actions.length > 0 && html`<h2>What people did</h2>${actionsTable(page, actions)}`}`,
  }
}

function exportPart(page: Page, { run_id, state, export: detail }: CompleteRun): Html | null {
  if (!detail) return null
  const { planned, approval } = detail
  return html`
    <h2>Plan</h2>
    ${facts([
      ['list', `${detail.list_name ?? '?'} (${detail.list_id}), ${detail.action}`],
      ['add', count(planned.add)],
      ['update', count(planned.update)],
      ['remove', count(planned.remove)],
      ['unchanged', count(planned.unchanged)],
      ['rejected', count(detail.rejected)],
      ['skipped', count(detail.skipped)],
      ['sent', count(detail.sent)],
      ['taken off the list', count(detail.removed)],
    ])}
    ${detail.brakes.map(({ brake, verdict, message }) => html`<p class="brake"><strong>${brake}</strong> (${verdict}): ${page.see.text(message)}</p>`)}
    ${approval && html`<p>${approval.decision} by ${approval.by}, ${when(approval.at, page)}${approval.note && `: ${approval.note}`}</p>`}
    ${detail.plan && html`<p><a href="/runs/${run_id}/plan">${state === 'held' ? 'Look at the plan, and approve or cancel it' : 'Look at the plan'}</a></p>`}`
}
