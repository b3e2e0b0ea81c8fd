/**
 * Numbers of JSON that no double holds. DuckDB keeps every digit of a whole number, but of a number with a point or an
 * exponent it keeps the nearest double: 12345678901234567.89 would become 12345678901234568.
 */
import { randomUUID } from 'node:crypto'
import { decimalOf, isSameNumber } from '../../decimal.ts'

/** True where a number, in the spelling of JSON, is the same number as a double. What is no number is left to others. */
export function isExact(json: string): boolean {
  const value = Number(json)
  if (Number.isNaN(value)) return true
  return Number.isFinite(value) && isSameNumber(decimalOf(json), decimalOf(String(value)))
}

/**
 * Stands before JSON that is handed to DuckDB as a text, so that it keeps its digits; nobody outside can know it. It has
 * no character that JSON escapes.
 */
export const verbatimMark = `␀json:${randomUUID()}:`
