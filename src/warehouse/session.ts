/** What both warehouses can do; nobody asks which of the two it has. */
import type { Kysely, Transaction } from 'kysely'
import type { ColumnType, Stream } from '../catalog/index.ts'
import type { StateDatabase } from '../state/tables.ts'
import type { Analysis } from './analysis.ts'
import type { Engine } from './engine.ts'
import type { Parsed } from './load/parse.ts'
import type { NameRules } from './names.ts'
import type { Printed } from './printed.ts'
import type { Selection } from './select.ts'
import type { TableColumn } from './shape.ts'

/** The schemas of a warehouse, all named after the configured one. */
export interface SchemaNames {
  /** Stream tables. */
  readonly streams: string
  /** Our own tables. */
  readonly sync: string
  /** Views of the stream tables with snake_case names. */
  readonly views: string
  /** Views that answer questions: the files of `sql/views`. */
  readonly marts: string
}

export const schemaNames = (schema: string): SchemaNames => ({
  streams: schema,
  sync: `${schema}_sync`,
  views: `${schema}_views`,
  marts: `${schema}_marts`,
})

/** Where the two databases differ, in words of SQL. */
export interface Dialect extends NameRules {
  /** The warehouse's name of a type. */
  readonly typeName: Readonly<Record<ColumnType, string>>
  /** True where U+0000 cannot be stored. */
  readonly refusesNul: boolean
  /** True for a number of JSON, by its digits, that a json column cannot hold; undefined where it holds all. */
  readonly refusesNumber?: (digits: string) => boolean
  /** What a value of a primary key may take of its index; undefined where keys may be of any length. */
  readonly keyBytes?: number
  /** What the values of a row may take of its page; undefined where rows may be of any size. */
  readonly rowBytes?: number
  /** True where an altered table keeps readers out until the transaction ends: `prepareTable` goes before the load. */
  readonly altersFirst: boolean
  /** True where a constraint can be added to a table that exists. */
  readonly addsConstraints: boolean
  /** An expression that turns a column into a wider type. */
  readonly widen: (column: string, from: ColumnType, to: ColumnType) => string
  /** What the views for analysts say differently. */
  readonly analysis: Analysis
}

/**
 * The warehouse while it is being worked with. A DuckDB file is attached (and locked for others) for exactly the
 * lifetime of its session; a Postgres session is one connection.
 */
export interface Session {
  /** Our own tables, typed; bulk statements on stream tables go through it as raw SQL. */
  readonly db: Kysely<StateDatabase>
  readonly names: SchemaNames
  readonly dialect: Dialect
  /** Inserts the parsed rows into a table, in order. Returns how many. `onRows` hears of progress. */
  append(
    trx: Transaction<StateDatabase>,
    table: string,
    rows: Parsed,
    onRows?: (rows: number) => void,
  ): Promise<number>
  /** Inserts the result of a statement of the engine into one of our own tables. Returns how many rows. */
  appendQuery(
    trx: Transaction<StateDatabase>,
    table: string,
    columns: readonly string[],
    select: string,
  ): Promise<number>
  /** Inserts the parsed rows so that the last one of each key is the only one of its key in the table. */
  upsert(trx: Transaction<StateDatabase>, table: string, upsert: Upsert): Promise<Upserted>
  /** Brings stream tables that an older version made to what this one would make. Returns what people should know. */
  modernize(): Promise<readonly string[]>
  /** Gives an entity table its primary key, where the warehouse keeps one. */
  createKey(trx: Transaction<StateDatabase>, table: string, stream: Stream): Promise<void>
  /** Changes a table in place. Views upon it are left as they were. */
  alterTable(trx: Transaction<StateDatabase>, table: string, change: TableChange): Promise<void>
  /**
   * Makes a view, or changes it, in a transaction of its own that ends with `andThen`. Views of others upon it stay as
   * they are, rights included.
   * @throws UserError `view_in_the_way` when one of them reads what the new text no longer has.
   */
  replaceView(
    view: string,
    select: string,
    andThen: (trx: Transaction<StateDatabase>) => Promise<void>,
  ): Promise<void>
  /** Runs `work`, which alters tables, in a transaction; it is begun anew while readers of the tables must be waited for. */
  alter<T>(work: (trx: Transaction<StateDatabase>) => Promise<T>): Promise<T>
  /** Keeps other loads of a table out until the transaction ends; reading it stays possible. */
  reserve(trx: Transaction<StateDatabase>, table: string): Promise<void>
  /** Makes an empty temporary table of these columns, gone with the transaction. Returns its quoted name. */
  createStaging(trx: Transaction<StateDatabase>, columns: readonly TableColumn[]): Promise<string>
  /**
   * Runs a query that a person wrote (in a guarded session), once, in a transaction that can only read; rows stream
   * while it is not disposed, and nothing else goes through the session meanwhile.
   * @throws ConfigError `not_a_select` for anything but one SELECT, `query_invalid` when it does not compile.
   */
  select(query: string): Promise<Selection>
  /**
   * Makes the transaction one of large joins, whatever the warehouse's statistics say of the tables: they are as old as
   * their last count, and some servers never count.
   */
  forBulk(trx: Transaction<StateDatabase>): Promise<void>
  /** Counts what was just filled, where the warehouse plans by statistics. */
  analyze(trx: Transaction<StateDatabase>, table: string): Promise<void>
  /**
   * The same for a statement whose rows are shown: also `explain`, `describe` and the like. `judged` is the part of it
   * that is run, without `explain`.
   * @throws what the database says; ConfigError for a statement whose text shows that it does more than read.
   */
  print(statement: string, judged: string): Promise<Printed>
  /** Gives one of our own tables an index where the warehouse keeps them (DuckDB scans faster than it updates one). */
  ensureIndex(table: keyof StateDatabase, columns: readonly string[]): Promise<void>
}

export interface Upsert {
  readonly rows: Parsed
  /** SQL expressions over the columns, never null. */
  readonly key: readonly string[]
  /** A condition that rows without a key meet: they are left out. */
  readonly keyless: string
  /** A condition on rows of the table that go in any case. */
  readonly cleared?: string | undefined
}

export interface Upserted {
  readonly written: number
  /** Rows that were left out for want of a key. */
  readonly keyless: number
  /** One of the rows has something in `_extra`. */
  readonly hasExtras: boolean
}

/** New columns of a table, and columns that get a wider type. */
export interface TableChange {
  readonly added: readonly TableColumn[]
  readonly widened: readonly { readonly column: TableColumn; readonly from: ColumnType }[]
}

/** A warehouse: the user's DuckDB file or Postgres server, and the engine that reads JSON for it. */
export interface Warehouse extends AsyncDisposable {
  readonly engine: Engine
  readonly dialect: Dialect
  readonly names: SchemaNames
  /** A directory for the spool, removed with the warehouse's lock. */
  readonly spoolDirectory: string
  /** Works with the warehouse. Sessions of a DuckDB file take turns. */
  use<T>(work: (session: Session) => Promise<T>, options?: UseOptions): Promise<T>
  /**
   * Excludes other processes from a job of this warehouse (e.g. `sync`) until disposed, or until this process dies.
   * @throws UserError with code `locked` that names the holder.
   */
  lock(job: string): Promise<AsyncDisposable>
  /** The pace that all processes of the warehouse keep together. Only where several may work on it at once. */
  readonly paceBook?: PaceBook
  /**
   * Calls back after rows were inserted into these tables of our own, until disposed. A warehouse that cannot tell
   * never calls: who watches looks by himself, too.
   */
  watch(tables: readonly string[], onChange: () => void): Promise<AsyncDisposable>
}

/** When requests of a lane may go. */
export interface PaceBook {
  /** Takes the next free slot of a lane; resolves to the milliseconds until it. */
  takeSlot(lane: string, rate: Rate): Promise<number>
  /** Closes a lane for so long, for everybody. */
  hold(lane: string, waitMs: number): Promise<void>
  /** Milliseconds for which a lane stays closed. */
  heldMs(lane: string): Promise<number>
}

/** So many requests in so many milliseconds. */
export interface Rate {
  readonly requests: number
  readonly perMs: number
}

export interface UseOptions {
  readonly signal?: AbortSignal | undefined
  /** The work may be begun anew when the connection to the server breaks: nothing of it counts before its transaction ends. */
  readonly isRepeatable?: boolean | undefined
  /** The session only reads: others may read at the same time, and who may not write can use it. */
  readonly isReading?: boolean | undefined
  /** The session is for a statement that a person wrote: it can read the warehouse, and nothing else. */
  readonly isGuarded?: boolean | undefined
  /** Hears once when the warehouse is held by another program and must be waited for. */
  readonly onWait?: ((message: string) => void) | undefined
}
