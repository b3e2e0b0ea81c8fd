/**
 * What DuckDB says, known by its words: its errors have no codes, and they are English everywhere. All of those that decide
 * anything stand here, as DuckDB 1.5.5 says them. Tests make it say each: `errors.test.ts` of `test/engine`, `newer-file.test.ts` and
 * `duckdb-room.test.ts` of `test/warehouse`.
 */
import { messageOf } from '../errors.ts'

/** DuckDB says so in several ways: a statement, a commit and a checkpoint each have their own. */
export const isOutOfMemory = (error: unknown): boolean =>
  /Out of Memory Error|(?:allocate|pin) (?:block|data) of size/.test(messageOf(error))

/** A checkpoint that could not be written, by itself or at the end of a commit. */
export const isCheckpointFailure = (error: unknown): boolean =>
  /Checkpoint failed|checkpointing failed/.test(messageOf(error))

/** A commit that stands, but whose checkpoint found no room: the file must be attached anew. */
export const isCommittedAllTheSame = (error: unknown): boolean =>
  /Failed to commit: Checkpoint failed for database/.test(messageOf(error))

/** Nothing is left to roll back: some failures end the transaction by themselves. */
export const isOutsideTransaction = (error: unknown): boolean =>
  /no transaction is active/.test(messageOf(error))

/** The system says so, through DuckDB. */
export const isOutOfSpace = (error: unknown): boolean =>
  /No space left on device|Disk quota exceeded/.test(messageOf(error))

/** The system forbids writing, and says so through DuckDB. */
export const isUnwritable = (error: unknown): boolean =>
  /Permission denied|Read-only file system/.test(messageOf(error))

/** Another process has the file open; Windows has words of its own for that. */
export const isFileLocked = (error: unknown): boolean =>
  /Could not set lock on file|being used by another process/.test(messageOf(error))

/** The number of that process, as far as DuckDB knows. */
export const lockingProcess = (error: unknown): string | undefined => /PID (\d+)/.exec(messageOf(error))?.[1]

/** The file is attached in this process already, or still. */
export const isFileAttached = (error: unknown): boolean =>
  /Unique file handle conflict/.test(messageOf(error))

/** What DuckDB takes for a file of SQLite wants an extension that is not there. */
export const isNoDatabase = (error: unknown): boolean =>
  /not a valid DuckDB database file|sqlite_scanner/.test(messageOf(error))

export const isDamagedDatabase = (error: unknown): boolean => /corrupt|checksum/i.test(messageOf(error))

export const isNewerDatabase = (error: unknown): boolean =>
  /version number|newer version|storage version/i.test(messageOf(error))

/** The statement writes, in a transaction or to a database that is only read. */
export const isReadOnly = (error: unknown): boolean =>
  /(?:launched|attached) in read-only mode/.test(messageOf(error))

/** The statement reaches for a file, in an instance that is cut off from them. */
export const isAccessRefusal = (error: unknown): boolean =>
  /disabled (?:by|through) configuration/.test(messageOf(error))

/** The statement is wrong, or a value does not fit. */
export const isWrongStatement = (error: unknown): boolean =>
  /(?:Parser|Binder|Catalog|Conversion|Invalid Input|Permission) Error/.test(messageOf(error))

/** A line that `read_json` cannot read: malformed, with a name twice, too long, no text. */
export const isRefusedJson = (error: unknown): boolean =>
  /Malformed JSON|duplicate key|maximum_object_size|Invalid (?:Input|unicode)|invalid UTF|unicode/i.test(
    messageOf(error),
  )

/** A line that is longer than `read_csv` was told. */
export const isCsvLineTooLong = (error: unknown): boolean => /Maximum line size/i.test(messageOf(error))

/** A Parquet file without its end. */
export const isParquetCut = (error: unknown): boolean =>
  /No magic bytes|too small to be a Parquet file/i.test(messageOf(error))

/** A time that JavaScript does not have; said by DuckDB's package for Node. */
export const isBeyondDates = (error: unknown): boolean => /out of range for JS Date/.test(messageOf(error))
