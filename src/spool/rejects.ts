/** Rejected rows of one read: they wait on disk until it is decided whether the read is published at all. */
import { appendFile, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { makeFolder } from '../folders.ts'

/** A line that cannot be loaded. */
export interface RejectedLine {
  readonly code: string
  readonly reason: string
  /** The line as it came, or its beginning. */
  readonly raw: string
  /** `raw` is JSON, and whole. */
  readonly isJson: boolean
}

/** What waits in memory before it is written, and goes into one statement. */
const batchRows = 500
const batchCharacters = 2 ** 20

/** Any number of rejects in bounded memory. */
export class Rejects {
  readonly #path: string
  readonly #earlier: Rejects | undefined
  #waiting: RejectedLine[] = []
  #waitingCharacters = 0
  /** Lengths of the batches in the file. */
  readonly #written: number[] = []
  #own = 0

  /** `path` is of a file that is made only where they are many; those of `earlier` come first. */
  constructor(path: string, earlier?: Rejects) {
    this.#path = path
    this.#earlier = earlier
  }

  /** How many there are. */
  get length(): number {
    return this.#own + (this.#earlier?.length ?? 0)
  }

  async add(reject: RejectedLine): Promise<void> {
    this.#own += 1
    this.#waiting.push(reject)
    this.#waitingCharacters += reject.raw.length
    if (this.#waitingCharacters < batchCharacters && this.#waiting.length < batchRows) return
    const batch = Buffer.from(JSON.stringify(this.#waiting))
    await makeFolder(dirname(this.#path))
    await appendFile(this.#path, batch, { mode: 0o600 })
    this.#written.push(batch.length)
    this.#waiting = []
    this.#waitingCharacters = 0
  }

  /** All of them in their order, so many at a time as one statement takes. */
  async *batches(): AsyncGenerator<readonly RejectedLine[], void> {
    if (this.#earlier) yield* this.#earlier.batches()
    if (this.#written.length > 0) yield* this.#writtenBatches()
    if (this.#waiting.length > 0) yield this.#waiting
  }

  async *#writtenBatches(): AsyncGenerator<readonly RejectedLine[], void> {
    const file = await open(this.#path)
    try {
      let at = 0
      for (const length of this.#written) {
        const { buffer } = await file.read(Buffer.allocUnsafe(length), 0, length, at)
        at += length
        yield JSON.parse(buffer.toString()) as RejectedLine[]
      }
    } finally {
      await file.close()
    }
  }
}
