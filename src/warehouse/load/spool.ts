/** The spool: what a response brought, as chunk files of complete lines, on disk until its window is committed. */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sweepYoung } from '../sweep.ts'
import type { Chunk } from './chunk.ts'
import { LineScanner } from './scan.ts'

/** Bytes of a chunk: larger ones cost memory at the reader, smaller ones time (measured). */
const chunkBytes = 8 * 2 ** 20
/** How much may come in before its blocks are swept away. */
const sweepBytes = 4 * 2 ** 20
const firstBytes = 2 ** 18
const newline = 10
const escapedNul = Buffer.from('\\u0000')

/**
 * Gathers bytes into chunk files, cut at the last newline that fits, and looks through each as it is written. A line
 * longer than a chunk makes its chunk longer. The same bytes give the same chunks, however they arrive.
 */
export class ChunkWriter {
  readonly #directory: string
  readonly #marks: readonly string[]
  readonly #chunks: Chunk[] = []
  #buffer = Buffer.allocUnsafeSlow(firstBytes)
  #length = 0
  #unswept = 0
  bytesWritten = 0

  /** Each record has one of the fields `marks`, where there are any. */
  constructor(directory: string, marks: readonly string[]) {
    this.#directory = directory
    this.#marks = marks
  }

  async write(block: Buffer): Promise<void> {
    this.bytesWritten += block.length
    this.#unswept += block.length
    if (this.#unswept >= sweepBytes) {
      sweepYoung()
      this.#unswept = 0
    }
    for (let from = 0; from < block.length; ) {
      if (this.#length === this.#buffer.length) await this.#makeRoom()
      from += this.#fill(block, from)
    }
  }

  /** Closes the last chunk; a last line without a newline is a line all the same. */
  async end(): Promise<readonly Chunk[]> {
    await this.#writeChunk(this.#length)
    return this.#chunks
  }

  #fill(block: Buffer, from: number): number {
    const copied = block.copy(this.#buffer, this.#length, from)
    this.#length += copied
    return copied
  }

  /** The buffer is full: what is complete becomes a chunk, or the buffer grows. */
  async #makeRoom(): Promise<void> {
    const end = this.#buffer.length < chunkBytes ? 0 : this.#buffer.lastIndexOf(newline) + 1
    if (end > 0) return this.#writeChunk(end)
    const larger = Buffer.allocUnsafeSlow(Math.max(chunkBytes, this.#buffer.length * 2))
    this.#buffer.copy(larger, 0, 0, this.#length)
    this.#buffer = larger
  }

  async #writeChunk(end: number): Promise<void> {
    if (end === 0) return
    const bytes = this.#buffer.subarray(0, end)
    const scanner = new LineScanner(this.#marks)
    scanner.scan(bytes)
    const path = join(this.#directory, `${String(nextNumber()).padStart(6, '0')}.ndjson`)
    await mkdir(this.#directory, { recursive: true, mode: 0o700 })
    await writeFile(path, bytes, { mode: 0o600 })
    this.#chunks.push({
      path,
      bytes: end,
      lines: scanner.lines,
      suspects: scanner.suspects,
      fields: scanner.fields,
      maxLineBytes: scanner.longestLineBytes,
      mayHaveNul: bytes.includes(escapedNul),
      endsWithNewline: bytes[end - 1] === newline,
    })
    const rest = this.#length - end
    const isOversized = this.#buffer.length > chunkBytes && rest < chunkBytes
    const next = isOversized ? Buffer.allocUnsafeSlow(chunkBytes) : this.#buffer
    this.#buffer.copy(next, 0, end, this.#length)
    this.#buffer = next
    this.#length = rest
  }
}

let lastNumber = 0
const nextNumber = (): number => {
  lastNumber += 1
  return lastNumber
}

/** Removes a directory of the spool and all that is in it. */
export const removeSpool = (directory: string): Promise<void> =>
  rm(directory, { recursive: true, force: true })
