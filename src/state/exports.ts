/** Definitions of exports, and what their runs know of themselves. */
import type { Kysely, Selectable } from 'kysely'
import { storable } from './sound.ts'
import type { ExportPhase, ExportRunsTable, ExportsTable, RunState, StateDatabase } from './tables.ts'

export type ExportRow = Selectable<ExportsTable>
export type ExportRun = Selectable<ExportRunsTable>
type Db = Kysely<StateDatabase>

/** All definitions, by name. JSON may come as text from DuckDB. */
export async function readExports(db: Db): Promise<readonly ExportRow[]> {
  const rows = await db.selectFrom('exports').selectAll().orderBy('name').execute()
  return rows.map((row) => ({ ...row, settings: settingsOf(row.settings) as ExportRow['settings'] }))
}

/** What is JSON to DuckDB (NaN, a comma too many) may be none to others: it stays the text that it is. */
function settingsOf(settings: unknown): unknown {
  try {
    return parsed(settings)
  } catch {
    return settings
  }
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
  const values = {
    query: storable(query),
    settings,
    defined_in: definedIn,
    error_text: error && storable(error),
    updated_at: now,
  }
  await db
    .insertInto('exports')
    .values({ name, ...values, created_at: now })
    .onConflict((conflict) => conflict.column('name').doUpdateSet(values))
    .execute()
}

export async function setExportError(db: Db, name: string, error: string | null): Promise<void> {
  await db
    .updateTable('exports')
    .set({ error_text: error && storable(error) })
    .where('name', '=', name)
    .execute()
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
  fields: parsed(row.fields),
})

/** DuckDB gives JSON as text, Postgres as a value. */
const parsed = (json: unknown): unknown => (typeof json === 'string' ? JSON.parse(json) : json)

export interface ExportTotals {
  readonly sent: number
  readonly removed: number
  readonly rejected: number
  readonly skipped: number
  readonly refused: number
}

/** Adds what a batch brought, in the transaction of its acknowledgement. */
export async function addToExportRun(db: Db, runId: string, added: ExportTotals): Promise<void> {
  await db
    .updateTable('export_runs')
    .set((row) => ({
      sent: row('sent', '+', added.sent),
      removed: row('removed', '+', added.removed),
      rejected: row('rejected', '+', added.rejected),
      skipped: row('skipped', '+', added.skipped),
      refused: row('refused', '+', added.refused),
    }))
    .where('run_id', '=', runId)
    .execute()
  await db
    .updateTable('runs')
    .set((row) => ({
      rows_written: row('rows_written', '+', added.sent + added.removed),
      rows_rejected: row('rows_rejected', '+', added.refused),
    }))
    .where('run_id', '=', runId)
    .execute()
}

export interface NewExportRun {
  readonly runId: string
  readonly name: string
  readonly action: string
  readonly listId: number
  readonly definitionHash: string
  readonly mappingHash: string
  readonly envelope: object
  readonly trigger: string
  readonly nominalAt: Date | null
  readonly now: Date
}

/** Records that a run begins; a scheduler may have made its row in `runs` already. Returns the token of its lease. */
export async function beginExportRun(db: Db, run: NewExportRun): Promise<number> {
  const started = { state: 'running', started_at: run.now, finished_at: null } as const
  const details = JSON.stringify({ action: run.action, list_id: run.listId })
  await db
    .insertInto('runs')
    .values({
      ...{ run_id: run.runId, job: `export:${run.name}`, kind: 'export', trigger: run.trigger },
      ...{ nominal_at: run.nominalAt, details, ...started },
    })
    .onConflict((conflict) => conflict.column('run_id').doUpdateSet({ ...started, details }))
    .execute()
  // A run that a worker begins again starts from nothing.
  for (const table of ['export_runs', 'batches', 'plan', 'rejected_rows'] as const) {
    await db.deleteFrom(table).where('run_id', '=', run.runId).execute()
  }
  await db
    .insertInto('export_runs')
    .values({
      ...{ run_id: run.runId, export: run.name, action: run.action, list_id: run.listId, phase: 'querying' },
      ...{ definition_hash: run.definitionHash, mapping_hash: run.mappingHash },
      ...{ envelope: JSON.stringify(run.envelope), started_at: run.now },
    })
    .execute()
  return takeLease(db, run.runId)
}

/** Changes what an export run knows of itself. */
export async function updateExportRun(
  db: Db,
  runId: string,
  change: {
    readonly phase?: ExportPhase
    readonly list_name?: string | null
    readonly rows_queried?: number
    readonly planned_add?: number
    readonly planned_update?: number
    readonly planned_remove?: number
    readonly planned_unchanged?: number
    readonly rejected?: number
    readonly skipped?: number
    readonly brakes?: string
    /** JSON text. */
    readonly fields?: string
    readonly planned_at?: Date
    readonly approved_at?: Date
    readonly approved_by?: string
    readonly approval_note?: string | null
  },
): Promise<void> {
  await db.updateTable('export_runs').set(change).where('run_id', '=', runId).execute()
}

/** Runs of an export that were not brought to their end, newest first. */
export async function readOpenRuns(db: Db, name: string): Promise<readonly ExportRun[]> {
  const rows = await db
    .selectFrom('export_runs')
    .selectAll()
    .where('export', '=', name)
    .where('phase', '<>', 'done')
    .orderBy('started_at', 'desc')
    .execute()
  return rows.map(withJson)
}

/** The latest runs of an export on a list that succeeded, newest first. */
export async function readGoodRuns(
  db: Db,
  name: string,
  listId: number,
  limit: number,
): Promise<readonly ExportRun[]> {
  const rows = await db
    .selectFrom('export_runs')
    .selectAll()
    .where('export', '=', name)
    .where('list_id', '=', listId)
    .where(
      'run_id',
      'in',
      db
        .selectFrom('runs')
        .select('run_id')
        .where('state', 'in', ['succeeded', 'succeeded_with_rejects'])
        .where('trigger', '<>', 'retry'),
    )
    .orderBy('started_at', 'desc')
    .limit(limit)
    .execute()
  return rows.map(withJson)
}

/** The nominal times that a query may ask for. */
export async function readJobTimes(
  db: Db,
  job: string,
  nominal: Date,
): Promise<{ readonly previous: Date | null; readonly lastSuccess: Date | null }> {
  const latest = async (states: readonly RunState[] | undefined) => {
    let runs = db
      .selectFrom('runs')
      .select(({ fn }) => fn.max(fn.coalesce('nominal_at', 'started_at')).as('at'))
      .where('job', '=', job)
      .where(({ fn }) => fn.coalesce('nominal_at', 'started_at'), '<', nominal)
    if (states) runs = runs.where('state', 'in', states)
    const at: unknown = (await runs.executeTakeFirst())?.at
    return at instanceof Date ? at : null
  }
  return {
    previous: await latest(undefined),
    lastSuccess: await latest(['succeeded', 'succeeded_with_rejects']),
  }
}
