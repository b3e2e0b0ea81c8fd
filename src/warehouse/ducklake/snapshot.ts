/** A copy of a lake: our own tables first, so that no bookmark of the copy runs ahead of its rows. */
import { dirname } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { makeFolder } from '../../folders.ts'
import type { Session } from '../session.ts'
import { type Copied, parquetOptions, parquetPath, type SnapshotTarget } from '../snapshot.ts'
import { literal, quoted } from '../sql.ts'

/** `Files.copyTo`; `own` is the session of Postgres. */
export async function copyLake(
  own: Session,
  connection: DuckDBConnection,
  target: SnapshotTarget,
): Promise<readonly Copied[]> {
  const { streams, views, marts } = own.names
  const state = target.kind === 'file' ? await own.files.copyTo(target) : []
  if (target.kind === 'file') await connection.run(`attach ${literal(target.path)} as snapshot`)
  await connection.run('begin')
  try {
    const reader = await connection.runAndReadAll(
      `select table_schema as schema, table_name as name from information_schema.tables
       where table_catalog = current_database() and table_schema in (${[streams, views, marts].map(literal).join(', ')})
       order by all`,
    )
    const relations = reader.getRowObjectsJson() as unknown as readonly Copied[]
    for (const relation of relations) {
      const rows = `select * from ${quoted(relation.schema)}.${quoted(relation.name)}`
      if (target.kind === 'file') {
        const schema = `snapshot.${quoted(relation.schema)}`
        await connection.run(`create schema if not exists ${schema}`)
        await connection.run(`create table ${schema}.${quoted(relation.name)} as ${rows}`)
      } else {
        const path = parquetPath(target.directory, relation)
        await makeFolder(dirname(path))
        await connection.run(`copy (${rows}) to ${literal(path)} (${parquetOptions})`)
      }
    }
    await connection.run('commit')
    return [...state, ...relations]
  } finally {
    await connection.run('rollback').catch(() => {})
    if (target.kind === 'file') await connection.run('detach snapshot')
  }
}
