/** A lake as DuckDB has it: extensions loaded, secrets made, the catalogue attached. */
import type { DuckDBConnection } from '@duckdb/node-api'
import type { Environment } from '../../config/interpolate.ts'
import type { SchemaNames } from '../schema-names.ts'
import { literal, quoted } from '../sql.ts'
import { type CatalogueAccess, catalogueOf, catalogueSecret } from './catalogue.ts'
import { Extensions } from './extensions.ts'
import { type Storage, type StorageAccess, storageAccess } from './storage.ts'

export interface LakeOptions {
  /** The address of the Postgres database that has the catalogue. */
  readonly catalog: string
  /** Where the Parquet files go: a folder, or an address of a cloud's storage. */
  readonly dataPath: string
  readonly storage?: Storage | undefined
  /** Where DuckDB's extensions are; without it DuckDB fetches them. */
  readonly extensionDirectory?: string | undefined
  readonly environment: Environment
}

export class Lake {
  readonly names: SchemaNames
  readonly extensions: Extensions
  readonly #options: LakeOptions
  readonly #catalogue: CatalogueAccess
  readonly #storage: StorageAccess

  constructor(options: LakeOptions, names: SchemaNames) {
    this.names = names
    this.#options = options
    this.#catalogue = catalogueOf(options.catalog, options.environment)
    this.#storage = storageAccess(options.dataPath, options.storage)
    const needed = ['postgres_scanner', 'ducklake', ...this.#storage.extensions]
    this.extensions = new Extensions(needed, options.extensionDirectory)
  }

  /** The schema of the catalogue's database in which DuckLake keeps its own tables. */
  get catalogueSchema(): string {
    return `${this.names.streams}_lake`
  }

  /** Where its files are, with a slash at the end. */
  get dataPath(): string {
    return this.#options.dataPath.replace(/\/*$/, '/')
  }

  get isInCloud(): boolean {
    return this.#storage.secret !== undefined
  }

  /** What to do where its storage refuses us, in words; undefined for a folder. */
  get storageCure(): string | undefined {
    return this.#storage.cure
  }

  /** Attaches the lake as `warehouse`, for all connections of an instance; one that is not there yet is made. */
  async attach(connection: DuckDBConnection, { isReadOnly = false } = {}): Promise<void> {
    await this.ready(connection)
    const options = [
      ...[`meta_secret ${literal(catalogueSecret)}`, `metadata_schema ${literal(this.catalogueSchema)}`],
      // A small load would become rows of a table of Postgres, which takes neither all of our names nor so many columns.
      ...[`data_path ${literal(this.dataPath)}`, 'data_inlining_row_limit 0'],
      ...(isReadOnly ? ['read_only'] : []),
    ]
    await connection.run(
      `attach if not exists ${literal(`ducklake:postgres:${this.#catalogue.parameters}`)} as warehouse (${options.join(', ')})`,
    )
  }

  /**
   * Has files written with zstd, unless another compression was chosen: two fifths smaller than with DuckLake's own choice,
   * Snappy (measured: 44 and 74 bytes an event), for a sixth more CPU time at reading.
   */
  async compress(connection: DuckDBConnection): Promise<void> {
    const option = 'parquet_compression'
    const chosen = await connection.runAndReadAll(
      `select 1 from ducklake_options('warehouse') where option_name = ${literal(option)}`,
    )
    if (chosen.currentRowCount === 0)
      await connection.run(`call ducklake_set_option('warehouse', ${literal(option)}, 'zstd')`)
  }

  /** Attaches our own tables, which are no part of the lake, under the name of their schema; they can only be read there. */
  async attachState(connection: DuckDBConnection): Promise<void> {
    const { sync } = this.names
    await connection.run(
      `attach if not exists ${literal(this.#catalogue.parameters)} as ${quoted(sync)} (type postgres, secret ${catalogueSecret}, schema ${literal(sync)}, read_only)`,
    )
  }

  /** Loads what it takes to reach the lake. @throws ConfigError `extension_missing`. */
  async ready(connection: DuckDBConnection): Promise<void> {
    await this.extensions.load(connection)
    await connection.run(this.#catalogue.secret)
    if (this.#storage.secret) await connection.run(this.#storage.secret)
  }
}
