/** Definitions of exports, and what their runs know of themselves. */
import type { Kysely, Selectable } from 'kysely'
import type { ExportRunsTable, ExportsTable, StateDatabase } from './tables.ts'

export type ExportRow = Selectable<ExportsTable>
export type ExportRun = Selectable<ExportRunsTable>
type Db = Kysely<StateDatabase>

/** All definitions, by name. JSON may come as text from DuckDB. */
export async function readExports(db: Db): Promise<readonly ExportRow[]> {
  const rows = await db.selectFrom('exports').selectAll().orderBy('name').execute()
  return rows.map((row) => ({ ...row, settings: parsed(row.settings) as ExportRow['settings'] }))
}

export interface SavedDefinition {
  readonly name: string
  readonly query: string
  /** JSON text. */
  readonly settings: string
  readonly definedIn: 'file' | 'sql'
  readonly error: string | null
  readonly now: Date
}

/** Writes a definition, new or in place of the one before. */
export async function saveExport(
  db: Db,
  { name, query, settings, definedIn, error, now }: SavedDefinition,
): Promise<void> {
  const values = { query, settings, defined_in: definedIn, error_text: error, updated_at: now }
  await db
    .insertInto('exports')
    .values({ name, ...values, created_at: now })
    .onConflict((conflict) => conflict.column('name').doUpdateSet(values))
    .execute()
}

export async function setExportError(db: Db, name: string, error: string | null): Promise<void> {
  await db.updateTable('exports').set({ error_text: error }).where('name', '=', name).execute()
}

export async function deleteExports(db: Db, names: readonly string[]): Promise<void> {
  if (names.length > 0) await db.deleteFrom('exports').where('name', 'in', names).execute()
}

/** The latest runs of an export, newest first. */
export async function readExportRuns(db: Db, name: string, limit: number): Promise<readonly ExportRun[]> {
  const rows = await db
    .selectFrom('export_runs')
    .selectAll()
    .where('export', '=', name)
    .orderBy('started_at', 'desc')
    .limit(limit)
    .execute()
  return rows.map(withJson)
}

export async function readExportRun(db: Db, runId: string): Promise<ExportRun | undefined> {
  const row = await db.selectFrom('export_runs').selectAll().where('run_id', '=', runId).executeTakeFirst()
  return row && withJson(row)
}

/**
 * Takes a run over: whoever held it before can commit nothing from now on. Returns the token that commits must carry.
 */
export async function takeLease(db: Db, runId: string): Promise<number> {
  const { lease_token } = await db
    .updateTable('export_runs')
    .set((row) => ({ lease_token: row('lease_token', '+', 1) }))
    .where('run_id', '=', runId)
    .returning('lease_token')
    .executeTakeFirstOrThrow()
  return Number(lease_token)
}

/** True while nobody else has taken the run over; in the transaction of a commit it keeps others out until its end. */
export async function holdsLease(db: Db, runId: string, token: number): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('export_runs')
    .set({ lease_token: token })
    .where('run_id', '=', runId)
    .where('lease_token', '=', token)
    .executeTakeFirst()
  return Number(numUpdatedRows) === 1
}

const withJson = <Row extends ExportRun>(row: Row): Row => ({
  ...row,
  envelope: parsed(row.envelope),
  brakes: parsed(row.brakes),
})

/** DuckDB gives JSON as text, Postgres as a value. */
export const parsed = (json: unknown): unknown => (typeof json === 'string' ? JSON.parse(json) : json)
