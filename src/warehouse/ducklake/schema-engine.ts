/**
 * A DuckDB of its own in which the tables and views of a lake are made and changed, one transaction at a time.
 *
 * DuckLake keeps what it knows of a lake's tables in a cache of the instance, and what a transaction has made points into
 * it without holding it (https://github.com/duckdb/ducklake/issues/1248, in DuckDB 1.5.3 to 1.5.5). Where a second connection
 * of the instance comes to know the same state, or memory runs short, the commit reads what stands there then: it ended
 * the process, or wrote a view into a schema that does not exist, after which nobody can read the lake
 * (https://github.com/duckdb/ducklake/issues/1404; both seen, with three connections within 45 transactions). Here nobody
 * else comes to know anything, and nothing takes memory. Rows may come and go in any instance: what points at them does so
 * by number.
 */
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { type Engine, makeInstance } from '../../engine/engine.ts'
import { Turns } from '../../engine/turns.ts'
import type { Lake } from './lake.ts'

/** Far more than it needs, so that the cache keeps what is being pointed at. */
const memoryLimit = '1GB'
/** Each change adds all that is known of the lake to the cache: 0.8 MB for sixty tables of fifty columns. */
const largestCacheBytes = 32 * 2 ** 20

/** A transaction that makes, changes or removes tables and views. A commit that fails must be followed by `rollback`. */
export interface SchemaTransaction {
  run(statement: string): Promise<unknown>
  commit(): Promise<void>
  rollback(): Promise<void>
}

interface Opened {
  readonly instance: DuckDBInstance
  readonly connection: DuckDBConnection
}

export class SchemaEngine {
  readonly #engine: Engine
  readonly #lake: Lake
  readonly #directory: string
  readonly #turns = new Turns()
  #opened: Opened | undefined

  /** `directory`: where its DuckDB may spill. */
  constructor(engine: Engine, lake: Lake, directory: string) {
    this.#engine = engine
    this.#lake = lake
    this.#directory = directory
  }

  /** Resolves when the transaction before it has ended. It must be committed or taken back. */
  async begin(): Promise<SchemaTransaction> {
    const leave = await this.#turns.hold()
    try {
      this.#opened ??= await this.#open()
      const { connection } = this.#opened
      // Views may read tables of Postgres, of which DuckDB knows what it saw first.
      await connection.run('call pg_clear_cache()')
      await connection.run('begin')
      return {
        run: (statement) => connection.run(statement),
        commit: async () => {
          await connection.run('commit')
          await this.#closeLarge(connection)
          leave()
        },
        rollback: async () => {
          // What failed may have ended it already.
          await connection.run('rollback').catch(() => {})
          leave()
        },
      }
    } catch (error) {
      this.close()
      leave()
      throw error
    }
  }

  close(): void {
    this.#opened?.connection.closeSync()
    this.#opened?.instance.closeSync()
    this.#opened = undefined
  }

  async #open(): Promise<Opened> {
    const trustsExtensions = await this.#lake.extensions.areChecked()
    const instance = await makeInstance({
      directory: this.#directory,
      memoryLimit,
      threads: 1,
      trustsExtensions,
    })
    const connection = await this.#engine.connect(instance)
    try {
      await this.#lake.ready(connection)
      // Changes are rare: no backend of the server waits for the next one.
      await connection.run('set pg_pool_max_connections = 0')
      await this.#lake.attach(connection)
      await this.#lake.attachState(connection)
      await connection.run('use warehouse')
      return { instance, connection }
    } catch (error) {
      connection.closeSync()
      instance.closeSync()
      throw error
    }
  }

  async #closeLarge(connection: DuckDBConnection): Promise<void> {
    const isLarge = await connection.runAndReadAll(
      `select 1 from duckdb_memory() where tag = 'OBJECT_CACHE' and memory_usage_bytes > ${largestCacheBytes}`,
    )
    if (isLarge.currentRowCount > 0) this.close()
  }
}
