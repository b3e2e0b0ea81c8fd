/**
 * How large a message of the server may be. The client gathers one in memory before it looks at it, and a value of more
 * than half a gigabyte, which a query makes with `repeat`, throws where nobody can catch it: the process would end.
 */
import type { Duplex } from 'node:stream'
import type pg from 'pg'
import { ConfigError } from '../../errors.ts'

const mostBytes = 256 * 2 ** 20
const headerBytes = 5

const limited = new WeakSet<Duplex>()

/** From now on a larger message breaks the connection, and is the error of whoever waits for it. */
export function limitMessages(client: pg.ClientBase): void {
  const { stream } = (client as { connection?: { stream?: Duplex } }).connection ?? {}
  // In its place, not beside it: COPY takes the one listener that there is away for a while, at the end of a message.
  const [listener] = stream?.listeners('data') ?? []
  if (!stream || !listener || limited.has(stream)) return
  limited.add(stream)
  const messages = new Messages()
  stream.removeListener('data', listener as (piece: Buffer) => void)
  stream.on('data', (piece: Buffer) => {
    if (messages.largestIn(piece) <= mostBytes) listener.call(stream, piece)
    else
      stream.destroy(
        new ConfigError('a row of the result is larger than 256 MB; select less of it', {
          code: 'query_invalid',
        }),
      )
  })
}

/** Follows messages through the pieces in which they come. Each says first of what kind and how long it is. */
export class Messages {
  readonly #header = Buffer.alloc(headerBytes)
  #filled = 0
  /** What is still to come of the message at hand. */
  #left = 0

  /** The length of the largest message that begins here. */
  largestIn(piece: Buffer): number {
    let largest = 0
    for (let at = 0; at < piece.length; ) {
      if (this.#left > 0) {
        const taken = Math.min(this.#left, piece.length - at)
        this.#left -= taken
        at += taken
        continue
      }
      const copied = piece.copy(this.#header, this.#filled, at)
      this.#filled += copied
      at += copied
      if (this.#filled < headerBytes) break
      // The length counts itself.
      const length = this.#header.readUInt32BE(1)
      largest = Math.max(largest, length)
      this.#left = Math.max(0, length - 4)
      this.#filled = 0
    }
    return largest
  }
}
