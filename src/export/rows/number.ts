/**
 * Numbers on their way out: exact, or refused. What a double holds to the last digit is a number of JavaScript; a
 * fraction with more digits (1.0/3 has twenty in Postgres) goes out with all of them; a whole number, or a number with a
 * whole part, that a double would change is refused: who reads it as a double would read another one.
 */
import { type Decimal, decimalOf, isSameNumber } from '../../decimal.ts'
import { BadValue } from './bad-value.ts'

/** A number whose digits a double does not keep; it is written as it stands. */
export class ExactNumber {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** A number of JSON or of SQL. @throws BadValue `inexact_number` for one that would become another. */
export function numberOf(text: string): number | ExactNumber {
  const number = Number(text)
  // Nearly always, and cheap.
  if (text === String(number)) return number === 0 ? 0 : number
  const given = decimalOf(text)
  if (!Number.isFinite(number) || (number === 0 && given.digits !== '')) throw inexact(text)
  if (isSameNumber(given, decimalOf(String(number)))) return number === 0 ? 0 : number
  const isWhole = given.exponent >= 0
  if (isWhole && BigInt(number) === wholeOf(given)) return new ExactNumber(String(BigInt(number)))
  if (isWhole || Math.abs(number) >= 2 ** 53) throw inexact(text)
  return new ExactNumber(text.replace(/^\+/, '').replace(/(\.\d*?)0+$/, '$1'))
}

const inexact = (text: string) =>
  new BadValue(
    'inexact_number',
    `${text.length > 60 ? `${text.slice(0, 57)}…` : text} has more digits than a JSON number keeps exactly; cast it to text in the query`,
  )

/** A double has 309 digits before the point at most. */
const wholeOf = ({ isNegative, digits, exponent }: Decimal): bigint =>
  BigInt(`${isNegative ? '-' : ''}${digits}${'0'.repeat(Math.min(exponent, 400))}`)
