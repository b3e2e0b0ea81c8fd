/** From a value of the database to the JSON that Iterable understands (reverse-etl.md C.5). */
import type { ValueType } from '../warehouse/select.ts'
import { BadValue } from './bad-value.ts'
import { ExactNumber, exactDouble, exactNumber } from './numbers.ts'

export type Converter = (value: unknown) => unknown

/** How a column becomes JSON; undefined for types that have to be cast in the query. */
export function converterOf(type: ValueType): Converter | undefined {
  switch (type.kind) {
    case 'unsupported':
      return undefined
    case 'list': {
      const convert = converterOf(type.item)
      if (!convert) return undefined
      const item = (value: unknown): unknown =>
        value === null
          ? null
          : Array.isArray(value) && type.item.kind !== 'list'
            ? value.map(item)
            : convert(value)
      return (value) => (value as readonly unknown[]).map(item)
    }
    case 'map': {
      const convert = converterOf(type.item)
      return convert && ((value) => mapValues(value as object, () => convert))
    }
    case 'struct': {
      const converters = mapValues(type.fields, () => (field) => converterOf(field as ValueType))
      if (Object.values(converters).some((converter) => converter === undefined)) return undefined
      return (value) => mapValues(value as object, (name) => converters[name] as Converter)
    }
    default:
      return scalars[type.kind]
  }
}

const scalars: Readonly<
  Record<Exclude<ValueType['kind'], 'list' | 'map' | 'struct' | 'unsupported'>, Converter>
> = {
  integer: (value) => (typeof value === 'number' ? value : exactNumber(String(value))),
  decimal: (value) => exactNumber(value as string),
  double: (value) => exactDouble(value as number),
  boolean: (value) => value,
  text: (value) => wellFormed(value as string),
  timestamp: (value) => timestampText(value as number),
  date: (value) => dateText(value as number),
  json: (value) => parseJson(value as string),
}

/** `2024-01-31 23:59:59 +00:00`: the form that Iterable takes for dates; fractions of seconds are cut. */
export function timestampText(ms: number): string {
  const iso = isoText(ms)
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)} +00:00`
}

const dateText = (ms: number): string => isoText(ms).slice(0, 10)

function isoText(ms: number): string {
  const iso = Number.isFinite(ms) ? new Date(ms).toISOString() : ''
  if (/^\d{4}-/.test(iso) && !iso.startsWith('0000')) return iso
  throw new BadValue('date_out_of_range', 'a date that is infinite or outside the years 1 to 9999')
}

/** Deeper values are no data, and would overflow the stack of whoever reads them. */
const deepest = 1_000

/** JSON text of the query, parsed. @throws BadValue for text that is none, or that holds what cannot be sent. */
export function parseJson(text: string): unknown {
  if (isTooDeep(text)) throw new BadValue('too_deep', `JSON that is nested deeper than ${deepest} levels`)
  try {
    return exactJson(text)
  } catch (error) {
    if (error instanceof SyntaxError) throw new BadValue('invalid_json', 'text that is no JSON')
    throw error
  }
}

/** JSON text, parsed with its numbers as `exactNumber` has them. */
export function exactJson(text: string): unknown {
  const value: unknown = JSON.parse(text)
  // Numbers of 15 digits are exact in any case; others are rare, so only such a text is read once more.
  return /\d[\d.]{15}|\d[eE]/.test(text) ? new ExactJson(text).value() : value
}

function isTooDeep(text: string): boolean {
  if (text.length <= deepest) return false
  let depth = 0
  let isString = false
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at]
    if (character === '\\') at += 1
    else if (character === '"') isString = !isString
    else if (isString) continue
    else if (character === '[' || character === '{') depth += 1
    else if (character === ']' || character === '}') depth -= 1
    if (depth > deepest) return true
  }
  return false
}

/** Reads JSON that is known to be valid and not deep: `JSON.parse` rounds numbers before anybody can see them. */
class ExactJson {
  readonly #tokens: RegExp = /[{}[\]]|"[^"\\]*(?:\\.[^"\\]*)*"|[^\s,:[\]{}"]+/g
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  #next(): string {
    return this.#tokens.exec(this.#text)?.[0] ?? ''
  }

  value(token = this.#next()): unknown {
    if (token === '{') return Object.fromEntries(this.#until('}', (key) => [JSON.parse(key), this.value()]))
    if (token === '[') return [...this.#until(']', (item) => this.value(item))]
    return /^[-\d]/.test(token) ? exactNumber(token) : JSON.parse(token)
  }

  *#until<T>(end: string, read: (token: string) => T): Iterable<T> {
    for (let token = this.#next(); token !== end; token = this.#next()) yield read(token)
  }
}

const mapValues = (object: object, converterFor: (name: string) => Converter): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(object).map(([name, value]) => [name, value === null ? null : converterFor(name)(value)]),
  )

/** Halves of surrogate pairs have no form in UTF-8: U+FFFD stands for each. */
export const wellFormed = (text: string): string =>
  /[\uD800-\uDFFF]/.test(text)
    ? text.replaceAll(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g, '\uFFFD')
    : text

/** JSON with sorted keys: the same value has the same text. */
export function canonical(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(wellFormed(value))
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (value instanceof ExactNumber) return value.text
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([name, item]) => `${JSON.stringify(name)}:${canonical(item)}`).join(',')}}`
}
