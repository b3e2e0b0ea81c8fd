/**
 * Numbers of JSON that no double holds. DuckDB keeps every digit of a whole number, but of a number with a point or an
 * exponent it keeps the nearest double: 12345678901234567.89 would become 12345678901234568.
 */
import { randomUUID } from 'node:crypto'
import { decimalOf, isSameNumber } from '../decimal.ts'
import { endOfToken, nextToken } from './tokens.ts'

/** True where a number, in the spelling of JSON, is the same number as a double. What is not a number is left to others. */
export function isExact(json: string): boolean {
  const value = Number(json)
  if (Number.isNaN(value)) return true
  return Number.isFinite(value) && isSameNumber(decimalOf(json), decimalOf(String(value)))
}

const isDigit = new Uint8Array(256)
for (const character of '-0123456789') isDigit[character.charCodeAt(0)] = 1

/** Where the digits (and the minus) end that begin at `from`. */
export function endOfDigits(bytes: Uint8Array, from: number): number {
  let to = from
  while (isDigit[bytes[to] as number] === 1) to += 1
  return to
}

/** Whether DuckDB keeps a number: it is whole, or a double holds it. */
export const isKept = (json: string): boolean => !/[.eE]/.test(json) || isExact(json)

const beginsNumber = (bytes: Buffer, at: number): boolean => isDigit[bytes[at] as number] === 1

/** Whether DuckDB keeps all numbers of a value, at any depth. */
export function keepsNumbers(json: Buffer): boolean {
  for (let at = nextToken(json, 0); at < json.length; ) {
    const end = endOfToken(json, at)
    if (beginsNumber(json, at) && !isKept(json.toString('latin1', at, end))) return false
    at = nextToken(json, end)
  }
  return true
}

/** A value with other texts in place of some of its numbers, at any depth; `replace` is given their digits. */
export function withNumbers(json: string, replace: (digits: string) => string): string {
  const bytes = Buffer.from(json)
  const parts: string[] = []
  let copied = 0
  for (let at = nextToken(bytes, 0); at < bytes.length; ) {
    const end = endOfToken(bytes, at)
    const digits = beginsNumber(bytes, at) ? bytes.toString('latin1', at, end) : ''
    const other = digits === '' ? digits : replace(digits)
    if (other !== digits) {
      parts.push(bytes.toString('utf8', copied, at), other)
      copied = end
    }
    at = nextToken(bytes, end)
  }
  return copied === 0 ? json : parts.join('') + bytes.toString('utf8', copied)
}

/**
 * Stands before JSON that is handed to DuckDB as a text, so that it keeps its digits; nobody outside can know it. It has
 * no character that JSON escapes.
 */
export const verbatimMark = `␀json:${randomUUID()}:`
