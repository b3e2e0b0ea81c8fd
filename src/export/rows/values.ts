/** From a value of the database to the JSON that Iterable understands. */
import { randomUUID } from 'node:crypto'
import { isTooDeep, mostLevels } from '../../json/depth.ts'
import type { ValueType } from '../../warehouse/select.ts'
import { BadValue } from './bad-value.ts'
import { ExactNumber, numberOf } from './number.ts'

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
      const converters = new Map<string, Converter>()
      for (const [name, field] of Object.entries(type.fields)) {
        const convert = converterOf(field)
        if (!convert) return undefined
        converters.set(name, convert)
      }
      return (value) => mapValues(value as object, (name) => converters.get(name) as Converter)
    }
    default:
      return scalars[type.kind]
  }
}

const scalars: Readonly<
  Record<Exclude<ValueType['kind'], 'list' | 'map' | 'struct' | 'unsupported'>, Converter>
> = {
  integer: (value) => numberOf(String(value)),
  decimal(value) {
    const text = value as string
    if (!/^-?[\d.]+$/.test(text)) throw new BadValue('not_a_number', `${text} is not a number in JSON`)
    return numberOf(text)
  },
  double(value) {
    const number = value as number
    if (!Number.isFinite(number)) throw new BadValue('not_a_number', `${number} is not a number in JSON`)
    // JavaScript writes 2 ** 60 as 1152921504606847000: another number to who reads whole numbers.
    if (Math.abs(number) > Number.MAX_SAFE_INTEGER && Math.abs(number) < 1e21) {
      return numberOf(BigInt(number).toString())
    }
    return number === 0 ? 0 : number
  },
  boolean: (value) => value,
  text: (value) => (value as string).toWellFormed(),
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
  if (/^\d{4}-/.test(iso)) return iso
  throw new BadValue('date_out_of_range', 'a date that is infinite or outside the years 0 to 9999')
}

/** No text of anybody's is this. */
const unlikely = randomUUID()

/** A string of JSON, or a number. */
const stringOrNumber = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g
/** The only texts in which a number may have more digits than a double, or be too large for one. */
const longOrPowerful = /\d[\d.]{15}|\d[eE]/

/** JSON text of a query, parsed. @throws BadValue for text that is not JSON, and for numbers that would change. */
export function parseJson(text: string): unknown {
  if (isTooDeep(text)) throw new BadValue('too_deep', `JSON nested deeper than ${mostLevels} levels`)
  return exactJson(text)
}

/** JSON text, parsed with its numbers as they stand. */
export function exactJson(text: string): unknown {
  const marks = new Map<string, ExactNumber>()
  let exact = text
  if (longOrPowerful.test(text)) {
    exact = text.replace(stringOrNumber, (token) => {
      if (token.startsWith('"')) return token
      const number = numberOf(token)
      if (typeof number === 'number') return token
      const mark = `${unlikely} ${marks.size}`
      marks.set(mark, number)
      return JSON.stringify(mark)
    })
  }
  try {
    return JSON.parse(exact, marks.size > 0 ? (_, value) => marks.get(value) ?? value : undefined)
  } catch {
    throw new BadValue('invalid_json', 'text that is not JSON')
  }
}

const mapValues = (object: object, converterFor: (name: string) => Converter): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(object).map(([name, value]) => [name, value === null ? null : converterFor(name)(value)]),
  )

/** A value of `exactJson` for people: a number with more digits than a double keeps is their text. */
export function withDigits(value: unknown): unknown {
  if (value instanceof ExactNumber) return value.text
  if (Array.isArray(value)) return value.map(withDigits)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, withDigits(item)]))
}

/** JSON with sorted keys: the same value has the same text. */
export function canonical(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.toWellFormed())
  if (value instanceof ExactNumber) return value.text
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([name, item]) => `${JSON.stringify(name)}:${canonical(item)}`).join(',')}}`
}
