/** A view for each custom event: its rows, and of the columns of all custom events those that it has ever filled. */
import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import { columnName, ownColumns } from './names.ts'
import { namesIn } from './schemas.ts'
import type { Session } from './session.ts'
import { literal, quoted, streamTable } from './sql.ts'
import { tableOf } from './tables.ts'
import { snakeCase, viewColumns } from './views.ts'

/** The stream that they are rows of. */
export const customEvents = 'custom_event'
const stream = customEvents

/** Every view has these, filled or not. */
const always: ReadonlySet<string> = new Set(['createdAt', 'email', 'userId', 'itblUserId', 'id'])
const nameColumn = 'eventName'
const never: ReadonlySet<string> = new Set([nameColumn, ownColumns.extra])

/** With more names than this, they are values rather than names. */
const mostViews = 1_000

interface EventView {
  readonly viewName: string
  readonly columns: readonly string[]
  readonly hash: string
}

/**
 * Makes the views of custom events, and gives those that are there what has appeared since.
 * @param since Rows from before this are known already; undefined looks at all.
 * @returns What could not be done, in words for the user.
 */
export async function keepEventViews(
  session: Session,
  { since, now }: { readonly since: Date | undefined; readonly now: Date },
): Promise<readonly string[]> {
  const all = await columnTypes(session)
  if (all.size === 0) return []
  const types = new Map([...all].filter(([name]) => !never.has(name)))
  const eventName = nameExpression(session, all)
  const known = await readViews(session)
  const there = await namesIn(session.tables, session.names.views)
  const filled = await filledColumns(session, {
    eventName,
    columns: [...types.keys()],
    since: known.size > 0 ? since : undefined,
  })
  const taken = new Set([...known.values()].map(({ viewName }) => viewName))
  const notices: string[] = []
  for (const event of new Set([...known.keys(), ...filled.keys()])) {
    const before = known.get(event)
    if (!before && taken.size >= mostViews) {
      notices.push(
        `custom events have more than ${mostViews} names; further ones have no view (custom_event holds them)`,
      )
      break
    }
    const viewName = before?.viewName ?? freeName(session, event, taken)
    taken.add(viewName)
    const seen = new Set([...(before?.columns ?? []), ...(filled.get(event) ?? [])])
    const columns = [...types.keys()].filter((name) => always.has(name) || seen.has(name))
    const select = selectOf(session, { event, eventName, columns })
    // Types belong to a view: it is made anew where a column has become wider.
    const hash = createHash('sha256')
      .update([select, ...columns.map((name) => types.get(name))].join('\n'))
      .digest('hex')
    if (before?.hash === hash && there.has(viewName)) continue
    const facts = { view_name: viewName, columns: JSON.stringify(columns), hash, changed_at: now }
    await session.replaceView(
      `${quoted(session.names.views)}.${quoted(viewName)}`,
      select,
      async ({ db }) => {
        await db
          .insertInto('custom_event_views')
          .values({ event_name: event, ...facts })
          .onConflict((conflict) => conflict.column('event_name').doUpdateSet(facts))
          .execute()
      },
    )
  }
  return notices
}

/** Columns of the table and their types, in order; empty where the table does not exist. */
async function columnTypes({ db }: Session): Promise<ReadonlyMap<string, string>> {
  const rows = await db
    .selectFrom('columns')
    .select(['column_name', 'type'])
    .where('stream', '=', stream)
    .orderBy('position')
    .execute()
  return new Map(rows.map((row) => [row.column_name, row.type]))
}

/** What names the event of a row. A column that has met an object is JSON; only its texts are names. */
function nameExpression({ dialect }: Session, types: ReadonlyMap<string, string>): string {
  const column = quoted(nameColumn)
  return types.get(nameColumn) === 'json' ? dialect.analysis.string(column) : column
}

async function readViews({ db }: Session): Promise<ReadonlyMap<string, EventView>> {
  const rows = await db.selectFrom('custom_event_views').selectAll().execute()
  return new Map(
    rows.map(({ event_name, view_name, columns, hash }) => [
      event_name,
      { viewName: view_name, columns, hash },
    ]),
  )
}

/** Which columns the rows of each event fill. */
async function filledColumns(
  session: Session,
  {
    eventName,
    columns,
    since,
  }: {
    readonly eventName: string
    readonly columns: readonly string[]
    readonly since: Date | undefined
  },
): Promise<ReadonlyMap<string, readonly string[]>> {
  const counts = columns.map((name, at) => sql`count(${sql.id(name)}) as ${sql.id(`c${at}`)}`)
  const recent = since ? sql`and "createdAt" >= ${since}` : sql``
  const name = sql.raw(eventName)
  const { rows } = await sql<FilledRow>`
    select ${name} as event, ${sql.join(counts)} from ${streamTable(session, stream)}
    where ${name} is not null ${recent} group by 1 order by count(*) desc, 1`.execute(session.tables)
  return new Map(rows.map((row) => [row.event, columns.filter((_, at) => (row[`c${at}`] ?? 0) > 0)]))
}

/** How many rows of an event fill each column, by the place of the column. */
interface FilledRow {
  readonly event: string
  readonly [column: `c${number}`]: number
}

/** `custom_event_cart_updated`; names that meet are numbered. */
function freeName({ dialect }: Session, event: string, taken: ReadonlySet<string>): string {
  for (let count = 1; ; count += 1) {
    const source = `${stream}_${snakeCase(event)}${count > 1 ? `_${count}` : ''}`
    const name = columnName(source, () => false, dialect)
    if (!taken.has(name)) return name
  }
}

/** A name as a literal. One with U+0000, which only DuckDB holds, is put together: its parser ends a text there. */
const nameLiteral = (event: string): string =>
  event.includes('\0') ? `concat(${event.split('\0').map(literal).join(', chr(0), ')})` : literal(event)

function selectOf(
  session: Session,
  {
    event,
    eventName,
    columns,
  }: { readonly event: string; readonly eventName: string; readonly columns: readonly string[] },
): string {
  const named = [...viewColumns(columns)].map(([column, name]) => `${quoted(column)} as ${quoted(name)}`)
  return `select\n  ${named.join(',\n  ')}\nfrom ${tableOf(session, stream)}\nwhere ${eventName} = ${nameLiteral(event)}`
}
