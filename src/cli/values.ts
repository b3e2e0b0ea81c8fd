/** Values on the command line, read as the configuration reads them. */
import { InvalidArgumentError, Option } from 'commander'

/** Reads a whole number of at least `least`, and no more than `most`. */
export const wholeNumber =
  (least = 0, most = Number.MAX_SAFE_INTEGER) =>
  (text: string): number => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= least && value <= most) return value
    const range =
      most === Number.MAX_SAFE_INTEGER
        ? `of at least ${least}`
        : `from ${least} to ${most.toLocaleString('en')}`
    throw new InvalidArgumentError(`Expected a whole number ${range}.`)
  }

/** Reads a port to listen on; 0 is a free one. */
export const portNumber = wholeNumber(0, 65_535)

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

/** As a shell takes it for one word. */
export const quotedForShell = (word: string): string =>
  /^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
