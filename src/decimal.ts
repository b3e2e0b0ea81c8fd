/** Numbers by their digits, in the spelling of JSON or of SQL: what tells whether a double is the very number. */

/** sign × digits × 10^exponent, with no zero at either end of the digits; zero has none. */
export interface Decimal {
  readonly isNegative: boolean
  readonly digits: string
  readonly exponent: number
}

export function decimalOf(text: string): Decimal {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? []
  const all = (whole + fraction).replace(/^0+/, '')
  const digits = all.replace(/0+$/, '')
  if (digits === '') return { isNegative: false, digits, exponent: 0 }
  return {
    isNegative: sign === '-',
    digits,
    exponent: Number(exponent) - fraction.length + all.length - digits.length,
  }
}

/** However they are spelt. */
export const isSameNumber = (a: Decimal, b: Decimal): boolean =>
  a.digits === b.digits && a.exponent === b.exponent && a.isNegative === b.isNegative
