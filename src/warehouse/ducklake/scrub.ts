/** Files of a lake are never changed: what was deleted goes when the files that have it are written anew, and removed. */
import { sql } from 'kysely'
import { runOn } from '../duckdb/append.ts'
import type { Session } from '../session.ts'
import { literal, quoted } from '../sql.ts'
import type { Lake } from './lake.ts'
import { orphansOf, releaseOrphans } from './orphans.ts'

/**
 * Writes the files of these tables anew, and ends every older state of the lake; files of ours that it does not know go,
 * too: no load is at work meanwhile. Returns what stays, in words for the user.
 */
export async function scrubLake(
  session: Session,
  lake: Lake,
  tables: readonly string[],
): Promise<readonly string[]> {
  const { db, tables: lakeTables } = session
  const run = (statement: string) => runOn(lakeTables, statement)
  const named = tables.map(partsOf)
  for (const { schema, name } of named) {
    await run(
      `call ducklake_rewrite_data_files('warehouse', ${literal(name)}, schema => ${literal(schema)}, delete_threshold => 0)`,
    )
  }
  await run(`call ducklake_expire_snapshots('warehouse', older_than => now())`)
  const { ours, foreign } = await orphansOf(session, lake, { before: 'now()', takesCut: false })
  await releaseOrphans(session, lake, ours, 0)
  await run(`call ducklake_cleanup_old_files('warehouse', cleanup_all => true)`)
  // The least and the largest value of a column may be a person's; they are never made anew.
  const catalogue = quoted(lake.catalogueSchema)
  for (const { name } of named) {
    await sql`
      update ${sql.raw(catalogue)}.ducklake_table_column_stats as s set min_value = null, max_value = null
      from ${sql.raw(catalogue)}.ducklake_table as t, ${sql.raw(catalogue)}.ducklake_column as c
      where t.table_id = s.table_id and t.table_name = ${name} and c.table_id = s.table_id
        and c.column_id = s.column_id and c.column_type in ('varchar', 'json')`.execute(db)
  }
  if (foreign.length === 0) return []
  return [
    `${foreign.length} files in ${lake.dataPath} are unknown to the lake and may be another's: they stay as they are`,
  ]
}

/** Of `"schema"."table"`, as our statements have it. */
function partsOf(table: string): { readonly schema: string; readonly name: string } {
  const [schema = '', name = ''] = [...table.matchAll(/"((?:[^"]|"")*)"/g)].map(([, part = '']) =>
    part.replaceAll('""', '"'),
  )
  return { schema, name }
}
