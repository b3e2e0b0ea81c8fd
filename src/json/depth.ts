import { endOfString, nextToken, openObject, token, tokenOf } from './tokens.ts'

/**
 * How deep JSON may be nested. Parsers of databases, and functions of ours, follow it by calling themselves: a hundred
 * thousand brackets end the process without a word. No data that anybody means is a thousand levels deep.
 */
export const mostLevels = 1000

/** True for a text with more open brackets, outside of strings, than anybody may follow. Any text; never recursive. */
export function isTooDeep(text: string): boolean {
  // Nearly every text is shorter than what could be so deep.
  return text.length > mostLevels && nestingOf(Buffer.from(text)).deepest > mostLevels
}

/** True for the beginning of a JSON object: a string, an object or an array is still open at its end. */
export function isUnfinished(text: string): boolean {
  const json = Buffer.from(text)
  if (json[nextToken(json, 0)] !== openObject) return false
  const { depth, isInString } = nestingOf(json)
  return isInString || depth > 0
}

/** Brackets that are open at the end, those that were open at once, and whether a string is. */
function nestingOf(json: Buffer): { depth: number; deepest: number; isInString: boolean } {
  let depth = 0
  let deepest = 0
  for (let at = 0; at < json.length; at += 1) {
    const kind = tokenOf[json[at] as number] as number
    if (kind < token.string) continue
    if (kind === token.string) {
      at = endOfString(json, at + 1)
      if (at >= json.length) return { depth, deepest, isInString: true }
    } else if (kind === token.close) depth -= 1
    else {
      depth += 1
      if (depth > deepest) deepest = depth
    }
  }
  return { depth, deepest, isInString: false }
}
