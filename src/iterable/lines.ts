import { MalformedResponseError } from './errors.ts'

/**
 * Splits a page such as `{"campaigns":[{…},{…}],"nextPageUrl":"…"}` while it streams: yields each element of the
 * array under `property` as one line of JSON (raw, so that every digit stays; without a newline at its end or in
 * it), and returns the rest of the page, parsed, with that array empty. One element is held at a time.
 *
 * A page is whole only when the generator has returned: what it yielded before it throws must not be published.
 * Throws MalformedResponseError when the page is no JSON, ends early or has no such array.
 */
export async function* splitEnvelope(
  chunks: AsyncIterable<Uint8Array>,
  property: string,
  endpoint: string,
): AsyncGenerator<Buffer, Record<string, unknown>, undefined> {
  const scanner = new EnvelopeScanner(property, endpoint)
  for await (const chunk of chunks) {
    yield* scanner.scan(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
  }
  return scanner.finish()
}

const byte = {
  tab: 0x09,
  newline: 0x0a,
  carriageReturn: 0x0d,
  blank: 0x20,
  quote: 0x22,
  comma: 0x2c,
  colon: 0x3a,
  openArray: 0x5b,
  backslash: 0x5c,
  closeArray: 0x5d,
  openObject: 0x7b,
  closeObject: 0x7d,
} as const

/** What the warehouse takes as one line. */
const largestElementBytes = 64 * 1024 * 1024
/** Page numbers and links; far less in practice. */
const largestEnvelopeBytes = 1024 * 1024

/**
 * Finds where elements begin and end by counting brackets outside of strings. It looks at bytes only: in UTF-8 no
 * byte of a longer character looks like one of ours. JSON.parse judges each piece, so nothing malformed slips by.
 */
class EnvelopeScanner {
  private readonly property: string
  private readonly endpoint: string
  private readonly envelope = new Piece()
  private readonly element = new Piece()
  private place: 'envelope' | 'array' | 'behind' = 'envelope'
  private inString = false
  private escaped = false
  /** Open brackets: of the page while in the envelope, of the element while in the array. */
  private depth = 0
  /** Where the latest name at depth 1 begins in the envelope; names and their values alternate. */
  private nameStart = 0
  private name: string | undefined
  private elements = 0

  constructor(property: string, endpoint: string) {
    this.property = property
    this.endpoint = endpoint
  }

  *scan(chunk: Buffer): Generator<Buffer> {
    let pieceStart = 0
    for (let at = 0; at < chunk.length; at++) {
      const current = chunk[at]!
      if (this.inString) {
        if (this.escaped) this.escaped = false
        else if (current === byte.backslash) this.escaped = true
        else if (current === byte.quote) {
          this.inString = false
          if (this.isNameHere()) this.readName(chunk.subarray(pieceStart, at + 1))
        }
      } else if (current === byte.quote) {
        this.inString = true
        if (this.isNameHere()) this.nameStart = this.envelope.bytes + at - pieceStart
      } else if (this.place === 'array') {
        if (this.depth === 0 && (current === byte.comma || current === byte.closeArray)) {
          this.keep(chunk.subarray(pieceStart, at))
          const line = this.takeElement(current === byte.closeArray)
          if (line) yield line
          // The comma is dropped, the closing bracket belongs to the envelope.
          pieceStart = current === byte.comma ? at + 1 : at
          if (current === byte.closeArray) this.leaveArray()
        } else this.count(current)
      } else if (current === byte.openArray && this.isArrayHere()) {
        this.keep(chunk.subarray(pieceStart, at + 1))
        pieceStart = at + 1
        this.place = 'array'
        this.depth = 0
      } else {
        this.count(current)
        if (current === byte.comma && this.depth === 1) this.name = undefined
      }
    }
    this.keep(chunk.subarray(pieceStart))
  }

  finish(): Record<string, unknown> {
    const text = this.envelope.take().toString('utf8')
    if (text.trim() === '') throw this.malformed('it is empty')
    if (this.place === 'array') throw this.malformed(`it ends inside the array "${this.property}"`)
    const page = this.parse(text)
    if (typeof page !== 'object' || page === null || Array.isArray(page)) {
      throw this.malformed(`an object with the array "${this.property}" was expected, it is ${kindOf(page)}`)
    }
    const envelope = page as Record<string, unknown>
    if (this.place === 'behind') return envelope
    if (this.property in envelope) {
      const kind = kindOf(envelope[this.property])
      throw this.malformed(`"${this.property}" should be an array and is ${kind}`)
    }
    const names = Object.keys(envelope).map((name) => `"${name}"`)
    throw this.malformed(`it has no array "${this.property}", only ${names.join(', ') || 'an empty object'}`)
  }

  private isNameHere(): boolean {
    return this.place !== 'array' && this.depth === 1 && this.name === undefined
  }

  private readName(unkept: Buffer): void {
    const text = Buffer.concat([this.envelope.copy(), unkept]).subarray(this.nameStart).toString('utf8')
    this.name = String(this.parse(text))
  }

  private isArrayHere(): boolean {
    if (this.depth !== 1 || this.name !== this.property) return false
    if (this.place === 'behind') throw this.malformed(`it has "${this.property}" twice`)
    return true
  }

  private leaveArray(): void {
    this.place = 'behind'
    this.depth = 1
  }

  private count(current: number): void {
    if (current === byte.openObject || current === byte.openArray) this.depth++
    else if (current === byte.closeObject || current === byte.closeArray) {
      this.depth--
      if (this.depth < 0) throw this.malformed('a bracket closes that was never opened')
    }
  }

  /** The element that has just ended; nothing when the array turns out to be empty. */
  private takeElement(isLast: boolean): Buffer | undefined {
    const line = this.element.take()
    const text = line.toString('utf8')
    if (isLast && this.elements === 0 && text.trim() === '') return undefined
    this.parse(text)
    this.elements++
    // JSON has no raw control characters inside of strings, so these stand between tokens.
    for (let at = 0; at < line.length; at++) {
      const current = line[at]
      if (current === byte.newline || current === byte.carriageReturn || current === byte.tab)
        line[at] = byte.blank
    }
    return line
  }

  private keep(part: Buffer): void {
    if (this.place === 'array') this.element.add(part)
    else this.envelope.add(part)
    if (this.element.bytes > largestElementBytes) throw this.malformed('one element is larger than 64 MB')
    if (this.envelope.bytes > largestEnvelopeBytes) {
      throw this.malformed(`more than 1 MB of it lies outside of an array "${this.property}"`)
    }
  }

  private parse(text: string): unknown {
    try {
      return JSON.parse(text)
    } catch (error) {
      const where = this.place === 'array' ? `element ${this.elements + 1} of "${this.property}"` : 'it'
      throw this.malformed(`${where} is no JSON: ${JSON.stringify(text.trim().slice(0, 80))}`, error)
    }
  }

  private malformed(what: string, cause?: unknown): MalformedResponseError {
    return new MalformedResponseError(this.endpoint, what, cause === undefined ? {} : { cause })
  }
}

/** Bytes that came in several chunks. */
class Piece {
  bytes = 0
  private parts: Buffer[] = []

  add(part: Buffer): void {
    if (part.length === 0) return
    this.parts.push(part)
    this.bytes += part.length
  }

  /** All bytes so far, in memory of their own. */
  copy(): Buffer {
    return Buffer.concat(this.parts)
  }

  take(): Buffer {
    const whole = this.copy()
    this.parts = []
    this.bytes = 0
    return whole
  }
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' ? 'an object' : `the ${typeof value} ${JSON.stringify(value).slice(0, 80)}`
}
