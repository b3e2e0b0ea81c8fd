/** The SQL of a view for one warehouse, from its file and the tables that are there. */
import { type ColumnType, catalogue, storedType } from '../catalog/index.ts'
import type { MartsConfig } from '../config/schema.ts'
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
 * Days are those of `zone`.
 */
export function renderView(
  file: Pick<ViewFile, 'select'>,
  place: Pick<Session, 'names' | 'dialect'>,
  tables: FoundTables,
  settings: MartsConfig,
  zone = 'UTC',
): string {
  return render(file, place, { tables, settings, places: ownPlaces(place.names), zone })
}

/** The same select with other words for where things are. */
export const renderPlaced = (
  file: Pick<ViewFile, 'select'>,
  place: Pick<Session, 'names' | 'dialect'>,
  tables: FoundTables,
  settings: MartsConfig,
  places: Places,
): string => render(file, place, { tables, settings, places })

/** What stands for a stream's table, another view, a table that people fill, a table of ours. */
export type Places = Readonly<Record<'streams' | 'marts' | 'tables' | 'sync', (name: string) => string>>

function ownPlaces(names: Session['names']): Places {
  const within = (schema: string) => (name: string) => `${quoted(schema)}.${quoted(name)}`
  const [streams, marts, sync] = [names.streams, names.marts, names.sync].map(within) as [
    PlaceOf,
    PlaceOf,
    PlaceOf,
  ]
  return { streams, marts, tables: marts, sync }
}

type PlaceOf = Places['streams']

/**
 * The same select without any other view: each that it reads stands in it, or what `kept` gives for it. With `only`, a
 * condition on the id of a message, events of other messages are left out.
 */
export function renderInline(
  file: Pick<ViewFile, 'select'>,
  place: Pick<Session, 'names' | 'dialect'>,
  input: {
    readonly tables: FoundTables
    readonly settings: MartsConfig
    readonly files: readonly ViewFile[]
    readonly only?: ((message: string) => string) | undefined
    /** What has the rows of a view already, as it follows `from`. */
    readonly kept?: (view: string) => string | undefined
  },
): string {
  const inline = (name: string): string => {
    const read = input.files.find((one) => one.name === name) as ViewFile
    const kept = input.kept?.(name) ?? input.kept?.(read.within ?? '')
    if (kept) return `(select ${read.columns.map((column) => quoted(column.name)).join(', ')} from ${kept})`
    return `(\n${render(read, place, { ...input, places })}\n)`
  }
  const places = { ...ownPlaces(place.names), marts: inline }
  return render(file, place, { ...input, places })
}

interface Rendering {
  readonly tables: FoundTables
  readonly settings: MartsConfig
  readonly only?: ((message: string) => string) | undefined
  readonly places: Places
  /** Whose days are meant. */
  readonly zone?: string
}

function render(
  { select }: Pick<ViewFile, 'select'>,
  { names, dialect }: Pick<Session, 'names' | 'dialect'>,
  { tables, settings, only, places, zone = 'UTC' }: Rendering,
): string {
  const expanded = expandMacros(withSettings(select, settings), {
    analysis: dialect.analysis,
    hash: dialect.hash,
    schema: quoted(names.marts),
    zone: literal(zone),
  })
  const words = new Set(expanded.match(/\w+/g))
  return expanded
    .replaceAll(/\{\{streams\.(\w+)\}\}/g, (_, stream: string) => {
      const columns = streamColumns(stream).filter(({ name }) => words.has(name))
      const from = places.streams(stream)
      return relation({ names, dialect }, stream, columns, { tables, only, from })
    })
    .replaceAll(/\{\{has\.(\w+)\}\}/g, (_, stream: string) => String(tables.has(stream)))
    .replaceAll(/\{\{marts\.(\w+)\}\}/g, (_, name: string) => places.marts(name))
    .replaceAll(/\{\{tables\.(\w+)\}\}/g, (_, name: string) => places.tables(name))
    .replaceAll(/\{\{sync\.(\w+)\}\}/g, (_, table: string) => places.sync(table))
}

/** Replaces `{{setting.NAME}}` by what the configuration says. */
function withSettings(select: string, { attribution, timezone }: MartsConfig): string {
  const values = new Map([
    ['click_window', `interval '${attribution.click / 1000} seconds'`],
    ['open_window', `interval '${attribution.open / 1000} seconds'`],
    ['timezone', literal(timezone)],
  ])
  return select.replaceAll(/\{\{setting\.(\w+)\}\}/g, (mark, name: string) => values.get(name) ?? mark)
}

interface StreamColumn {
  readonly source: string
  readonly name: string
  readonly type: ColumnType
}

function streamColumns(name: string): readonly StreamColumn[] {
  const stream = catalogue('email').find((one) => one.name === name)
  if (!stream) throw new Error(`sql/views reads ${name}, which is not a stream`)
  const fields = [...Object.entries(stream.columns), ...Object.entries(stream.usual ?? {})]
  return [
    ...fields.map(([source, type]) => ({ source, name: snakeCase(source), type: storedType(type) })),
    { source: ownColumns.loadedAt, name: ownColumns.loadedAt, type: 'timestamptz' as const },
  ]
}

interface AnalysisPlace {
  readonly names: Session['names']
  readonly dialect: Pick<Session['dialect'], 'analysis'>
}

/** The message that an event of a stream is about, as an expression over its table; undefined where it is about none. */
export function messageOfEvent(
  { names, dialect: { analysis } }: AnalysisPlace,
  stream: string,
  tables: FoundTables,
): string | undefined {
  const { columns, replication } = catalogue('email').find((one) => one.name === stream) ?? {}
  if (!columns || replication !== 'append') return undefined
  const column = tables.get(stream)?.get('seenMessageId' in columns ? 'seenMessageId' : 'messageId')
  return column && analysis.narrow(quoted(column.name), column.type, 'text', quoted(names.marts))
}

function relation(
  { names, dialect: { analysis } }: AnalysisPlace,
  stream: string,
  columns: readonly StreamColumn[],
  { tables, only, from }: Pick<Rendering, 'tables' | 'only'> & { readonly from: string },
): string {
  const found = tables.get(stream)
  const list = columns.map(({ source, name, type }) => {
    const column = found?.get(source)
    const value = column
      ? analysis.narrow(quoted(column.name), column.type, type, quoted(names.marts))
      : `cast(null as ${analysis.typeName[type]})`
    return `${value} as ${name}`
  })
  const message = only && messageOfEvent({ names, dialect: { analysis } }, stream, tables)
  const some = only && message ? ` where ${only(message)}` : ''
  const source = found ? `from ${from}${some}` : 'where false'
  return `(select ${list.length > 0 ? list.join(', ') : '1 as one'} ${source})`
}

/** The statements that put the comments of a file on its view and columns. */
export function commentsOf(
  { name, about, grain, columns }: ViewFile,
  { names, dialect }: Pick<Session, 'names' | 'dialect'>,
  schema = names.marts,
): string[] {
  const view = `${quoted(schema)}.${quoted(name)}`
  return [
    `comment on view ${view} is ${literal(`${about.replaceAll('\n', ' ')} One row: ${grain}.`)}`,
    ...(dialect.describesColumns ? columns : []).map(
      (column) => `comment on column ${view}.${quoted(column.name)} is ${literal(column.about)}`,
    ),
  ]
}
