/** What a run of an export would do, before it does it: a held plan, or one that is only looked at. */
import type { ChangeText, FieldCount } from '../../report/plan-changes.ts'
import type { CompleteRun } from '../../report/run-detail.ts'
import { count, counted } from '../../words.ts'
import type { Beside } from '../context.ts'
import { type Html, html } from '../html.ts'
import type { Page, View } from '../page.ts'
import { actionForm, badge, facts, htmlTable, jobLink, signature, tiles } from '../parts.ts'

export const changesShown = 200

export interface PlanPageInput {
  readonly run: CompleteRun
  readonly changes: readonly ChangeText[]
  readonly hasMore: boolean
  /** Whom somebody searches for. */
  readonly search: string
}

type Detail = NonNullable<CompleteRun['export']>
type FrozenPlan = NonNullable<Detail['plan']>

export function planView(
  page: Page,
  { run, changes, hasMore, search }: PlanPageInput,
  counts: Beside<readonly FieldCount[]> | undefined,
): View {
  const detail = run.export
  if (!detail?.plan) {
    return {
      title: `Plan of run ${run.run_id.slice(0, 8)}`,
      body: html`<p>This run has no plan (any more): it is ${badge(run.state)}. <a href="/runs/${run.run_id}">What became of it</a></p>`,
    }
  }
  const { plan, brakes } = detail
  const path = `/runs/${run.run_id}`
  return {
    title: `Plan of ${run.job.replace(/^export:/, '')}`,
    body: html`
      <div data-still></div>
      ${facts([
        ['run', html`<a href="${path}"><code>${run.run_id.slice(0, 8)}</code></a>`],
        ['state', badge(run.state)],
        ['export', jobLink(run.job)],
        ['list', `${detail.list_name ?? '?'} (${detail.list_id}), ${detail.action}`],
      ])}
      ${countTiles(detail.planned, { rejected: detail.rejected, skipped: detail.skipped })}
      ${brakeList(page, brakes)}
      ${
        run.state === 'held' &&
        html`<h2>Decide</h2>
          ${page.session.role === 'viewer' && html`<p>A viewer looks; an operator decides.</p>`}
          ${actionForm(page, { action: `${path}/approve`, label: 'Approve and send', fields: signature(page) })}
          ${actionForm(page, { action: `${path}/cancel`, label: 'Cancel for good', fields: signature(page), isDanger: true })}`
      }
      ${planParts(page, plan, counts?.value)}
      <h2>Person by person</h2>
      <form class="filter" method="get" action="${path}/plan" role="search">
        <label>Person <input name="person" value="${search}" placeholder="e-mail or userId"></label>
        <button>Find</button>
        ${!page.see.isMasked && html`<a href="${path}/plan.csv">Download all as CSV</a>`}
      </form>
      ${changesTable(page, changes)}
      ${hasMore && html`<p class="soft">The first ${count(changesShown)} changes; the file has all of them.</p>`}`,
  }
}

/** A plan that was made only to be looked at; `elt export NAME --dry-run` prints the same. */
export function dryRunView(
  page: Page,
  plan: FrozenPlan & {
    readonly export: string
    readonly state: string
    readonly planned: Detail['planned']
    readonly rejected: number
    readonly skipped: number
    readonly requests: number
    readonly seconds: number
    readonly brakes: Detail['brakes']
    readonly notices: readonly string[]
  },
): View {
  return {
    title: `Dry run of ${plan.export}`,
    body: html`
      <div data-still></div>
      <p>Nothing was sent. It would end as ${badge(plan.state)}, after ${counted(plan.requests, 'request')} and at least ${plan.seconds} s. <a href="/exports/${encodeURIComponent(plan.export)}">Back to the export</a></p>
      ${countTiles(plan.planned, plan)}
      ${brakeList(page, plan.brakes)}
      ${plan.notices.map((notice) => html`<p class="notice">${page.see.text(notice)}</p>`)}
      ${planParts(page, plan, plan.field_counts)}
      <h2>Some of the people</h2>
      ${changesTable(
        page,
        plan.changes.map((change) => ({
          ...change,
          before: shown(change.before),
          after: shown(change.after),
        })),
      )}`,
  }
}

const shown = (value: unknown): string | null =>
  value === null || value === undefined ? null : typeof value === 'string' ? value : JSON.stringify(value)

const countTiles = (
  planned: Detail['planned'],
  { rejected, skipped }: { readonly rejected: number; readonly skipped: number },
): Html =>
  tiles([
    ['Add', count(planned.add)],
    ['Update', count(planned.update)],
    ['Remove', count(planned.remove)],
    ['Unchanged', count(planned.unchanged)],
    ['Rejected', count(rejected)],
    ['Skipped', count(skipped)],
  ])

const brakeList = (page: Page, brakes: Detail['brakes']): readonly Html[] =>
  brakes.map(
    ({ brake, verdict, message }) =>
      html`<p class="brake"><strong>${brake}</strong> (${verdict}): ${page.see.text(message)}</p>`,
  )

const planParts = (
  page: Page,
  { rejects, fields }: FrozenPlan,
  counts: readonly FieldCount[] | undefined,
): Html => html`
  <h2>Fields that change</h2>
  ${counts ? fieldsTable(counts) : html`<p class="soft">They are being counted.</p>`}
  ${fields.conflicts.map(({ field, declared, sent }) => html`<p class="notice">${field} is ${declared} in Iterable, the query sends ${sent}.</p>`)}
  ${
    rejects.length > 0 &&
    html`<h2>Rejected rows</h2>
      ${htmlTable(
        'Rejected rows',
        ['code', 'reason', 'rows'],
        rejects.map(({ code, reason, rows }) => [code, page.see.reason(reason), count(rows)]),
        'llr',
      )}`
  }`

const fieldsTable = (counts: readonly FieldCount[]): Html =>
  htmlTable(
    'Fields',
    ['field', 'people', ''],
    counts.map(({ field, people, mark, column }) => [
      ...[column === null ? field : `${column} → ${field}`, count(people)],
      mark === 'new' ? 'new: Iterable would create it' : '',
    ]),
    'lrl',
  )

const changesTable = ({ see }: Page, changes: readonly ChangeText[]): Html =>
  htmlTable(
    'Changes',
    ['', 'person', 'field', 'before', 'after'],
    changes.map(({ action, identifier, field, before, after, mark }) => [
      ...[action, see.person(identifier), field === null ? null : mark === 'new' ? `${field} (new)` : field],
      ...[see.value(before), see.value(after)],
    ]),
  )
