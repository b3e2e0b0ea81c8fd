/** Answers for analysts, where their views are made. */
import type { MartRows, TrendDay, TrendQuery } from '../../report/mart.ts'
import type { ViewStatus } from '../../report/views.ts'
import { daysBefore, type Volume } from '../../report/volume.ts'
import { count } from '../../words.ts'
import type { Beside } from '../context.ts'
import { type Html, html } from '../html.ts'
import type { Page, View } from '../page.ts'
import { badge, chart, htmlTable, sparkSvg, timeElement } from '../parts.ts'

/** A view that has a page, with the columns that it shows. */
export interface Mart {
  readonly view: string
  readonly title: string
  readonly columns: readonly string[]
  /** What it is sorted by unless another column is asked for, the largest first. */
  readonly order: string
  readonly limit: number
  readonly chart?: TrendQuery
  /** Each campaign has its last days beside it. */
  readonly hasTrends?: true
}

export const marts: readonly Mart[] = [
  {
    view: 'campaign_performance',
    title: 'Campaign performance',
    columns: [
      ...[
        'campaign_name',
        'medium',
        'last_sent_at',
        'sent',
        'delivered',
        'human_open_rate',
        'human_click_rate',
      ],
      ...['bounce_rate', 'unsubscribe_rate', 'complaint_rate', 'click_revenue'],
    ],
    order: 'sent',
    limit: 201,
    hasTrends: true,
  },
  {
    view: 'campaign_performance_daily',
    title: 'Campaign performance by day',
    columns: [
      ...[
        'campaign_id',
        'day',
        'sent',
        'delivered',
        'bounced',
        'human_opened',
        'human_clicked',
        'unsubscribed',
      ],
      ...['complained', 'click_revenue', 'human_open_rate', 'human_click_rate', 'bounce_rate'],
      ...['unsubscribe_rate', 'complaint_rate'],
    ],
    order: 'day',
    limit: 201,
    chart: { by: 'day', sums: ['sent', 'human_opened', 'human_clicked'] },
  },
  {
    view: 'list_growth_daily',
    title: 'List growth by day',
    columns: [],
    order: 'day',
    limit: 201,
    chart: { by: 'day', sums: ['joined', 'left_list'] },
  },
  {
    view: 'deliverability_daily',
    title: 'Deliverability by day',
    columns: [],
    order: 'day',
    limit: 201,
    chart: { by: 'day', sums: ['sent', 'hard_bounced', 'complained'] },
  },
]

/** Views are made of millions of messages, and change with a sync. */
export const martGoodMs = 300_000

export const martOf = (view: string): Mart | undefined => marts.find((one) => one.view === view)

export const martsView = (_page: Page, views: readonly ViewStatus[]): View => ({
  title: 'Marts',
  body: html`
    <ul>${marts.map(({ view, title }) => html`<li><a href="/marts/${view}">${title}</a></li>`)}</ul>
    <h2>All views for analysts</h2>
    ${htmlTable(
      'Views',
      ['view', 'state', 'one row is', 'missing streams'],
      views.map((view) => [
        html`<code>${view.view}</code>`,
        badge(view.state),
        ...[view.grain, view.missing_streams.join(', ') || null],
      ]),
    )}`,
})

export interface MartInput {
  readonly mart: Mart
  readonly rows: MartRows
  /** When it was asked for. */
  readonly at: Date
  readonly order: string
  readonly isAscending: boolean
}

/** By the id of the campaign. */
export type Trends = ReadonlyMap<string, Volume>

export function martView(
  page: Page,
  { mart, rows, at, order, isAscending }: MartInput,
  trends: Beside<Trends> | undefined,
): View {
  const { view } = rows
  const about = new Map(view.columns.map((column) => [column.name, column.about]))
  const shown = (mart.columns.length > 0 ? mart.columns : view.columns.map(({ name }) => name)).filter(
    (name) => about.has(name),
  )
  // Beside the name, where everybody sees it.
  const withTrend = <Cell, Trend>(cells: readonly Cell[], trend: Trend): readonly (Cell | Trend)[] =>
    mart.hasTrends ? [...cells.slice(0, 1), trend, ...cells.slice(1)] : cells
  return {
    title: mart.title,
    body: html`
      <p class="soft">${view.about}</p>
      <p class="soft">As of ${timeElement(at.toISOString())}; for ${martGoodMs / 60_000} minutes it is not asked for anew.</p>
      ${view.state !== 'made' && html`<p class="notice">The view is not made: ${badge(view.state)} ${view.missing_streams.join(', ')} ${view.problem}</p>`}
      ${trendChart(mart, rows.trend)}
      ${htmlTable(
        mart.title,
        withTrend(
          shown.map((name) => heading(mart, name, { about: about.get(name), order, isAscending })),
          `opened by people, ${trendDays} days`,
        ),
        rows.rows.slice(0, 200).map((row) =>
          withTrend(
            shown.map((name) => cellOf(name, row[name] ?? null)),
            trendOf(page, row, trends),
          ),
        ),
        withTrend(
          shown.map((name) => (isNumber(rows, name) ? 'r' : 'l')),
          'l',
        ).join(''),
      )}
      ${rows.rows.length > 200 && html`<p class="soft">The first 200 rows; <a href="/query">a query</a> has all of them.</p>`}`,
  }
}

/** Days of the small charts. */
export const trendDays = 30

function trendOf(
  { now }: Page,
  row: MartRows['rows'][number],
  trends: Beside<Trends> | undefined,
): Html | null {
  if (!trends) return html`<span class="soft">being counted</span>`
  const trend = trends.value.get(row.campaign_id ?? '')
  const days = daysBefore(now, trendDays).map((day) => trend?.get(day) ?? 0)
  return trend ? sparkSvg(days, `Opened of ${row.campaign_name ?? row.campaign_id}`) : null
}

function heading(
  { view }: Mart,
  name: string,
  {
    about,
    order,
    isAscending,
  }: { readonly about: string | undefined; readonly order: string; readonly isAscending: boolean },
): Html {
  const direction = name === order && !isAscending ? 'asc' : 'desc'
  const mark = name === order ? (isAscending ? ' ↑' : ' ↓') : ''
  return html`<a href="/marts/${view}?order=${name}&direction=${direction}" title="${about}">${name.replaceAll('_', ' ')}</a>${mark}`
}

const isNumber = ({ rows }: MartRows, name: string): boolean =>
  rows.every((row) => row[name] === null || Number.isFinite(Number(row[name])))

function cellOf(name: string, text: string | null): string | null {
  if (text === null) return null
  if (name.endsWith('_rate')) return `${(100 * Number(text)).toFixed(1)} %`
  if (/^\d{4}-\d\d-\d\dT/.test(text)) return text.slice(0, 16).replace('T', ' ').replace(' 00:00', '')
  return /^-?\d+(\.\d+)?$/.test(text) && !name.endsWith('_id') ? count(Number(text)) : text
}

/** Sums of each day, over all rows. */
function trendChart({ title, chart: wanted }: Mart, trend: readonly TrendDay[]): Html | null {
  if (!wanted || trend.length === 0) return null
  return chart({
    title,
    kind: 'line',
    labels: trend.map(({ day }) => day),
    series: wanted.sums.map((name, index) => ({
      name: name.replaceAll('_', ' '),
      values: trend.map(({ sums }) => sums[index] ?? 0),
    })),
  })
}
