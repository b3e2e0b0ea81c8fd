/**
 * Upkeep of a lake: many small files become few, old states end, and the files that nothing needs go. Each step is a
 * transaction of its own, and none is lost on whoever is stopped in between: the next time the rest is done.
 */
import { type QueryExecutorProvider, sql } from 'kysely'
import type { Engine } from '../../engine/engine.ts'
import { InterruptedError } from '../../errors.ts'
import type { MaintainedTable, Maintenance, MaintenanceRequest, Stored } from '../maintenance.ts'
import type { Session, Warehouse } from '../session.ts'
import { literal } from '../sql.ts'
import type { Lake } from './lake.ts'
import { orphansOf, releaseOrphans } from './orphans.ts'

/** A file of which this much is deleted is written anew. */
const deleteThreshold = 0.2
/** So many new files in one transaction. */
const filesOfOneStep = 8
/** DuckLake makes no file larger by itself, and leaves one of this size alone. */
const fullBytes = 512 * 2 ** 20

interface MaintainedLake extends Pick<Warehouse, 'use'> {
  readonly engine: Engine
  readonly lake: Lake
}

/** `Warehouse.maintain`. */
export async function maintainLake(place: MaintainedLake, request: MaintenanceRequest): Promise<Maintenance> {
  const { lake } = place
  const { keepSnapshotsMs, keepFilesMs, isDryRun, signal, onTable } = request
  const step = stepper(place, signal)
  const tables: MaintainedTable[] = []
  for (const found of await step((session) => filesOf(session, lake))) {
    const done = isDryRun ? expected(found) : await mergeTable(step, lake, found)
    tables.push(done)
    onTable?.(done)
  }
  const dryRun = isDryRun ? ', dry_run => true' : ''
  const ended = `older_than => ${ago(keepSnapshotsMs)}${dryRun}`
  const snapshots = await step((one) => countOf(one, `call ducklake_expire_snapshots('warehouse', ${ended})`))
  const orphans = await step((one) => orphansOf(one, lake, { before: ago(keepFilesMs), takesCut: true }))
  if (!isDryRun) await step((one) => releaseOrphans(one, lake, orphans.ours, keepFilesMs))
  const unused = `older_than => ${ago(keepFilesMs)}${dryRun}`
  const gone = await step((one) => countOf(one, `call ducklake_cleanup_old_files('warehouse', ${unused})`))
  return {
    tables,
    snapshots,
    removed: isDryRun ? gone : Math.max(0, gone - orphans.ours.length),
    orphans: orphans.ours.length,
    foreign: orphans.foreign.length,
  }
}

type Stepper = <T>(work: (session: Session) => Promise<T>) => Promise<T>

/** A step is begun anew where another writer was quicker, and where the engine needs more memory. */
const stepper =
  ({ use, engine }: MaintainedLake, signal: AbortSignal | undefined): Stepper =>
  (work) =>
    engine.withRoom(async () => {
      if (signal?.aborted) throw new InterruptedError()
      return use(work, { signal, isRepeatable: true })
    })

const ago = (milliseconds: number): string => `now() - interval '${Math.round(milliseconds)} milliseconds'`

interface TableFiles extends Stored {
  readonly schema: string
  readonly name: string
  /** Months, and files that are full. */
  readonly fewest: number
}

/** The tables of ours, as their newest state is stored. */
async function filesOf({ db, names }: Session, lake: Lake): Promise<readonly TableFiles[]> {
  const of = (table: string) => sql.table(`${lake.catalogueSchema}.${table}`)
  const { rows } = await sql<TableFiles>`
    select s.schema_name as schema, t.table_name as name, count(*) as files,
      sum(f.file_size_bytes + coalesce(d.file_size_bytes, 0)) as bytes,
      count(*) filter (where f.file_size_bytes >= ${fullBytes})
        + count(distinct coalesce(p.parts, '')) filter (where f.file_size_bytes < ${fullBytes}) as fewest
    from ${of('ducklake_data_file')} as f
      join ${of('ducklake_table')} as t on t.table_id = f.table_id and t.end_snapshot is null
      join ${of('ducklake_schema')} as s on s.schema_id = t.schema_id and s.end_snapshot is null
      left join ${of('ducklake_delete_file')} as d on d.data_file_id = f.data_file_id and d.end_snapshot is null
      left join (
        select data_file_id, string_agg(partition_value, '/' order by partition_key_index) as parts
        from ${of('ducklake_file_partition_value')} group by 1
      ) as p on p.data_file_id = f.data_file_id
    where f.end_snapshot is null and s.schema_name in (${sql.join([names.streams, names.views, names.marts])})
    group by 1, 2 order by 1, 2`.execute(db)
  return rows
}

const expected = ({ schema, name, files, bytes, fewest }: TableFiles): MaintainedTable => ({
  table: `${schema}.${name}`,
  before: { files, bytes },
  after: { files: fewest, bytes },
})

/** Without the rows that were deleted, then in as few files as there are months. */
async function mergeTable(step: Stepper, lake: Lake, found: TableFiles): Promise<MaintainedTable> {
  const { schema, name, files, bytes } = found
  const table = `'warehouse', ${literal(name)}, schema => ${literal(schema)}`
  const calls = [
    `call ducklake_rewrite_data_files(${table}, delete_threshold => ${deleteThreshold})`,
    `call ducklake_merge_adjacent_files(${table}, max_compacted_files => ${filesOfOneStep})`,
  ]
  await step((one) => rowsOf(one.tables, calls[0] as string))
  if (files > 1) {
    for (;;) {
      const merged = await step((one) => rowsOf<Merged>(one.tables, calls[1] as string))
      if (!merged.some((row) => row.files_processed > row.files_created)) break
    }
  }
  const all = await step((session) => filesOf(session, lake))
  const after = all.find((one) => one.schema === schema && one.name === name)
  return {
    table: `${schema}.${name}`,
    before: { files, bytes },
    after: { files: after?.files ?? 0, bytes: after?.bytes ?? 0 },
  }
}

const countOf = async ({ tables }: Session, call: string): Promise<number> =>
  (await rowsOf(tables, call)).length

/** What a step of merging made of how many files. */
interface Merged {
  readonly files_processed: number
  readonly files_created: number
}

async function rowsOf<Row = unknown>(tables: QueryExecutorProvider, call: string): Promise<readonly Row[]> {
  return (await sql.raw<Row>(call).execute(tables)).rows
}
