/** The one reading of JSON: a `select` that turns chunks into typed rows of a stream's table. */

import { verbatimMark } from '../json/numbers.ts'
import type { Chunk } from '../spool/chunk.ts'
import { objectSizeOption } from '../spool/chunk.ts'
import { extraKey, ownColumns } from '../warehouse/names.ts'
import { fieldColumns, type Parsed, type Shape, type Span, type TableColumn } from '../warehouse/shape.ts'
import { instant, literal, literals, quoted } from '../warehouse/sql.ts'

/** What every row of a load carries. */
export interface Stamps {
  readonly runId: string
  readonly loadedAt: Date
}

export interface ParseOptions {
  readonly stamps: Stamps
  /** Columns of the primary key: a nested value there is no key. */
  readonly key: readonly string[]
  /** Read text as JSON, so that a string that looks like an object is told apart from an object. Slower. */
  readonly precise: boolean
  /** Nested values may stand in the chunks as texts behind the `verbatimMark`. */
  readonly verbatim: boolean
  /** A condition on the typed columns; rows that do not meet it are left out. */
  readonly where?: string | undefined
  /**
   * A time column whose every value lies within an interval: one that does not is drift. Cheaper than a condition,
   * which DuckDB evaluates apart from the column.
   */
  readonly within?: (Span & { readonly column: string }) | undefined
  /** Where the times of all rows lie that this gives. */
  readonly span?: Span | undefined
}

/** Makes the reading of `chunks` for a table of this shape. */
export function parsed(shape: Shape, chunks: readonly Chunk[], options: ParseOptions): Parsed {
  const keys = readKeys(shape)
  const fields = fieldColumns(shape).map((column) => ({
    column,
    key: keys.get(column.source) ?? column.name,
  }))
  const reads = fields.map(({ column, key }) => `${literal(key)}: '${readType(column, shape, options)}'`)
  const outputs = fields.map(
    ({ column, key }) => `${expression(column, key, shape, options)} as ${quoted(column.name)}`,
  )
  const where = options.where === undefined ? '' : `\nwhere ${options.where}`
  return {
    columns: shape.columns,
    span: options.span,
    chunks,
    select: (some) => `select * from (
  select
    ${outputs.join(',\n    ')},
    ${runIdExpression(fields, shape, options)} as ${quoted(ownColumns.runId)},
    ${instant(options.stamps.loadedAt)} as ${quoted(ownColumns.loadedAt)},
    ${extraExpression(fields, options)} as ${quoted(ownColumns.extra)}
  from read_json(${literals(some.map(({ path }) => path))}, format = 'newline_delimited', records = true,
    columns = {${[...reads, `${literal(extraKey)}: 'JSON'`].join(', ')}}${objectSizeOption(some)})
)${where}`,
  }
}

/**
 * The keys under which the fields of a table are read. It is the field's own name, unless another field of the table
 * differs from it only by case: names of one statement may not, so in chunks that hold the later one it is renamed, to
 * a name of the same length that no other field has.
 */
export function readKeys(shape: Shape): ReadonlyMap<string, string> {
  const fields = fieldColumns(shape)
  const taken = new Set<string>([extraKey])
  const own = new Set(fields.map(({ source }) => source.toLowerCase()))
  const keys = new Map<string, string>()
  for (const { source } of fields) {
    const isFree = (name: string) => !taken.has(name.toLowerCase())
    const key = isFree(source)
      ? source
      : (substitutes(source).find((name) => isFree(name) && !own.has(name.toLowerCase())) ??
        `${extraKey}${keys.size}`)
    taken.add(key.toLowerCase())
    keys.set(source, key)
  }
  return keys
}

/** Names of the same length in bytes, one for each first letter that fields hardly have. */
function substitutes(source: string): string[] {
  const first = String.fromCodePoint(source.codePointAt(0) ?? 0)
  const rest = source.slice(first.length)
  return [...'~^|`#%&*+=;!?<>@$'].map((letter) => letter.repeat(Buffer.byteLength(first)) + rest)
}

function readType(
  column: TableColumn,
  { stream }: Shape,
  { precise, key }: ParseOptions,
): 'JSON' | 'VARCHAR' {
  if (column.type === 'timestamptz' || column.embedded) return 'VARCHAR'
  if (column.type === 'text') {
    return precise || key.includes(column.name) || column.source === stream.lifted?.source
      ? 'JSON'
      : 'VARCHAR'
  }
  return 'JSON'
}

function expression(column: TableColumn, key: string, shape: Shape, options: ParseOptions): string {
  const value = valueExpression(column, key, shape, options)
  const drift = `drift(${literal(column.name)})`
  switch (column.type) {
    case 'text':
      if (options.key.includes(column.name)) {
        return `case when not ${isNested(value, options)} then json_text(${value}) end`
      }
      return readType(column, shape, options) === 'JSON' ? `json_text(${value})` : value
    case 'bigint':
    case 'double':
    case 'boolean':
      return `case when ${value} is not null then coalesce(json_${column.type}(${value}), ${drift}) end::${column.type}`
    case 'timestamptz': {
      if (options.within?.column !== column.name) return `json_time(${value})`
      const { from, to } = options.within
      return `case when json_time(${value}) >= ${instant(from)} and json_time(${value}) < ${instant(to)} then json_time(${value}) else ${drift} end`
    }
    case 'json':
      return column.embedded ? `json_embedded(${bareText(value, options)})` : nestedValue(value, options)
  }
}

/** The value of a field as it was read. */
function valueExpression({ source }: TableColumn, key: string, shape: Shape, options: ParseOptions): string {
  const { lifted } = shape.stream
  if (source !== lifted?.source) return quoted(key)
  const parent = shape.columns.find(({ source, type }) => source === lifted.parent && type === 'json')
  if (!parent) return quoted(key)
  const inside = `json_extract(${nestedValue(quoted(lifted.parent), options)}, '$."${lifted.member}"')`
  return `coalesce(${quoted(key)}, nullif(${inside}, 'null'::json))`
}

/** A value of JSON, read as JSON: what is behind the mark keeps its digits, for a cast leaves a text as it is. */
const nestedValue = (value: string, { verbatim }: ParseOptions): string =>
  verbatim
    ? `(case when starts_with(${value}::varchar, ${literal(`"${verbatimMark}`)}) then (${value} ->> '$')[${verbatimMark.length + 1}:]::json else ${value} end)`
    : value

/** The same, read as VARCHAR. */
const bareText = (value: string, { verbatim }: ParseOptions): string =>
  verbatim
    ? `case when starts_with(${value}, ${literal(verbatimMark)}) then ${value}[${verbatimMark.length + 1}:] else ${value} end`
    : value

/** An object or an array, whichever way it was read. */
const isNested = (value: string, { verbatim }: ParseOptions): string =>
  verbatim
    ? `(is_nested(${value}) or contains(${value}::varchar, ${literal(verbatimMark)}))`
    : `is_nested(${value})`

/**
 * The run's id, and beside it the look for objects in text columns: one expression for all of them, so that the columns
 * themselves pass untouched.
 */
function runIdExpression(
  fields: readonly { column: TableColumn; key: string }[],
  shape: Shape,
  options: ParseOptions,
): string {
  const { stamps, key: primaryKey } = options
  const checks = fields
    .filter(({ column }) => column.type === 'text' && !primaryKey.includes(column.name))
    .map(
      ({ column, key }) =>
        `when ${isNested(valueExpression(column, key, shape, options), options)} then drift(${literal(column.name)})`,
    )
  return checks.length === 0
    ? literal(stamps.runId)
    : `case ${checks.join('\n      ')} else ${literal(stamps.runId)} end`
}

/** `_extra`: what a rewritten line put there, and the text of times that cannot be read. */
function extraExpression(
  fields: readonly { column: TableColumn; key: string }[],
  options: ParseOptions,
): string {
  const { within } = options
  const extra = nestedValue(quoted(extraKey), options)
  const times = fields.filter(({ column }) => column.type === 'timestamptz' && column.name !== within?.column)
  if (times.length === 0) return extra
  const unreadable = times
    .map(({ key }) => `(${quoted(key)} is not null and json_time(${quoted(key)}) is null)`)
    .join(' or ')
  const members = times.map(
    ({ column, key }) => `case when json_time(${quoted(key)}) is null
        then ${literal(`${JSON.stringify(column.source)}:`)} || to_json(${quoted(key)})::varchar end`,
  )
  return `case when ${unreadable}
      then ('{' || concat_ws(',', ${members.join(', ')}, (${extra}::varchar)[2:-2]) || '}')::json
      else ${extra} end`
}
