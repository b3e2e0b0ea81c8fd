/** The spool: what a response brought, as chunk files of complete lines, on disk until its window is committed. */

import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolder } from '../../folders.ts'
import { sweepYoung } from '../sweep.ts'
import type { Chunk, Reject } from './chunk.ts'
import { beginningOf, mostLineBytes } from './limits.ts'
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
  /** A line that is too long to be kept, until it ends. */
  #skipped: { readonly beginning: string; bytes: number } | undefined
  #tooLong: Reject[] = []
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
    for (let from = this.#skip(block, 0); from < block.length; ) {
      if (this.#length === this.#buffer.length) await this.#makeRoom()
      if (this.#skipped) from = this.#skip(block, from)
      else from += this.#fill(block, from)
    }
  }

  /** Passes over the rest of a line that is too long; returns where the next one begins. */
  #skip(block: Buffer, from: number): number {
    if (!this.#skipped) return from
    const end = block.indexOf(newline, from)
    this.#skipped.bytes += (end < 0 ? block.length : end) - from
    if (end < 0) return block.length
    this.#endSkipped()
    return end + 1
  }

  #endSkipped(): void {
    if (!this.#skipped) return
    const { beginning, bytes } = this.#skipped
    this.#tooLong.push({
      code: 'too_long',
      reason: `the line has ${bytes} bytes, more than ${mostLineBytes}; its beginning is kept`,
      raw: beginning,
    })
    this.#skipped = undefined
  }

  /** Closes the last chunk; a last line without a newline is a line all the same. */
  async end(): Promise<readonly Chunk[]> {
    this.#endSkipped()
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
    if (this.#length >= mostLineBytes) {
      this.#skipped = { beginning: beginningOf(this.#buffer), bytes: this.#length }
      this.#buffer = Buffer.allocUnsafeSlow(chunkBytes)
      this.#length = 0
      return
    }
    const larger = Buffer.allocUnsafeSlow(Math.max(chunkBytes, this.#buffer.length * 2))
    this.#buffer.copy(larger, 0, 0, this.#length)
    this.#buffer = larger
  }

  async #writeChunk(end: number): Promise<void> {
    if (end === 0 && this.#tooLong.length === 0) return
    const bytes = this.#buffer.subarray(0, end)
    const scanner = new LineScanner(this.#marks)
    scanner.scan(bytes)
    const path = join(this.#directory, `${String(nextNumber()).padStart(6, '0')}.ndjson`)
    await makeFolder(this.#directory)
    await writeFile(path, bytes, { mode: 0o600 })
    this.#chunks.push({
      path,
      bytes: end,
      lines: scanner.lines,
      suspects: scanner.suspects,
      fields: scanner.fields,
      maxLineBytes: scanner.longestLineBytes,
      mayHaveNul: bytes.includes(escapedNul),
      endsWithNewline: end === 0 || bytes[end - 1] === newline,
      tooLong: this.#tooLong,
    })
    this.#tooLong = []
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
