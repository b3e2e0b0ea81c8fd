/** Whether the warehouse can be opened, written and understood, and whether there is room. */
import { existsSync } from 'node:fs'
import { readdir, statfs } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { sql } from 'kysely'
import type { Config } from '../config/schema.ts'
import { packageFile } from '../package-files.ts'
import { isMissing } from '../report/read.ts'
import { namesake } from '../warehouse/duckdb/file-name.ts'
import { createSchemas, partsSchemaOf } from '../warehouse/schemas.ts'
import type { Session, Warehouse } from '../warehouse/session.ts'
import { type CheckItem, failed, failedWith, ok, warning } from './item.ts'
import { partitionItems } from './partitions.ts'

export interface WarehouseCheck {
  readonly warehouse: Warehouse
  readonly config: Config
  readonly signal?: AbortSignal | undefined
}

/** Looks at the warehouse. Nothing stays written, and a DuckDB file that is missing is not made. */
export async function checkWarehouse(check: WarehouseCheck): Promise<readonly CheckItem[]> {
  return [...nameItems(check.config), ...(await openItems(check)), await diskItem(check)]
}

async function openItems({ warehouse, config, signal }: WarehouseCheck): Promise<CheckItem[]> {
  if (isMissing(config)) {
    // Its folder can be written: the work folder beside it has been made.
    return [ok('warehouse', `${pathOf(config)} is not there yet; the first sync makes it`)]
  }
  const items: CheckItem[] = []
  try {
    await warehouse.use(
      async (session) => {
        items.push(ok('warehouse', `the ${config.warehouse.type} warehouse can be opened`))
        items.push(await versionItem(session))
        items.push(await writeItem(session, config))
        items.push(...(await readerItems(session, config)))
        items.push(...(await partitionItems(session, config)))
      },
      { signal, isAsFound: true },
    )
    return items
  } catch (error) {
    if (signal?.aborted) throw error
    const item = items.length === 0 ? 'warehouse' : 'warehouse_write'
    return [...items, failedWith(item, error, 'correct "warehouse" in the configuration')]
  }
}

/** Roles that are to read, and do not exist. */
async function readerItems({ db }: Session, { warehouse }: Config): Promise<CheckItem[]> {
  if (!('readers' in warehouse) || !warehouse.readers?.length) return []
  const { rows } = await sql<{ name: string }>`select rolname as name from pg_roles`.execute(db)
  const known = new Set(rows.map(({ name }) => name))
  const missing = warehouse.readers.filter((role) => !known.has(role))
  if (missing.length === 0) return [ok('readers', `${warehouse.readers.join(', ')} may read after each sync`)]
  return [
    failed(
      'readers',
      `the server has no role ${missing.join(', ')}`,
      'create it, or take it out of "warehouse.readers"',
    ),
  ]
}

/** Makes the schemas that are missing and a table, writes a row, and takes everything back. */
async function writeItem(session: Session, { warehouse }: Config): Promise<CheckItem> {
  const { names } = session
  const table = sql.id(names.streams, '_iterable_elt_check')
  const missing = await session.transaction(
    async (tx) => {
      // That of Fivetran's names comes with a setting, and a sync lives without.
      const { fivetran: _, ...needed } = names
      const isPartitioned = 'partition' in warehouse && warehouse.partition === 'month'
      const parts = isPartitioned ? [partsSchemaOf(names.streams)] : []
      const made = await createSchemas(tx, [...Object.values(needed), ...parts])
      await sql`create table ${table} (checked_at timestamptz)`.execute(tx.tables)
      await sql`insert into ${table} values (current_timestamp)`.execute(tx.tables)
      return made
    },
    { isDryRun: true },
  )
  const schemas = missing.length > 0 ? `; the first sync makes the schemas ${missing.join(', ')}` : ''
  return ok('warehouse_write', `tables can be made and rows written in schema ${names.streams}${schemas}`)
}

/** The migrations that the warehouse has seen, against those that we have. */
async function versionItem({ db, names }: Session): Promise<CheckItem> {
  const tables = await sql<{ name: string }>`
    select table_name as name from information_schema.tables
    where table_catalog = current_database() and table_schema = ${names.sync} and table_name = 'migrations'
  `.execute(db)
  if (tables.rows.length === 0) return ok('versions', 'nothing was ever written here')
  const { rows } = await sql<{
    name: string
  }>`select name from ${sql.table(`${names.sync}.migrations`)}`.execute(db)
  const files = await readdir(packageFile('migrations'))
  const ours = new Set(files.filter((name) => name.endsWith('.sql')).map((name) => name.slice(0, -4)))
  const newer = rows.map(({ name }) => name).filter((name) => !ours.has(name))
  if (newer.length > 0) {
    const message = `a newer version of iterable-elt has written the warehouse (${newer.join(', ')})`
    return failed('versions', message, 'upgrade iterable-elt: npm install iterable-elt@latest')
  }
  const pending = ours.size - rows.length
  return ok(
    'versions',
    pending > 0
      ? `the next sync brings the warehouse up to date (${pending} steps)`
      : 'the warehouse is up to date',
  )
}

/** A file and a schema of one name: DuckDB takes the first part of a name for either. */
function nameItems({ warehouse, schema }: Config): CheckItem[] {
  if (!('path' in warehouse)) return []
  const name = namesake(warehouse.path, schema)
  if (name === undefined) return []
  const file = basename(warehouse.path)
  return [
    warning(
      'warehouse_name',
      `the file ${file} is called like the schema ${name}: a program that opens the file finds ${name}.users ambiguous`,
      `rename the file, e.g. to warehouse.duckdb, and change "warehouse.path" (no other process may have it open), or write ${name}.${schema}.users there`,
    ),
  ]
}

const scarceBytes = 1_000_000_000
const tooFewBytes = 100_000_000

async function diskItem({ warehouse, config }: WarehouseCheck): Promise<CheckItem> {
  const path = pathOf(config)
  const folder = existingFolder(path ? dirname(path) : warehouse.spoolDirectory)
  const use = path ? 'the warehouse and downloads on their way' : 'downloads on their way'
  const { bavail, bsize } = await statfs(folder)
  const free = bavail * bsize
  const message = `${(free / 1e9).toFixed(1)} GB are free in ${folder}, for ${use}`
  if (free < tooFewBytes)
    return failed('disk', message, 'make room, or name another place in the configuration')
  if (free < scarceBytes)
    return warning('disk', message, 'make room: a window of events takes its size in downloads')
  return ok('disk', message)
}

/** The folder itself, or the nearest one above it that is there. */
const existingFolder = (path: string): string => (existsSync(path) ? path : existingFolder(dirname(path)))

const pathOf = ({ warehouse }: Config): string | undefined =>
  'path' in warehouse ? warehouse.path : undefined
