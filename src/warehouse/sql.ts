/**
 * Names and values in SQL. Values are bound; the few statements that take no parameters (DDL, the settings and the columns of
 * DuckDB's table functions) quote them here, and nowhere else.
 */
import { type QueryExecutorProvider, type RawBuilder, sql } from 'kysely'
import type { StateDatabase } from '../state/tables.ts'
import type { SchemaNames } from './schema-names.ts'
import type { Statement } from './statement.ts'

/** A part of a statement, with its values. */
export type Sql = RawBuilder<unknown>

/** One of our own tables. */
export const ownTable = ({ names }: { readonly names: SchemaNames }, table: keyof StateDatabase): Sql =>
  sql.id(names.sync, table)

/** The table of a stream. */
export const streamTable = ({ names }: { readonly names: SchemaNames }, stream: string): Sql =>
  sql.id(names.streams, stream)

/** Runs a statement; resolves to how many rows it changed. */
export async function change(place: QueryExecutorProvider, statement: Sql): Promise<number> {
  const { numAffectedRows } = await statement.execute(place)
  return Number(numAffectedRows ?? 0n)
}

/** Removes the rows of a table from before an instant. */
export const deleteBefore = (table: string, column: string, before: Date): Sql =>
  sql`delete from ${sql.raw(table)} where ${sql.id(column)} < ${before}`

/** A query of ours, to be read as one that a person wrote. */
export function statementOf(query: Sql, { db }: { readonly db: QueryExecutorProvider }): Statement {
  const { sql: text, parameters } = query.compile(db)
  return { text, query: text, isSelect: true, values: parameters }
}

/** An identifier, quoted. */
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** A text literal. */
export const literal = (value: string): string => `'${value.replaceAll("'", "''")}'`

/** An instant as a literal that both warehouses read. */
export const instant = (at: Date): string => `timestamptz '${at.toISOString()}'`

/** A list of literals, for DuckDB's table functions that take several files. */
export const literals = (values: readonly string[]): string => `[${values.map(literal).join(', ')}]`
