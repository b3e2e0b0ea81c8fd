/**
 * A look at lines of NDJSON as bytes pass: how many there are and which top-level fields they have. It parses nothing,
 * and costs a fifth of what DuckDB's `json_keys` takes for the same answer (measured). Whether a line is JSON at all
 * is for the reader to say; here it is enough that brackets close where the line ends, and that nothing stands in it
 * that DuckDB takes for JSON and nobody else does: `NaN`, `Infinity` (in any case) and trailing commas.
 */
import { kindBit, kindOfNumber } from './kinds.ts'
import { type Excess, type LineLimits, lineLimits } from './limits.ts'
import { type FieldName, FieldNames, type FieldUse } from './names.ts'
import { endOfDigits, isKept } from './numbers.ts'
import { comma, endOfScalar, endOfString, isLiteral, newline, openObject, token, tokenOf } from './tokens.ts'
import { NestedNames } from './twins.ts'

/** As many digits as a double always keeps: most numbers need no closer look. */
const safeDigits = 15
const point = 0x2e
/** The n of `null`. */
const nullBegins = 0x6e

/** A line beyond the limits, and where it stands. */
export interface RefusedLine {
  readonly from: number
  /** Of its newline, or of the end. */
  readonly to: number
  readonly excess: Excess
}

/** The first that a line has too much of is told. */
const kindsOfExcess = ['bytes', 'depth', 'fields', 'values'] as const

/** Hears where a top-level name stands. */
export type OnName = (bytes: Buffer, from: number, to: number) => void

export class LineScanner {
  readonly #limits: LineLimits
  readonly #nested: NestedNames | undefined
  readonly #onName: OnName | undefined
  readonly #hasMarks: boolean
  readonly #names: FieldNames
  lines = 0
  /** Lines that may not be records: not an object, not JSON, or without any field that marks a record. */
  suspects = 0
  longestLineBytes = 0
  /** Numbers that no double holds, at any depth. */
  inexact = 0
  /** Lines with several members of one name within a nested object; none where they are not looked for. */
  twins = 0
  /** Lines beyond the limits; they count as lines and suspects as well. */
  readonly refused: RefusedLine[] = []

  /** `marks` tell a record: each has one of them (where there are any). */
  constructor(
    marks: readonly string[],
    {
      limits = lineLimits,
      onName,
      findsTwins = false,
    }: { readonly limits?: LineLimits; readonly onName?: OnName; readonly findsTwins?: boolean } = {},
  ) {
    this.#hasMarks = marks.length > 0
    this.#names = new FieldNames(marks)
    this.#limits = limits
    this.#onName = onName
    this.#nested = findsTwins ? new NestedNames() : undefined
  }

  /** Top-level fields in the order of their first appearance. */
  get fields(): ReadonlyMap<string, FieldUse> {
    return this.#names.fields
  }

  /** Looks through complete lines; the last one may lack its newline. */
  scan(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at += 1) at = this.#scanLine(bytes, at)
  }

  /** Looks through the line that begins at `start`; returns where it ends. */
  #scanLine(bytes: Buffer, start: number): number {
    const end = bytes.length
    const nested = this.#nested
    let at = start
    let depth = 0
    let deepest = 0
    let names = 0
    let values = 0
    let isObject = false
    let isBlank = true
    let expectsName = false
    let expectsNested = false
    let isRecord = !this.#hasMarks
    let isLax = false
    let hasTwins = false
    let field: FieldName | undefined
    nested?.reset()
    for (; at < end; at += 1) {
      const kind = tokenOf[bytes[at] as number]
      if (kind === token.blank) continue
      if (kind === token.newline) break
      isBlank = false
      if (kind === token.colon) continue
      if (kind === token.string) {
        values += 1
        const from = at + 1
        // What has too many names is refused: it must not fill the memory with them.
        if (expectsName && names < this.#limits.fields) {
          field = this.#names.take(bytes, from, field)
          at = from + field.bytes.length
          if (field.isMark) isRecord = true
          this.#onName?.(bytes, from, at)
        } else at = endOfString(bytes, from)
        if (expectsName) names += 1
        else if (depth === 1 && field) field.use.kinds |= kindBit.text
        else if (expectsNested && nested?.add(bytes, from, at)) hasTwins = true
        expectsName = false
        expectsNested = false
        if (at >= end || bytes[at] === newline) {
          // The line, or all there is, ends inside of a string.
          depth = -1
          break
        }
      } else if (kind === token.comma) {
        expectsName = depth === 1 && isObject
        expectsNested = nested !== undefined && depth > 1 && nested.isInObject
      } else if (kind === token.scalar) {
        values += 1
        let to = endOfDigits(bytes, at)
        let kind: number = kindBit.bigint
        if (bytes[to] === point) {
          to = endOfDigits(bytes, to + 1)
          kind = kindBit.double
        }
        if (to - at > safeDigits || tokenOf[bytes[to] as number] === token.scalar) {
          to = endOfScalar(bytes, at)
          kind = this.#kindOf(bytes, at, to)
          if (kind < 0) isLax = true
        }
        if (depth === 1 && field && kind > 0) field.use.kinds |= kind
        at = to - 1
      } else if (kind === token.open) {
        values += 1
        depth += 1
        if (depth > deepest) deepest = depth
        expectsName = false
        if (depth === 1) {
          isObject = bytes[at] === openObject
          expectsName = isObject
        } else if (depth === 2 && field) field.use.kinds |= kindBit.json
        if (depth > 1 && nested) {
          expectsNested = bytes[at] === openObject
          nested.enter(expectsNested)
        }
      } else {
        depth -= 1
        expectsName = false
        if (nested) {
          expectsNested = false
          if (depth >= 1) nested.leave()
        }
        if (followsComma(bytes, at)) isLax = true
      }
    }
    if (!isBlank) {
      this.lines += 1
      if (!isRecord || !isObject || isLax || depth !== 0) this.suspects += 1
      if (hasTwins) this.twins += 1
      const excess = this.#excessOf({ bytes: at - start, depth: deepest, fields: names, values })
      if (excess) this.refused.push({ from: start, to: at, excess })
    }
    if (at - start > this.longestLineBytes) this.longestLineBytes = at - start
    return at
  }

  /** The bit of a scalar's kind: none for null, less than that for what is not JSON. */
  #kindOf(bytes: Buffer, from: number, to: number): number {
    if (isLiteral(bytes, from, to)) return bytes[from] === nullBegins ? 0 : kindBit.boolean
    const json = bytes.toString('latin1', from, to)
    const kind = kindOfNumber(json)
    if (kind === undefined) return -1
    if (kind === 'text' && !isKept(json)) this.inexact += 1
    return kindBit[kind]
  }

  #excessOf(counts: Readonly<Record<Excess['kind'], number>>): Excess | undefined {
    const kind = kindsOfExcess.find((one) => counts[one] > this.#limits[one])
    return kind && { kind, count: counts[kind] }
  }
}

/** A closing bracket follows a comma, perhaps after blanks. */
function followsComma(bytes: Buffer, bracket: number): boolean {
  let at = bracket - 1
  while (at >= 0 && tokenOf[bytes[at] as number] === token.blank) at -= 1
  return bytes[at] === comma
}
