/** The spool: what a response brought, as chunk files of complete lines, on disk until its window is committed. */
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Chunk } from './chunk.ts'

/** Bytes of a chunk: larger ones cost memory at the reader, smaller ones time (measured). */
const chunkBytes = 8 * 2 ** 20
const newline = 10

/**
 * Writes bytes into chunk files, cut at the last newline before they are full. Bytes pass undecoded. A line longer
 * than a chunk makes its chunk longer.
 */
export class ChunkWriter {
  readonly #directory: string
  readonly #onChunk: ((chunk: Chunk) => void) | undefined
  readonly #chunks: Chunk[] = []
  #file: FileHandle | undefined
  #path = ''
  #bytes = 0
  #lineBytes = 0
  #longestLine = 0
  #mayHaveNul = false
  readonly #watch = new NulWatch()
  bytesWritten = 0

  /** `onChunk` hears of each chunk as soon as it is complete. */
  constructor(directory: string, onChunk?: (chunk: Chunk) => void) {
    this.#directory = directory
    this.#onChunk = onChunk
  }

  async write(block: Buffer): Promise<void> {
    if (this.#bytes + block.length < chunkBytes) return this.#append(block)
    const end = block.lastIndexOf(newline)
    if (end < 0) return this.#append(block)
    await this.#append(block.subarray(0, end + 1))
    await this.#finishChunk()
    if (end + 1 < block.length) await this.#append(block.subarray(end + 1))
  }

  /** Closes the last chunk; a last line without a newline is a line all the same. */
  async end(): Promise<readonly Chunk[]> {
    await this.#finishChunk()
    return this.#chunks
  }

  /** Closes and forgets everything; the files go with their directory. */
  async discard(): Promise<void> {
    await this.#file?.close()
    this.#file = undefined
  }

  async #append(block: Buffer): Promise<void> {
    if (!this.#file) {
      this.#path = join(this.#directory, `${String(nextNumber()).padStart(6, '0')}.ndjson`)
      await mkdir(this.#directory, { recursive: true })
      this.#file = await open(this.#path, 'w')
    }
    // Lines are measured roughly: a block without a newline lengthens the line that it continues.
    const first = block.indexOf(newline)
    if (first < 0) {
      this.#lineBytes += block.length
    } else {
      this.#longestLine = Math.max(this.#longestLine, this.#lineBytes + first, block.length - first)
      this.#lineBytes = block.length - block.lastIndexOf(newline)
    }
    this.#longestLine = Math.max(this.#longestLine, this.#lineBytes)
    this.#mayHaveNul ||= this.#watch.sees(block)
    await this.#file.writeFile(block)
    this.#bytes += block.length
    this.bytesWritten += block.length
  }

  async #finishChunk(): Promise<void> {
    if (!this.#file) return
    await this.#file.close()
    this.#file = undefined
    const chunk = {
      path: this.#path,
      bytes: this.#bytes,
      maxLineBytes: this.#longestLine,
      mayHaveNul: this.#mayHaveNul,
    }
    this.#mayHaveNul = false
    this.#bytes = 0
    this.#lineBytes = 0
    this.#longestLine = 0
    this.#chunks.push(chunk)
    this.#onChunk?.(chunk)
  }
}

/** Looks for the escape of U+0000, which Postgres cannot hold, also across two blocks. */
class NulWatch {
  static readonly #escape = Buffer.from('\\u0000')
  #tail = Buffer.alloc(0)

  sees(block: Buffer): boolean {
    const seam = Buffer.concat([this.#tail, block.subarray(0, 5)])
    this.#tail = Buffer.from(block.subarray(-5))
    return block.includes(NulWatch.#escape) || seam.includes(NulWatch.#escape)
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
