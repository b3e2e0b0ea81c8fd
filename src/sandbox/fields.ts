/** Types of profile fields: fixed project-wide by the first write. */
import { readTime } from './times.ts'

export interface Mismatch {
  readonly incomingTypes: string[]
  readonly expectedType: string
  readonly category: 'user'
  readonly offendingValue: unknown
  readonly _type: 'UnexpectedType'
}

/** ok: as declared. drop: ignored without an error. new: declares the field. */
export type FieldVerdict = 'ok' | 'drop' | { declare: string } | Mismatch

/** Null clears a field and fits every type; arrays have the type of their elements. */
export function judge(value: unknown, declared: string | undefined): FieldVerdict {
  if (value === null || value === undefined) return 'ok'
  if (Array.isArray(value)) {
    const verdicts = value.map((item) => judge(item, declared))
    return verdicts.find((verdict) => typeof verdict === 'object') ?? 'ok'
  }
  const incoming = typeOf(value)
  if (declared === undefined) return { declare: incoming }
  if (fits(value, incoming, declared)) return 'ok'
  // Seen with dates like 12/31/2025: the call succeeds and the field stays as it was.
  if (declared === 'date' && typeof value === 'string' && /^\d[\d/. :-]*$/.test(value)) return 'drop'
  return {
    incomingTypes: incoming === 'string' ? ['string', 'keyword'] : [incoming],
    expectedType: declared,
    category: 'user',
    offendingValue: value,
    _type: 'UnexpectedType',
  }
}

function fits(value: unknown, incoming: string, declared: string): boolean {
  switch (declared) {
    case 'date':
      return incoming === 'date' || (typeof value === 'string' && readTime(value) !== undefined)
    case 'string':
      return incoming === 'string' || incoming === 'date'
    case 'long':
    case 'double':
      return incoming === 'long' || incoming === 'double'
    case 'object':
    case 'nested':
    case 'geo_location':
      return incoming === 'object'
    default:
      return incoming === declared
  }
}

function typeOf(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return readTime(value) === undefined ? 'string' : 'date'
    case 'number':
      return Number.isInteger(value) ? 'long' : 'double'
    case 'boolean':
      return 'boolean'
    default:
      return 'object'
  }
}
