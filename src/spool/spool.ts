/** The spool: what a response brought, as chunk files of complete lines, on disk until its window is committed. */
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sweepAll, sweepYoung } from '../engine/sweep.ts'
import { makeFolder } from '../folders.ts'
import { type Excess, excessReason, keptBytes, type LineLimits, lineLimits } from '../json/limits.ts'
import { LineScanner } from '../json/scan.ts'
import type { Chunk } from './chunk.ts'
import { Rejects } from './rejects.ts'

/** Bytes of a chunk: larger ones cost memory at the reader, smaller ones time (measured). */
const chunkBytes = 8 * 2 ** 20
/** How much may come in before its blocks are swept away. */
const sweepBytes = 4 * 2 ** 20
const firstBytes = 2 ** 18
const newline = 10
const escapedNul = Buffer.from('\\u0000')

/** What a writer has written. */
export interface Spooled {
  readonly chunks: readonly Chunk[]
  /** Lines beyond the limits: they stand in none of the chunks. */
  readonly refused: Rejects
}

export interface ChunkWriterOptions {
  /** Each record has one of these fields, where there are any. */
  readonly marks: readonly string[]
  readonly limits?: LineLimits
  /** Look for members of one name within a nested object. */
  readonly findsTwins?: boolean
}

/**
 * Gathers bytes into chunk files, cut at the last newline that fits, and looks through each as it is written. A line
 * longer than a chunk makes its chunk longer; one beyond the limits is set aside, and no more of it is held than is
 * kept. The same bytes give the same chunks, however they arrive.
 */
export class ChunkWriter {
  readonly #directory: string
  readonly #marks: readonly string[]
  readonly #limits: LineLimits
  readonly #findsTwins: boolean
  readonly #chunks: Chunk[] = []
  readonly #refused: Rejects
  #buffer = Buffer.allocUnsafeSlow(firstBytes)
  #length = 0
  #unswept = 0
  /** The line that is passing, once it is too long to be held. */
  #passing: PassingLine | undefined
  bytesWritten = 0

  constructor(directory: string, { marks, limits = lineLimits, findsTwins = false }: ChunkWriterOptions) {
    this.#directory = directory
    this.#marks = marks
    this.#limits = limits
    this.#findsTwins = findsTwins
    this.#refused = new Rejects(join(directory, 'refused.json'))
  }

  /** @throws EndlessLine where a line does not end within a gigabyte. */
  async write(block: Buffer): Promise<void> {
    this.bytesWritten += block.length
    this.#unswept += block.length
    if (this.#unswept >= sweepBytes) {
      sweepYoung()
      this.#unswept = 0
    }
    for (let from = 0; from < block.length; ) {
      if (this.#passing) from = await this.#pass(this.#passing, block, from)
      else if (this.#length < this.#buffer.length) from += this.#fill(block, from)
      else await this.#makeRoom()
    }
  }

  /** Closes the last chunk; a last line without a newline is a line all the same. */
  async end(): Promise<Spooled> {
    if (this.#passing) await this.#endPassing(this.#passing)
    await this.#writeChunk(this.#length)
    const { length } = this.#buffer
    if (length === chunkBytes) spare = new WeakRef(this.#buffer)
    this.#buffer = Buffer.alloc(0)
    // What came in has grown too old for the small sweeps (measured: 15 MB less at the peak).
    if (this.bytesWritten > chunkBytes) sweepAll()
    return { chunks: this.#chunks, refused: this.#refused }
  }

  #fill(block: Buffer, from: number): number {
    const copied = block.copy(this.#buffer, this.#length, from)
    this.#length += copied
    return copied
  }

  /** The buffer is full: what is complete becomes a chunk, or the buffer grows, or its line is too long to be held. */
  async #makeRoom(): Promise<void> {
    const { length } = this.#buffer
    const end = length < chunkBytes ? 0 : this.#buffer.lastIndexOf(newline) + 1
    if (end > 0) return this.#writeChunk(end)
    if (length > this.#limits.bytes) {
      this.#passing = { head: Buffer.from(this.#buffer.subarray(0, keptBytes)), bytes: length }
      this.#length = 0
      this.#shrink()
      return
    }
    const larger =
      length < chunkBytes
        ? usualBuffer()
        : Buffer.allocUnsafeSlow(Math.min(length * 2, this.#limits.bytes + 1))
    this.#buffer.copy(larger, 0, 0, this.#length)
    this.#buffer = larger
    if (length >= chunkBytes) sweepAll()
  }

  /** Lets a line pass that is too long; returns where the next one begins. */
  async #pass(passing: PassingLine, block: Buffer, from: number): Promise<number> {
    const newlineAt = block.indexOf(newline, from)
    passing.bytes += (newlineAt < 0 ? block.length : newlineAt) - from
    if (passing.bytes > this.#limits.endlessBytes) throw new EndlessLine(this.#limits.endlessBytes)
    if (newlineAt < 0) return block.length
    await this.#endPassing(passing)
    return newlineAt + 1
  }

  async #endPassing({ head, bytes }: PassingLine): Promise<void> {
    await this.#refuse(head, bytes, { kind: 'bytes', count: bytes })
    this.#passing = undefined
  }

  async #refuse(line: Buffer, lineBytes: number, excess: Excess): Promise<void> {
    const raw = beginningOf(line)
    await this.#refused.add({ ...excessReason(excess, this.#limits, lineBytes), raw, isJson: false })
  }

  async #writeChunk(end: number): Promise<void> {
    if (end === 0) return
    const { scanner, bytes } = await this.#looked(this.#buffer.subarray(0, end))
    if (bytes.length > 0) {
      const path = join(this.#directory, `${String(nextNumber()).padStart(6, '0')}.ndjson`)
      await makeFolder(this.#directory)
      await writeFile(path, bytes, { mode: 0o600 })
      this.#chunks.push({
        path,
        bytes: bytes.length,
        lines: scanner.lines,
        suspects: scanner.suspects,
        fields: scanner.fields,
        maxLineBytes: scanner.longestLineBytes,
        inexact: scanner.inexact,
        twins: scanner.twins,
        mayHaveNul: bytes.includes(escapedNul),
        endsWithNewline: bytes[bytes.length - 1] === newline,
      })
    }
    this.#buffer.copyWithin(0, end, this.#length)
    this.#length -= end
    if (this.#buffer.length > chunkBytes && this.#length < chunkBytes) this.#shrink()
  }

  /** Looks through lines; those beyond the limits are set aside, and the others close up. */
  async #looked(bytes: Buffer): Promise<{ scanner: LineScanner; bytes: Buffer }> {
    const options = { limits: this.#limits, findsTwins: this.#findsTwins }
    const scanner = new LineScanner(this.#marks, options)
    scanner.scan(bytes)
    if (scanner.refused.length === 0) return { scanner, bytes }
    let [kept, at] = [0, 0]
    for (const { from, to, excess } of scanner.refused) {
      await this.#refuse(bytes.subarray(from, to), to - from, excess)
      bytes.copyWithin(kept, at, from)
      kept += from - at
      at = to + 1
    }
    if (at < bytes.length) {
      bytes.copyWithin(kept, at)
      kept += bytes.length - at
    }
    const rest = bytes.subarray(0, kept)
    const again = new LineScanner(this.#marks, options)
    again.scan(rest)
    return { scanner: again, bytes: rest }
  }

  /** A buffer of the usual size in place of one that a long line has made large; that one is gone at once. */
  #shrink(): void {
    const usual = usualBuffer()
    this.#buffer.copy(usual, 0, 0, this.#length)
    this.#buffer = usual
    sweepAll()
  }
}

/** The buffer of a writer that has ended, as long as nobody has swept it away: each would wait for that for long. */
let spare: WeakRef<Buffer<ArrayBuffer>> | undefined

function usualBuffer(): Buffer<ArrayBuffer> {
  const buffer = spare?.deref() ?? Buffer.allocUnsafeSlow(chunkBytes)
  spare = undefined
  return buffer
}

interface PassingLine {
  /** What is kept of it. */
  readonly head: Buffer
  bytes: number
}

/** A line without an end: nothing after it can be found. */
export class EndlessLine extends Error {
  override readonly name = 'EndlessLine'

  constructor(bytes: number) {
    super(`a line does not end within ${bytes} bytes`)
  }
}

/** The beginning of a line as text, cut between characters. */
const beginningOf = (line: Buffer): string =>
  new TextDecoder('utf-8', { ignoreBOM: true }).decode(line.subarray(0, keptBytes), {
    stream: line.length >= keptBytes,
  })

let lastNumber = 0
const nextNumber = (): number => {
  lastNumber += 1
  return lastNumber
}

/** Removes a directory of the spool and all that is in it. */
export const removeSpool = (directory: string): Promise<void> =>
  rm(directory, { recursive: true, force: true })
