/** What the views for analysts must say differently to DuckDB and to Postgres; all else of `sql/views` both read. */
import type { ColumnType } from '../catalog/index.ts'

export interface Analysis {
  /** A subquery of the elements of a json array, as texts in a column `value`; no rows where it is not an array. */
  readonly elements: (json: string) => string
  /** The same as json, for elements that are objects. */
  readonly objects: (json: string) => string
  /** A member of a json object as text; NULL where it has none, or is not an object. */
  readonly member: (json: string, name: string) => string
  /** The text that a json value is; NULL for any other value than a text. */
  readonly string: (json: string) => string
  /**
   * An expression that reads a column, which may have become wider, as the type that its stream knows it by: a view keeps
   * its types. NULL where the value does not fit. `schema` is that of `functions`.
   */
  readonly narrow: (column: string, from: ColumnType, to: ColumnType, schema: string) => string
  /** Statements that make what `narrow` calls. */
  readonly functions: (schema: string) => readonly string[]
  /** The day of an instant in a time zone, which is given as a literal. */
  readonly day: (instant: string, zone: string) => string
  /** A row, as an instant without zone, for each day from one to the other, both included; in the list of a select. */
  readonly days: (first: string, last: string) => string
  /** The SHA-256 of a text, in lower-case hexadecimal digits. */
  readonly sha256: (text: string) => string
  /** The name of a type in a cast. */
  readonly typeName: Readonly<Record<ColumnType, string>>
}

const typeName = {
  boolean: 'boolean',
  bigint: 'bigint',
  double: 'double precision',
  timestamptz: 'timestamptz',
  text: 'varchar',
  json: 'json',
} as const satisfies Record<ColumnType, string>

export const duckdbAnalysis: Analysis = {
  elements: (json) =>
    `(select unnest(case when json_type(${json}) = 'ARRAY' then from_json(${json}, '["VARCHAR"]') end) as value)`,
  objects: (json) =>
    `(select unnest(case when json_type(${json}) = 'ARRAY' then from_json(${json}, '["JSON"]') end) as value)`,
  member: (json, name) => `(${json} ->> '$.${name}')`,
  string: (json) => `case when json_type(${json}) = 'VARCHAR' then ${json} ->> '$' end`,
  // The days of UTC by arithmetic: the calendar of the engine takes ten times as long, 1.8 s for ten million instants.
  day: (instant, zone) =>
    zone === `'UTC'`
      ? `cast(make_timestamp(epoch_us(${instant})) as date)`
      : `cast((${instant}) at time zone ${zone} as date)`,
  days: (first, last) =>
    `unnest(generate_series(cast(${first} as timestamp), cast(${last} as timestamp), interval '1 day'))`,
  // Cast in any case: until the end of the sync that widens the column, the view stands upon it as it is.
  narrow(column, from, to) {
    const text = from === 'json' && to !== 'json' ? `${column} ->> '$'` : column
    const cast = `try_cast(${text} as ${typeName[to]})`
    return from === 'double' && to === 'bigint'
      ? `case when ${column} = trunc(${column}) then ${cast} end`
      : cast
  },
  functions: () => [],
  sha256: (text) => `sha256(${text})`,
  typeName,
}

const postgresTypes = { ...typeName, text: 'text', json: 'jsonb' } as const

const narrowing = (to: string): string => `as_${to}`

const textOf = { json: `(value #>> '{}')`, text: 'value' } as const
const wholeNumber = (text: string) => `case when ${text} ~ '^[+-]?\\d{1,18}$' then (${text})::bigint end`
const number = (text: string) =>
  `case when ${text} ~ '^[+-]?\\d{1,18}(\\.\\d+)?([eE][+-]?\\d{1,2})?$' then (${text})::double precision end`
const truth = (text: string) => `case ${text} when 'true' then true when 'false' then false end`

/** By the type that a column has in the catalogue: what reads it when it has become another. */
const narrowings = {
  bigint: {
    bigint: 'value',
    double: 'case when value = trunc(value) and abs(value) <= 9007199254740992 then value::bigint end',
    text: wholeNumber(textOf.text),
    json: wholeNumber(textOf.json),
  },
  double: { double: 'value', text: number(textOf.text), json: number(textOf.json) },
  boolean: { boolean: 'value', text: truth(textOf.text), json: truth(textOf.json) },
  text: { text: 'value', json: textOf.json },
} as const

export const postgresAnalysis: Analysis = {
  elements: (json) =>
    `(select jsonb_array_elements_text(case when jsonb_typeof(${json}) = 'array' then ${json} end) as value)`,
  objects: (json) =>
    `(select jsonb_array_elements(case when jsonb_typeof(${json}) = 'array' then ${json} end) as value)`,
  member: (json, name) => `(${json} ->> '${name}')`,
  string: (json) => `case when jsonb_typeof(${json}) = 'string' then ${json} #>> '{}' end`,
  day: (instant, zone) => `cast((${instant}) at time zone ${zone} as date)`,
  days: (first, last) =>
    `generate_series(cast(${first} as timestamp), cast(${last} as timestamp), interval '1 day')`,
  // By a function for each type that a column may have: a view that steps aside while its column becomes wider, and comes
  // back with the same text, finds the one for the new type. Postgres writes them out where they are called.
  narrow: (column, _from, to, schema) =>
    to === 'timestamptz' || to === 'json' ? column : `${schema}.${narrowing(to)}(${column})`,
  functions: (schema) =>
    Object.entries(narrowings).flatMap(([to, bodies]) =>
      Object.entries(bodies).map(
        ([from, body]) =>
          `create or replace function ${schema}.${narrowing(to)}(value ${postgresTypes[from as ColumnType]}) returns ${postgresTypes[to as ColumnType]} language sql immutable parallel safe as $$ select ${body} $$`,
      ),
    ),
  sha256: (text) => `encode(sha256(convert_to(${text}, 'UTF8')), 'hex')`,
  typeName: postgresTypes,
}
