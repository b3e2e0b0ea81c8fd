/** How reports read: only where something was ever written, and holding the warehouse no longer than the read. */
import { existsSync } from 'node:fs'
import { sql } from 'kysely'
import type { Config } from '../config/schema.ts'
import { schemaHomes } from '../warehouse/schemas.ts'
import type { Session, UseOptions, Warehouse } from '../warehouse/session.ts'

/** What a report is about. */
export interface ReportSource {
  readonly warehouse: Warehouse
  readonly config: Config
  /** Where one session serves several reports: what it was found to hold. */
  readonly tables?: ExistingTables
}

/** The tables that exist, as `schema.table`. */
export type ExistingTables = ReadonlySet<string>

/**
 * Reads the state of a warehouse. Resolves to undefined where nothing was ever synced; a DuckDB file that is missing
 * is not made by asking for it.
 */
export async function readState<T>(
  { warehouse, config, tables: known }: ReportSource,
  read: (session: Session, tables: ExistingTables) => Promise<T>,
  options?: UseOptions,
): Promise<T | undefined> {
  if (isMissing(config)) return undefined
  return warehouse.use(
    async (session) => {
      const tables = known ?? (await existingTables(session))
      return tables.has(`${session.names.sync}.runs`) ? read(session, tables) : undefined
    },
    { isRepeatable: true, isReading: true, ...options },
  )
}

/** Several reports of one state: a DuckDB file is opened once for all of them. Undefined where nothing was ever synced. */
export async function readTogether<T>(
  source: ReportSource,
  read: (source: ReportSource) => Promise<T>,
): Promise<T | undefined> {
  const { warehouse, config } = source
  return readState(source, (session, tables) =>
    read({ config, tables, warehouse: { ...warehouse, use: (work) => work(session) } }),
  )
}

/** The same for reports that say by themselves that nothing is there. */
export async function readAsOne<T>(
  source: ReportSource,
  read: (source: ReportSource) => Promise<T>,
): Promise<T> {
  return (await readTogether(source, read)) ?? read(source)
}

/** True for a DuckDB warehouse whose file nobody has made yet. */
export function isMissing({ warehouse }: Pick<Config, 'warehouse'>): boolean {
  return 'path' in warehouse && !existsSync(warehouse.path)
}

async function existingTables(session: Session): Promise<ExistingTables> {
  const { streams, sync } = session.names
  const found = new Set<string>()
  for (const { at, schemas } of schemaHomes(session)) {
    const wanted = schemas.filter((schema) => schema === streams || schema === sync)
    const { rows } = await sql<{ name: string }>`
      select table_schema || '.' || table_name as name
      from information_schema.tables
      where table_catalog = current_database() and table_schema in (${sql.join(wanted)})
    `.execute(at)
    for (const { name } of rows) found.add(name)
  }
  return found
}
