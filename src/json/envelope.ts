/** A document such as `{"campaigns":[{…},{…}],"nextPageUrl":"…"}`, taken apart while its bytes come. */
import { closeArray, endOfString, openArray, token, tokenOf } from './tokens.ts'

/** What came is not such a document; the message says why. */
export class EnvelopeFault extends Error {
  override readonly name = 'EnvelopeFault'
}

/** What the warehouse takes as one line. */
const largestElementBytes = 64 * 1024 * 1024
/** Page numbers and links; far less in practice. */
const largestRestBytes = 1024 * 1024
const blank = 0x20

/**
 * Finds where the elements of the array under one property begin and end, by the brackets outside of strings. JSON.parse
 * judges each piece, so nothing malformed slips by.
 */
export class Envelope {
  readonly #property: string
  readonly #rest = new Piece()
  readonly #element = new Piece()
  #place: 'before' | 'array' | 'behind' = 'before'
  /** In a string that goes on in the next block, at this position. */
  #stringFrom: number | undefined
  /** Open brackets: of the document, or of the element while in the array. */
  #depth = 0
  /** Where the latest name at depth 1 begins in the rest; names and their values alternate. */
  #nameStart = 0
  #name: string | undefined
  #elements = 0

  constructor(property: string) {
    this.#property = property
  }

  /** Yields each element that ends in this block: one line of JSON, without a newline at its end or in it. */
  *scan(block: Buffer): Generator<Buffer> {
    let start = 0
    let at = this.#stringFrom === undefined ? 0 : this.#endString(block, this.#stringFrom, start) + 1
    for (; at < block.length; at += 1) {
      const kind = tokenOf[block[at] as number]
      if (kind === token.string) {
        if (this.#isNameHere()) this.#nameStart = this.#rest.bytes + at - start
        at = this.#endString(block, at + 1, start)
      } else if (this.#place === 'array') {
        const isLast = block[at] === closeArray
        if (this.#depth > 0 || !(isLast || kind === token.comma)) {
          this.#count(kind)
          continue
        }
        this.#keep(block.subarray(start, at))
        const line = this.#takeElement(isLast)
        if (line) yield line
        // The comma is dropped, the closing bracket belongs to the rest.
        start = isLast ? at : at + 1
        if (isLast) this.#leaveArray()
      } else if (block[at] === openArray && this.#isArrayHere()) {
        this.#keep(block.subarray(start, at + 1))
        start = at + 1
        this.#place = 'array'
        this.#depth = 0
      } else {
        this.#count(kind)
        if (kind === token.comma && this.#depth === 1) this.#name = undefined
      }
    }
    this.#keep(block.subarray(start))
  }

  /** The document, parsed, with that array empty. */
  finish(): Record<string, unknown> {
    const text = this.#rest.take().toString('utf8')
    if (text.trim() === '') throw new EnvelopeFault('it is empty')
    if (this.#place === 'array') throw new EnvelopeFault(`it ends inside the array "${this.#property}"`)
    const document = this.#parse(text)
    if (typeof document !== 'object' || document === null || Array.isArray(document)) {
      throw new EnvelopeFault(
        `an object with the array "${this.#property}" was expected, it is ${kindOf(document)}`,
      )
    }
    const rest = document as Record<string, unknown>
    if (this.#place === 'behind') return rest
    if (this.#property in rest) {
      throw new EnvelopeFault(`"${this.#property}" should be an array and is ${kindOf(rest[this.#property])}`)
    }
    const names = Object.keys(rest).map((name) => `"${name}"`)
    throw new EnvelopeFault(
      `it has no array "${this.#property}", only ${names.join(', ') || 'an empty object'}`,
    )
  }

  /** Goes through a string, whose inside begins or goes on at `from`; returns where it ends. */
  #endString(block: Buffer, from: number, start: number): number {
    const end = endOfString(block, from)
    this.#stringFrom = end < block.length ? undefined : end - block.length
    if (end < block.length && this.#isNameHere()) this.#readName(block.subarray(start, end + 1))
    return end
  }

  #isNameHere(): boolean {
    return this.#place !== 'array' && this.#depth === 1 && this.#name === undefined
  }

  #readName(unkept: Buffer): void {
    const text = Buffer.concat([this.#rest.copy(), unkept]).subarray(this.#nameStart).toString('utf8')
    this.#name = String(this.#parse(text))
  }

  #isArrayHere(): boolean {
    if (this.#depth !== 1 || this.#name !== this.#property) return false
    if (this.#place === 'behind') throw new EnvelopeFault(`it has "${this.#property}" twice`)
    return true
  }

  #leaveArray(): void {
    this.#place = 'behind'
    this.#depth = 1
  }

  #count(kind: number | undefined): void {
    if (kind === token.open) this.#depth += 1
    else if (kind === token.close) {
      this.#depth -= 1
      if (this.#depth < 0) throw new EnvelopeFault('a bracket closes that was never opened')
    }
  }

  /** The element that has just ended; nothing when the array turns out to be empty. */
  #takeElement(isLast: boolean): Buffer | undefined {
    const line = this.#element.take()
    const text = line.toString('utf8')
    if (isLast && this.#elements === 0 && text.trim() === '') return undefined
    this.#parse(text)
    this.#elements += 1
    // JSON has no raw control characters inside of strings, so these stand between tokens.
    for (let at = 0; at < line.length; at += 1) if ((line[at] as number) < blank) line[at] = blank
    return line
  }

  #keep(part: Buffer): void {
    if (this.#place === 'array') this.#element.add(part)
    else this.#rest.add(part)
    if (this.#element.bytes > largestElementBytes) throw new EnvelopeFault('one element is larger than 64 MB')
    if (this.#rest.bytes > largestRestBytes) {
      throw new EnvelopeFault(`more than 1 MB of it lies outside of an array "${this.#property}"`)
    }
  }

  #parse(text: string): unknown {
    try {
      return JSON.parse(text)
    } catch (error) {
      const where = this.#place === 'array' ? `element ${this.#elements + 1} of "${this.#property}"` : 'it'
      throw new EnvelopeFault(`${where} is not JSON: ${JSON.stringify(text.trim().slice(0, 80))}`, {
        cause: error,
      })
    }
  }
}

/** Bytes that came in several blocks. */
class Piece {
  bytes = 0
  #parts: Buffer[] = []

  add(part: Buffer): void {
    if (part.length === 0) return
    this.#parts.push(part)
    this.bytes += part.length
  }

  /** All bytes so far, in memory of their own. */
  copy(): Buffer {
    return Buffer.concat(this.#parts)
  }

  take(): Buffer {
    const whole = this.copy()
    this.#parts = []
    this.bytes = 0
    return whole
  }
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' ? 'an object' : `the ${typeof value} ${JSON.stringify(value).slice(0, 80)}`
}
