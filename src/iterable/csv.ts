/** CSV as Iterable answers it (RFC 4180): quoted fields may hold commas, quotes and newlines. */
import { MalformedResponseError } from './errors.ts'
import { shown } from './forms.ts'

/**
 * The rows, each by the names of the first; cells beyond them, or under a name that came before, are named after their
 * place, blank ones are left out.
 * @throws MalformedResponseError for what is not CSV, or breaks off in a quoted field.
 */
export function csvRecords(text: string, endpoint: string): ReadonlyMap<string, string>[] {
  const [head = [], ...rows] = csvRows(text.replace(/^\uFEFF/, ''), endpoint)
  const names = head.map((cell) => cell.trim())
  const nameAt = (at: number) =>
    names[at] && names.indexOf(names[at]) === at ? names[at] : `Column ${at + 1}`
  return rows
    .filter((cells) => cells.some((cell) => cell !== ''))
    .map(
      (cells) =>
        new Map(
          cells.map((cell, at) => [nameAt(at), cell] as const).filter(([, cell]) => cell.trim() !== ''),
        ),
    )
}

function csvRows(text: string, endpoint: string): string[][] {
  const rows: string[][] = []
  let row: string[] = []
  // A cell and what ends it; a quote inside of quotes is doubled.
  const cells = /(?:"((?:[^"]|"")*)"|((?:[^",\r\n][^,\r\n]*)?))(,|\r?\n|$)/gy
  for (let at = 0; at < text.length; at = cells.lastIndex) {
    cells.lastIndex = at
    const match = cells.exec(text)
    if (!match)
      throw new MalformedResponseError(endpoint, `a quote of its CSV is not closed: ${shown(text.slice(at))}`)
    row.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '')
    if (match[3] === ',') {
      if (cells.lastIndex === text.length) row.push('')
      continue
    }
    rows.push(row)
    row = []
  }
  if (row.length > 0) rows.push(row)
  return rows
}
