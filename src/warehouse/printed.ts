/** Rows of a query as text: values as exact as the database has them, in its own words. */
import { isExact } from '../json/numbers.ts'
import type { Rows } from './select.ts'

/** What the text of a value stands for. */
export type PrintedKind =
  /** Digits, with point and exponent where the database writes them; also `NaN`, `Infinity`. */
  | 'number'
  /** `true` or `false`. */
  | 'boolean'
  /** ISO 8601 in UTC, as many digits of the second as there are, at least three; also `infinity`, dates before Christ. */
  | 'time'
  /** JSON text: of JSON columns, and of lists and structures. */
  | 'json'
  /** Everything else, a date and a time of day among it. */
  | 'text'

export interface PrintedColumn {
  readonly name: string
  readonly kind: PrintedKind
}

export type Printed = Rows<PrintedColumn, string | null>

/** `2026-01-01 10:00:00.5` (with or without `+00`) → `2026-01-01T10:00:00.500Z`; what has no such form stays as it is. */
export function isoTime(text: string): string {
  const [, date, time, fraction = ''] =
    /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d+))?(?:\+00)?$/.exec(text) ?? []
  return date === undefined ? text : `${date}T${time}.${fraction.padEnd(3, '0')}Z`
}

const jsonNumber = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/

/** A printed value as JSON; a number that no double holds is a text, so that nobody reads another one. */
export function jsonOf(text: string | null, kind: PrintedKind): string {
  if (text === null) return 'null'
  if (kind === 'json' || kind === 'boolean') return text
  return kind === 'number' && jsonNumber.test(text) && isExact(text) ? text : JSON.stringify(text)
}
