/**
 * A DuckDB of its own for statements that people wrote: the warehouse file is attached read-only, then the instance is
 * cut off from the file system, and its settings are locked. A transaction that only reads does not stop a query from
 * reading any file of the machine (`read_text`, `glob`), nor from writing some (`enable_logging`).
 */
import { existsSync } from 'node:fs'
import { type DuckDBConnection, type DuckDBValue, listValue } from '@duckdb/node-api'
import { connectionSettings, type Engine, makeInstance } from '../../engine/engine.ts'
import { makeFolder } from '../../folders.ts'
import type { UseOptions } from '../session.ts'
import { literal } from '../sql.ts'
import { refusedAccess, refusedQuery } from '../statement.ts'
import { attachFile } from './attach.ts'
import type { Held } from './hold.ts'

/** What statements of people may do beside reading the warehouse. */
export interface Permissions {
  /** `exports.allow_external_access`: files and addresses may be read. */
  readonly allowsExternalAccess: boolean
}

export interface CutOffOptions extends Permissions {
  /** Its memory limit is the guarded instance's, too: only one of the two is at work at a time. */
  readonly engine: Engine
  readonly threads: number
  /** For DuckDB to spill into. */
  readonly directory: string
  /** A folder whose files may be read all the same. */
  readonly readableFolder?: string
  /** `InstanceOptions.trustsExtensions`. */
  readonly trustsExtensions?: boolean
}

export interface GuardOptions extends CutOffOptions, UseOptions {
  readonly path: string
}

/** A DuckDB of its own: `attach` gives it what it may read; then it is cut off, and its settings are locked. */
export async function openCutOff(
  { engine, threads, directory, allowsExternalAccess, readableFolder, trustsExtensions }: CutOffOptions,
  attach: (connection: DuckDBConnection) => Promise<unknown>,
): Promise<{ readonly connection: DuckDBConnection; close(): void }> {
  await makeFolder(directory)
  const { memoryLimit } = engine
  const instance = await makeInstance({ directory, memoryLimit, threads, trustsExtensions })
  const connection = await instance.connect()
  const close = () => {
    connection.closeSync()
    instance.closeSync()
  }
  try {
    await attach(connection)
    const folders =
      readableFolder === undefined ? '' : `set allowed_directories = [${literal(readableFolder)}];`
    const closed = allowsExternalAccess ? '' : `${folders} set enable_external_access = false;`
    await connection.run(`${connectionSettings}; ${closed} set lock_configuration = true`)
  } catch (error) {
    close()
    throw error
  }
  return { connection, close }
}

/** A connection that can read the warehouse file and nothing else. Costs about 20 ms (measured). */
export async function holdGuarded({ path, signal, onWait, ...options }: GuardOptions): Promise<Held> {
  const { connection, close } = await openCutOff(options, (opened) =>
    // Asking for a warehouse does not make it.
    existsSync(path)
      ? attachFile(opened, path, { signal, onWait, isReadOnly: true })
      : opened.run(`attach ':memory:' as warehouse; use warehouse`),
  )
  return {
    connection,
    progress: { isAtWork: false, writtenBytes: 0 },
    async [Symbol.asyncDispose]() {
      try {
        // By name: what still waits for the garbage collector would keep the file open.
        await connection.run('use memory; detach warehouse')
      } finally {
        // The file is free. To end it keeps this process from all else for 5 ms, so whoever waits goes first.
        setTimeout(close, closeAfterMs)
      }
    },
  }
}

const closeAfterMs = 10

/** Table functions that read nothing but the warehouse and write nothing. */
const reading = new Set([
  ...['range', 'generate_series', 'unnest', 'repeat', 'repeat_row', 'json_each', 'json_tree', 'query_table'],
  ...['summary', 'histogram', 'histogram_values', 'test_all_types', 'sql_auto_complete'],
  ...['duckdb_columns', 'duckdb_constraints', 'duckdb_databases', 'duckdb_dependencies', 'duckdb_functions'],
  ...['duckdb_indexes', 'duckdb_keywords', 'duckdb_memory', 'duckdb_optimizers', 'duckdb_schemas'],
  ...['duckdb_sequences', 'duckdb_settings', 'duckdb_table_sample', 'duckdb_tables', 'duckdb_types'],
  ...['duckdb_temporary_files', 'duckdb_variables', 'duckdb_views', 'icu_calendar_names'],
  ...['pg_timezone_names'],
  ...['pragma_collations', 'pragma_database_size', 'pragma_metadata_info', 'pragma_platform', 'pragma_show'],
  ...['pragma_storage_info', 'pragma_table_info', 'pragma_user_agent', 'pragma_version'],
])

/** Table functions that read files and addresses. */
const readingFiles = new Set([
  ...['glob', 'sniff_csv', 'read_blob', 'read_csv', 'read_csv_auto', 'read_duckdb', 'read_json', 'read_text'],
  ...['read_json_auto', 'read_json_objects', 'read_json_objects_auto', 'read_ndjson', 'read_ndjson_auto'],
  ...['read_ndjson_objects', 'read_parquet', 'parquet_scan', 'parquet_bloom_probe', 'parquet_file_metadata'],
  ...['parquet_full_metadata', 'parquet_kv_metadata', 'parquet_metadata', 'parquet_schema'],
])

/**
 * Looks through a statement, as DuckDB's own parser reads it, for table functions that do more than read the warehouse:
 * those that a locked instance lets pass (`enable_profiling` writes to standard output, `arrow_scan` follows any address
 * of memory), and on a host's live instance, whose settings are the host's, those that read files.
 * @throws ConfigError `not_a_select`.
 */
export async function refuseWrongFunctions(
  connection: DuckDBConnection,
  query: string,
  { allowsExternalAccess, isLive, isLake }: Admission,
): Promise<void> {
  const [tree] = await rowsOf(connection, 'select json_serialize_sql($1::varchar)', [query])
  const { functions, tables, catalogues } = namesIn(JSON.parse(String(tree?.[0])))
  if (isLake && [...catalogues].some((name) => /^__ducklake_metadata/i.test(name))) {
    throw refusedAccess('it reads the catalogue of the lake')
  }
  const isFile = (name: string) => !allowsExternalAccess && readingFiles.has(name)
  const suspects = [...functions].filter((name) => !reading.has(name) || (isLive && isFile(name)))
  // What DuckDB does not know itself is a macro of the warehouse.
  const known = await rowsOf(
    connection,
    `select distinct function_name from duckdb_functions()
     where function_type = 'table' and database_name = 'system' and list_contains($1, function_name)`,
    [listValue(suspects)],
    suspects.length > 0,
  )
  for (const [name] of known) {
    if (isFile(String(name))) throw refusedAccess(`it reads files (${name})`)
    if (!readingFiles.has(String(name))) throw refusedQuery(`it calls ${name}, which does more than read`)
  }
  if ((isLive || isLake) && functions.has('query_table')) throw refusedAccess('it calls query_table')
  if (!isLive || allowsExternalAccess) return
  // A table that is not there is looked for among the files.
  const paths = [...tables].filter((name) => /[^\p{L}\p{N}_$ -]/u.test(name))
  const existing = await rowsOf(
    connection,
    'select table_name from duckdb_tables() union all select view_name from duckdb_views()',
    [],
    paths.length > 0,
  )
  const missing = paths.find((name) => !existing.some(([table]) => table === name))
  if (missing !== undefined) throw refusedAccess(`it reads the file ${JSON.stringify(missing)}`)
}

export interface Admission extends Permissions {
  /** The instance is the host's, and its settings with it. */
  readonly isLive: boolean
  /** The instance has a lake attached, and the database of its catalogue: all that is in there, not only what is ours. */
  readonly isLake?: boolean
}

async function rowsOf(
  connection: DuckDBConnection,
  statement: string,
  values: DuckDBValue[],
  isNeeded = true,
): Promise<readonly unknown[][]> {
  return isNeeded ? (await connection.runAndReadAll(statement, values)).getRowsJson() : []
}

/** Names of table functions (in lower case), of tables and of their catalogues in a serialized statement. */
function namesIn(tree: unknown): {
  readonly functions: ReadonlySet<string>
  readonly tables: ReadonlySet<string>
  readonly catalogues: ReadonlySet<string>
} {
  const functions = new Set<string>()
  const tables = new Set<string>()
  const catalogues = new Set<string>()
  const open: unknown[] = [tree]
  while (open.length > 0) {
    const node = open.pop()
    if (typeof node !== 'object' || node === null) continue
    const { type, function: called, table_name, catalog_name } = node as Readonly<Record<string, unknown>>
    if (type === 'TABLE_FUNCTION') {
      functions.add(String((called as { function_name?: unknown } | undefined)?.function_name).toLowerCase())
    }
    if (type === 'BASE_TABLE') {
      tables.add(String(table_name))
      catalogues.add(String(catalog_name))
    }
    open.push(...Object.values(node))
  }
  return { functions, tables, catalogues }
}
