/** Rows of a query that a person wrote, with values as exact as the database has them. */
import type { DuckDBConnection, DuckDBDataChunk } from '@duckdb/node-api'

/** What a column holds, in words that both warehouses share. In brackets: how a value comes. */
export type ValueType =
  /** [number where it is exact, else bigint] */
  | { readonly kind: 'integer' }
  /** [text of its digits; `NaN`] */
  | { readonly kind: 'decimal' }
  /** [number; a single-precision value as the shortest number that it stands for] */
  | { readonly kind: 'double' }
  | { readonly kind: 'boolean' }
  /** [text; also enums, uuids, times of day] */
  | { readonly kind: 'text' }
  /** [epoch milliseconds, ±Infinity]; without zone is UTC */
  | { readonly kind: 'timestamp' }
  /** [epoch milliseconds of its midnight in UTC, ±Infinity] */
  | { readonly kind: 'date' }
  /** [JSON text] */
  | { readonly kind: 'json' }
  /** [array; of arrays where Postgres has several dimensions] */
  | { readonly kind: 'list'; readonly item: ValueType }
  /** [object] */
  | { readonly kind: 'struct'; readonly fields: Readonly<Record<string, ValueType>> }
  /** [object] */
  | { readonly kind: 'map'; readonly item: ValueType }
  /** Has no form in JSON that everybody would expect; `name` is the database's. */
  | { readonly kind: 'unsupported'; readonly name: string }

export interface SelectedColumn {
  readonly name: string
  readonly type: ValueType
}

/** A running query. Its transaction can only read, and ends when it is disposed. */
export interface Rows<Column, Value> extends AsyncDisposable {
  readonly columns: readonly Column[]
  /** The rows in portions, each an array of values in the order of the columns; NULL is null. Read once. */
  readonly rows: AsyncIterable<readonly (readonly Value[])[]>
}

export interface Selection extends Rows<SelectedColumn, unknown> {
  /** Where it is an engine like ours that reads. */
  readonly engine?: EngineRows
}

/** A query whose rows an engine can take from one table to another without making values of them. */
export interface EngineRows {
  /** The engine's own names of the columns' types. */
  readonly types: readonly string[]
  /**
   * Runs the query, instead of reading its `rows`: what a select from `query`, with columns c0, c1 …, makes of them comes in
   * chunks.
   */
  pour(select: string, append: (chunk: DuckDBDataChunk) => void): Promise<void>
  /** What a select on another connection gives, with its values read as those of the query are. */
  read(connection: DuckDBConnection, select: string): AsyncIterable<readonly (readonly unknown[])[]>
}
