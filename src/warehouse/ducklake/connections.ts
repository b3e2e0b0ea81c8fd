/** Connections of the engine whose default database is the lake. To make one ready costs time, so they are kept. */
import type { DuckDBConnection } from '@duckdb/node-api'
import { sql } from 'kysely'
import type { Engine } from '../../engine/engine.ts'
import { Turns } from '../../engine/turns.ts'
import type { Session, UseOptions } from '../session.ts'
import { quoted } from '../sql.ts'
import type { Lake } from './lake.ts'
import { probeStorage } from './probe.ts'

/** A connection for the time of a session. */
export interface HeldLake extends AsyncDisposable {
  readonly connection: DuckDBConnection
  /** There is no lake yet, and asking for it has not made it: the connection knows no tables. */
  readonly isEmpty: boolean
}

export class LakeConnections {
  readonly #engine: Engine
  readonly #lake: Lake
  readonly #directory: string
  readonly #idle: DuckDBConnection[] = []
  readonly #turns = new Turns()
  #isAttached = false

  /** `directory`: where a DuckDB may spill. */
  constructor(engine: Engine, lake: Lake, directory: string) {
    this.#engine = engine
    this.#lake = lake
    this.#directory = directory
  }

  /** `own` is the session of Postgres that goes with it. */
  async hold(own: Session, { isReading, isGuarded, isAsFound }: UseOptions): Promise<HeldLake> {
    // Statements of people run in a DuckDB of their own (reader.ts): this one need not reach the lake.
    const isThere = isGuarded
      ? this.#isAttached || (await this.#isThere(own))
      : await this.#turns.take(() => this.#attach(own, !isReading && !isAsFound))
    const isUsed = isThere && !isGuarded
    const connection = (isUsed && this.#idle.pop()) || (await this.#connect(isUsed))
    // Whether all that it takes is there, a check wants to know before the first sync.
    if (!isThere && isAsFound) await (this.#lake.isInCloud ? this.#probe() : this.#lake.ready(connection))
    return {
      connection,
      isEmpty: !isThere,
      [Symbol.asyncDispose]: async () => {
        // A session that ended in the middle of its work may have left one open.
        await connection.run('rollback').catch(() => {})
        if (isUsed) this.#idle.push(connection)
        else connection.closeSync()
      },
    }
  }

  close(): void {
    for (const connection of this.#idle.splice(0)) connection.closeSync()
  }

  async #connect(isThere: boolean): Promise<DuckDBConnection> {
    const connection = await this.#engine.connect()
    if (isThere) await connection.run('use warehouse')
    return connection
  }

  async #isThere({ db }: Session): Promise<boolean> {
    const table = `${quoted(this.#lake.catalogueSchema)}.ducklake_metadata`
    const { rows } = await sql<{ found: string | null }>`select to_regclass(${table})::text as found`.execute(
      db,
    )
    return rows[0]?.found !== null
  }

  #probe(): Promise<void> {
    return probeStorage(this.#lake, this.#engine, this.#directory)
  }

  /** True when the lake is attached. */
  async #attach(own: Session, mayMakeIt: boolean): Promise<boolean> {
    if (this.#isAttached) return true
    const isThere = await this.#isThere(own)
    if (!mayMakeIt && !isThere) return false
    const { db } = own
    const connection = await this.#engine.connect()
    try {
      // Once it is made its catalogue says for good where the files are: a bucket that was misspelt, too.
      if (!isThere && this.#lake.isInCloud) await this.#probe()
      // Two processes that begin at once would both make it.
      await db.transaction().execute(async (trx) => {
        await sql`select pg_advisory_xact_lock(hashtext('iterable-elt lake'))`.execute(trx)
        await this.#lake.attach(connection)
        if (mayMakeIt) await this.#lake.compress(connection)
        // Views of the lake may read them.
        await this.#lake.attachState(connection)
      })
      this.#isAttached = true
      return true
    } finally {
      connection.closeSync()
    }
  }
}
