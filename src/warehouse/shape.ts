/** What a stream's table looks like: its columns, the fields they hold, and how both may change. */
import { type ColumnType, type SourceType, type Stream, storedType } from '../catalog/index.ts'
import type { Chunk } from '../spool/chunk.ts'
import { columnName, type NameRules, ownColumns } from './names.ts'

export type Origin = 'catalogue' | 'declared' | 'seen' | 'ours'

/** A column of whatever table. */
export interface TypedColumn {
  readonly name: string
  readonly type: ColumnType
}

/** One column of a stream table. */
export interface TableColumn extends TypedColumn {
  /** The field's own name, as Iterable writes it. */
  readonly source: string
  readonly origin: Origin
  readonly embedded: boolean
  readonly previousTypes: readonly ColumnType[]
}

/** A column that a table has got for a field that was new, with its type in the words of the catalogue. */
export interface NewColumn {
  readonly name: string
  readonly type: string
}

/** The columns of one table, in order. Values are never changed: each change makes a new shape. */
export interface Shape {
  readonly stream: Stream
  readonly columns: readonly TableColumn[]
}

/** What a later shape has that an earlier one had not. */
export function newColumns(before: Shape, after: Shape): readonly NewColumn[] {
  const old = new Set(before.columns.map(({ name }) => name))
  return after.columns.filter(({ name }) => !old.has(name)).map(({ name, type }) => ({ name, type }))
}

/** The shape of a table that has just been made. */
export function initialShape(stream: Stream): Shape {
  const fields = Object.entries(stream.columns).map(([source, type]) => catalogueColumn(source, type))
  const ours = Object.entries({
    [ownColumns.runId]: 'text',
    [ownColumns.loadedAt]: 'timestamptz',
    [ownColumns.extra]: 'json',
  } as const).map(([name, type]) => ({ ...catalogueColumn(name, type), origin: 'ours' as const }))
  return { stream, columns: [...fields, ...ours] }
}

const catalogueColumn = (source: string, type: SourceType): TableColumn => ({
  source,
  name: source,
  type: storedType(type),
  origin: 'catalogue',
  embedded: type === 'embedded_json',
  previousTypes: [],
})

/** The columns that hold fields of Iterable. */
export const fieldColumns = (shape: Shape): readonly TableColumn[] =>
  shape.columns.filter(({ origin }) => origin !== 'ours')

/** The column of a field, if it has one. */
export const columnOf = (shape: Shape, source: string): TableColumn | undefined =>
  shape.columns.find((column) => column.source === source && column.origin !== 'ours')

/**
 * The shape with columns for new fields, in the order given (the order of first appearance decides who keeps a name
 * that differs only by case). Fields beyond the limit are left out: they go to `_extra`.
 */
export function withNewFields(
  shape: Shape,
  fields: readonly { source: string; type: ColumnType; origin: 'declared' | 'seen' }[],
  rules: NameRules,
): Shape {
  const columns = [...shape.columns]
  const taken = new Set(columns.map(({ name }) => name.toLowerCase()))
  let custom = columns.filter(({ origin }) => origin === 'declared' || origin === 'seen').length
  for (const { source, type, origin } of fields) {
    // No identifier can be empty or hold U+0000.
    if (custom >= rules.maxCustomColumns || source === '' || source.includes('\0')) continue
    const wanted = shape.stream.renamed?.get(source) ?? source
    const name = columnName(wanted, (candidate) => taken.has(candidate), rules)
    taken.add(name.toLowerCase())
    columns.push({ source, name, type, origin, embedded: false, previousTypes: [] })
    custom += 1
  }
  return { ...shape, columns }
}

/** The shape with some columns of wider types. */
export function withTypes(shape: Shape, types: ReadonlyMap<string, ColumnType>): Shape {
  const columns = shape.columns.map((column) => {
    const type = types.get(column.name)
    return type === undefined || type === column.type
      ? column
      : { ...column, type, previousTypes: [...column.previousTypes, column.type] }
  })
  return { ...shape, columns }
}

/** What a value asks of its column; a `big` whole number fits a bigint, but no double holds it exactly. */
export type Kind = ColumnType | 'big'

/** The narrowest type that holds all of these kinds of values. */
export function typeFor(kinds: Iterable<Kind>): ColumnType {
  const all = [...kinds]
  const big = all.includes('double') ? 'text' : 'bigint'
  return all.map((kind) => (kind === 'big' ? big : kind)).reduce(widened)
}

/** The narrowest type that holds both. A time column is never widened: what it cannot read goes to `_extra`. */
export function widened(a: ColumnType, b: ColumnType): ColumnType {
  if (a === b || a === 'timestamptz') return a
  if (a === 'json' || b === 'json') return 'json'
  const numbers: readonly ColumnType[] = ['bigint', 'double']
  return numbers.includes(a) && numbers.includes(b) ? 'double' : 'text'
}

/** From one instant until before another. */
export interface Span {
  readonly from: Date
  readonly to: Date
}

/** A reading of chunks: the columns that it gives, in order, and the statement for some of the files. */
export interface Parsed {
  readonly columns: readonly TableColumn[]
  /** Where the times of all rows lie, as far as it is known before they are read. */
  readonly span?: Span | undefined
  readonly chunks: readonly Chunk[]
  readonly select: (chunks: readonly Chunk[]) => string
}
