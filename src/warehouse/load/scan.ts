/**
 * A look at lines of NDJSON as bytes pass: how many there are and which top-level fields they have. It parses nothing,
 * and costs a third of what DuckDB's `json_keys` takes for the same answer (measured). Whether a line is JSON at all
 * is for the reader to say; here it is enough that brackets close where the line ends, and that nothing stands in it
 * that DuckDB takes for JSON and nobody else does: `NaN`, `Infinity` (in any case) and trailing commas.
 */

import { type Excess, type LineLimits, lineLimits } from './limits.ts'
import { isExact } from './numbers.ts'

/** How a top-level field stands in some lines. */
export interface FieldUse {
  /** How often. */
  count: number
  /** Its name is written with an escape somewhere. */
  isEscaped: boolean
  /** Its value is a number somewhere that no double holds. */
  isInexact: boolean
}

/** A line beyond the limits, and where it stands. */
export interface RefusedLine {
  readonly from: number
  /** Of its newline, or of the end. */
  readonly to: number
  readonly excess: Excess
}

/** A field name as it stands in the bytes. */
interface Name {
  readonly bytes: Buffer
  readonly isMark: boolean
  readonly use: FieldUse
  /** Another name of the same hash. */
  readonly other: Name | undefined
}

const quote = 0x22
const backslash = 0x5c
const newline = 0x0a
const comma = 0x2c
const openObject = 0x7b

/** What a byte outside of strings is to us. */
const plain = 0
const blank = 1
const ending = 2
const quoting = 3
const separating = 4
const opening = 5
const closing = 6
/** I, N, i and n: of `NaN` and `Infinity`, or of `null`. */
const letter = 7
/** Of a number that is not whole: a point, or an exponent. `true` and `false` have an e as well. */
const fraction = 8
const roles = new Uint8Array(256)
for (let byte = 0; byte <= 0x20; byte += 1) roles[byte] = blank
for (const [role, characters] of [
  [ending, '\n'],
  [quoting, '"'],
  [separating, ','],
  [opening, '{['],
  [closing, '}]'],
  [letter, 'INin'],
  [fraction, '.eE'],
] as const) {
  for (const character of characters) roles[character.charCodeAt(0)] = role
}

export class LineScanner {
  readonly #marks: ReadonlySet<string>
  readonly #limits: LineLimits
  readonly #onName: ((bytes: Buffer, from: number, to: number) => void) | undefined
  /** By their hashes. */
  readonly #names: (Name | undefined)[] = new Array(hashes).fill(undefined)
  /** Top-level fields in the order of their first appearance. */
  readonly fields = new Map<string, FieldUse>()
  lines = 0
  /** Lines that may be no records: no object, no JSON, or with none of the fields that tell a record. */
  suspects = 0
  longestLineBytes = 0
  /** Numbers that no double holds, at any depth. */
  inexact = 0
  /** Lines beyond the limits; they count as lines and suspects as well. */
  readonly refused: RefusedLine[] = []

  /** `marks` tell a record: each has one of them (where there are any). `onName` hears where top-level names stand. */
  constructor(
    marks: readonly string[],
    {
      limits = lineLimits,
      onName,
    }: {
      readonly limits?: LineLimits
      readonly onName?: (bytes: Buffer, from: number, to: number) => void
    } = {},
  ) {
    this.#marks = new Set(marks)
    this.#limits = limits
    this.#onName = onName
  }

  /** Looks through complete lines; the last one may lack its newline. */
  scan(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at += 1) at = this.#scanLine(bytes, at)
  }

  /** Looks through the line that begins at `start`; returns where it ends. */
  #scanLine(bytes: Buffer, start: number): number {
    const end = bytes.length
    let at = start
    let depth = 0
    let deepest = 0
    let names = 0
    let isObject = false
    let isBlank = true
    let expectsName = false
    let isRecord = this.#marks.size === 0
    let isLax = false
    let field: FieldUse | undefined
    for (; at < end; at += 1) {
      const role = roles[bytes[at] as number]
      if (role === plain) {
        isBlank = false
        continue
      }
      if (role === blank) continue
      if (role === ending) break
      isBlank = false
      if (role === quoting) {
        const from = at + 1
        at = endOfString(bytes, from)
        if (expectsName) {
          expectsName = false
          names += 1
          // What has too many is refused: it must not fill the memory with names.
          if (names <= this.#limits.fields) {
            const name = this.#nameAt(bytes, from, at)
            name.use.count += 1
            field = name.use
            if (name.isMark) isRecord = true
            this.#onName?.(bytes, from, at)
          }
        }
        if (at >= end || bytes[at] === newline) {
          // The line, or all there is, ends inside of a string.
          depth = -1
          break
        }
      } else if (role === separating) {
        expectsName = depth === 1 && isObject
      } else if (role === opening) {
        depth += 1
        if (depth > deepest) deepest = depth
        expectsName = false
        if (depth === 1) {
          isObject = bytes[at] === openObject
          expectsName = isObject
        }
      } else if (role === closing) {
        depth -= 1
        expectsName = false
        if (followsComma(bytes, at)) isLax = true
      } else if (role === fraction) {
        const to = endOfNumber(bytes, at)
        if (to > at && !isExactAt(bytes, at, to)) {
          this.inexact += 1
          if (depth === 1 && field) field.isInexact = true
        }
        if (to > at) at = to - 1
      } else if (isNoNumber(bytes, at)) {
        isLax = true
      }
    }
    if (!isBlank) {
      this.lines += 1
      if (!isRecord || !isObject || isLax || depth !== 0) this.suspects += 1
      const excess = this.#excessOf(at - start, deepest, names)
      if (excess) this.refused.push({ from: start, to: at, excess })
    }
    if (at - start > this.longestLineBytes) this.longestLineBytes = at - start
    return at
  }

  #excessOf(bytes: number, depth: number, fields: number): Excess | undefined {
    if (bytes > this.#limits.bytes) return { kind: 'bytes', count: bytes }
    if (depth > this.#limits.depth) return { kind: 'depth', count: depth }
    return fields > this.#limits.fields ? { kind: 'fields', count: fields } : undefined
  }

  /** The name between two positions. */
  #nameAt(bytes: Buffer, from: number, to: number): Name {
    const hash = hashOf(bytes, from, to)
    for (let name = this.#names[hash]; name; name = name.other) {
      if (isAt(name.bytes, bytes, from, to)) return name
    }
    const field = nameAt(bytes, from, to)
    const use = this.fields.get(field ?? '') ?? { count: 0, isEscaped: false, isInexact: false }
    if (bytes.subarray(from, to).includes(backslash)) use.isEscaped = true
    if (field !== undefined) this.fields.set(field, use)
    const name = {
      use,
      bytes: Buffer.from(bytes.subarray(from, to)),
      isMark: field !== undefined && this.#marks.has(field),
      other: this.#names[hash],
    }
    this.#names[hash] = name
    return name
  }
}

/** So many hashes of names, a power of two. */
const hashes = 1024

function hashOf(bytes: Buffer, from: number, to: number): number {
  let hash = to - from
  for (let at = from; at < to; at += 1) hash = (Math.imul(hash, 31) + (bytes[at] as number)) | 0
  return (hash ^ (hash >>> 12)) & (hashes - 1)
}

/** The position of the quote that ends a string, or of the newline that cuts it off. */
function endOfString(bytes: Buffer, from: number): number {
  const end = bytes.length
  let at = from
  for (; at < end; at += 1) {
    const byte = bytes[at] as number
    // Most bytes of a string are letters.
    if (byte > backslash) continue
    if (byte === quote || byte === newline) break
    if (byte === backslash && bytes[at + 1] !== newline) at += 1
  }
  return at
}

/** A closing bracket stands behind a comma, and blanks maybe. */
function followsComma(bytes: Buffer, bracket: number): boolean {
  let at = bracket - 1
  while ((bytes[at] as number) <= 0x20 && bytes[at] !== newline) at -= 1
  return bytes[at] === comma
}

/** Where the number ends whose point or exponent stands here; here itself, where none does. */
function endOfNumber(bytes: Buffer, mark: number): number {
  if (!isDigit(bytes[mark - 1])) return mark
  let to = mark + 1
  while (numeric[bytes[to] as number] === 1) to += 1
  return to
}

/** As many digits as a double always keeps: most numbers need no closer look. */
const safeDigits = 15

function isExactAt(bytes: Buffer, mark: number, to: number): boolean {
  let from = mark
  while (isDigit(bytes[from - 1])) from -= 1
  // The point counts for none.
  if (bytes[mark] === point && to - from - 1 <= safeDigits && isDigits(bytes, mark + 1, to)) return true
  if (bytes[from - 1] === minus) from -= 1
  return isExact(bytes.toString('latin1', from, to))
}

const point = 0x2e
const minus = 0x2d
const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39

function isDigits(bytes: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at += 1) if (!isDigit(bytes[at])) return false
  return true
}

/** What a number consists of. */
const numeric = new Uint8Array(256)
for (const character of '0123456789.eE+-') numeric[character.charCodeAt(0)] = 1

/** A letter outside of strings that belongs to `NaN` or `Infinity`, and not to `null`. */
const isNoNumber = (bytes: Buffer, at: number): boolean => bytes[at] !== lowerN || bytes[at + 1] !== lowerU

const lowerN = 0x6e
const lowerU = 0x75

function isAt(name: Buffer, bytes: Buffer, from: number, to: number): boolean {
  if (name.length !== to - from) return false
  for (let at = 0; at < name.length; at += 1) if (name[at] !== bytes[from + at]) return false
  return true
}

/** The name itself; undefined where it is no JSON string (the reader will refuse the line). */
export function nameAt(bytes: Buffer, from: number, to: number): string | undefined {
  const text = bytes.toString('utf8', from, to)
  if (!text.includes('\\')) return text
  try {
    return JSON.parse(`"${text}"`) as string
  } catch {
    return undefined
  }
}
