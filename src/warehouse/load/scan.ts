/**
 * A look at lines of NDJSON as bytes pass: how many there are and which top-level fields they have. It parses nothing,
 * and costs a third of what DuckDB's `json_keys` takes for the same answer (measured). Whether a line is JSON at all
 * is for the reader to say; here it is enough that brackets close where the line ends, and that nothing stands in it
 * that DuckDB takes for JSON and nobody else does: `NaN`, `Infinity` (in any case) and trailing commas.
 */

/** How a top-level field stands in some lines. */
export interface FieldUse {
  /** How often. */
  count: number
  /** Its name is written with an escape somewhere. */
  isEscaped: boolean
}

/** A field name as it stands in the bytes, with the one that followed it last: lines of one kind look alike. */
interface Name {
  readonly bytes: Buffer
  readonly isMark: boolean
  readonly use: FieldUse
  next: Name | undefined
}

const [quote, backslash, newline, comma] = [0x22, 0x5c, 0x0a, 0x2c]
const [openObject, closeObject, openArray, closeArray] = [0x7b, 0x7d, 0x5b, 0x5d]
const [upperE, upperI, upperN, lowerI, lowerN, lowerU] = [0x45, 0x49, 0x4e, 0x69, 0x6e, 0x75]

export class LineScanner {
  readonly #marks: ReadonlySet<string>
  readonly #onName: ((bytes: Buffer, from: number, to: number) => void) | undefined
  readonly #names = new Map<string, Name>()
  /** Top-level fields in the order of their first appearance. */
  readonly fields = new Map<string, FieldUse>()
  lines = 0
  /** Lines that may be no records: no object, no JSON, or with none of the fields that tell a record. */
  suspects = 0
  longestLineBytes = 0

  /** `marks` tell a record: each has one of them (where there are any). `onName` hears where top-level names stand. */
  constructor(marks: readonly string[], onName?: (bytes: Buffer, from: number, to: number) => void) {
    this.#marks = new Set(marks)
    this.#onName = onName
  }

  /** Looks through complete lines; the last one may lack its newline. */
  scan(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at += 1) at = this.#scanLine(bytes, at)
  }

  /** Looks through the line that begins at `start`; returns where it ends. */
  #scanLine(bytes: Buffer, start: number): number {
    let at = start
    let depth = 0
    let isObject = false
    let isBlank = true
    let expectsName = false
    let isRecord = this.#marks.size === 0
    let isLax = false
    let last: Name | undefined
    for (; at < bytes.length; at += 1) {
      const byte = bytes[at] as number
      if (byte === newline) break
      if (byte > 0x20) isBlank = false
      if (byte === quote) {
        const from = at + 1
        at = endOfString(bytes, from)
        if (depth === 1 && expectsName) {
          last = this.#nameAt(bytes, from, at, last)
          last.use.count += 1
          if (last.isMark) isRecord = true
          this.#onName?.(bytes, from, at)
          expectsName = false
        }
        if (bytes[at] !== quote) {
          // The line, or all there is, ends inside of a string.
          depth = -1
          break
        }
      } else if (byte === comma) {
        expectsName = depth === 1 && isObject
      } else if (byte === openObject || byte === openArray) {
        depth += 1
        if (depth === 1) {
          isObject = byte === openObject
          expectsName = isObject
        }
      } else if (byte === closeObject || byte === closeArray) {
        depth -= 1
        if (followsComma(bytes, at)) isLax = true
      } else if (byte > upperE && isNoNumber(bytes, at)) {
        isLax = true
      }
    }
    if (!isBlank) {
      this.lines += 1
      if (!isRecord || !isObject || isLax || depth !== 0) this.suspects += 1
    }
    this.longestLineBytes = Math.max(this.longestLineBytes, at - start)
    return at
  }

  /** The name between two positions: most often the one that followed the same name before. */
  #nameAt(bytes: Buffer, from: number, to: number, previous: Name | undefined): Name {
    const guess = previous?.next
    if (guess && isAt(guess.bytes, bytes, from, to)) return guess
    const raw = bytes.toString('latin1', from, to)
    let name = this.#names.get(raw)
    if (!name) {
      const field = decoded(bytes, from, to)
      const use = this.fields.get(field ?? '') ?? { count: 0, isEscaped: false }
      if (raw.includes('\\')) use.isEscaped = true
      name = {
        use,
        bytes: Buffer.from(bytes.subarray(from, to)),
        isMark: field !== undefined && this.#marks.has(field),
        next: undefined,
      }
      this.#names.set(raw, name)
      if (field !== undefined) this.fields.set(field, use)
    }
    if (previous) previous.next = name
    return name
  }
}

/** The position of the quote that ends a string, or of the newline that cuts it off. */
function endOfString(bytes: Buffer, from: number): number {
  let at = from
  for (; at < bytes.length; at += 1) {
    const byte = bytes[at]
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

/** A letter outside of strings that belongs to `NaN` or `Infinity`, and neither to a number nor to true, false, null. */
function isNoNumber(bytes: Buffer, at: number): boolean {
  const byte = bytes[at]
  return (
    byte === upperI || byte === lowerI || byte === upperN || (byte === lowerN && bytes[at + 1] !== lowerU)
  )
}

function isAt(name: Buffer, bytes: Buffer, from: number, to: number): boolean {
  if (name.length !== to - from) return false
  for (let at = 0; at < name.length; at += 1) if (name[at] !== bytes[from + at]) return false
  return true
}

/** The name itself; undefined where it is no JSON string (the reader will refuse the line). */
function decoded(bytes: Buffer, from: number, to: number): string | undefined {
  const text = bytes.toString('utf8', from, to)
  if (!text.includes('\\')) return text
  try {
    return JSON.parse(`"${text}"`) as string
  } catch {
    return undefined
  }
}
