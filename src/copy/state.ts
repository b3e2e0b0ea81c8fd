/** Our own tables into another warehouse, all of them in one transaction: bookmarks, members, schedules, history. */
import { join } from 'node:path'
import { sql } from 'kysely'
import type { Engine } from '../engine/engine.ts'
import type { Session, Tx, Warehouse } from '../warehouse/session.ts'
import { literal, quoted } from '../warehouse/sql.ts'
import { type Checksum, checksumOf } from './checksum.ts'
import { unloadTables } from './pieces.ts'

/** What is about a warehouse itself, or about who works on it now; the columns go with their tables. */
const left: ReadonlySet<string> = new Set([
  ...['migrations', 'migrations_lock', 'locks', 'leases', 'paces', 'workers', 'queue', 'columns'],
  ...['marts', 'mart_tables', 'mart_messages', 'table_comments', 'custom_event_views'],
])

/** What of a table goes along: nothing that two warehouses would then both do. */
const conditions: ReadonlyMap<string, string> = new Map([
  ['runs', `job <> 'copy' and state <> 'queued'`],
  ['run_requests', 'taken_at is not null'],
  ['notifications', `state <> 'waiting'`],
])

/** A table of ours, with its columns. */
export interface OwnTable {
  readonly name: string
  readonly columns: readonly string[]
}

/** The tables that are copied. */
export async function ownTables({ db, names }: Session): Promise<readonly OwnTable[]> {
  const { rows } = await sql<{ name: string; column: string }>`
    select table_name as name, column_name as column from information_schema.columns
    where table_catalog = current_database() and table_schema = ${names.sync} order by 1, 2`.execute(db)
  const tables = new Map<string, string[]>()
  for (const { name, column } of rows) {
    if (!left.has(name)) tables.set(name, [...(tables.get(name) ?? []), column])
  }
  return [...tables].map(([name, columns]) => ({ name, columns }))
}

interface Unloaded {
  readonly table: OwnTable
  /** A statement of the engine. */
  readonly select: string
  readonly checksum: Checksum
}

export interface OwnReading {
  readonly warehouse: Warehouse
  readonly engine: Engine
  readonly directory: string
  readonly signal?: AbortSignal | undefined
}

/** All of them to files, as of one moment. */
export async function unloadOwn(
  { warehouse, engine, directory, signal }: OwnReading,
  tables: readonly OwnTable[],
): Promise<readonly Unloaded[]> {
  const wanted = tables.map(({ name }) => ({
    name,
    path: join(directory, `${name}.parquet`),
    where: conditions.get(name),
  }))
  await unloadTables(warehouse, wanted, signal, warehouse.names.sync)
  const unloaded: Unloaded[] = []
  for (const [index, table] of tables.entries()) {
    const path = wanted[index]?.path ?? ''
    const select = `select ${table.columns.map(quoted).join(', ')} from read_parquet(${literal(path)})`
    const columns = table.columns.map((name) => ({ name, type: 'text' as const }))
    unloaded.push({ table, select, checksum: await checksumOf(engine, select, columns) })
  }
  return unloaded
}

/** Puts them in place of what is there. */
export async function loadOwn(tx: Tx, unloaded: readonly Unloaded[]): Promise<void> {
  for (const { table, select } of unloaded) {
    const name = `${quoted(tx.names.sync)}.${quoted(table.name)}`
    const rest = conditions.get(table.name)
    await sql.raw(`delete from ${name}${rest ? ` where ${rest}` : ''}`).execute(tx.db)
    await tx.appendQuery(name, table.columns, select)
  }
}
