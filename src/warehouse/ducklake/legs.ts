/**
 * The two legs of a transaction on a lake: rows, and what has a name (tables, views, schemas, comments), which changes in an
 * engine of its own (schema-engine.ts). At most one of the two is under way: the other has committed before, so each
 * sees what the other did. What has committed stays where the rest fails, as it does where Postgres, which commits after
 * the lake, fails: nobody tells of it then, and the next attempt makes it anew.
 */
import type { CompiledQuery, DatabaseConnection, Dialect, Driver, QueryResult } from 'kysely'
import type { SchemaEngine, SchemaTransaction } from './schema-engine.ts'

/** A dialect whose transactions have two legs; outside of transactions everything goes to `rows`. */
export const twoLegged = (rows: Dialect, schemas: SchemaEngine): Dialect => ({
  createAdapter: () => rows.createAdapter(),
  createDriver: () => new LegsDriver(rows.createDriver(), schemas),
  createIntrospector: (db) => rows.createIntrospector(db),
  createQueryCompiler: () => rows.createQueryCompiler(),
})

/** Temporary tables are those of the engine that works with the rows. */
const changesSchemas = (statement: string): boolean =>
  /^\s*(create(?!( or replace)? temp )|drop|alter|comment)\b/i.test(statement)

class LegsDriver implements Driver {
  readonly #rows: Driver
  readonly #schemas: SchemaEngine

  constructor(rows: Driver, schemas: SchemaEngine) {
    this.#rows = rows
    this.#schemas = schemas
  }

  init(): Promise<void> {
    return this.#rows.init()
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    return new LegsConnection(this.#rows, await this.#rows.acquireConnection(), this.#schemas)
  }

  releaseConnection(connection: DatabaseConnection): Promise<void> {
    return this.#rows.releaseConnection(connectionOf(connection).rows)
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    connectionOf(connection).begin()
  }

  commitTransaction(connection: DatabaseConnection): Promise<void> {
    return connectionOf(connection).commit()
  }

  rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    return connectionOf(connection).rollback()
  }

  destroy(): Promise<void> {
    return this.#rows.destroy()
  }
}

type Leg = { readonly kind: 'rows' } | { readonly kind: 'schemas'; readonly at: SchemaTransaction }

class LegsConnection implements DatabaseConnection {
  readonly rows: DatabaseConnection
  readonly #driver: Driver
  readonly #schemas: SchemaEngine
  #isInTransaction = false
  #leg: Leg | undefined

  constructor(driver: Driver, rows: DatabaseConnection, schemas: SchemaEngine) {
    this.#driver = driver
    this.rows = rows
    this.#schemas = schemas
  }

  begin(): void {
    this.#isInTransaction = true
  }

  async commit(): Promise<void> {
    await this.#commitLeg()
    this.#isInTransaction = false
  }

  async rollback(): Promise<void> {
    const leg = this.#leg
    this.#leg = undefined
    this.#isInTransaction = false
    if (leg?.kind === 'schemas') await leg.at.rollback()
    if (leg?.kind === 'rows') await this.#driver.rollbackTransaction(this.rows)
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    if (!this.#isInTransaction) return this.rows.executeQuery<R>(query)
    if (!changesSchemas(query.sql)) {
      await this.#useRows()
      return this.rows.executeQuery<R>(query)
    }
    const at = await this.#useSchemas()
    await at.run(query.sql)
    return { rows: [] }
  }

  async *streamQuery<R>(query: CompiledQuery, chunkSize: number): AsyncIterableIterator<QueryResult<R>> {
    if (this.#isInTransaction) await this.#useRows()
    yield* this.rows.streamQuery<R>(query, chunkSize)
  }

  async #useRows(): Promise<void> {
    if (this.#leg?.kind === 'rows') return
    await this.#commitLeg()
    await this.#driver.beginTransaction(this.rows, {})
    this.#leg = { kind: 'rows' }
  }

  async #useSchemas(): Promise<SchemaTransaction> {
    if (this.#leg?.kind === 'schemas') return this.#leg.at
    await this.#commitLeg()
    const at = await this.#schemas.begin()
    this.#leg = { kind: 'schemas', at }
    return at
  }

  /** One that cannot be committed stays, to be taken back. */
  async #commitLeg(): Promise<void> {
    const leg = this.#leg
    if (leg?.kind === 'schemas') await leg.at.commit()
    if (leg?.kind === 'rows') await this.#driver.commitTransaction(this.rows)
    this.#leg = undefined
  }
}

const connectionOf = (connection: DatabaseConnection): LegsConnection => {
  if (connection instanceof LegsConnection) return connection
  throw new TypeError('a connection of another driver')
}
