/** Treasure Data's examples are not JSON: unquoted keys, missing commas, comments. What they mean is clear all the same. */
import { ConfigError } from '../../errors.ts'
import { isTooDeep } from '../../json/depth.ts'

const token =
  /\s+|(?:#|\/\/)[^\n]*|(?<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|(?<mark>[{}[\]:,=])|(?<word>[^\s{}[\]:,="'#]+)/y

/** Reads an object written as JSON, or nearly so. @throws ConfigError that never shows the text: it holds a key. */
export function parseLooseObject(text: string): Readonly<Record<string, unknown>> {
  if (isTooDeep(text)) throw unreadable()
  const exact = tryJson(text)
  if (exact !== undefined) return exact
  const tokens = tokensOf(text)
  let at = 0
  const peek = () => tokens[at]
  const take = () => tokens[at++]

  function read(): unknown {
    const next = take()
    if (next?.mark === '{') return readObject()
    if (next?.mark === '[') return readList()
    if (next?.text === undefined) throw unreadable()
    return next.isQuoted ? next.text : plainValue(next.text)
  }

  function readObject(): Record<string, unknown> {
    // Without a prototype: `__proto__` is a name like any other.
    const object = Object.create(null) as Record<string, unknown>
    for (;;) {
      while (peek()?.mark === ',') take()
      const key = take()
      if (key?.mark === '}') return object
      if (key?.text === undefined || !/[:=]/.test(take()?.mark ?? '')) throw unreadable()
      object[key.text] = read()
    }
  }

  function readList(): unknown[] {
    const list: unknown[] = []
    for (;;) {
      while (peek()?.mark === ',') take()
      if (peek()?.mark === ']') {
        take()
        return list
      }
      list.push(read())
    }
  }

  const value = read()
  if (typeof value !== 'object' || value === null || Array.isArray(value) || at < tokens.length)
    throw unreadable()
  return value as Readonly<Record<string, unknown>>
}

function tryJson(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined
  } catch {
    return undefined
  }
}

interface Token {
  readonly mark?: string
  readonly text?: string
  readonly isQuoted?: boolean
}

function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = []
  token.lastIndex = 0
  while (token.lastIndex < text.length) {
    const found = token.exec(text)
    if (!found) throw unreadable()
    const { string, mark, word } = found.groups ?? {}
    if (mark !== undefined) tokens.push({ mark })
    else if (string !== undefined) tokens.push({ text: unquoted(string), isQuoted: true })
    else if (word !== undefined) tokens.push({ text: word, isQuoted: false })
  }
  return tokens
}

function unquoted(string: string): string {
  const inner = string.slice(1, -1)
  try {
    return JSON.parse(`"${inner.replaceAll("\\'", "'").replaceAll(/(?<!\\)"/g, '\\"')}"`) as string
  } catch {
    return inner
  }
}

function plainValue(word: string): unknown {
  if (/^(true|false)$/i.test(word)) return word.toLowerCase() === 'true'
  if (/^null$/i.test(word)) return null
  return /^\d{1,15}$/.test(word) ? Number(word) : word
}

const unreadable = () =>
  new ConfigError(
    'the result settings are not a JSON object such as {"type":"iterable","action":"add","list_id":123}',
    {
      code: 'usage',
    },
  )
