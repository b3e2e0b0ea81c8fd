/**
 * Files in the folder of a lake that its catalogue does not know: a load that died has written them. What lies there may
 * also be another lake's whose settings name the same folder, so a file goes only where its rows are of runs of ours.
 */
import { type QueryExecutorProvider, sql } from 'kysely'
import { isParquetCut } from '../../engine/errors.ts'
import { ownColumns } from '../names.ts'
import type { Session } from '../session.ts'
import { literal, quoted } from '../sql.ts'
import type { Lake } from './lake.ts'

export interface Orphans {
  readonly ours: readonly string[]
  readonly foreign: readonly string[]
}

/** No more files than this are looked into at a time; the next time come the others. */
const most = 2_000

/**
 * `before`: an expression of the engine; younger files may be about to be told of. `takesCut`: a file without an end is
 * ours, which holds of old ones; of a young one another lake's writer may be in the middle.
 */
export async function orphansOf(
  session: Session,
  lake: Lake,
  { before, takesCut }: { readonly before: string; readonly takesCut: boolean },
): Promise<Orphans> {
  const unknown = await sql
    .raw<{ path: string }>(
      `call ducklake_delete_orphaned_files('warehouse', dry_run => true, older_than => ${before})`,
    )
    .execute(session.tables)
  const ours: string[] = []
  const foreign: string[] = []
  for (const { path } of unknown.rows.slice(0, most)) {
    const isOurs = await isOf(session, lake, path).catch((error: unknown) => takesCut && isParquetCut(error))
    ;(isOurs ? ours : foreign).push(path)
  }
  return { ours, foreign }
}

/** Has them removed with the files that no state needs any more. */
export async function releaseOrphans(
  { db }: Session,
  lake: Lake,
  paths: readonly string[],
  keptMs: number,
): Promise<void> {
  const scheduled = sql.table(`${lake.catalogueSchema}.ducklake_files_scheduled_for_deletion`)
  for (const path of paths) {
    // The numbers that the catalogue gives its files count up from 0.
    await sql`
      insert into ${scheduled} (data_file_id, path, path_is_relative, schedule_start)
      select greatest(max(data_file_id) + 1, 1::bigint << 62), ${path}, false,
        now() - ${keptMs + 60_000} * interval '1 millisecond'
      from ${scheduled}`.execute(db)
  }
}

/** True where its rows are of runs of ours. Throws where it cannot be read. */
async function isOf({ db, tables, names }: Session, lake: Lake, path: string): Promise<boolean> {
  if (!/\/ducklake-[^/]+\.parquet$/.test(path)) return false
  const columns = await valuesOf(
    tables,
    `select distinct name as value from parquet_schema(${literal(path)})`,
  )
  if (columns.includes(ownColumns.runId)) {
    const runs = await valuesOf(
      tables,
      `select distinct ${quoted(ownColumns.runId)} as value from read_parquet(${literal(path)})`,
    )
    const { rows } = await sql<{ run_id: string }>`
        select run_id from ${sql.table(`${names.sync}.runs`)} where run_id = any(${runs})`.execute(db)
    return runs.length > 0 && rows.length === runs.length
  }
  // What it says was deleted of other files.
  if (!columns.includes('file_path')) return false
  const files = await valuesOf(
    tables,
    `select distinct parse_filename(file_path) as value from read_parquet(${literal(path)})`,
  )
  const { rows } = await sql`
      select 1 from ${sql.table(`${lake.catalogueSchema}.ducklake_data_file`)}
      where regexp_replace(path, '^.*/', '') = any(${files})`.execute(db)
  return files.length > 0 && rows.length >= files.length
}

async function valuesOf(tables: QueryExecutorProvider, query: string): Promise<readonly string[]> {
  const { rows } = await sql.raw<{ value: unknown }>(query).execute(tables)
  return rows.map(({ value }) => String(value))
}
