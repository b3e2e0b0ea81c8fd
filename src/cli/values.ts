/** Values on the command line, read as the configuration reads them. */
import { InvalidArgumentError } from 'commander'

/** Reads a whole number of at least `least`. */
export const wholeNumber =
  (least = 0) =>
  (text: string): number => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= least && Number.isSafeInteger(value)) return value
    throw new InvalidArgumentError(`Expected a whole number of at least ${least}.`)
  }

/** Reads a number above zero. */
export function positiveNumber(text: string): number {
  const value = Number(text)
  if (Number.isFinite(value) && value > 0) return value
  throw new InvalidArgumentError('Expected a number above 0.')
}
