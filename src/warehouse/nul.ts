/** U+0000, as expressions of the engine: not every database holds it. */

/**
 * An even number of backslashes in front does not escape; a match takes the character before it, so it is looked for
 * twice.
 */
const nulEscape = String.raw`'(^|[^\\])((?:\\\\)*)\\u0000'`
const replacement = String.raw`'\1\2\\u2400', 'g'`

/** A document with U+2400 in its place. */
export function jsonWithoutNul(json: string): string {
  const replaced = `regexp_replace(regexp_replace(${json}::varchar, ${nulEscape}, ${replacement}), ${nulEscape}, ${replacement})::json`
  return String.raw`case when contains(${json}::varchar, '\u0000') then ${replaced} else ${json} end`
}

export const jsonHasNul = (json: string): string =>
  String.raw`(contains(${json}::varchar, '\u0000') and regexp_matches(${json}::varchar, ${nulEscape}))`

export const textWithoutNul = (text: string): string => `replace(${text}, chr(0), '␀')`

export const textHasNul = (text: string): string => `contains(${text}, chr(0))`
