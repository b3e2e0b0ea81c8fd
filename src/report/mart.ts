/** The rows of a view for analysts, and their sums by day. */
import { sql } from 'kysely'
import { ConfigError } from '../errors.ts'
import type { Session } from '../warehouse/session.ts'
import type { Sql } from '../warehouse/sql.ts'
import { type ReportSource, readState } from './read.ts'
import { textOf } from './stream.ts'
import { readViews, type ViewStatus } from './views.ts'

export interface MartQuery {
  /** A column of the view. */
  readonly order?: string | undefined
  readonly isAscending?: boolean
  readonly limit: number
  /** Its columns are trusted. */
  readonly trend?: TrendQuery | undefined
}

export interface TrendQuery {
  /** A column of days. */
  readonly by: string
  /** Columns of numbers, whose sums are asked for. */
  readonly sums: readonly string[]
}

/** A day, and the sums of its rows in the order of the query. */
export interface TrendDay {
  readonly day: string
  readonly sums: readonly number[]
}

export interface MartRows {
  readonly view: ViewStatus
  /** Empty where it is not made. */
  readonly rows: readonly Readonly<Record<string, string | null>>[]
  /** Over all rows of the view, the oldest first; empty where nobody asked for it. */
  readonly trend: readonly TrendDay[]
}

/** @throws ConfigError `unknown_view`, also for a column that the view does not have. */
export async function readMart(source: ReportSource, name: string, query: MartQuery): Promise<MartRows> {
  const view = (await readViews(source)).find((one) => one.view === name)
  if (!view) throw new ConfigError(`there is no view ${JSON.stringify(name)}`, { code: 'unknown_view' })
  const column = query.order ?? view.columns[0]?.name ?? ''
  if (!view.columns.some((one) => one.name === column)) {
    throw new ConfigError(`the view ${name} has no column ${JSON.stringify(column)}`, {
      code: 'unknown_view',
    })
  }
  if (view.state !== 'made') return { view, rows: [], trend: [] }
  const found = await readState(source, async ({ tables, names }) => {
    const statement = statementOf(names, view, { ...query, order: column })
    return (await sql<Row>`${statement}`.execute(tables)).rows
  })
  const isOfTrend = (row: Row): row is TrendRow => typeof row.trend_day === 'string'
  return {
    view,
    rows: (found ?? [])
      .filter((row) => !isOfTrend(row))
      .map((row) => Object.fromEntries(view.columns.map((one) => [one.name, textOf(row[one.name])]))),
    trend: (found ?? []).filter(isOfTrend).map((row) => ({
      day: row.trend_day.slice(0, 10),
      sums: (query.trend?.sums ?? []).map((sum) => row[`trend_sum_${sum}`] ?? 0),
    })),
  }
}

type Row = Readonly<Record<string, unknown>>
interface TrendRow extends Row {
  readonly trend_day: string
  readonly [sum: `trend_sum_${string}`]: number
}

/** With a trend both come from one statement: to work the view out is what takes its time. */
function statementOf(
  names: Session['names'],
  view: ViewStatus,
  { order, isAscending = false, limit, trend }: MartQuery & { readonly order: string },
): Sql {
  const columns = view.columns.map(({ name }) => sql.ref(name))
  const sorting = sql`${sql.ref(order)} ${isAscending ? sql`asc` : sql`desc`} nulls last`
  const rowsOf = (from: Sql) =>
    sql`select ${sql.join(columns)} from ${from} order by ${sorting} limit ${limit}`
  const table = sql.id(names.marts, view.view)
  if (!trend) return rowsOf(table)
  const sums = trend.sums.map(
    (sum) =>
      sql`cast(coalesce(sum(${sql.ref(sum)}), 0) as double precision) as ${sql.ref(`trend_sum_${sum}`)}`,
  )
  const trendColumns = ['trend_day', ...trend.sums.map((sum) => `trend_sum_${sum}`)]
  const noTrend = trendColumns.map((column) => sql`null as ${sql.ref(column)}`)
  return sql`
    with figures as materialized (select * from ${table})
    select ${sql.join(noTrend)}, latest.* from (${rowsOf(sql.id('figures'))}) as latest
    union all
    select cast(${sql.ref(trend.by)} as varchar) as trend_day, ${sql.join(sums)}, ${sql.join(columns.map(() => sql`null`))}
    from figures where ${sql.ref(trend.by)} is not null group by 1
    order by trend_day, ${sorting}`
}
