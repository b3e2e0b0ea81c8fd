/** SQL as words that Postgres and DuckDB cut alike; what they might cut differently is refused. */
import { ConfigError } from '../../errors.ts'

export interface Word {
  readonly kind: 'name' | 'string' | 'number' | 'mark'
  /** As it is written. */
  readonly text: string
  /** Of a name: without quotes and in lower case. */
  readonly name: string
  /** Blanks or comments stand before it. */
  readonly isApart: boolean
}

const cuts =
  /(?<blank>\s+|--[^\n]*|\/\*)|(?<string>'(?:[^']|'')*')|(?<quoted>"(?:[^"]|"")+")|(?<name>[A-Za-z_\u0080-\u{10ffff}][A-Za-z0-9_\u0080-\u{10ffff}]*)|(?<number>\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?<mark>[\s\S])/uy

/** Postgres cuts a name at so many bytes, and finds what is called so. */
const longestName = 63

/**
 * The words of a statement, without comments and without the semicolon at its end.
 * @throws ConfigError `not_maskable`
 */
export function statementWords(text: string): readonly Word[] {
  const words: Word[] = []
  let isApart = true
  cuts.lastIndex = 0
  for (;;) {
    const found = cuts.exec(text)
    if (!found) break
    const { blank, string, quoted, name, number, mark } = found.groups as Partial<Record<string, string>>
    if (blank !== undefined) {
      if (blank === '/*') cuts.lastIndex = endOfComment(text, cuts.lastIndex)
      isApart = true
      continue
    }
    const last = isApart ? undefined : words.at(-1)
    // e'…', u&"…" and the like have rules of their own for what stands between the quotes.
    if ((string ?? quoted) !== undefined && last && (last.kind !== 'mark' || last.text === '&'))
      throw refusedText('a quote directly after a word; put a space between them')
    if (mark === '$' || mark === ';' || mark === "'" || mark === '"') {
      if (mark === ';' && /^[\s;]*$/.test(text.slice(cuts.lastIndex))) break
      throw refusedText(mark === ';' ? 'more than one statement' : `the character ${mark}`)
    }
    const written = (string ?? quoted ?? name ?? number ?? mark) as string
    const called = quoted === undefined ? (name ?? '') : quoted.slice(1, -1).replaceAll('""', '"')
    if (Buffer.byteLength(called) > longestName) throw refusedText(`a name of more than ${longestName} bytes`)
    if (/[\p{Z}\p{C}]/u.test(name ?? '')) throw refusedText('a space that is not ASCII')
    const kind = string ? 'string' : number ? 'number' : mark ? 'mark' : 'name'
    words.push({ kind, text: written, name: called.toLowerCase(), isApart })
    isApart = false
  }
  return words
}

/** Block comments nest in both databases. */
function endOfComment(text: string, from: number): number {
  const edges = /\/\*|\*\//g
  edges.lastIndex = from
  for (let depth = 1; depth > 0; ) {
    const edge = edges.exec(text)
    if (!edge) throw refusedText('a comment without an end')
    depth += edge[0] === '/*' ? 1 : -1
  }
  return edges.lastIndex
}

const refusedText = (what: string) => notMaskable(`it has ${what}`)

/** A query of which nobody can be sure that it shows no personal data. */
export const notMaskable = (why: string) =>
  new ConfigError(
    `the query was refused, because personal data is masked here and ${why}; write one plain SELECT over the tables and views that are listed, with their schemas`,
    { code: 'not_maskable' },
  )
