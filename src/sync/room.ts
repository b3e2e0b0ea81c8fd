/** Room on the disk for what has come and is not committed: windows are as long as it allows. */
import { statfs } from 'node:fs/promises'
import { dirname } from 'node:path'

/** What a window brings at most, however much room there is. */
const mostBytes = 10e9
/** Of what is free: six windows may be on their way at once, and each may bring twice what is expected. */
const share = 1 / 16

export class DiskRoom {
  readonly #directory: string
  #windowBytes = 2e9

  constructor(directory: string) {
    this.#directory = directory
  }

  /** What a window may bring. */
  get windowBytes(): number {
    return this.#windowBytes
  }

  /** Looks how much is free; where nobody can tell, it stays as it was. */
  async measure(): Promise<void> {
    const free = await freeBytes(this.#directory)
    if (free !== undefined) this.#windowBytes = Math.min(mostBytes, free * share)
  }
}

/** Of the disk that a folder is on, or will be on. */
async function freeBytes(directory: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(directory)
    return bavail * bsize
  } catch {
    const parent = dirname(directory)
    return parent === directory ? undefined : freeBytes(parent)
  }
}
