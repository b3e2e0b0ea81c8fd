/** Queries of people on Postgres whose rows are shown, see `Session.print`. */
import pg from 'pg'
import Cursor from 'pg-cursor'
import { isoTime, jsonOf, type Printed, type PrintedKind } from '../printed.ts'
import type { HeldClient } from './client.ts'
import { asText, readArray, takeRole } from './select.ts'

const rowsAtOnce = 1_000

export async function printFromPostgres(
  held: HeldClient,
  query: string,
  role: string | undefined,
): Promise<Printed> {
  await held.begin('begin transaction read only')
  // A cursor that failed, or came to its end, is closed, and would wait for ever for a second word on that.
  let isOpen = true
  const cursor = new Cursor<(string | null)[]>(query, [], { rowMode: 'array', types: asText } as never)
  const read = () =>
    new Promise<{ rows: (string | null)[][]; fields: readonly pg.FieldDef[] }>((resolve, reject) => {
      // Behind the last row nothing comes but the end.
      cursor.read(rowsAtOnce, (error, rows, result: pg.QueryResult | undefined) => {
        if (error || rows.length === 0) isOpen = false
        if (error) reject(error)
        else resolve({ rows, fields: result?.fields ?? [] })
      })
    })
  const end = async () => {
    if (isOpen) await cursor.close().catch(() => {})
    await held.end('rollback').catch(() => {})
  }
  try {
    await takeRole(held.client, role)
    held.client.query(cursor)
    const first = await read()
    const { fields } = first
    const printers = fields.map(({ dataTypeID }) => printerOf(dataTypeID))
    const print = (row: readonly (string | null)[]) =>
      row.map((value, index) => (value === null ? null : (printers[index] as Printer)(value)))
    return {
      columns: fields.map(({ name, dataTypeID }) => ({ name, kind: kindOf(dataTypeID) })),
      rows: (async function* () {
        for (let { rows } = first; rows.length > 0; { rows } = await read()) yield rows.map(print)
      })(),
      [Symbol.asyncDispose]: end,
    }
  } catch (error) {
    await end()
    throw error
  }
}

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
