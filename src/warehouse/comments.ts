/** Comments on the stream tables and their columns: set once, and again when words or columns have changed. */
import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import { describeField, describeStream, type Stream } from '../catalog/index.ts'
import { ownColumns } from './names.ts'
import type { Session } from './session.ts'
import { literal, quoted } from './sql.ts'
import { tableOf } from './tables.ts'

/** Sets the comments that are missing; what stands there stays. Where there is nothing to do, it costs one short read. */
export async function commentTables(session: Session, streams: readonly Stream[]): Promise<void> {
  const tables = await columnsOfTables(session)
  const known = await session.db.selectFrom('table_comments').selectAll().execute()
  const hashes = new Map(known.map(({ stream, hash }) => [stream, hash]))
  const due = streams.flatMap((stream) => {
    const columns = tables.get(stream.name)
    if (!columns) return []
    const comments = new Map<string | undefined, string>([[undefined, describeStream(stream)]])
    for (const { source_name, column_name } of columns) {
      const about = ownWords.get(source_name) ?? describeField(source_name)
      if (about !== undefined) comments.set(column_name, about)
    }
    const hash = createHash('sha256')
      .update(JSON.stringify([...comments]))
      .digest('hex')
    return hashes.get(stream.name) === hash ? [] : [{ stream: stream.name, comments, hash }]
  })
  if (due.length === 0) return
  const present = await presentComments(session)
  await session.transaction(async (tx) => {
    const statements = due.flatMap(({ stream, comments }) =>
      [...comments]
        .filter(([column]) => !present.has(keyOf(stream, column)))
        .map(([column, about]) => {
          const table = tableOf(tx, stream)
          const what = column === undefined ? `table ${table}` : `column ${table}.${quoted(column)}`
          return `comment on ${what} is ${literal(about)}`
        }),
    )
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
  const { rows } = await dialect.comments(names.streams).execute(tables)
  return new Set(rows.map((row) => keyOf(row.table_name, row.column_name ?? undefined)))
}

const keyOf = (table: string, column: string | undefined): string => JSON.stringify([table, column ?? null])
