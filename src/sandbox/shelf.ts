/**
 * The rows of one export data type: generated blocks of 24 hours, encoded once and kept as bytes, and rows
 * that tests put there. A window is served from slices of the encoded bytes.
 */
import type { EventShelf, Row } from './options.ts'
import { boundOf, readTime } from './times.ts'

/** Where generated rows come from. Pure: the same block and index always give the same row. */
export interface RowSource {
  readonly start: number
  /** Hides everything from here on: generated data ends with the present. */
  until(): number
  rowsIn(block: number): number
  rowAt(block: number, index: number): { at: number; row: Row }
}

interface Part {
  readonly bytes: Buffer
  /** Offset of each line in bytes, and one past the end. */
  readonly starts: Uint32Array
  readonly times: Float64Array
}

interface Extra {
  readonly line: string
  /** undefined: comes with every window. */
  readonly at: number | undefined
  hiddenReads: number
}

const blockMs = 86_400_000
const rowsPerPart = 4000
const extrasPerChunk = 2000

/** Encoded parts of all shelves, the least recently used dropped first. */
export class PartCache {
  readonly #parts = new Map<string, Part>()
  readonly #limit: number
  #bytes = 0

  constructor(limitBytes: number) {
    this.#limit = limitBytes
  }

  get(key: string, make: () => Part): Part {
    const found = this.#parts.get(key)
    if (found) {
      this.#parts.delete(key)
      this.#parts.set(key, found)
      return found
    }
    const part = make()
    this.#parts.set(key, part)
    this.#bytes += part.bytes.length
    for (const [oldest, { bytes }] of this.#parts) {
      if (this.#bytes <= this.#limit || oldest === key) break
      this.#parts.delete(oldest)
      this.#bytes -= bytes.length
    }
    return part
  }
}

export class Shelf implements EventShelf {
  readonly #dataType: string
  readonly #timeField: string
  readonly #cache: PartCache
  #source: RowSource | undefined
  #extras: Extra[] = []

  constructor(dataType: string, cache: PartCache, source?: RowSource) {
    this.#dataType = dataType
    this.#timeField = dataType === 'user' ? 'profileUpdatedAt' : 'createdAt'
    this.#cache = cache
    this.#source = source
  }

  push(...rows: (Row | string)[]): void {
    for (const row of rows) this.#extras.push({ ...this.#encode(row), hiddenReads: 0 })
  }

  pushRaw(line: string, at: Date | string, { hiddenReads = 0 }: { hiddenReads?: number } = {}): void {
    this.#extras.push({ line, at: boundOf(at), hiddenReads })
  }

  pushLate(rows: Row[], hiddenReads = 1): void {
    for (const row of rows) this.#extras.push({ ...this.#encode(row), hiddenReads })
  }

  clear(): void {
    this.#source = undefined
    this.#extras = []
  }

  remove(test: (row: Row) => boolean): number {
    const before = this.#materialise()
    this.#extras = before.filter(({ line }) => {
      const row = parseRow(line)
      return row === undefined || !test(row)
    })
    return before.length - this.#extras.length
  }

  get count(): number {
    return this.#generatedCount() + this.#extras.length
  }

  /**
   * The bytes of a window [from, to), whole lines in pieces of up to some megabytes. A `peek` neither counts as
   * a read nor misses what is still hidden.
   */
  *read(from: number, to: number, { peek = false }: { peek?: boolean } = {}): Generator<Buffer> {
    for (const part of this.#partsBetween(from, to)) yield* slices(part, from, Math.min(to, this.#end()))
    let lines: string[] = []
    for (const extra of this.#extras) {
      if (extra.at !== undefined && (extra.at < from || extra.at >= to)) continue
      if (!peek && extra.hiddenReads > 0) {
        extra.hiddenReads -= 1
        continue
      }
      if (lines.push(extra.line) === extrasPerChunk) {
        yield Buffer.from(`${lines.join('\n')}\n`)
        lines = []
      }
    }
    if (lines.length > 0) yield Buffer.from(`${lines.join('\n')}\n`)
  }

  #encode(row: Row | string): { line: string; at: number | undefined } {
    if (typeof row !== 'string') return { line: JSON.stringify(row), at: readTime(row[this.#timeField]) }
    if (row.includes('\n')) throw new TypeError('a raw line must not contain a newline')
    return { line: row, at: readTime(parseRow(row)?.[this.#timeField]) }
  }

  #end(): number {
    return this.#source?.until() ?? Number.POSITIVE_INFINITY
  }

  *#partsBetween(from: number, to: number): Generator<Part> {
    const source = this.#source
    if (!source) return
    const end = Math.min(to, source.until())
    const first = Math.max(0, Math.floor((from - source.start) / blockMs))
    for (let block = first; source.start + block * blockMs < end; block++) {
      const rows = source.rowsIn(block)
      for (let start = 0; start < rows; start += rowsPerPart) {
        const stop = Math.min(rows, start + rowsPerPart)
        yield this.#cache.get(`${this.#dataType}:${block}:${start}`, () =>
          encodePart(source, block, start, stop),
        )
      }
    }
  }

  #generatedCount(): number {
    let count = 0
    const end = this.#end()
    for (const { times } of this.#partsBetween(Number.NEGATIVE_INFINITY, end)) {
      for (const at of times) if (at < end) count += 1
    }
    return count
  }

  #materialise(): Extra[] {
    if (!this.#source) return this.#extras
    const rows: Extra[] = []
    const end = this.#end()
    for (const part of this.#partsBetween(Number.NEGATIVE_INFINITY, end)) {
      part.times.forEach((at, index) => {
        if (at < end) rows.push({ line: lineAt(part, index), at, hiddenReads: 0 })
      })
    }
    this.#source = undefined
    return rows.concat(this.#extras)
  }
}

/** A JSON object, or undefined for anything else. */
export function parseRow(line: string): Row | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Row) : undefined
  } catch {
    return undefined
  }
}

function encodePart(source: RowSource, block: number, start: number, stop: number): Part {
  const lines: string[] = []
  const times = new Float64Array(stop - start)
  for (let index = start; index < stop; index++) {
    const { at, row } = source.rowAt(block, index)
    times[index - start] = at
    lines.push(JSON.stringify(row))
  }
  const bytes = Buffer.from(`${lines.join('\n')}\n`)
  const starts = new Uint32Array(lines.length + 1)
  let offset = 0
  for (let line = 1; line <= lines.length; line++) {
    offset = bytes.indexOf(10, offset) + 1
    starts[line] = offset
  }
  return { bytes, starts, times }
}

const lineAt = ({ bytes, starts }: Part, index: number) =>
  bytes.toString('utf8', starts[index]!, starts[index + 1]! - 1)

/** The part itself where all of it is meant, else one buffer of the lines that fit. */
function* slices({ bytes, starts, times }: Part, from: number, to: number): Generator<Buffer> {
  const runs: Buffer[] = []
  let run = -1
  for (let index = 0; index <= times.length; index++) {
    const fits = index < times.length && times[index]! >= from && times[index]! < to
    if (fits && run < 0) run = index
    if (!fits && run >= 0) {
      runs.push(bytes.subarray(starts[run]!, starts[index]!))
      run = -1
    }
  }
  if (runs.length === 1) yield runs[0]!
  else if (runs.length > 1) yield Buffer.concat(runs)
}
