/** Room in the engine for rows on their way, which all of its connections read; what finds no place in memory spills. */
import type { DuckDBConnection, DuckDBDataChunk } from '@duckdb/node-api'
import type { Engine } from './engine.ts'

/** Where chunks go. By itself it gathers 200,000 rows beside the engine's memory. */
interface Sink {
  append(chunk: DuckDBDataChunk): void
  flush(): void
}

export class Scratch implements AsyncDisposable {
  /** Within a transaction once there is something to read. */
  readonly connection: DuckDBConnection
  readonly #name: string

  static async open({ instance }: Engine): Promise<Scratch> {
    made += 1
    const name = `scratch${made}`
    const connection = await instance.connect()
    try {
      await connection.run(`attach ':memory:' as ${name}`)
    } catch (error) {
      connection.closeSync()
      throw error
    }
    return new Scratch(connection, name)
  }

  private constructor(connection: DuckDBConnection, name: string) {
    this.connection = connection
    this.#name = name
  }

  /** A table of it, as any statement of the engine names it. */
  table(name: string): string {
    return `${this.#name}.main.${name}`
  }

  /** Fills a new table with what comes, chunk by chunk: no value of it becomes one of JavaScript. */
  async fill(
    name: string,
    columns: readonly (readonly [name: string, type: string])[],
    pour: (sink: Sink) => Promise<void>,
  ): Promise<void> {
    const list = columns.map(([column, type]) => `${column} ${type}`).join(', ')
    await this.connection.run(`begin; create table ${this.table(name)} (${list})`)
    const appender = await this.connection.createAppender(name, 'main', this.#name)
    await pour({
      append: (chunk) => appender.appendDataChunk(chunk),
      flush: () => appender.flushSync(),
    })
    appender.closeSync()
    // Rows have their numbers (rowid) from then on.
    await this.connection.run('commit; begin')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.connection.run('rollback').catch(() => {})
      await this.connection.run(`detach ${this.#name}`)
    } finally {
      this.connection.closeSync()
    }
  }
}

/** Names of databases are those of the whole instance. */
let made = 0
