/** What the views for analysts must say differently to DuckDB and to Postgres; all else of `sql/views` both read. */
import type { ColumnType } from '../catalog/index.ts'

export interface Analysis {
  /** A subquery of the elements of a json array, as texts in a column `value`; no rows where it is no array. */
  readonly elements: (json: string) => string
  /**
   * An expression that reads a column, which has become wider, as the type that its stream knows it by: a view keeps its
   * types. NULL where the value does not fit.
   */
  readonly narrow: (column: string, from: ColumnType, to: ColumnType) => string
  /** A row, as an instant without zone, for each day from one to the other, both included; in the list of a select. */
  readonly days: (first: string, last: string) => string
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
  days: (first, last) =>
    `unnest(generate_series(cast(${first} as timestamp), cast(${last} as timestamp), interval '1 day'))`,
  narrow(column, from, to) {
    if (from === to) return column
    return `try_cast(${from === 'json' ? `${column} ->> '$'` : column} as ${typeName[to]})`
  },
  typeName,
}

export const postgresAnalysis: Analysis = {
  elements: (json) =>
    `(select json_array_elements_text(case when json_typeof(${json}) = 'array' then ${json} end) as value)`,
  days: (first, last) =>
    `generate_series(cast(${first} as timestamp), cast(${last} as timestamp), interval '1 day')`,
  narrow(column, from, to) {
    if (from === to) return column
    if (from === 'double' && to === 'bigint') {
      return `case when ${column} = trunc(${column}) and abs(${column}) <= 9007199254740992 then ${column}::bigint end`
    }
    const text = from === 'json' ? `(${column} #>> '{}')` : `${column}::text`
    switch (to) {
      case 'bigint':
        return `case when ${text} ~ '^[+-]?\\d{1,18}$' then (${text})::bigint end`
      case 'double':
        return `case when ${text} ~ '^[+-]?\\d{1,18}(\\.\\d+)?([eE][+-]?\\d{1,2})?$' then (${text})::double precision end`
      case 'boolean':
        return `case ${text} when 'true' then true when 'false' then false end`
      case 'json':
        return `to_json(${column})`
      case 'text':
        return text
      case 'timestamptz':
        return 'null::timestamptz'
    }
  },
  typeName: { ...typeName, text: 'text' },
}
