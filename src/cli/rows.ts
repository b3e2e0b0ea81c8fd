/** Rows of a query as table, CSV, JSON, lines of JSON or Markdown. */
import type { ResultRow } from '../index.ts'
import type { Terminal } from './terminal.ts'
import { counted, table } from './text.ts'

export const formats = ['table', 'csv', 'json', 'ndjson', 'md'] as const
export type Format = (typeof formats)[number]

/** Rows that a table holds: its columns are as wide as their widest value, so it is made in one go. */
const tableRows = 1000
/** Text gathered before it is written. */
const blockCharacters = 65_536

/** Writes rows to stdout as they come; only a table waits for the last one. */
export async function writeRows(
  rows: AsyncIterable<ResultRow> | Iterable<ResultRow>,
  format: Format,
  terminal: Terminal,
): Promise<void> {
  if (format === 'table') return writeTable(rows, terminal)
  const { head, row: text, end } = forms[format]
  let block = ''
  let index = 0
  for await (const row of rows) {
    if (index === 0) block += head(Object.keys(row))
    block += text(row, index)
    index += 1
    if (block.length < blockCharacters) continue
    await terminal.write(block)
    block = ''
  }
  await terminal.write(block + end(index))
}

async function writeTable(
  rows: AsyncIterable<ResultRow> | Iterable<ResultRow>,
  terminal: Terminal,
): Promise<void> {
  const held: ResultRow[] = []
  let hasMore = false
  for await (const row of rows) {
    hasMore = held.length === tableRows
    if (hasMore) break
    held.push(row)
  }
  if (held.length === 0) return terminal.note('no rows')
  const names = Object.keys(held[0] as ResultRow)
  const isNumeric = (name: string) => held.every((row) => row[name] === null || typeof row[name] === 'number')
  const align = names.map((name) => (isNumeric(name) ? 'r' : 'l')).join('')
  const cells = held.map((row) => names.map((name) => cellText(row[name])))
  await terminal.write(`${table(names, cells, align)}\n`)
  terminal.note(
    hasMore
      ? `the first ${counted(tableRows, 'row')}; --format csv or ndjson gives all of them`
      : counted(held.length, 'row'),
  )
}

/** A form in which rows are written one after another; without rows there is no head, for there are no names. */
interface Form {
  readonly head: (names: readonly string[]) => string
  readonly row: (row: ResultRow, index: number) => string
  readonly end: (rows: number) => string
}

const nothing = () => ''

const forms: Readonly<Record<Exclude<Format, 'table'>, Form>> = {
  csv: {
    head: csvLine,
    row: (row) => csvLine(Object.values(row)),
    end: nothing,
  },
  json: {
    head: () => '[',
    row: (row, index) => `${index === 0 ? '' : ','}\n  ${jsonText(row)}`,
    end: (rows) => (rows === 0 ? '[]\n' : '\n]\n'),
  },
  ndjson: { head: nothing, row: (row) => `${jsonText(row)}\n`, end: nothing },
  md: {
    head: (names) => `${markdownLine(names)}${markdownLine(names.map(() => '---'))}`,
    row: (row) => markdownLine(Object.values(row).map(cellText)),
    end: nothing,
  },
}

const markdownLine = (cells: readonly string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll('\\', '\\\\').replaceAll('|', '\\|').replace(/\r?\n/g, '<br>')).join(' | ')} |\n`

/** A line of a CSV file. */
export function csvLine(values: readonly unknown[]): string {
  return `${values.map(csvField).join(',')}\r\n`
}

/** RFC 4180; NULL is an empty field, empty text a quoted one. */
function csvField(value: unknown): string {
  if (value === null || value === undefined) return ''
  const text = plainText(value)
  return text === '' || /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** A value within a table: one line, control characters made visible. */
function cellText(value: unknown): string {
  if (value === null || value === undefined) return ''
  return plainText(value).replace(/\p{Cc}/gu, (character) => JSON.stringify(character).slice(1, -1))
}

function plainText(value: unknown): string {
  if (value instanceof Date) return dateText(value)
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`
  return typeof value === 'object' ? jsonText(value) : String(value)
}

const jsonText = (value: unknown): string => JSON.stringify(value, jsonMember)

function jsonMember(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  return value instanceof Uint8Array ? `\\x${Buffer.from(value).toString('hex')}` : value
}

/** A time that is no time of the calendar (infinity) is written as it is. */
const dateText = (at: Date): string => (Number.isNaN(at.getTime()) ? String(at) : at.toISOString())
