/** A lake for a benchmark: a database for its catalogue, DuckDB's extensions, and a connection as any other program has it. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import pg from 'pg'
import { Lake } from '../src/warehouse/ducklake/lake.ts'
import { schemaNames } from '../src/warehouse/schema-names.ts'

export interface LakePlace {
  /** Address of the catalogue's database. */
  readonly catalog: string
  /** The folder of its files. */
  readonly lake: string
  /** The folder of DuckDB's extensions. */
  readonly extensions: string
}

/** The folder with DuckDB's extensions, fetched where it is missing. */
export async function extensionsHere(): Promise<string> {
  const script = fileURLToPath(new URL('../.ci/duckdb-extensions.mjs', import.meta.url))
  return (await promisify(execFile)(process.execPath, [script])).stdout.trim()
}

/** Returns the address of a new database of a server. */
export async function createDatabase(url: string, name: string): Promise<string> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    await client.query(`create database ${name}`)
  } finally {
    await client.end()
  }
  const address = new URL(url)
  address.pathname = `/${name}`
  return address.href
}

/** Does `work` in a DuckDB of two threads and 4 GB that has attached the lake; what is more goes to files below `directory`, up to 32 GB. */
export async function onLake<T>(
  { catalog, lake, extensions }: LakePlace,
  directory: string,
  work: (connection: DuckDBConnection) => Promise<T>,
): Promise<T> {
  const instance = await DuckDBInstance.create(':memory:', {
    threads: '2',
    memory_limit: '4GB',
    temp_directory: directory,
    max_temp_directory_size: '32GB',
  })
  const connection = await instance.connect()
  try {
    const options = { catalog, dataPath: lake, extensionDirectory: extensions, environment: {} }
    const place = new Lake(options, schemaNames('iterable'))
    await place.attach(connection)
    await place.attachState(connection)
    await connection.run('use warehouse')
    await connection.run(`set TimeZone = 'UTC'`)
    return await work(connection)
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}
