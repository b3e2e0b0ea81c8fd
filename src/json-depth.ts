/**
 * How deep JSON may be nested. Parsers of databases, and functions of ours, follow it by calling themselves: a hundred
 * thousand brackets end the process without a word. No data that anybody means is a thousand levels deep.
 */
export const mostLevels = 1000

/** True for a text with more open brackets, outside of strings, than anybody may follow. Any text; never recursive. */
export function isTooDeep(text: string): boolean {
  // Nearly every text is shorter than what could be so deep, or has fewer brackets.
  if (text.length <= mostLevels) return false
  let depth = 0
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charCodeAt(at)
    if (character === quote) {
      for (at += 1; at < text.length && text.charCodeAt(at) !== quote; at += 1) {
        if (text.charCodeAt(at) === backslash) at += 1
      }
    } else if (character === openArray || character === openObject) {
      depth += 1
      if (depth > mostLevels) return true
    } else if (character === closeArray || character === closeObject) depth -= 1
  }
  return false
}

const quote = 0x22
const backslash = 0x5c
const openArray = 0x5b
const closeArray = 0x5d
const openObject = 0x7b
const closeObject = 0x7d
