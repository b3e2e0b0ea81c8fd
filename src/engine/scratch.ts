/** Room in the engine for rows on their way, which all of its connections read; what finds no place in memory spills. */
import type { DuckDBConnection, DuckDBDataChunk } from '@duckdb/node-api'
import type { Engine } from './engine.ts'

/** Where chunks go. By itself it gathers 200,000 rows beside the engine's memory. */
interface Sink {
  append(chunk: DuckDBDataChunk): void
  flush(): void
}

export class Scratch implements AsyncDisposable {
  readonly connection: DuckDBConnection
  /** Its name in the database of the engine itself, which is in memory. */
  readonly #name: string
  #isStreamed = false

  static async open({ instance }: Engine): Promise<Scratch> {
    made += 1
    return new Scratch(await instance.connect(), `scratch${made}`)
  }

  private constructor(connection: DuckDBConnection, name: string) {
    this.connection = connection
    this.#name = name
  }

  /** The table, as any statement of the engine names it. */
  get table(): string {
    return `memory.main.${this.#name}`
  }

  /** Makes the table of what comes, chunk by chunk: no value of it becomes one of JavaScript. */
  async fill(
    columns: readonly (readonly [name: string, type: string])[],
    pour: (sink: Sink) => Promise<void>,
  ): Promise<void> {
    const list = columns.map(([column, type]) => `${column} ${type}`).join(', ')
    await this.connection.run(`create table ${this.table} (${list})`)
    const appender = await this.connection.createAppender(this.#name, 'main', 'memory')
    await pour({
      append: (chunk) => appender.appendDataChunk(chunk),
      flush: () => appender.flushSync(),
    })
    appender.closeSync()
  }

  /** One row, of a select of the table. */
  async row(select: string): Promise<readonly unknown[]> {
    return (await this.connection.runAndReadAll(select)).getRows()[0] ?? []
  }

  /** Before rows are streamed from its connection: in a transaction it shows whether all of them came (stream.ts). */
  async beginStreams(): Promise<void> {
    await this.connection.run('begin')
    this.#isStreamed = true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (this.#isStreamed) await this.connection.run('rollback').catch(() => {})
      await this.connection.run(`drop table if exists ${this.table}`)
    } finally {
      this.connection.closeSync()
    }
  }
}

/** Tables of the whole instance. */
let made = 0
