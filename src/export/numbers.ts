/**
 * Numbers leave exactly as they are, or not at all. JSON takes any number of digits, but who reads it has doubles (and
 * whole numbers of 64 bits at best): a number that a double would turn into another one is refused.
 */
import { BadValue } from './bad-value.ts'

/** A number whose digits are sent as they are; JavaScript would write others. */
export class ExactNumber {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  get isWhole(): boolean {
    return /^-?\d+$/.test(this.text)
  }
}

/** A quotient such as 1.0 / 3 has been rounded by the database already; so many digits after the point show it. */
const quotientDigits = 16
/** Readers of JSON refuse numbers of any length. */
const longestNumber = 100
/** Below it, doubles lose digits. */
const smallestNormal = 2 ** -1022

/**
 * The number that a decimal text says.
 * @throws BadValue for one that a double cannot tell from its neighbours. Only the digits of a quotient may be more than
 * a double has: they are sent, and whoever reads them takes the nearest double.
 */
export function exactNumber(text: string): number | ExactNumber {
  // Fifteen digits are kept by any double.
  if (text.length <= 16 && /^-?\d{1,15}(\.\d+)?$/.test(text)) return Number(text) || 0
  const given = decimalOf(text)
  if (!given) throw new BadValue('not_a_number', `${text} is no number in JSON`)
  if (given.digits === '') return 0
  const number = Number(text)
  if (Number.isFinite(number) && number !== 0) {
    const written = decimalOf(String(number)) as Decimal
    if (isSame(given, written)) return number
    const plain = plainText(given)
    if (plain.length <= longestNumber) {
      // 2 ** 60 is exact, though JavaScript writes it as 1152921504606847000.
      const isWhole = given.exponent >= given.digits.length
      if (isWhole && BigInt(number) === BigInt(plain)) return new ExactNumber(plain)
      const fractionDigits = given.digits.length - given.exponent
      const isQuotient =
        fractionDigits >= quotientDigits &&
        Math.abs(number) < Number.MAX_SAFE_INTEGER &&
        Math.abs(number) >= smallestNormal
      if (isQuotient) return new ExactNumber(plain)
    }
  }
  const shown = text.length > 60 ? `${text.slice(0, 60)}…` : text
  throw new BadValue(
    'inexact_number',
    `${shown} is more than a JSON number keeps exactly; round it in the query, or cast it to text`,
  )
}

/** A double is what it is: exact by nature, but not every reader takes the digits that JavaScript writes for it. */
export function exactDouble(value: number): number | ExactNumber {
  if (!Number.isFinite(value)) throw new BadValue('not_a_number', `${value} is no number in JSON`)
  if (value === 0) return 0
  const isLong = Math.abs(value) > Number.MAX_SAFE_INTEGER && Math.abs(value) < 1e21
  if (!isLong) return value
  const digits = BigInt(value).toString()
  return digits === String(value) ? value : new ExactNumber(digits)
}

/** A number as 0.DIGITS × 10 ** exponent, without zeros at either end of its digits. */
interface Decimal {
  readonly isNegative: boolean
  readonly digits: string
  readonly exponent: number
}

function decimalOf(text: string): Decimal | undefined {
  const parts = /^(-?)(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(text)
  if (!parts) return undefined
  const [, sign, whole = '', fraction = '', power = '0'] = parts
  const all = whole + fraction
  const significant = all.replace(/^0+/, '')
  const exponent = whole.length - (all.length - significant.length) + Number(power)
  return { isNegative: sign === '-', digits: withoutZeros(significant), exponent }
}

/** Without the zeros at its end. */
function withoutZeros(digits: string): string {
  let end = digits.length
  while (digits[end - 1] === '0') end -= 1
  return digits.slice(0, end)
}

const isSame = (a: Decimal, b: Decimal): boolean =>
  a.isNegative === b.isNegative && a.digits === b.digits && a.exponent === b.exponent

/** Written without an exponent; too long to be sent where it is too long to be written. */
function plainText({ isNegative, digits, exponent }: Decimal): string {
  const sign = isNegative ? '-' : ''
  if (Math.abs(exponent) > longestNumber) return 'x'.repeat(longestNumber + 1)
  if (exponent >= digits.length) return sign + digits.padEnd(exponent, '0')
  if (exponent > 0) return `${sign}${digits.slice(0, exponent)}.${digits.slice(exponent)}`
  return `${sign}0.${'0'.repeat(-exponent)}${digits}`
}
