/**
 * Kysely on `@duckdb/node-api`: Postgres' query compiler serves DuckDB. The dialect is bound to one connection, since
 * the warehouse file is attached to (and let go by) exactly that one.
 */
import {
  type DuckDBConnection,
  DuckDBTimestampTZValue,
  type DuckDBValue,
  type DuckDBValueConverter,
  type JS,
  JSDuckDBValueConverter,
} from '@duckdb/node-api'
import {
  CompiledQuery,
  type DatabaseConnection,
  type DatabaseIntrospector,
  type Dialect,
  type DialectAdapter,
  type Driver,
  type Kysely,
  PostgresAdapter,
  PostgresQueryCompiler,
  type QueryResult,
  type SchemaMetadata,
  sql,
  type TableMetadata,
} from 'kysely'
import { isBeyondDates, isOutsideTransaction } from './errors.ts'
import type { Interrupter } from './interrupter.ts'
import { wholeStream } from './stream.ts'
import { Turns } from './turns.ts'

/** A Kysely dialect that runs everything on `connection`, and begins nothing once it was interrupted. */
export function duckdbDialect(connection: DuckDBConnection, interrupter: Interrupter): Dialect {
  return {
    createAdapter: () => new DuckDbAdapter(),
    createDriver: () => new DuckDbDriver(connection, interrupter),
    createIntrospector: (db) => new DuckDbIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  }
}

class DuckDbAdapter extends PostgresAdapter implements DialectAdapter {
  // The file has one writer, and a host's live instance is one process: there is nobody to lock out.
  override async acquireMigrationLock(): Promise<void> {}
  override async releaseMigrationLock(): Promise<void> {}
}

class DuckDbDriver implements Driver {
  readonly #connection: DuckDbConnection
  readonly #turns = new Turns()
  #release: () => void = () => {}

  constructor(connection: DuckDBConnection, interrupter: Interrupter) {
    this.#connection = new DuckDbConnection(connection, interrupter)
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    this.#release = await this.#turns.hold()
    return this.#connection
  }

  async releaseConnection(): Promise<void> {
    this.#release()
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin'))
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('commit'))
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    try {
      await connection.executeQuery(CompiledQuery.raw('rollback'))
    } catch (error) {
      // The failure that led here must not be hidden by this one.
      if (!isOutsideTransaction(error)) throw error
    }
  }

  async destroy(): Promise<void> {}
}

class DuckDbConnection implements DatabaseConnection {
  readonly #connection: DuckDBConnection
  readonly #interrupter: Interrupter

  constructor(connection: DuckDBConnection, interrupter: Interrupter) {
    this.#connection = connection
    this.#interrupter = interrupter
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const parameters = query.parameters.map(toDuckDb)
    const run = () => this.#connection.run(query.sql, parameters.length > 0 ? parameters : undefined)
    // Whatever was interrupted must be taken back.
    const result = await (query.sql === 'rollback' ? run() : this.#interrupter.run(run))
    const types = result.columnTypes()
    const json = new Set(result.columnNames().filter((_, index) => types[index]?.alias === 'JSON'))
    const rows = (await result.convertRowObjects(jsValue)).map((row) =>
      Object.fromEntries(
        Object.entries(row).map(([name, value]) => [name, fromDuckDb(value, json.has(name))]),
      ),
    )
    return { rows: rows as R[], numAffectedRows: BigInt(result.rowsChanged) }
  }

  async *streamQuery<R>(query: CompiledQuery): AsyncIterableIterator<QueryResult<R>> {
    const parameters = query.parameters.map(toDuckDb)
    const end = this.#interrupter.begin()
    try {
      const result = await this.#connection.stream(query.sql, parameters)
      const portions = wholeStream(
        this.#connection,
        query.sql,
        result.yieldConvertedRowObjects(jsValue),
        parameters,
      )
      for await (const rows of portions) yield { rows: rows as R[] }
    } finally {
      end()
    }
  }
}

class DuckDbIntrospector implements DatabaseIntrospector {
  readonly #db: Kysely<unknown>

  // biome-ignore lint/suspicious/noExplicitAny: Kysely's own signature of createIntrospector.
  constructor(db: Kysely<any>) {
    this.#db = db
  }

  async getSchemas(): Promise<SchemaMetadata[]> {
    const { rows } = await sql<{ name: string }>`
      select schema_name as name from information_schema.schemata where catalog_name = current_database()
    `.execute(this.#db)
    return rows
  }

  async getTables(): Promise<TableMetadata[]> {
    const { rows } = await sql<{ schema: string; name: string }>`
      select table_schema as schema, table_name as name from information_schema.tables
      where table_catalog = current_database()
    `.execute(this.#db)
    return rows.map((table) => ({ ...table, isView: false, columns: [] }))
  }

  async getMetadata(): Promise<{ tables: TableMetadata[] }> {
    return { tables: await this.getTables() }
  }
}

/** Values of JavaScript; a time that it does not have (infinity, the year 290000) is text. */
const jsValue: DuckDBValueConverter<JS> = (value, type, converter) => {
  try {
    return JSDuckDBValueConverter(value, type, converter)
  } catch (error) {
    if (!isBeyondDates(error)) throw error
    return String(value)
  }
}

/** What only DuckDB takes for JSON (NaN, a comma too many) stays text. */
function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function toDuckDb(value: unknown): DuckDBValue {
  if (value instanceof Date) return new DuckDBTimestampTZValue(BigInt(value.getTime()) * 1000n)
  if (value !== null && typeof value === 'object') return JSON.stringify(value)
  return (value ?? null) as DuckDBValue
}

/** Values as the other warehouse gives them: JSON is parsed, whole numbers are numbers while they are exact. */
function fromDuckDb(value: unknown, isJson: boolean): unknown {
  if (isJson && typeof value === 'string') return parsedJson(value)
  if (typeof value !== 'bigint') return value
  return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString()
}
