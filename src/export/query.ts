/** The text of a query: one statement, its parameters replaced by instants. The database judges the rest. */
import { ConfigError } from '../errors.ts'
import { suggestion } from '../nearest.ts'
import { refusedQuery } from '../warehouse/select.ts'
import { instant } from '../warehouse/sql.ts'

/** Instants that a query may ask for as `$name`; null where there was no such run. */
export interface QueryTimes {
  readonly nominal_time: Date
  readonly previous_nominal_time: Date | null
  readonly last_success_time: Date | null
}

// Strings, E-strings, quoted names, comments (line comments; block comments are counted), dollar quotes.
const token =
  /(?<skip>[eE]'(?:\\[\s\S]|''|[^'\\])*'|'(?:''|[^'])*'|"(?:""|[^"])*"|--[^\n]*|\$(?<tag>[A-Za-z_]\w*|)\$[\s\S]*?\$\k<tag>\$)|(?<open>\/\*)|\$(?<name>\w+)|(?<end>;)|(?<word>[A-Za-z_][\w$]*)|(?<paren>\()/g

/**
 * Checks that the text is one statement that begins as a SELECT does, drops a semicolon at its end and puts the
 * instants in. @throws ConfigError `not_a_select`, or for a parameter that does not exist.
 */
export function prepareQuery(text: string, times: QueryTimes): string {
  let query = ''
  let taken = 0
  let firstWord: string | undefined
  let endedAt: number | undefined
  token.lastIndex = 0
  for (let found = token.exec(text); found; found = token.exec(text)) {
    const { open, name, end, word, skip } = found.groups ?? {}
    if (open !== undefined) {
      token.lastIndex = endOfComment(text, found.index)
      continue
    }
    if (skip?.startsWith('--')) continue
    if (endedAt !== undefined) throw refusedQuery('it holds several statements')
    if (word !== undefined) firstWord ??= word.toLowerCase()
    else if (end !== undefined) endedAt = found.index
    else if (name !== undefined) {
      query += text.slice(taken, found.index) + parameter(name, times)
      taken = token.lastIndex
    }
  }
  query += text.slice(taken, endedAt)
  if (firstWord === undefined) throw refusedQuery('it is empty')
  if (!readingWords.has(firstWord)) throw refusedQuery(`it begins with "${firstWord}"`)
  return query
}

/** How a SELECT may begin; `from` in DuckDB. */
const readingWords = new Set(['select', 'with', 'values', 'table', 'from'])

/** Block comments nest in both databases. */
function endOfComment(text: string, start: number): number {
  let depth = 0
  for (let at = start; at < text.length; ) {
    const two = text.slice(at, at + 2)
    if (two === '/*') depth += 1
    if (two === '*/') depth -= 1
    at += two === '/*' || two === '*/' ? 2 : 1
    if (depth === 0) return at
  }
  throw refusedQuery('a comment has no end')
}

function parameter(name: string, times: QueryTimes): string {
  const known = Object.keys(times)
  if (!Object.hasOwn(times, name)) {
    throw new ConfigError(`the query asks for $${name}, which there is not${suggestion(name, known)}`, {
      code: 'query_invalid',
    })
  }
  const value = times[name as keyof QueryTimes]
  return value === null ? 'cast(null as timestamptz)' : `(${instant(value)})`
}
