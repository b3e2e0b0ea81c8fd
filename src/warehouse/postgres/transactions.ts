/**
 * Transactions of one connection. Behind a pooler each of them may reach another backend, which keeps nothing of us from
 * the one before: so each begins with the settings of the session, and no statement is sent outside of one.
 */
import type pg from 'pg'
import { literal } from '../sql.ts'
import { type Backend, microseconds } from './server.ts'

/** Settings of a session, in Postgres's own words. */
export type Settings = Readonly<Record<string, string>>

export interface HoldOptions {
  readonly settings: Settings
  readonly signal: AbortSignal | undefined
  /** The session is for a statement that a person wrote, who may have left more behind than a transaction takes along. */
  readonly isGuarded: boolean
  /** Runs before anything else does: once on the connection, or, behind a pooler, in each transaction that may write. */
  readonly onBegin: (client: pg.ClientBase) => Promise<void>
}

export class Transactions {
  readonly #client: pg.PoolClient
  readonly #options: HoldOptions
  readonly #isPooled: boolean
  #isOpen = false
  #backend: Backend | undefined

  constructor(client: pg.PoolClient, options: HoldOptions, isPooled: boolean) {
    this.#client = client
    this.#options = options
    this.#isPooled = isPooled
  }

  /** Who works for us at this moment; behind a pooler nobody does outside of transactions. */
  get backend(): Backend | undefined {
    if (this.#isPooled) return this.#backend
    const { processID: pid } = this.#client as { processID?: number }
    return pid === undefined ? undefined : { pid }
  }

  /** Begins one by a statement that says how, e.g. `begin transaction read only`. */
  async begin(statement: string): Promise<void> {
    this.#isOpen = true
    if (!this.#isPooled) {
      await this.#client.query(statement)
      return
    }
    const { settings, onBegin } = this.#options
    const applied = Object.entries(settings).map(
      ([name, value]) => `set_config(${literal(name)}, ${literal(value)}, true)`,
    )
    try {
      // Several statements in one text: one round trip, and a result for each.
      const results = (await this.#client.query(
        `${statement}; select pg_backend_pid() as pid, ${microseconds('now()')} as since, ${applied.join(', ')}`,
      )) as unknown as pg.QueryResult<{ pid: number; since: string }>[]
      this.#backend = results[1]?.rows[0]
      if (!/read only/.test(statement)) await onBegin(this.#client)
    } catch (error) {
      await this.end('rollback').catch(() => {})
      throw error
    }
  }

  /** Sends `commit` or `rollback`; advisory locks that a person's query took go with it. */
  async end(statement: string): Promise<pg.QueryResult> {
    this.#isOpen = false
    this.#backend = undefined
    if (!this.#options.isGuarded) return this.#client.query(statement)
    const results: unknown = await this.#client.query(`${statement}; select pg_advisory_unlock_all()`)
    return (results as readonly pg.QueryResult[])[0] ?? done(statement)
  }

  /**
   * Runs a statement of the session, which may begin or end a transaction. What begins within one is part of it, and
   * what ends without one has ended already: so Kysely's migrator runs within the transaction of its lock.
   */
  async run(query: pg.QueryConfig): Promise<pg.QueryResult> {
    if (/^(begin|start transaction)\b/.test(query.text)) {
      if (!this.#isOpen) await this.begin(query.text)
      return done('begin')
    }
    if (/^(commit|rollback)$/.test(query.text)) return this.#isOpen ? this.end(query.text) : done(query.text)
    if (this.#isOpen || !this.#isPooled) return this.#client.query(query)
    await this.begin('begin')
    try {
      const result = await this.#client.query(query)
      await this.end('commit')
      return result
    } catch (error) {
      await this.end('rollback').catch(() => {})
      throw error
    }
  }
}

const nothing = { rowCount: 0, oid: 0, rows: [], fields: [] }
/** What the server would say of a statement that begins or ends a transaction. */
const done = (statement: string): pg.QueryResult => ({ command: statement.toUpperCase(), ...nothing })
