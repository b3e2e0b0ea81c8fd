/** What an object of JSON consists of, as text: values are copied as they stand, so that every digit of a number stays. */
import { decodedName } from './names.ts'
import { closeObject, comma, endOfToken, endOfValue, nextToken, openObject } from './tokens.ts'

export interface Member {
  /** Decoded. */
  readonly key: string
  /** JSON, without blanks around it. */
  readonly value: string
}

/**
 * The members of an object. It is known to be valid; of anything else the walk comes to an end all the same, and what is
 * no object has no members.
 */
export function* membersOf(json: string | Buffer): Generator<Member> {
  const bytes = typeof json === 'string' ? Buffer.from(json) : json
  if (!isObject(bytes)) return
  let at = nextToken(bytes, nextToken(bytes, 0) + 1)
  while (at < bytes.length && bytes[at] !== closeObject) {
    const keyEnd = endOfToken(bytes, at)
    const from = nextToken(bytes, nextToken(bytes, keyEnd) + 1)
    const to = endOfValue(bytes, from)
    const key = decodedName(bytes, at + 1, keyEnd - 1)
    if (key === undefined) return
    yield { key, value: bytes.toString('utf8', from, to) }
    at = nextToken(bytes, to)
    if (bytes[at] === comma) at = nextToken(bytes, at + 1)
  }
}

/** The value of one member; undefined where there is none. */
export function memberOf(json: string | Buffer, name: string): string | undefined {
  for (const { key, value } of membersOf(json)) if (key === name) return value
  return undefined
}

/** What is known to be JSON and begins like an object is one. */
export const isObject = (json: Buffer): boolean => json[nextToken(json, 0)] === openObject
