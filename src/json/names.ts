/** Names of top-level fields, as they stand in the bytes: each is decoded once, however many lines have it. */
import { backslash, endOfString, quote } from './tokens.ts'

/** How a top-level field stands in some lines. */
export interface FieldUse {
  /** How often. */
  count: number
  /** Its name is written with an escape somewhere. */
  isEscaped: boolean
  /** Of its values, as `kindBit` has them; nulls have none. */
  kinds: number
}

/** A name in one spelling. */
export interface FieldName {
  readonly bytes: Buffer
  /** It tells a record. */
  readonly isMark: boolean
  readonly use: FieldUse
  /** Another name of the same hash. */
  readonly other: FieldName | undefined
  /** The name that stood behind it last: most records have their fields in one order. */
  next: FieldName | undefined
}

/** So many hashes of names, a power of two. */
const hashes = 1024

/** So many names that may have been left out are looked behind. */
const mostLeftOut = 2

export class FieldNames {
  readonly #marks: ReadonlySet<string>
  readonly #byHash: (FieldName | undefined)[] = new Array(hashes).fill(undefined)
  #first: FieldName | undefined
  /** In the order of their first appearance. */
  readonly fields = new Map<string, FieldUse>()

  constructor(marks: readonly string[]) {
    this.#marks = new Set(marks)
  }

  /** Counts the name whose inside begins at `from`, behind another of its record; it ends where its bytes do. */
  take(bytes: Buffer, from: number, previous: FieldName | undefined): FieldName {
    let likely = previous === undefined ? this.#first : previous.next
    for (let tries = 0; likely !== undefined && tries < mostLeftOut; tries += 1) {
      if (bytes[from + likely.bytes.length] === quote && isAt(likely.bytes, bytes, from)) {
        likely.use.count += 1
        return likely
      }
      likely = likely.next
    }
    const name = this.#find(bytes, from)
    name.use.count += 1
    if (previous === undefined) this.#first = name
    else previous.next = name
    return name
  }

  #find(bytes: Buffer, from: number): FieldName {
    const to = Math.min(endOfString(bytes, from), bytes.length)
    const hash = hashOf(bytes, from, to) & (hashes - 1)
    for (let name = this.#byHash[hash]; name; name = name.other) {
      if (name.bytes.length === to - from && isAt(name.bytes, bytes, from)) return name
    }
    const field = decodedName(bytes, from, to)
    const use = this.fields.get(field ?? '') ?? { count: 0, isEscaped: false, kinds: 0 }
    if (bytes.subarray(from, to).includes(backslash)) use.isEscaped = true
    if (field !== undefined) this.fields.set(field, use)
    const name = {
      use,
      bytes: Buffer.from(bytes.subarray(from, to)),
      isMark: field !== undefined && this.#marks.has(field),
      other: this.#byHash[hash],
      next: undefined,
    }
    this.#byHash[hash] = name
    return name
  }
}

/** Of names: its low bits depend on all of them. */
export function hashOf(bytes: Uint8Array, from: number, to: number): number {
  let hash = to - from
  for (let at = from; at < to; at += 1) hash = (Math.imul(hash, 31) + (bytes[at] as number)) | 0
  return hash ^ (hash >>> 12)
}

function isAt(name: Uint8Array, bytes: Uint8Array, from: number): boolean {
  for (let at = 0; at < name.length; at += 1) if (name[at] !== bytes[from + at]) return false
  return true
}

/** The name itself; undefined where it is not a JSON string (the reader will refuse the line). */
export function decodedName(bytes: Buffer, from: number, to: number): string | undefined {
  const text = bytes.toString('utf8', from, to)
  if (!text.includes('\\')) return text
  try {
    return JSON.parse(`"${text}"`) as string
  } catch {
    return undefined
  }
}
