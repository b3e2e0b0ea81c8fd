/**
 * The wish to stop, as a connection of DuckDB hears it. An interruption does nothing to a statement that has not begun,
 * and nobody tells when it has: so it is repeated until the statement ends, and no other is begun.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import { InterruptedError } from '../errors.ts'

const againMs = 10

export class Interrupter implements Disposable {
  readonly #connection: DuckDBConnection
  readonly #signal: AbortSignal | undefined
  #atWork = 0
  #timer: NodeJS.Timeout | undefined

  constructor(connection: DuckDBConnection, signal: AbortSignal | undefined) {
    this.#connection = connection
    this.#signal = signal
    signal?.addEventListener('abort', this.#interrupt)
  }

  /** Runs a statement that ends when the user asks to stop. @throws InterruptedError when that was before. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const end = this.begin()
    try {
      return await work()
    } finally {
      end()
    }
  }

  /** The same for rows that come bit by bit; the function that is returned says that they have ended. */
  begin(): () => void {
    if (this.#signal?.aborted) throw new InterruptedError(undefined, { cause: this.#signal.reason })
    this.#atWork += 1
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      this.#atWork -= 1
      if (this.#atWork === 0) clearInterval(this.#timer)
    }
  }

  #interrupt = () => {
    if (this.#atWork === 0) return
    this.#connection.interrupt()
    this.#timer = setInterval(() => this.#connection.interrupt(), againMs)
  };

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    this.#signal?.removeEventListener('abort', this.#interrupt)
  }
}
