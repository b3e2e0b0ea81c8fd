/** Reshapes lines of an export: chosen fields, one campaign, CSV. Slow and simple; plain exports never come here. */
import type { Row } from './options.ts'
import { parseRow } from './shelf.ts'

export interface RowSelection {
  readonly onlyFields: readonly string[]
  readonly omitFields: readonly string[]
  readonly campaignId: number | undefined
}

export const isPlain = ({ onlyFields, omitFields, campaignId }: RowSelection): boolean =>
  onlyFields.length === 0 && omitFields.length === 0 && campaignId === undefined

/** Lines that are not JSON objects go through untouched. */
export function* reshape(body: Iterable<Buffer>, shape: RowSelection): Generator<Buffer> {
  for (const piece of body) {
    const out: string[] = []
    for (const line of textLines(piece)) {
      const row = parseRow(line)
      if (row === undefined) out.push(line)
      else if (shape.campaignId === undefined || row.campaignId === shape.campaignId) {
        out.push(JSON.stringify(chosen(row, shape)))
      }
    }
    if (out.length > 0) yield Buffer.from(`${out.join('\n')}\n`)
  }
}

/** A header with the union of all columns, nested keys with dots, arrays as JSON. Nothing for no rows. */
export function* csv(body: Iterable<Buffer>, delimiter: string): Generator<Buffer> {
  const rows = [...body].flatMap(textLines).flatMap((line) => {
    const row = parseRow(line)
    return row === undefined ? [] : [flat(row)]
  })
  const columns = [...new Set(rows.flatMap((row) => [...row.keys()]))]
  if (rows.length === 0) return
  const cell = (value: string) =>
    /["\n\r]/.test(value) || value.includes(delimiter) ? `"${value.replaceAll('"', '""')}"` : value
  const line = (values: string[]) => Buffer.from(`${values.map(cell).join(delimiter)}\n`)
  yield line(columns)
  for (const row of rows) yield line(columns.map((column) => row.get(column) ?? ''))
}

export const textLines = (piece: Buffer): string[] => piece.toString('utf8').split('\n').slice(0, -1)

function chosen(row: Row, { onlyFields, omitFields }: RowSelection): Row {
  const kept = onlyFields.length > 0 ? onlyFields.filter((name) => name in row) : Object.keys(row)
  const result: Row = Object.fromEntries(
    kept.filter((name) => !omitFields.includes(name)).map((name) => [name, row[name]]),
  )
  for (const path of omitFields) {
    const [outer, ...inner] = path.split('.')
    const nested = result[outer!]
    if (inner.length === 0 || nested === null || typeof nested !== 'object' || Array.isArray(nested)) continue
    const { [inner.join('.')]: _, ...rest } = nested as Row
    result[outer!] = rest
  }
  return result
}

function flat(row: Row, prefix = '', into = new Map<string, string>()): Map<string, string> {
  for (const [name, value] of Object.entries(row)) {
    if (value !== null && typeof value === 'object' && !Array.isArray(value))
      flat(value as Row, `${prefix}${name}.`, into)
    else if (value !== null)
      into.set(prefix + name, typeof value === 'object' ? JSON.stringify(value) : String(value))
  }
  return into
}
