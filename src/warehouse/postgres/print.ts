/** Values of a query as text, see `Session.print`. */
import pg from 'pg'
import { isoTime, jsonOf, type PrintedColumn, type PrintedKind } from '../printed.ts'
import type { PostgresForm } from './query.ts'
import { readArray } from './select.ts'

export const postgresPrinted: PostgresForm<PrintedColumn, string> = async (_client, fields) =>
  fields.map(({ name, dataTypeID }) => ({
    column: { name, kind: kindOf(dataTypeID) },
    read: printerOf(dataTypeID),
  }))

const types = pg.types.builtins

const kinds: ReadonlyMap<number, PrintedKind> = new Map([
  ...[types.INT2, types.INT4, types.INT8, types.OID, types.NUMERIC, types.FLOAT4, types.FLOAT8].map(
    (type) => [type, 'number'] as const,
  ),
  ...[types.TIMESTAMP, types.TIMESTAMPTZ].map((type) => [type, 'time'] as const),
  ...[types.JSON, types.JSONB].map((type) => [type, 'json'] as const),
  [types.BOOL, 'boolean'],
])

const kindOf = (type: number): PrintedKind => kinds.get(type) ?? (isArray(type) ? 'json' : 'text')

/** An array of a type that the client knows: it reads the text of one as such. */
const isArray = (type: number): boolean => Array.isArray(pg.types.getTypeParser(type, 'text')('{}'))

/** Arrays whose elements are not written as text in JSON, and the types of these (pg_type.typarray). */
const elements: ReadonlyMap<number, number> = new Map([
  [1005, types.INT2],
  [1007, types.INT4],
  [1016, types.INT8],
  [1028, types.OID],
  [1231, types.NUMERIC],
  [1021, types.FLOAT4],
  [1022, types.FLOAT8],
  [1000, types.BOOL],
  [1115, types.TIMESTAMP],
  [1185, types.TIMESTAMPTZ],
  [199, types.JSON],
  [3807, types.JSONB],
])

type Printer = (text: string) => string

function printerOf(type: number): Printer {
  const kind = kindOf(type)
  if (kind === 'boolean') return (text) => (text === 't' ? 'true' : 'false')
  if (kind === 'time') return isoTime
  if (!isArray(type)) return (text) => text
  const element = elements.get(type) ?? types.TEXT
  const [print, elementKind] = [printerOf(element), kindOf(element)]
  const json = (value: unknown): string =>
    Array.isArray(value)
      ? `[${value.map(json).join(',')}]`
      : jsonOf(value === null ? null : print(String(value)), elementKind)
  return (text) => json(readArray(text))
}
