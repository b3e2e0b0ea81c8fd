/** A copy of a DuckDB warehouse: no other process writes while the file is held, and one transaction reads it all. */
import { dirname } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { makeFolder } from '../../folders.ts'
import type { SchemaNames } from '../schema-names.ts'
import {
  type Copied,
  parquetOptions,
  parquetPath,
  type SnapshotTarget,
  type Unload,
  unloadOptions,
} from '../snapshot.ts'
import { literal, quoted } from '../sql.ts'

export async function copyDuckdb(
  connection: DuckDBConnection,
  names: SchemaNames,
  target: SnapshotTarget,
): Promise<readonly Copied[]> {
  const { streams, sync, views, marts } = names
  if (target.kind === 'file') {
    const copied = await relationsIn(connection, [streams, sync, views, marts])
    await copyDatabase(connection, target.path)
    return copied
  }
  await connection.run('begin transaction read only')
  try {
    const relations = await relationsIn(connection, [streams, views, marts])
    for (const relation of relations) {
      const path = parquetPath(target.directory, relation)
      await makeFolder(dirname(path))
      const table = `${quoted(relation.schema)}.${quoted(relation.name)}`
      await connection.run(`copy (select * from ${table}) to ${literal(path)} (${parquetOptions})`)
    }
    return relations
  } finally {
    await connection.run('rollback').catch(() => {})
  }
}

/** `Session.unload`, of tables that DuckDB reads. */
export async function unloadDuckdb(connection: DuckDBConnection, tables: readonly Unload[]): Promise<void> {
  await connection.run('begin transaction read only')
  try {
    for (const { schema, name, path, where } of tables) {
      const rows = `select * from ${quoted(schema)}.${quoted(name)}${where ? ` where ${where}` : ''}`
      await connection.run(`copy (${rows}) to ${literal(path)} (${unloadOptions})`)
    }
  } finally {
    await connection.run('rollback').catch(() => {})
  }
}

/**
 * Table by table, view by view: a copy of the file's bytes would have to open it, and whoever closes a file lets go of
 * all locks that his process has on it.
 */
async function copyDatabase(connection: DuckDBConnection, path: string): Promise<void> {
  const [[source] = []] = (await connection.runAndReadAll('select current_database()')).getRowsJson()
  await connection.run(`attach ${literal(path)} as snapshot`)
  try {
    await connection.run(`copy from database ${quoted(String(source))} to snapshot`)
  } finally {
    await connection.run('detach snapshot')
  }
}

async function relationsIn(
  connection: DuckDBConnection,
  schemas: readonly string[],
): Promise<readonly Copied[]> {
  const reader = await connection.runAndReadAll(
    `select table_schema as schema, table_name as name from information_schema.tables
     where table_catalog = current_database() and table_schema in (${schemas.map(literal).join(', ')})
     order by all`,
  )
  return reader.getRowObjectsJson() as unknown as readonly Copied[]
}
