/** The rows of a view for analysts. */
import { sql } from 'kysely'
import { ConfigError } from '../errors.ts'
import { type ReportSource, readState } from './read.ts'
import { textOf } from './stream.ts'
import { readViews, type ViewStatus } from './views.ts'

export interface MartQuery {
  /** A column of the view. */
  readonly order?: string | undefined
  readonly isAscending?: boolean
  readonly limit: number
}

export interface MartRows {
  readonly view: ViewStatus
  /** Empty where it is not made. */
  readonly rows: readonly Readonly<Record<string, string | null>>[]
}

/** @throws ConfigError `unknown_view`, also for a column that the view does not have. */
export async function readMart(
  source: ReportSource,
  name: string,
  { order, isAscending = false, limit }: MartQuery,
): Promise<MartRows> {
  const view = (await readViews(source)).find((one) => one.view === name)
  if (!view) throw new ConfigError(`there is no view ${JSON.stringify(name)}`, { code: 'unknown_view' })
  const column = order ?? view.columns[0]?.name ?? ''
  if (!view.columns.some((one) => one.name === column)) {
    throw new ConfigError(`the view ${name} has no column ${JSON.stringify(column)}`, {
      code: 'unknown_view',
    })
  }
  if (view.state !== 'made') return { view, rows: [] }
  const rows = await readState(source, async ({ tables, names }) => {
    const direction = isAscending ? sql`asc nulls last` : sql`desc nulls last`
    const found = await sql<Record<string, unknown>>`
      select * from ${sql.id(names.marts, name)}
      order by ${sql.ref(column)} ${direction} limit ${limit}`.execute(tables)
    return found.rows
  })
  return {
    view,
    rows: (rows ?? []).map((row) =>
      Object.fromEntries(Object.entries(row).map(([key, value]) => [key, textOf(value)])),
    ),
  }
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

/** Sums by day over all rows of a view, the oldest first; none where the view is not made. The columns are trusted. */
export async function readTrend(
  source: ReportSource,
  view: string,
  { by, sums }: TrendQuery,
): Promise<readonly TrendDay[]> {
  const rows = await readState(source, async ({ tables, names }) => {
    const columns = sums.map(
      (column) => sql`cast(coalesce(sum(${sql.ref(column)}), 0) as double precision) as ${sql.ref(column)}`,
    )
    const found = await sql<Record<string, unknown>>`
      select cast(${sql.ref(by)} as varchar) as trend_day, ${sql.join(columns)}
      from ${sql.id(names.marts, view)}
      where ${sql.ref(by)} is not null group by 1 order by 1`.execute(tables)
    return found.rows
  })
  return (rows ?? []).map((row) => ({
    day: String(row.trend_day).slice(0, 10),
    sums: sums.map((column) => Number(row[column])),
  }))
}
