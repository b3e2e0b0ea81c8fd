import { getNodeValue, type Node, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser'
import { ConfigError } from '../errors.ts'
import { isTooDeep, mostLevels } from '../json/depth.ts'
import type { Fault, Path } from './path.ts'

/**
 * JSON with comments and trailing commas, as `init` writes it. A key that stands twice in one object is a
 * fault: JSON.parse would silently forget the first. The text itself is never shown, for it may hold secrets.
 *
 * @throws ConfigError with line and column where the text is not JSON.
 */
export function parseJsonc(text: string, origin: string): { value: unknown; faults: readonly Fault[] } {
  const errors: ParseError[] = []
  const json = text.replace(/^\uFEFF/, '')
  if (isTooDeep(json)) throw new ConfigError(`${origin} is nested deeper than ${mostLevels} levels`)
  const tree = parseTree(json, errors, { allowTrailingComma: true })
  const [error] = errors
  if (json.trim() === '')
    throw new ConfigError(`${origin} is empty; "iterable-elt init" writes one to start from`)
  if (error || !tree)
    throw new ConfigError(`${origin} is not JSON: ${error ? errorText(error, json) : 'no value'}`)
  return { value: getNodeValue(tree), faults: repeatedKeys(tree, json, []) }
}

function repeatedKeys(node: Node, json: string, path: Path): Fault[] {
  const faults: Fault[] = []
  const seen = new Set<string>()
  for (const [index, child] of (node.children ?? []).entries()) {
    const [key, value] = node.type === 'object' ? (child.children ?? []) : [undefined, child]
    const name: string | number = key ? String(key.value) : index
    if (key && seen.has(String(key.value))) {
      faults.push({ path: [...path, name], message: `stands twice (again at ${placeOf(key.offset, json)})` })
    }
    seen.add(String(name))
    if (value) faults.push(...repeatedKeys(value, json, [...path, name]))
  }
  return faults
}

function errorText({ error, offset }: ParseError, json: string): string {
  const code = printParseErrorCode(error)
  return `${placeOf(offset, json)}: ${meanings.get(code) ?? code}`
}

function placeOf(offset: number, json: string): string {
  const before = json.slice(0, offset).split(/\r\n|\n|\r/)
  return `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`
}

const meanings = new Map<string, string>(
  Object.entries({
    InvalidSymbol: 'expected text in double quotes, a number, true, false, null, {…} or […]',
    InvalidNumberFormat: 'expected a number such as 30 or 0.5',
    PropertyNameExpected: 'expected a key in double quotes',
    ValueExpected: 'expected a value: text in double quotes, a number, true, false, null, {…} or […]',
    ColonExpected: 'expected a colon after the key',
    CommaExpected: 'expected a comma between two entries',
    CloseBraceExpected: 'expected a } that closes the object',
    CloseBracketExpected: 'expected a ] that closes the list',
    EndOfFileExpected: 'expected nothing more after the closing }',
    UnexpectedEndOfComment: 'a comment /* … has no closing */',
    UnexpectedEndOfString: 'a text has no closing double quote',
    UnexpectedEndOfNumber: 'expected a number such as 30 or 0.5',
    InvalidUnicode: 'expected four hexadecimal digits after \\u',
    InvalidEscapeCharacter: 'a backslash inside text is written twice: \\\\',
    InvalidCharacter: 'a control character inside text; write \\n for a line break and \\t for a tab',
  }),
)
