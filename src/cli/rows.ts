/** Rows of a query as table, fields one a line, CSV, JSON, lines of JSON or Markdown. */
import { csvLine } from '../csv.ts'
import type { PrintedRows } from '../index.ts'
import { jsonOf, type PrintedColumn } from '../warehouse/printed.ts'
import type { Terminal } from './terminal.ts'
import { counted, cutToWidth, table, widthOf } from './text.ts'

export const formats = ['table', 'expanded', 'csv', 'json', 'ndjson', 'md'] as const
export type Format = (typeof formats)[number]

type Columns = readonly PrintedColumn[]
type Row = readonly (string | null)[]

/** Rows that a table holds: its columns are as wide as their widest value, so it is made in one go. */
const tableRows = 1000
/** Text gathered before it is written. */
const blockCharacters = 65_536

/** Writes rows to stdout as they come; only a table waits for the last one. */
export async function writeResultRows(
  portions: AsyncIterable<PrintedRows>,
  format: Format,
  terminal: Terminal,
): Promise<void> {
  if (format === 'table') return writeTable(portions, terminal)
  const { head, row: text, end } = forms[format]
  let block = ''
  let index = 0
  for await (const { columns, rows } of portions) {
    if (index === 0) block += head(columns)
    for (const row of rows) {
      block += text(row, columns, index)
      index += 1
      if (block.length < blockCharacters) continue
      await terminal.write(block)
      block = ''
    }
  }
  await terminal.write(block + end(index))
}

async function writeTable(portions: AsyncIterable<PrintedRows>, terminal: Terminal): Promise<void> {
  const held: Row[] = []
  let columns: Columns = []
  let hasMore = false
  for await (const portion of portions) {
    columns = portion.columns
    hasMore = held.length + portion.rows.length > tableRows
    held.push(...portion.rows.slice(0, tableRows - held.length))
    if (hasMore) break
  }
  if (held.length === 0) return terminal.note('no rows')
  const cells = held.map((row) => row.map(cellText))
  const names = columns.map(({ name }) => cellText(name))
  const widths = fittingWidths([names, ...cells], terminal.width)
  const inWidth = (line: readonly string[]) =>
    line.map((cell, index) => cutToWidth(cell, widths[index] as number))
  const align = columns.map(({ kind }) => (kind === 'number' ? 'r' : 'l')).join('')
  await terminal.write(`${table(inWidth(names), cells.map(inWidth), align)}\n`)
  if (hasMore)
    terminal.warn(`the first ${counted(tableRows, 'row')}; --format csv or ndjson gives all of them`)
  else terminal.note(counted(held.length, 'row'))
}

/** Blanks between two columns. */
const gap = 2
/** No column is made narrower than this: names and numbers would say nothing. */
const leastWidth = 12

/** How wide each column may be so that the lines fit: the widest ones give way first. */
function fittingWidths(lines: readonly (readonly string[])[], total: number): number[] {
  const widths = (lines[0] ?? []).map((_, index) =>
    Math.max(...lines.map((line) => widthOf(line[index] as string))),
  )
  for (;;) {
    const widest = Math.max(...widths)
    const needed = widths.reduce((sum, width) => sum + width + gap, -gap)
    if (needed <= total || widest <= leastWidth) return widths
    widths[widths.indexOf(widest)] = Math.max(
      leastWidth,
      widest - Math.max(1, Math.floor((needed - total) / 4)),
    )
  }
}

/** A form in which rows are written one after another. */
interface Form {
  readonly head: (columns: Columns) => string
  readonly row: (row: Row, columns: Columns, index: number) => string
  readonly end: (rows: number) => string
}

const nothing = () => ''

const forms: Readonly<Record<Exclude<Format, 'table'>, Form>> = {
  expanded: {
    head: nothing,
    row(row, columns, index) {
      const width = Math.max(...columns.map(({ name }) => name.length))
      const lines = columns.map(({ name }, at) => `${name.padEnd(width)}  ${cellText(row[at] ?? null)}`)
      return `${[`-- ${index + 1}`, ...lines].map((line) => line.trimEnd()).join('\n')}\n`
    },
    end: nothing,
  },
  csv: {
    head: (columns) => csvLine(columns.map(({ name }) => name)),
    row: csvLine,
    end: nothing,
  },
  json: {
    head: () => '[',
    row: (row, columns, index) => `${index === 0 ? '' : ','}\n  ${jsonText(row, columns)}`,
    end: (rows) => (rows === 0 ? ']\n' : '\n]\n'),
  },
  ndjson: { head: nothing, row: (row, columns) => `${jsonText(row, columns)}\n`, end: nothing },
  md: {
    head: (columns) =>
      `${markdownLine(columns.map(({ name }) => name))}${markdownLine(columns.map(() => '---'))}`,
    row: (row) => markdownLine(row.map(cellText)),
    end: nothing,
  },
}

const markdownLine = (cells: readonly string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll('\\', '\\\\').replaceAll('|', '\\|').replace(/\r?\n/g, '<br>')).join(' | ')} |\n`

/** A value within a table: one line, control characters made visible. */
function cellText(text: string | null): string {
  return text === null ? '' : text.replace(/\p{Cc}/gu, (character) => JSON.stringify(character).slice(1, -1))
}

const jsonText = (row: Row, columns: Columns): string =>
  `{${columns.map(({ name, kind }, index) => `${JSON.stringify(name)}:${jsonOf(row[index] ?? null, kind)}`).join(',')}}`
