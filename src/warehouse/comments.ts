/** Comments on the stream tables, their views and the columns of both: set once, and again when words or columns have changed. */
import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import { describeField, describeStream, type Stream } from '../catalog/index.ts'
import { ownColumns } from './names.ts'
import type { Session } from './session.ts'
import { literal, quoted } from './sql.ts'
import { tableOf } from './tables.ts'
import { streamViewOf, viewColumns } from './views.ts'

/** Sets the comments that are missing; what stands there stays. Where there is nothing to do, it costs one short read. */
export async function commentTables(session: Session, streams: readonly Stream[]): Promise<void> {
  const tables = await columnsOfTables(session)
  const known = await session.db.selectFrom('table_comments').selectAll().execute()
  const hashes = new Map(known.map(({ stream, hash }) => [stream, hash]))
  const due = streams.flatMap((stream) => {
    const columns = tables.get(stream.name)
    if (!columns) return []
    const comments = commentsOf(session, stream, columns)
    const hash = createHash('sha256')
      .update(JSON.stringify(comments.map(({ on, about }) => [on, about])))
      .digest('hex')
    return hashes.get(stream.name) === hash ? [] : [{ stream: stream.name, comments, hash }]
  })
  if (due.length === 0) return
  const present = await presentComments(session)
  await session.transaction(async (tx) => {
    const statements = due
      .flatMap(({ comments }) => comments)
      .filter(({ key }) => !present.has(key))
      .map(({ on, about }) => `comment on ${on} is ${literal(about)}`)
    if (statements.length > 0) await sql.raw(statements.join(';\n')).execute(tx.tables)
    await tx.db
      .insertInto('table_comments')
      .values(due.map(({ stream, hash }) => ({ stream, hash })))
      .onConflict((conflict) =>
        conflict.column('stream').doUpdateSet((row) => ({ hash: row.ref('excluded.hash') })),
      )
      .execute()
  })
}

interface Comment {
  /** Schema, table or view, and column. */
  readonly key: string
  /** What it is on, as SQL says it. */
  readonly on: string
  readonly about: string
}

/** Of a table, its view, and the columns of both that there are words for. */
function commentsOf(session: Session, stream: Stream, columns: readonly Column[]): readonly Comment[] {
  const { names, dialect } = session
  const { name } = stream
  const [table, view] = [tableOf(session, name), streamViewOf(names, name)]
  const about = describeStream(stream)
  const shown = viewColumns(columns.map(({ column_name }) => column_name))
  return [
    { key: keyOf(names.streams, name), on: `table ${table}`, about },
    { key: keyOf(names.views, name), on: `view ${view}`, about },
    ...columns.flatMap(({ source_name, column_name }) => {
      const words = ownWords.get(source_name) ?? describeField(source_name)
      if (words === undefined) return []
      const on = (place: string, schema: string, column: string) => ({
        key: keyOf(schema, name, column),
        on: `column ${place}.${quoted(column)}`,
        about: words,
      })
      const ofTable = on(table, names.streams, column_name)
      if (!dialect.describesColumns) return [ofTable]
      return [ofTable, on(view, names.views, shown.get(column_name) ?? column_name)]
    }),
  ]
}

const ownWords: ReadonlyMap<string, string> = new Map([
  [ownColumns.runId, 'The run that loaded the row: run_id of the table runs'],
  [ownColumns.loadedAt, 'When the sync began that loaded the row (UTC)'],
  [ownColumns.extra, 'What has found no column of its own'],
])

interface Column {
  readonly stream: string
  readonly source_name: string
  readonly column_name: string
}

async function columnsOfTables({ db }: Session): Promise<ReadonlyMap<string, readonly Column[]>> {
  const rows = await db
    .selectFrom('columns')
    .select(['stream', 'source_name', 'column_name'])
    .orderBy('stream')
    .orderBy('position')
    .execute()
  const tables = new Map<string, Column[]>()
  for (const row of rows) {
    const columns = tables.get(row.stream)
    if (columns) columns.push(row)
    else tables.set(row.stream, [row])
  }
  return tables
}

async function presentComments({ tables, dialect, names }: Session): Promise<ReadonlySet<string>> {
  const present = new Set<string>()
  for (const schema of [names.streams, names.views]) {
    const { rows } = await dialect.comments(schema).execute(tables)
    for (const { table_name, column_name } of rows) present.add(keyOf(schema, table_name, column_name))
  }
  return present
}

const keyOf = (schema: string, table: string, column: string | null = null): string =>
  JSON.stringify([schema, table, column])
