/**
 * A statement that a person wrote, as text: what an export, the command `sql` and the page run goes through here first. The
 * databases judge the rest: DuckDB by its own parser, Postgres by where the statement stands and what its transaction may do.
 */
import { ConfigError, messageOf } from '../errors.ts'
import { suggestion } from '../nearest.ts'

export interface Statement {
  /** As it runs: without a semicolon at its end, and with the values of its parameters. */
  readonly text: string
  /** What of it reads: the text without `explain`. */
  readonly query: string
  /** A SELECT, which may stand as a subquery; `explain`, `show` and the like may not. */
  readonly isSelect: boolean
  /** What `$1`, `$2` … stand for, in a query of ours. */
  readonly values?: readonly unknown[]
  /** A name without a schema means what the database brings along, where the warehouse can be told so. */
  readonly isBare?: boolean
}

export interface StatementOptions {
  /** What `$name` stands for, as SQL. */
  readonly parameters?: ReadonlyMap<string, string>
  /** Its rows are shown to a person: `explain`, `describe` and the like may run, too. */
  readonly isShown?: boolean
}

// Strings, E-strings, quoted names, comments (line comments; block comments are counted), dollar quotes.
const token =
  /(?<skip>[eE]'(?:\\[\s\S]|''|[^'\\])*'|'(?:''|[^'])*'|"(?:""|[^"])*"|--[^\n]*|\$(?<tag>[A-Za-z_]\w*|)\$[\s\S]*?\$\k<tag>\$)|(?<open>\/\*)|\$(?<name>\w+)|(?<end>;)|(?<word>[A-Za-z_][\w$]*)/g

/**
 * Checks that the text is one statement that begins as one that reads does, drops a semicolon at its end and puts the
 * parameters in. @throws ConfigError `not_a_select`, or `query_invalid` for a parameter that does not exist.
 */
export function readStatement(text: string, options: StatementOptions = {}): Statement {
  const { parameters = new Map(), isShown = false } = options
  let statement = ''
  let taken = 0
  let first: { readonly word: string; readonly at: number } | undefined
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
    if (word !== undefined) first ??= { word: word.toLowerCase(), at: found.index }
    else if (end !== undefined) endedAt = found.index
    else if (name !== undefined) {
      statement += text.slice(taken, found.index) + parameterOf(name, parameters)
      taken = token.lastIndex
    }
  }
  statement += text.slice(taken, endedAt)
  if (first === undefined) throw refusedQuery('it is empty')
  const { word, at } = first
  if (isShown && word === 'explain') {
    const query = statement.slice(at).replace(/^explain\b\s*(\([^)]*\)\s*)?(analyze\b\s*|verbose\b\s*)*/i, '')
    return { ...readStatement(query, options), text: statement, isSelect: false }
  }
  const isSelect = selecting.has(word)
  if (!isSelect && !(isShown && describing.has(word))) throw refusedQuery(`it begins with "${word}"`)
  return { text: statement, query: statement, isSelect }
}

/** How a SELECT may begin; `from` in DuckDB. */
const selecting = new Set(['select', 'with', 'values', 'table', 'from'])

const describing = new Set(['describe', 'desc', 'show', 'summarize'])

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

function parameterOf(name: string, parameters: ReadonlyMap<string, string>): string {
  const value = parameters.get(name)
  if (value !== undefined) return value
  const near =
    parameters.size === 0
      ? '; only the query of an export has parameters, the times of its runs'
      : suggestion(name, [...parameters.keys()])
  throw new ConfigError(`the query asks for $${name}, which does not exist${near}`, { code: 'query_invalid' })
}

/** The statement is not one that may run. */
export const refusedQuery = (why: string, cause?: unknown) =>
  new ConfigError(
    `the query was refused before it ran: ${why}; a query is one SELECT that only reads ` +
      '(no insert, update, delete, DDL, copy, nextval, nor several statements)',
    { code: 'not_a_select', cause },
  )

/** It reaches for what is not of the warehouse. */
export const refusedAccess = (why: string, cause?: unknown) =>
  refusedQuery(
    `${why}, and a query sees nothing but the warehouse unless "exports.allow_external_access" is true`,
    cause,
  )

/** The statement does not compile. */
export const wrongQuery = (error: unknown) =>
  new ConfigError(`the query does not run: ${messageOf(error)}`, { code: 'query_invalid', cause: error })
