/** What every warehouse can do; nobody asks which of them it has. */
import type { QueryExecutorProvider, RawBuilder, Transaction } from 'kysely'
import type { ColumnType, Stream } from '../catalog/index.ts'
import type { Engine } from '../engine/engine.ts'
import type { KeyDialect } from '../state/members.ts'
import type { Db, StateDatabase } from '../state/tables.ts'
import type { Analysis } from './analysis.ts'
import type { Maintenance, MaintenanceRequest } from './maintenance.ts'
import type { NameRules } from './names.ts'
import type { PaceBook } from './pace-book.ts'
import type { PartitionedTable, PartitioningRequest } from './partitioning.ts'
import type { Printed } from './printed.ts'
import type { SchemaNames } from './schema-names.ts'
import type { Selection } from './select.ts'
import type { Parsed, TableColumn, TypedColumn } from './shape.ts'
import type { Copied, SnapshotTarget, Unload } from './snapshot.ts'
import type { Sql } from './sql.ts'
import type { Statement } from './statement.ts'
import type { StreamLocks } from './stream-locks.ts'

/** Where the two databases differ, in words of SQL. */
export interface Dialect extends NameRules, KeyDialect {
  /** The warehouse's name of a type. */
  readonly typeName: Readonly<Record<ColumnType, string>>
  /** True where U+0000 cannot be stored. */
  readonly refusesNul: boolean
  /** True where a json column keeps the last of several members of one name within an object. */
  readonly dropsTwins: boolean
  /** True for a number of JSON, by its digits, that a json column cannot hold; undefined where it holds all. */
  readonly refusesNumber?: (digits: string) => boolean
  /** What a value of a primary key may take of its index; undefined where keys may be of any length. */
  readonly keyBytes?: number
  /** What the values of a row may take of its page; undefined where rows may be of any size. */
  readonly rowBytes?: number
  /** Its name in telemetry; nothing is decided by it. */
  readonly system: 'duckdb' | 'postgresql'
  /** True where an altered table keeps readers out until the transaction ends: `prepareTable` goes before the load. */
  readonly altersFirst: boolean
  /** True where our own tables have indexes, and constraints that were added later; DuckDB scans faster than it keeps an index. */
  readonly keepsIndexes: boolean
  /** An expression that turns a column into a wider type. */
  readonly widen: (column: string, from: ColumnType, to: ColumnType) => string
  /**
   * An expression for how many rows of messages are worked on at once, in this process, whose tables number their rows
   * (`rowid`); undefined where it is the server that works.
   */
  readonly portionRows?: string
  /** An expression that gives a whole number of 64 bits for a text, the same for the same text. */
  readonly hash: (text: string) => string
  /** The SHA-256 of a text in lower-case hexadecimal digits, where our own tables are. */
  readonly sha256: (text: string) => string
  /** True where the columns of a view can have comments. */
  readonly describesColumns: boolean
  /** A select of the tables and views in a schema, and of their columns, that have a comment. */
  readonly comments: (schema: string) => RawBuilder<Commented>
  /**
   * A select of the tables in a schema, and how many rows each has by what the server knows without counting: null where
   * it knows nothing. Undefined where counting a table costs nothing.
   */
  readonly estimates?: (schema: string) => RawBuilder<EstimatedRows>
  /** What the views for analysts say differently. */
  readonly analysis: Analysis
  /** True where statements are read by an engine like that of this process, so that it can be asked how it reads them. */
  readonly isEngine: boolean
  /** A select of all names that may stand before the dot of a table's name (`name`): schemas and databases. */
  readonly spaces: string
}

/** A table or view with a comment, or a column of it. */
export interface Commented {
  readonly table_name: string
  readonly column_name: string | null
}

/** A table, and about how many rows it has. */
export interface EstimatedRows {
  readonly table_name: string
  readonly rows: number | null
}

/** Where statements run: a session, or a transaction of it. */
export interface Place {
  /** Our own tables, typed. */
  readonly db: Db
  /** Stream tables, views and marts, as raw SQL. They may live elsewhere than our own tables: no statement has both. */
  readonly tables: QueryExecutorProvider
  readonly names: SchemaNames
  readonly dialect: Dialect
}

/** One transaction: what it does is there as a whole, or not at all. */
export interface Tx extends Place {
  readonly db: Transaction<StateDatabase>
  /** Inserts the parsed rows into a table, in order. Returns how many. `onRows` hears of progress. */
  append(table: string, rows: Parsed, onRows?: (rows: number) => void): Promise<number>
  /** Inserts the result of a statement of the engine into one of our own tables. Returns how many rows. */
  appendQuery(table: string, columns: readonly string[], select: string): Promise<number>
  /** Inserts the parsed rows so that the last one of each key is the only one of its key in the table. */
  upsert(table: string, upsert: Upsert): Promise<Upserted>
  /** Makes the table of a stream that nobody knows yet, with its key, its order and its parts, where the warehouse keeps them. */
  createTable(table: string, columns: readonly TableColumn[], stream: Stream): Promise<void>
  /** Changes a table in place. Views upon it are left as they were. */
  alterTable(table: string, change: TableChange): Promise<void>
  /** Keeps other loads of a table out until the transaction ends; reading it stays possible. */
  reserve(table: string): Promise<void>
  /**
   * Puts the result of a statement of the engine into a temporary table of these columns, gone with the transaction. That
   * becomes one of large joins, whatever the warehouse's statistics say of the tables: they are as old as their last
   * count, and some servers never count. Returns the table.
   */
  stage(columns: readonly TypedColumn[], select: string): Promise<Sql>
  /**
   * What a query on stream tables returns, as a relation that a statement on our own tables reads: the query itself, or a
   * copy that is gone with the transaction where the two live apart. Its columns, in their order, have these types.
   */
  copied(columns: readonly TypedColumn[], select: Sql): Promise<Sql>
  /** Counts what was just filled, where the warehouse plans by statistics. */
  analyze(table: string): Promise<void>
}

/**
 * The warehouse while it is being worked with. A DuckDB file is attached (and locked for others) for exactly the
 * lifetime of its session; a Postgres session is one connection.
 */
export interface Session extends Place {
  /**
   * Does `work` in a transaction. It is begun anew, with more memory, where the engine ran out of it; so what it does beside
   * the transaction must bear to be done twice. With `isDryRun` it is taken back in the end, and only its result remains.
   */
  transaction<T>(work: (tx: Tx) => Promise<T>, options?: TransactionOptions): Promise<T>
  /**
   * Makes a view, or changes it, in a transaction of its own that ends with `andThen`. Views of others upon it stay as
   * they are, rights included.
   * @throws UserError `view_in_the_way` when one of them reads what the new text no longer has.
   */
  replaceView(view: string, select: string, andThen: (tx: Tx) => Promise<void>): Promise<void>
  /**
   * Runs a query that a person wrote (in a guarded session), once, in a transaction that can only read; rows stream
   * while it is not disposed, and nothing else goes through the session meanwhile.
   * @throws ConfigError `not_a_select` for anything but one SELECT, `query_invalid` when it does not compile.
   */
  select(statement: Statement): Promise<Selection>
  /** The same with its values as text, to be shown. */
  print(statement: Statement): Promise<Printed>
  /** For snapshots, and for copies into other warehouses. */
  readonly files: Files
}

/** What is ours goes to files. */
export interface Files {
  /** Copies all of it, as of one moment. Returns what was copied. */
  copyTo(target: SnapshotTarget): Promise<readonly Copied[]>
  /** Writes rows of tables to Parquet files, as of one moment. What the engine has no type for is text in them. */
  unload(tables: readonly Unload[]): Promise<void>
}

export interface TransactionOptions {
  /** Nothing of it stays. */
  readonly isDryRun?: boolean | undefined
  /** It alters tables, and is begun anew while readers of them must be waited for. */
  readonly isAltering?: boolean | undefined
}

export interface Upsert {
  readonly rows: Parsed
  /** SQL expressions over the columns, never null. */
  readonly key: readonly string[]
  /** A condition that rows without a key meet: they are left out. */
  readonly keyless: string
  /** A condition on rows of the table that go in any case. */
  readonly cleared?: string | undefined
  /** Hears of the rows that come, which may repeat a key, and of those that are cleared, while both are there: as relations. */
  readonly compare?: ((incoming: Sql, outgoing: Sql) => Promise<void>) | undefined
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
  /** Works with the warehouse, which is brought up to date first. Sessions of a DuckDB file take turns. */
  use<T>(work: (session: Session) => Promise<T>, options?: UseOptions): Promise<T>
  /** Does `work` in one transaction, in a session of its own, which is begun anew with it. */
  transaction<T>(work: (tx: Tx) => Promise<T>, options?: UseOptions & TransactionOptions): Promise<T>
  /**
   * Excludes other processes from a job of this warehouse (e.g. `sync`) until disposed, or until this process dies.
   * @throws UserError with code `locked` that names the holder.
   */
  lock(job: string): Promise<AsyncDisposable>
  /** `lockStreams` of stream-locks.ts. Only where several syncs may work on it at once. */
  readonly lockStreams?: (streams: readonly string[], runId: string) => Promise<StreamLocks>
  /** The pace that all processes of the warehouse keep together. Only where several may work on it at once. */
  readonly paceBook?: PaceBook
  /**
   * Calls back after rows were inserted into these tables of our own, until disposed. A warehouse that cannot tell
   * never calls: a watcher also looks by itself.
   */
  watch(tables: readonly string[], onChange: () => void): Promise<AsyncDisposable>
  /** What keeps it in order. */
  readonly upkeep: Upkeep
}

/**
 * What keeps a warehouse in order, beside the work that is done in it: asked for at the ends of syncs, and by the commands
 * that erase, maintain and migrate. What one kind of warehouse alone needs is a member that the others leave out.
 */
export interface Upkeep {
  /**
   * After rows were deleted: what is left of them in files of these tables goes, too, as far as the database lets it.
   * Returns what stays, in words for the user.
   */
  scrub(tables: readonly string[]): Promise<readonly string[]>
  /** Brings stream tables that an older version made to what this one would make. Returns what people should know. */
  readonly modernize?: (session: Session) => Promise<readonly string[]>
  /**
   * Lets the roles of `warehouse.readers` read all that is ours. Only where there are roles.
   * @throws ConfigError for a role that does not exist.
   */
  readonly admitReaders?: (session: Session) => Promise<void>
  /**
   * Looks after tables of events when a sync has ended: builds what `warehouse.indexes` asks for, and counts anew what has
   * grown and the server does not count by itself. Returns what could not be done, and why.
   */
  readonly tendTables?: (tables: readonly string[], signal: AbortSignal) => Promise<readonly string[]>
  /** Drops the parts of a table that hold nothing but rows from before an instant. Returns how many rows went. Only where tables have parts. */
  readonly dropParts?: (tx: Tx, table: string, before: Date) => Promise<number>
  /** Makes tables of events tables of parts, one for each month, each in a transaction. Only where tables have parts. */
  readonly partition?: (request: PartitioningRequest) => Promise<readonly PartitionedTable[]>
  /** Merges files and removes what nothing needs, while no sync runs. Only where files pile up. */
  readonly maintain?: (request: MaintenanceRequest) => Promise<Maintenance>
}

export interface UseOptions {
  readonly signal?: AbortSignal | undefined
  /** The work may be begun anew when the connection to the server breaks: nothing of it counts before its transaction ends. */
  readonly isRepeatable?: boolean | undefined
  /** The warehouse is looked at as it is, and not brought up to date first. */
  readonly isAsFound?: boolean | undefined
  /** The session only reads: others may read at the same time, and who may not write can use it. */
  readonly isReading?: boolean | undefined
  /** The session is for a statement that a person wrote: it can read the warehouse, and nothing else. */
  readonly isGuarded?: boolean | undefined
  /** Hears once when the warehouse is held by another program and must be waited for; `holder` says by whom, without the wait. */
  readonly onWait?: ((message: string, holder: string) => void) | undefined
}
