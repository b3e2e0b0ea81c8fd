/** `iterable_views`: for each stream table a view of the same rows with snake_case names. */
import { sql } from 'kysely'
import type { SchemaNames } from './schema-names.ts'
import { namesIn } from './schemas.ts'
import type { Session, Tx } from './session.ts'
import type { Shape } from './shape.ts'
import { quoted } from './sql.ts'

/** Makes the view of a stream's table. */
export async function createStreamView(tx: Tx, shape: Shape): Promise<void> {
  const columns = shape.columns.map(({ name }) => name)
  await sql
    .raw(
      `create or replace view ${streamViewOf(tx.names, shape.stream.name)} as ${selectOf(tx.names, shape.stream.name, columns)}`,
    )
    .execute(tx.tables)
  await forgetComments(tx, shape.stream.name)
}

/** Comments of a view may go when it is made again: the next sync sets what is missing. */
const forgetComments = ({ db }: Pick<Tx, 'db'>, stream: string): Promise<unknown> =>
  db.deleteFrom('table_comments').where('stream', '=', stream).execute()

/** Makes the views of stream tables that somebody has dropped. */
export async function createMissingViews(session: Session): Promise<void> {
  const { db, tables, names } = session
  const streams = await db.selectFrom('columns').select('stream').distinct().orderBy('stream').execute()
  const there = await namesIn(tables, names.views)
  for (const { stream } of streams.filter(({ stream }) => !there.has(stream))) {
    const columns = await db
      .selectFrom('columns')
      .select('column_name')
      .where('stream', '=', stream)
      .orderBy('position')
      .execute()
    const select = selectOf(
      names,
      stream,
      columns.map(({ column_name }) => column_name),
    )
    await session.replaceView(streamViewOf(names, stream), select, async (tx) => {
      await forgetComments(tx, stream)
    })
  }
}

function selectOf({ streams }: SchemaNames, stream: string, columns: readonly string[]): string {
  const named = [...viewColumns(columns)].map(([column, name]) => `${quoted(column)} as ${quoted(name)}`)
  return `select\n  ${named.join(',\n  ')}\nfrom ${quoted(streams)}.${quoted(stream)}`
}

/** The view of a stream's table, as SQL names it. */
export const streamViewOf = ({ views }: Pick<SchemaNames, 'views'>, stream: string): string =>
  `${quoted(views)}.${quoted(stream)}`

/** The view's name of each column; names that meet are numbered. */
export function viewColumns(columns: readonly string[]): ReadonlyMap<string, string> {
  const taken = new Set<string>()
  const names = new Map<string, string>()
  for (const column of columns) {
    const base = snakeCase(column)
    let name = base
    for (let count = 2; taken.has(name); count += 1) name = `${base}_${count}`
    taken.add(name)
    names.set(column, name)
  }
  return names
}

/**
 * `createdAt` → `created_at`, `Lifetime Value` → `lifetime_value`, `Revenue / M (Email)` → `revenue_per_mille_email` (Iterable's
 * M is a thousand); our own columns keep their names.
 */
export function snakeCase(name: string): string {
  if (name.startsWith('_')) return `_${snakeCase(name.slice(1))}`
  return (
    name
      .replaceAll(/ \/ M\b/g, ' per mille')
      .replaceAll(/([\p{Ll}\d])(\p{Lu})/gu, '$1_$2')
      .replaceAll(/(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1_$2')
      .replaceAll(/[^\p{L}\p{N}]+/gu, '_')
      .replaceAll(/^_+|_+$/g, '')
      .toLowerCase() || 'column'
  )
}
