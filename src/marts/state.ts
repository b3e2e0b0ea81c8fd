/** What is known of the views: which can be made, which were, and what is in the way of the others. */
import type { ColumnType } from '../catalog/index.ts'
import type { Session } from '../warehouse/session.ts'
import type { ViewFile } from './file.ts'
import type { FoundTables } from './render.ts'

/** The stream tables with their columns. */
export async function readTables({ db }: Pick<Session, 'db'>): Promise<FoundTables> {
  const rows = await db
    .selectFrom('columns')
    .select(['stream', 'source_name', 'column_name', 'type'])
    .orderBy('stream')
    .orderBy('position')
    .execute()
  const tables = new Map<string, Map<string, { name: string; type: ColumnType }>>()
  for (const { stream, source_name, column_name, type } of rows) {
    const columns = tables.get(stream) ?? new Map()
    columns.set(source_name, { name: column_name, type: type as ColumnType })
    tables.set(stream, columns)
  }
  return tables
}

/** The streams that a view and those it reads need and that are not replicated, by the name of the view. */
export function missingStreams(
  files: readonly ViewFile[],
  isReplicated: (stream: string) => boolean,
): ReadonlyMap<string, readonly string[]> {
  const missing = new Map<string, readonly string[]>()
  for (const { name, needs, views } of files) {
    const own = needs.filter((stream) => !isReplicated(stream))
    missing.set(name, [...new Set([...own, ...views.flatMap((view) => missing.get(view) ?? [])])])
  }
  return missing
}
