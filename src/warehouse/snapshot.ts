/** What a snapshot is made of, for both warehouses. */
import { join } from 'node:path'

/** Where a snapshot is written to; nothing is there yet. */
export type SnapshotTarget =
  /** A DuckDB file with everything that is ours, state included. */
  | { readonly kind: 'file'; readonly path: string }
  /** A folder with a Parquet file for each stream table and view, below the name of its schema. */
  | { readonly kind: 'parquet'; readonly directory: string }

/** A table or view that was copied. */
export interface Copied {
  readonly schema: string
  readonly name: string
}

/** Rows of a table that are to go to a file. */
export interface Unload extends Copied {
  readonly path: string
  /** A condition on its columns; all rows without it. */
  readonly where?: string | undefined
}

/** Whatever a name holds, it stays one file of its folder. */
export const parquetPath = (directory: string, { schema, name }: Copied): string =>
  join(directory, encodeURIComponent(schema), `${encodeURIComponent(name)}.parquet`)

export const parquetOptions = 'format parquet, compression zstd'

/** For files on their way: the engine holds a group of rows in its small memory. */
export const unloadOptions = 'format parquet, row_group_size 10000'
