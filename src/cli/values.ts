/** Values on the command line, read as the configuration reads them. */
import { InvalidArgumentError, Option } from 'commander'

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

/** An option that takes one of these words, in any case. */
export function oneOf(flags: string, description: string, words: readonly string[]): Option {
  const option = new Option(flags, description).choices(words)
  const strict = option.parseArg
  return option.argParser<string>((text, previous) => {
    const word = words.find((one) => one.toLowerCase() === text.toLowerCase())
    return strict?.(word ?? text, previous as string) ?? text
  })
}
