/** Small things that pages are made of. */
import { age, count, oneLine, time } from '../words.ts'
import { type Html, html } from './html.ts'
import type { Page } from './page.ts'

type Cell = Html | string | number | null

/** A table that scrolls by itself where it is wider than the page. `align` as in `lrr`, left unless said otherwise. */
export function htmlTable(
  name: string,
  head: readonly (Html | string)[],
  rows: readonly (readonly Cell[])[],
  align = '',
): Html {
  if (rows.length === 0) return html`<p class="empty">Nothing to show.</p>`
  const sideOf = (index: number) => (align[index] === 'r' ? 'number' : 'text')
  return html`
    <div class="scroll" role="region" aria-label="${name}" tabindex="0">
      <table>
        <thead><tr>${head.map((cell, index) => (cell === '' ? html`<td></td>` : html`<th scope="col" class="${sideOf(index)}">${cell}</th>`))}</tr></thead>
        <tbody>
          ${rows.map(
            (row) =>
              html`<tr>${row.map((cell, index) => html`<td class="${sideOf(index)}">${cell ?? '–'}</td>`)}</tr>`,
          )}
        </tbody>
      </table>
    </div>`
}

/** Names and values, one below the other. */
export const facts = (pairs: readonly (readonly [name: string, value: Cell])[]): Html =>
  html`<dl class="facts">${pairs.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value ?? '–'}</dd></div>`)}</dl>`

/** A number large, with what it counts. */
export const tiles = (pairs: readonly (readonly [name: string, value: Cell])[]): Html =>
  html`<dl class="tiles">${pairs.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`

const moods = new Map(
  Object.entries({
    succeeded: 'good',
    fresh: 'good',
    member: 'good',
    done: 'good',
    succeeded_with_rejects: 'fair',
    late: 'fair',
    held: 'fair',
    waiting: 'fair',
    unsure: 'fair',
    warn: 'fair',
    paused: 'fair',
    failed: 'bad',
    rejected: 'bad',
    running: 'busy',
    queued: 'busy',
  }),
)

/** A state in words and colour. */
export const badge = (state: string): Html =>
  html`<span class="badge ${moods.get(state) ?? 'plain'}">${state.replaceAll('_', ' ')}</span>`

/** An instant, and how long ago that is. */
export const when = (iso: string | null, { now }: Pick<Page, 'now'>): Html | null =>
  iso === null ? null : html`<time datetime="${iso}" title="${time(iso)}">${age(iso, now)}</time>`

/** An instant to come, or in the past. */
export const timeElement = (iso: string | null): Html | null =>
  iso === null ? null : html`<time datetime="${iso}">${time(iso)}</time>`

export const runLink = (runId: string): Html =>
  html`<a href="/runs/${encodeURIComponent(runId)}"><code>${runId.slice(0, 8)}</code></a>`

export const jobLink = (job: string): Html =>
  job.startsWith('export:')
    ? html`<a href="/exports/${encodeURIComponent(job.slice('export:'.length))}">${job}</a>`
    : html`<a href="/runs?job=${encodeURIComponent(job)}">${job}</a>`

export const streamLink = (stream: string): Html =>
  html`<a href="/streams/${encodeURIComponent(stream)}">${stream}</a>`

/** Says when the rows of days were counted, where that was not just now: to count them takes its time. */
export const countedAt = ({ now }: Pick<Page, 'now'>, { at }: { readonly at: Date }): Html | false =>
  now.getTime() - at.getTime() > justNowMs &&
  html`<p class="soft">The rows of each day were counted at ${timeElement(at.toISOString())}; that is done anew every few minutes.</p>`

const justNowMs = 5_000

/** How many rows a table has: `about 1,230,000` where they were not counted. */
export function rowCount({
  rows,
  is_estimate,
}: {
  readonly rows: number | null
  readonly is_estimate?: boolean | undefined
}): string | null {
  return rows !== null && is_estimate ? `about ${count(Number(rows.toPrecision(3)))}` : count(rows)
}

/** A long text in one line, as a viewer may read it. */
export const brief = (text: string | null, { see }: Pick<Page, 'see'>, width = 160): string | null =>
  text === null || text === '' ? null : oneLine(see.reason(text), width)

/** A button that does something; `fields` go before it. Viewers get none. */
export function actionForm(
  { session, formToken }: Page,
  {
    action,
    label,
    fields = null,
    isDanger = false,
  }: {
    readonly action: string
    readonly label: string
    readonly fields?: Html | null
    readonly isDanger?: boolean
  },
): Html | null {
  if (session.role !== 'operator') return null
  return html`
    <form method="post" action="${action}" class="action">
      <input type="hidden" name="token" value="${formToken}">
      ${fields}
      <button class="${isDanger ? 'danger' : 'main'}">${label}</button>
    </form>`
}

/** Who does it, where nobody has signed in; and why. */
export const signature = ({ session }: Page): Html => html`
  ${
    session.isLocal &&
    html`<label>Your name <input name="by" value="${session.name}" maxlength="100" required></label>`
  }
  <label>Note <input name="note" maxlength="500"></label>`

/** Numbers of days as small bars, for the eye; the text says the same. */
export function sparkSvg(values: readonly number[], name: string): Html {
  const most = Math.max(1, ...values)
  const step = 4
  const height = 20
  const bars = values.map((value, index) => {
    const tall = value === 0 ? 0 : Math.max(1, Math.round((value / most) * height))
    return html`<rect x="${index * step}" y="${height - tall}" width="3" height="${tall}"></rect>`
  })
  const label = `${name}: ${count(values.reduce((sum, value) => sum + value, 0))} in ${values.length} days, at most ${count(Math.max(0, ...values))} in one`
  return html`<svg class="spark" role="img" aria-label="${label}" width="${values.length * step}" height="${height}" viewBox="0 0 ${values.length * step} ${height}">${bars}</svg>`
}

export interface Chart {
  readonly title: string
  readonly kind: 'line' | 'bars' | 'stack'
  /** Days (`2026-01-31`), instants or words: one for each value. */
  readonly labels: readonly string[]
  readonly series: readonly { readonly name: string; readonly values: readonly (number | null)[] }[]
}

/** A chart for those with JavaScript; its figures as a table for everybody. */
export function chart({ title, kind, labels, series }: Chart): Html {
  const rows = labels.map((label, index) => [
    label,
    ...series.map(({ values }) => {
      const value = values[index] ?? null
      return value === null ? null : count(value)
    }),
  ])
  return html`
    <figure class="chart" data-chart="${JSON.stringify({ title, kind, labels, series })}">
      <figcaption>${title}</figcaption>
      <details>
        <summary>Figures of “${title}”</summary>
        ${htmlTable(title, ['', ...series.map(({ name }) => name)], rows, `l${'r'.repeat(series.length)}`)}
      </details>
    </figure>`
}
