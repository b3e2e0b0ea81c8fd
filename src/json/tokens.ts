/**
 * The one grammar of JSON: its tokens, found in bytes. In UTF-8 no byte of a longer character looks like one of ours.
 * Nothing here judges: of bytes that are not JSON, each function comes to an end all the same, and never stands still.
 */

/** What may begin at a byte outside of strings. */
export const token = {
  blank: 0,
  /** Blank to JSON; the end of a record where records are lines. */
  newline: 1,
  /** A number, `true`, `false` or `null`; of what is not JSON, anything else. */
  scalar: 2,
  comma: 3,
  colon: 4,
  string: 5,
  open: 6,
  close: 7,
} as const

/** The token that begins at a byte. */
export const tokenOf = new Uint8Array(256).fill(token.scalar).fill(token.blank, 0, 0x21)
for (const [kind, characters] of [
  [token.newline, '\n'],
  [token.string, '"'],
  [token.comma, ','],
  [token.colon, ':'],
  [token.open, '{['],
  [token.close, '}]'],
] as const) {
  for (const character of characters) tokenOf[character.charCodeAt(0)] = kind
}

export const newline = 0x0a
export const quote = 0x22
export const comma = 0x2c
export const backslash = 0x5c
export const openArray = 0x5b
export const closeArray = 0x5d
export const openObject = 0x7b
export const closeObject = 0x7d

/** Bytes at which the inside of a string asks for attention: a quote, a backslash, a newline. */
const stopsString = new Uint8Array(256)
for (const byte of [newline, quote, backslash]) stopsString[byte] = 1

/**
 * The position of the quote that ends the string whose inside begins at `from`, or of the newline that cuts it off.
 * Where the bytes end first it is their length, or one more where they end with a backslash: the string goes on at what
 * the position is beyond the length, in the bytes to come.
 */
export function endOfString(bytes: Uint8Array, from: number): number {
  const end = bytes.length
  let at = from
  for (; at < end; at += 1) {
    if (stopsString[bytes[at] as number] === 0) continue
    if (bytes[at] !== backslash) break
    if (bytes[at + 1] !== newline) at += 1
  }
  return at
}

/** Where the scalar that begins at `from` ends. */
export function endOfScalar(bytes: Uint8Array, from: number): number {
  let at = from + 1
  while (at < bytes.length && tokenOf[bytes[at] as number] === token.scalar) at += 1
  return at
}

/** Whether a scalar is `true`, `false` or `null`. */
export function isLiteral(bytes: Uint8Array, from: number, to: number): boolean {
  if (to - from === 4) return isWord(bytes, from, words.true) || isWord(bytes, from, words.null)
  return to - from === 5 && bytes[from] === 0x66 && isWord(bytes, from + 1, words.alse)
}

/** Four bytes as one number. */
const words = { true: 0x74727565, null: 0x6e756c6c, alse: 0x616c7365 }

const isWord = (bytes: Uint8Array, at: number, word: number): boolean =>
  (((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)) ===
  word

/** The position behind the token at `at`, at most the end of the bytes. */
export function endOfToken(bytes: Uint8Array, at: number): number {
  const kind = tokenOf[bytes[at] as number]
  if (kind === token.string) return Math.min(endOfString(bytes, at + 1) + 1, bytes.length)
  return kind === token.scalar ? endOfScalar(bytes, at) : at + 1
}

/** The position of the next token from `at` on, behind blanks and newlines, or the end of the bytes. */
export function nextToken(bytes: Uint8Array, from: number): number {
  let at = from
  while (at < bytes.length && (tokenOf[bytes[at] as number] as number) <= token.newline) at += 1
  return at
}

/** The position behind the value that begins at `from`, at most the end of the bytes. */
export function endOfValue(bytes: Uint8Array, from: number): number {
  if (tokenOf[bytes[from] as number] !== token.open) return endOfToken(bytes, from)
  let depth = 0
  for (let at = from; at < bytes.length; at += 1) {
    const kind = tokenOf[bytes[at] as number] as number
    if (kind < token.string) continue
    if (kind === token.string) at = endOfString(bytes, at + 1)
    else if (kind === token.open) depth += 1
    else depth -= 1
    if (depth === 0) return at + 1
  }
  return bytes.length
}
