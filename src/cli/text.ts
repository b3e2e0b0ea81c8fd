/** Tables on the terminal, and the words of everything that people read. */
import { stripVTControlCharacters } from 'node:util'
import Table from 'cli-table3'
import stringWidth from 'fast-string-width'
import * as words from '../words.ts'

export * from '../words.ts'

/** The columns of a terminal that a text takes: a Chinese character takes two, an accent that is written by itself none. */
export const widthOf = (text: string): number =>
  isSimple(text) ? stripVTControlCharacters(text).length : stringWidth(text)

/** A line, cut to so many columns. */
export function cutToWidth(line: string, width: number): string {
  if (isSimple(line)) return words.cut(line, width)
  if (widthOf(line) <= width) return line
  let room = width - 1
  let kept = ''
  for (const { segment } of new Intl.Segmenter().segment(line)) {
    room -= widthOf(segment)
    if (room < 0) break
    kept += segment
  }
  return `${kept}…`
}

/** Every character takes one column, or is of a sequence that sets colours. */
const isSimple = (text: string): boolean => !/[^\0-\u02ff]/.test(text)

/**
 * What may stand on a terminal: of what steers one, line breaks, tabs and, where they are used, colours. Names and errors
 * come from outside, and could move the cursor, hide what follows or fill the clipboard; of that they show a sign (␛).
 */
export const printable = (text: string, hasColors: boolean): string =>
  text.replace(steering, (found) => {
    if (found === '\r\n') return '\n'
    if (found.length > 1 && hasColors) return found
    const code = found.charCodeAt(0)
    const sign = code === 0x7f ? '\u2421' : code < 0x20 ? String.fromCharCode(0x2400 + code) : '\ufffd'
    return `${sign}${found.slice(1)}`
  })

const colour = `${'\u001b'}\\[(?:[0-4]|2[2-4]|[39]\\d)m`
const steering = new RegExp(`\\r\\n|${colour}|(?![\\n\\t])\\p{Cc}`, 'gu')

/** What a table does to fit. */
export interface Fit {
  readonly width: number
  /** Heads of columns that may be left out, the least needed first. */
  readonly drop?: readonly string[] | undefined
}

type Rows = readonly (readonly string[])[]

/**
 * A table of plain columns; `align` as in `lrr`, left unless said otherwise. Where there is no room for all of it, long
 * texts are cut first, then columns are left out, then everything is cut.
 */
export function table(
  head: readonly string[],
  rows: Rows,
  align = '',
  { width, drop = [] }: Fit = { width: Number.POSITIVE_INFINITY },
): string {
  let columns: readonly Column[] = head.map((name, index) => ({
    name,
    align: align[index] ?? 'l',
    cells: rows.map((row) => row[index] ?? ''),
  }))
  columns = shrunk(columns, width, comfortable)
  for (const name of drop) {
    if (widthOfAll(columns) > width) columns = columns.filter((column) => column.name !== name)
  }
  columns = shrunk(columns, width, least)
  const fitting = rows.map((_, row) => columns.map(({ cells }) => cells[row] as string))
  return gridOf(
    columns.map(({ name }) => name),
    fitting,
    columns.map((column) => column.align).join(''),
  )
}

interface Column {
  readonly name: string
  readonly align: string
  readonly cells: readonly string[]
}

/** Texts are cut to this before a column is left out, and to that if need be. */
const comfortable = 24
const least = 8
const gap = 2

const columnWidth = ({ name, cells }: Column): number => Math.max(name.length, ...cells.map(widthOf))
const widthOfAll = (columns: readonly Column[]): number =>
  columns.reduce((sum, column) => sum + columnWidth(column) + gap, -gap)

/** Cuts the widest columns, as far as `floor`, until the table fits. */
function shrunk(columns: readonly Column[], width: number, floor: number): Column[] {
  const fitting = [...columns]
  for (;;) {
    const excess = widthOfAll(fitting) - width
    const widths = fitting.map(columnWidth)
    const widest = widths.indexOf(Math.max(...widths))
    const column = fitting[widest]
    const most = widths[widest] ?? 0
    if (excess <= 0 || !column || most <= floor) return fitting
    const room = Math.max(floor, most - excess, column.name.length)
    if (room >= most) return fitting
    fitting[widest] = {
      ...column,
      cells: column.cells.map((cell) => (widthOf(cell) > room ? cutToWidth(cell, room) : cell)),
    }
  }
}

function gridOf(head: readonly string[], rows: Rows, align: string): string {
  const grid = new Table({
    head: [...head],
    colAligns: head.map((_, index) => (align[index] === 'r' ? 'right' : 'left')),
    chars: noBorders,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
  })
  grid.push(...rows.map((row) => [...row]))
  return grid
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}

const noBorders = Object.fromEntries(
  [
    ...['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right'],
    ...['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle'],
  ].map((name) => [name, '']),
)

/** Names with a text each, which goes on below itself where a line has no more room. */
export function definitions(
  entries: readonly (readonly [name: string, text: string])[],
  width: number,
): string {
  const indent = Math.max(0, ...entries.map(([name]) => name.length)) + gap
  const room = Math.max(20, width - indent)
  return entries
    .map(([name, text]) =>
      `${name.padEnd(indent)}${wrapped(text, room).join(`\n${' '.repeat(indent)}`)}`.trimEnd(),
    )
    .join('\n')
}

export function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && widthOf(line) + 1 + widthOf(word) > width) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}
