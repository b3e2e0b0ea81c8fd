import { randomUUID } from 'node:crypto'

/**
 * Numbers of JSON that no double holds. DuckDB keeps every digit of a whole number, but of a number with a point or an
 * exponent it keeps the nearest double: 12345678901234567.89 would become 12345678901234568.
 */

/** True where a number, in the spelling of JSON, is the same number as a double. What is no number is left to others. */
export function isExact(json: string): boolean {
  const value = Number(json)
  if (Number.isNaN(value)) return true
  if (value === 0) return /^-?[0.]+(?:[eE]|$)/.test(json)
  return Number.isFinite(value) && canonical(json) === canonical(String(value))
}

/** One spelling for each number but zero: its digits without zeros at either end, and where the point stands. */
function canonical(number: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d*))?(?:[eE]([-+]?\d+))?$/.exec(number) ?? []
  const digits = (whole + fraction).replace(/^0+/, '')
  const kept = digits.replace(/0+$/, '')
  return `${sign}${kept}e${Number(exponent) - fraction.length + digits.length - kept.length}`
}

/**
 * Stands before JSON that is handed to DuckDB as a text, so that it keeps its digits; nobody outside can know it. It has
 * no character that JSON escapes.
 */
export const verbatimMark = `␀json:${randomUUID()}:`
