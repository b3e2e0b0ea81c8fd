/** Read-only SQL: a table of its rows, and a chart where it has numbers. */
import { count } from '../../words.ts'
import { type Html, html } from '../html.ts'
import type { Page, View } from '../page.ts'
import { actionForm, chart, htmlTable } from '../parts.ts'

/** Rows of a result that are shown; a file has all of them. */
export const rowsShown = 1_000

export interface QueryResult {
  readonly columns: readonly { readonly name: string; readonly kind: string }[]
  readonly rows: readonly (readonly (string | null)[])[]
  readonly hasMore: boolean
  readonly tookMs: number
}

/** What a result is drawn as; by its first column where nothing is chosen. */
export const chartKinds = ['line', 'bars'] as const
export type ChartKind = (typeof chartKinds)[number]

export interface QueryInput {
  readonly text: string
  readonly chart: ChartKind | undefined
  /** Names of saved queries. */
  readonly saved: readonly string[]
  readonly result: QueryResult | undefined
  readonly problem: string | undefined
}

export function queryView(page: Page, { text, chart: kind, saved, result, problem }: QueryInput): View {
  return {
    title: 'Query',
    body: html`
      <div data-still></div>
      ${
        saved.length > 0 &&
        html`<p>Saved: ${saved.map((name) => html`<a href="/query?saved=${encodeURIComponent(name)}">${name}</a> `)}</p>`
      }
      <form method="post" action="/query">
        <input type="hidden" name="token" value="${page.formToken}">
        <label for="sql">One SELECT; it can read the warehouse and nothing else</label>
        <textarea id="sql" name="sql" rows="8" spellcheck="false" required>${text}</textarea>
        <label>Chart
          <select name="chart">
            <option value="">by the first column</option>
            ${chartKinds.map((one) => html`<option value="${one}" ${one === kind && html`selected`}>${one}</option>`)}
          </select>
        </label>
        <button class="main">Run</button>
        <button formaction="/query.csv">Download as CSV</button>
      </form>
      ${problem !== undefined && html`<p class="notice failure" role="alert">${problem}</p>`}
      ${result && resultPart(result, kind)}
      ${
        text !== '' &&
        actionForm(page, {
          action: '/queries',
          label: 'Save',
          fields: html`<input type="hidden" name="sql" value="${text}"><label>Save as <input name="name" pattern="[a-z0-9_\\-]{1,60}" title="small letters, digits, _ and -" required></label>`,
        })
      }`,
  }
}

function resultPart({ columns, rows, hasMore, tookMs }: QueryResult, kind: ChartKind | undefined): Html {
  const align = columns.map(({ kind }) => (kind === 'number' ? 'r' : 'l')).join('')
  return html`
    <h2>${count(rows.length)}${hasMore && '+'} rows, ${count(Math.round(tookMs))} ms</h2>
    ${chartOf(columns, rows, kind)}
    ${htmlTable(
      'Result',
      columns.map(({ name }) => name),
      rows,
      align,
    )}
    ${hasMore && html`<p class="soft">The first ${count(rowsShown)} rows; the file has all of them.</p>`}`
}

/** The first column as labels, the numbers beside it as series. */
function chartOf(
  columns: QueryResult['columns'],
  rows: QueryResult['rows'],
  kind: ChartKind | undefined,
): Html | null {
  const numbers = columns.flatMap(({ kind, name }, index) =>
    kind === 'number' && index > 0 ? [{ name, index }] : [],
  )
  const [first] = columns
  if (!first || numbers.length === 0 || rows.length < 2) return null
  return chart({
    title: `${numbers.map(({ name }) => name).join(', ')} by ${first.name}`,
    kind: kind ?? (first.kind === 'time' ? 'line' : 'bars'),
    labels: rows.map(([label]) => label ?? ''),
    series: numbers.slice(0, 5).map(({ name, index }) => ({
      name,
      values: rows.map((row) => (row[index] === null ? null : Number(row[index]))),
    })),
  })
}
