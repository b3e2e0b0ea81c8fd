/** Kinds of values, as the columns that they ask for: several of them are one number, a bit for each. */
import { isExact } from './numbers.ts'

/** What a value asks of its column; a `big` whole number fits 64 bits, but no double holds it exactly. */
export type ValueKind = 'boolean' | 'bigint' | 'big' | 'double' | 'text' | 'json'

export const kindBit = { boolean: 1, bigint: 2, big: 4, double: 8, text: 16, json: 32 } as const

/** The kinds that stand in a number of bits. */
export const kindsIn = (bits: number): Set<ValueKind> =>
  new Set((Object.keys(kindBit) as ValueKind[]).filter((kind) => (bits & kindBit[kind]) !== 0))

const number = /^-?\d+(?<fraction>(?:\.\d+)?(?:[eE][+-]?\d+)?)$/

/** The kind of a number; one that no column of numbers keeps with all its digits is a text. Undefined for no number. */
export function kindOfNumber(json: string): ValueKind | undefined {
  const fraction = number.exec(json)?.groups?.fraction
  if (fraction === undefined) return undefined
  if (fraction !== '') return isExact(json) ? 'double' : 'text'
  const whole = BigInt(json)
  if (whole > largestBigint || whole < -largestBigint - 1n) return 'text'
  return whole > largestSafe || whole < -largestSafe ? 'big' : 'bigint'
}

const largestBigint = 2n ** 63n - 1n
const largestSafe = 2n ** 53n - 1n
