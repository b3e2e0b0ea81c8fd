/** A lake for tests: catalogue in a fresh database, files in a folder, extensions as `.ci/duckdb-extensions.mjs` lays them out. */
import { readdirSync } from 'node:fs'
import { DuckDBInstance } from '@duckdb/node-api'
import { inject } from 'vitest'

export interface LakeConfig {
  readonly type: 'ducklake'
  readonly catalog: string
  readonly data_path: string
  readonly extension_directory: string
  readonly storage?: Readonly<Record<string, string | boolean>>
}

/** Where the extensions are; empty where they cannot be had, which the beginning of the run tells. */
export const lakeExtensions = inject('lakeExtensions')

/** Those that only some clouds need may be missing. */
export const hasExtension = (name: string): boolean =>
  lakeExtensions !== '' &&
  readdirSync(lakeExtensions, { recursive: true }).some((path) =>
    String(path).endsWith(`${name}.duckdb_extension`),
  )

export const lakeConfig = (catalog: string, dataPath: string): LakeConfig => ({
  type: 'ducklake',
  catalog,
  data_path: dataPath,
  extension_directory: lakeExtensions,
})

/** The lake as any other program attaches it, with our own tables beside it. */
export async function readerOf({ catalog, data_path }: LakeConfig): Promise<DuckDBInstance> {
  const instance = await DuckDBInstance.create(':memory:', {
    extension_directory: lakeExtensions,
    // To look at their signatures takes half a second at each query.
    allow_unsigned_extensions: 'true',
  })
  const connection = await instance.connect()
  try {
    const { hostname, port, username, password, pathname } = new URL(catalog)
    const address = `host=${hostname} port=${port} user=${username} password=${password} dbname=${pathname.slice(1)}`
    await connection.run(`load postgres_scanner; load ducklake; load httpfs; set TimeZone = 'UTC'`)
    await connection.run(
      `attach 'ducklake:postgres:${address}' as warehouse (metadata_schema 'iterable_lake', data_path '${data_path}/', read_only)`,
    )
    await connection.run(
      `attach '${address}' as iterable_sync (type postgres, schema 'iterable_sync', read_only)`,
    )
    return instance
  } finally {
    connection.closeSync()
  }
}
