/**
 * What is wrong with a configuration, as lines for the user: path, what is expected, what was met.
 * Values that are secret by their key, or that came from the environment or a file, are never shown.
 */
import type * as z from 'zod'
import { nearest, suggestion } from '../nearest.ts'
import { knownKeys, schemaMember } from './json-schema.ts'
import { type Fault, type Path, pathText } from './path.ts'

type Issue = z.core.$ZodIssue
/** The configuration after interpolation, and where interpolated values came from. */
type Met = { readonly value: unknown; readonly sources: ReadonlyMap<string, string> }

const secretKeys: ReadonlySet<PropertyKey> = new Set([
  ...['api_key', 'url', 'base_url', 'smtp_url', 'secret'],
  ...['token', 'password', 'catalog', 'session_token', 'connection_string'],
])

/** The faults that zod found. */
export function faultsOf(issues: readonly Issue[], met: Met): Fault[] {
  return issues.flatMap((issue) => faultsOfIssue(issue, issue.path, met))
}

/** One line per fault. */
export function faultLines(faults: readonly Fault[]): string {
  return faults.map(({ path, message }) => `${pathText(path) || '(the whole)'}: ${message}`).join('\n')
}

function faultsOfIssue(issue: Issue, path: Path, met: Met): Fault[] {
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(path, met.value)
    return issue.keys.map((key) => ({
      path: [...path, key],
      message: `unknown key${suggestion(key, known)}`,
    }))
  }
  if (issue.code === 'invalid_union') {
    const branch = branchMeant(issue)
    if (branch) return branch.flatMap((inner) => faultsOfIssue(inner, [...path, ...inner.path], met))
  }
  const expected = expectation(issue)
  // The key is at fault, and stands in the path.
  if (issue.code === 'invalid_key') return [{ path, message: expected }]
  return [{ path, message: `${expected}${metText(path, issue, expected, met)}` }]
}

/** The alternative of a union that the value was meant for: the one that it does not miss as a whole. */
function branchMeant(issue: Issue & { code: 'invalid_union' }): readonly Issue[] | undefined {
  const close = issue.errors.filter((branch) => !branch.some(isWholeMismatch))
  return close.length === 1 ? close[0] : undefined
}

function isWholeMismatch({ path, code }: Issue): boolean {
  return path.length === 0 && (code === 'invalid_type' || code === 'invalid_value')
}

function expectation(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${kindNames.get(issue.expected) ?? issue.expected}`
    case 'invalid_value':
      return `expected ${oneOf(issue.values)}`
    case 'too_small':
      return issue.origin === 'number' || issue.origin === 'int'
        ? `expected at least ${issue.minimum}`
        : `expected ${issue.origin === 'array' ? 'a list with entries' : issue.minimum === 1 ? 'text that is not empty' : `at least ${issue.minimum} characters`}`
    case 'too_big':
      return `expected at most ${issue.maximum}${issue.origin === 'string' ? ' characters' : ''}`
    case 'invalid_union':
      return `expected ${unionText(issue)}`
    case 'invalid_key':
      return issue.issues[0]?.code === 'invalid_format'
        ? issue.issues[0].message
        : 'expected a name before the colon'
    default:
      return issue.message
  }
}

function unionText(issue: Issue & { code: 'invalid_union' }): string {
  const words = discriminators(issue)
  if (words.length > 0) return oneOf(words)
  const expected = issue.errors.flatMap((branch) => branch.slice(0, 1).map(expectation))
  return expected.map((text) => text.replace(/^expected /, '')).join(' or ')
}

/** The fixed values that tell the alternatives of a discriminated union apart. */
function discriminators(issue: Issue & { code: 'invalid_union' }): readonly unknown[] {
  return (issue as { options?: readonly unknown[] }).options ?? []
}

function metText(path: Path, issue: Issue, expected: string, { value: root, sources }: Met): string {
  const value = path.reduce<unknown>(schemaMember, root)
  if (value === undefined) return ', but it is missing'
  const empty = value === '' ? ', which is empty' : ''
  const source = sources.get(pathText(path))
  const wantsText = !/number|true or false|object|list/.test(expected)
  if (source)
    return `, met the value of ${source}${empty}${wantsText ? '' : '; only texts can come from there'}`
  if (path.some((key) => secretKeys.has(key)))
    return empty ? ', met ""' : `, met ${kindOf(value)} that is not shown`
  // Text in place of an object may well be the key that belongs inside it.
  if (issue.code === 'invalid_type' && /object|list/.test(expected)) return `, met ${kindOf(value)}`
  return `, met ${shown(value)}${nearWord(value, wordsOf(issue))}`
}

function wordsOf(issue: Issue): readonly unknown[] {
  if (issue.code === 'invalid_value') return issue.values
  return issue.code === 'invalid_union' ? discriminators(issue) : []
}

function nearWord(value: unknown, words: readonly unknown[]): string {
  const name = nearest(String(value), words.map(String))
  return name === undefined ? '' : `; did you mean ${JSON.stringify(name)}?`
}

function shown(value: unknown): string {
  if (typeof value === 'object' && value !== null) return kindOf(value)
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 80 ? `${text.slice(0, 77)}…` : text
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  return kindNames.get(typeof value) ?? typeof value
}

function oneOf(values: readonly unknown[]): string {
  const texts = values.map((value) => JSON.stringify(value))
  return texts.length > 1 ? `${texts.slice(0, -1).join(', ')} or ${texts.at(-1)}` : texts.join('')
}

const kindNames = new Map<string, string>(
  Object.entries({
    string: 'text',
    number: 'a number',
    int: 'a whole number',
    boolean: 'true or false',
    object: 'an object {…}',
    record: 'an object {…}',
    array: 'a list […]',
  }),
)
