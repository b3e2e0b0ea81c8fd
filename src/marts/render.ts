/** The SQL of a view for one warehouse, from its file and the tables that are there. */
import { type ColumnType, catalogue, storedType } from '../catalog/index.ts'
import { ownColumns } from '../warehouse/names.ts'
import type { Session } from '../warehouse/session.ts'
import { literal, quoted } from '../warehouse/sql.ts'
import { snakeCase } from '../warehouse/views.ts'
import type { ViewFile } from './file.ts'
import { expandMacros } from './macros.ts'

/** A column of a stream table as it is in the warehouse. */
export interface FoundColumn {
  readonly name: string
  readonly type: ColumnType
}

/** The columns of each stream table, by the field that they hold; a stream that is not replicated is not in it. */
export type FoundTables = ReadonlyMap<string, ReadonlyMap<string, FoundColumn>>

/**
 * The select of a view. A stream becomes a subquery of the columns that the view names, under snake_case names and with
 * the types of the catalogue, whatever the table has become; what is not there is NULL, and an absent stream has no rows.
 */
export function renderView(
  { select }: Pick<ViewFile, 'select'>,
  { names, dialect }: Pick<Session, 'names' | 'dialect'>,
  tables: FoundTables,
): string {
  const expanded = expandMacros(select, dialect.analysis)
  const words = new Set(expanded.match(/\w+/g))
  const own = (_: string, _kind: string, name: string) => `${quoted(names.marts)}.${quoted(name)}`
  return expanded
    .replaceAll(/\{\{streams\.(\w+)\}\}/g, (_, stream: string) => {
      const columns = streamColumns(stream).filter(({ name }) => words.has(name))
      return relation({ names, dialect }, stream, columns, tables.get(stream))
    })
    .replaceAll(/\{\{has\.(\w+)\}\}/g, (_, stream: string) => String(tables.has(stream)))
    .replaceAll(/\{\{(marts|tables)\.(\w+)\}\}/g, own)
}

interface StreamColumn {
  readonly source: string
  readonly name: string
  readonly type: ColumnType
}

function streamColumns(name: string): readonly StreamColumn[] {
  const stream = catalogue('email').find((one) => one.name === name)
  if (!stream) throw new Error(`sql/views reads ${name}, which is no stream`)
  return [
    ...Object.entries(stream.columns).map(([source, type]) => ({
      source,
      name: snakeCase(source),
      type: storedType(type),
    })),
    { source: ownColumns.loadedAt, name: ownColumns.loadedAt, type: 'timestamptz' as const },
  ]
}

function relation(
  { names, dialect: { analysis } }: Pick<Session, 'names' | 'dialect'>,
  stream: string,
  columns: readonly StreamColumn[],
  found: ReadonlyMap<string, FoundColumn> | undefined,
): string {
  const list = columns.map(({ source, name, type }) => {
    const column = found?.get(source)
    const value = column
      ? analysis.narrow(quoted(column.name), column.type, type, quoted(names.marts))
      : `cast(null as ${analysis.typeName[type]})`
    return `${value} as ${name}`
  })
  const from = found ? `from ${quoted(names.streams)}.${quoted(stream)}` : 'where false'
  return `(select ${list.length > 0 ? list.join(', ') : '1 as one'} ${from})`
}

/** The statements that put the comments of a file on its view and columns. */
export function commentsOf(
  { name, about, grain, columns }: ViewFile,
  { names }: Pick<Session, 'names'>,
): string[] {
  const view = `${quoted(names.marts)}.${quoted(name)}`
  return [
    `comment on view ${view} is ${literal(`${about.replaceAll('\n', ' ')} One row: ${grain}.`)}`,
    ...columns.map(
      (column) => `comment on column ${view}.${quoted(column.name)} is ${literal(column.about)}`,
    ),
  ]
}
