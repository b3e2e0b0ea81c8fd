/** Definitions of exports, and what their runs know of themselves. */
import { type Selectable, sql } from 'kysely'
import { goodStates } from './runs.ts'
import type { ExportPhase, ExportRunsTable, ExportsTable } from './tables/exports.ts'
import type { Db } from './tables.ts'

/** A definition as far as it is read: of one that is too long, query and settings are empty. */
export interface ExportRow extends Selectable<ExportsTable> {
  readonly isTooLong: boolean
}
export type ExportRun = Selectable<ExportRunsTable>

/** Characters. Anybody may have inserted a row, and every worker reads all of them every few seconds. */
export const longestExport = { query: 10_000_000, settings: 1_000_000 } as const

/** All definitions, by name. */
export function readExports(db: Db): Promise<readonly ExportRow[]> {
  const isTooLong = sql<boolean>`(length(query) > ${sql.lit(longestExport.query)}
    or length(cast(settings as text)) > ${sql.lit(longestExport.settings)})`
  return db
    .selectFrom('exports')
    .select(['name', 'defined_in', 'error_text', 'created_at', 'updated_at'])
    .select(isTooLong.as('isTooLong'))
    .select(sql<string>`case when ${isTooLong} then '' else query end`.as('query'))
    .select(
      sql<Record<string, unknown>>`case when ${isTooLong} then cast('{}' as json) else settings end`.as(
        'settings',
      ),
    )
    .orderBy('name')
    .execute()
}

export interface SavedDefinition {
  readonly name: string
  /** It and `error` are `storable`: a row that never is what it should be would be written again and again. */
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
    query,
    settings,
    defined_in: definedIn,
    error_text: error,
    updated_at: now,
  }
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
  return rows
}

export async function readExportRun(db: Db, runId: string): Promise<ExportRun | undefined> {
  const row = await db.selectFrom('export_runs').selectAll().where('run_id', '=', runId).executeTakeFirst()
  return row
}

/**
 * Takes a run over: whoever held it before can commit nothing from now on. Returns the token that commits must carry.
 */
export async function takeOver(db: Db, runId: string): Promise<number> {
  const { lease_token } = await db
    .updateTable('export_runs')
    .set((row) => ({ lease_token: row('lease_token', '+', 1) }))
    .where('run_id', '=', runId)
    .returning('lease_token')
    .executeTakeFirstOrThrow()
  return lease_token
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
  /** A scheduler has made its row in `runs`. */
  readonly isQueued: boolean
  /** The same run as it was begun before. */
  readonly before?: ExportRun | undefined
}

/** Records that a run begins. Returns the token of its lease. */
export async function beginExportRun(db: Db, run: NewExportRun): Promise<number> {
  const started = { state: 'running', started_at: run.now, finished_at: null } as const
  const details = JSON.stringify({ action: run.action, list_id: run.listId })
  const row = db.insertInto('runs').values({
    run_id: run.runId,
    job: `export:${run.name}`,
    kind: 'export',
    trigger: run.trigger,
    nominal_at: run.nominalAt,
    details,
    ...started,
  })
  // For a row that may be there DuckDB takes 6 ms to insert it, and 4 more to commit it (measured); for a new one 2 and 2.
  await (run.isQueued
    ? row.onConflict((conflict) => conflict.column('run_id').doUpdateSet({ ...started, details }))
    : row
  ).execute()
  const token = 1 + (run.before?.lease_token ?? 0)
  if (run.before) await forgetExportRun(db, run.runId)
  await db
    .insertInto('export_runs')
    .values({
      run_id: run.runId,
      export: run.name,
      action: run.action,
      list_id: run.listId,
      phase: 'querying',
      definition_hash: run.definitionHash,
      mapping_hash: run.mappingHash,
      lease_token: token,
      envelope: JSON.stringify(run.envelope),
      started_at: run.now,
    })
    .execute()
  return token
}

/** A run that a worker begins again starts from nothing. */
async function forgetExportRun(db: Db, runId: string): Promise<void> {
  for (const table of ['export_runs', 'batches', 'plan', 'rejected_rows'] as const) {
    await db.deleteFrom(table).where('run_id', '=', runId).execute()
  }
}

/** Takes up a run that was interrupted, or held until now. Returns the token of its new lease, and its nominal time. */
export async function reopenExportRun(
  db: Db,
  runId: string,
): Promise<{ readonly token: number; readonly nominalAt: Date | null }> {
  const { nominal_at } = await db
    .updateTable('runs')
    .set({ state: 'running', finished_at: null, error_code: null, error_text: null })
    .where('run_id', '=', runId)
    .returning('nominal_at')
    .executeTakeFirstOrThrow()
  return { token: await takeOver(db, runId), nominalAt: nominal_at }
}

/** Changes what an export run knows of itself; resolves to all of it. */
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
): Promise<ExportRun> {
  const row = await db
    .updateTable('export_runs')
    .set(change)
    .where('run_id', '=', runId)
    .returningAll()
    .executeTakeFirstOrThrow()
  return row
}

/** What the run of an export that begins finds of those before it; each newest first. */
export interface EarlierRuns {
  /** Runs that were not brought to their end, and the one of this id if it has begun before. */
  readonly open: readonly ExportRun[]
  /** The latest runs on the same list that succeeded. */
  readonly good: readonly ExportRun[]
}

/** So many runs say what is usual. */
const goodRuns = 10

export async function readEarlierRuns(
  db: Db,
  { name, listId, runId }: Pick<NewExportRun, 'name' | 'listId' | 'runId'>,
): Promise<EarlierRuns> {
  const good = db
    .selectFrom('export_runs')
    .select('run_id')
    .where('export', '=', name)
    .where('list_id', '=', listId)
    .where('phase', '=', 'done')
    .where('run_id', '<>', runId)
    .where(
      'run_id',
      'in',
      db.selectFrom('runs').select('run_id').where('state', 'in', goodStates).where('trigger', '<>', 'retry'),
    )
    .orderBy('started_at', 'desc')
    .limit(goodRuns)
  const runs = await db
    .selectFrom('export_runs')
    .selectAll()
    .where((row) =>
      row.or([
        row.and([row('export', '=', name), row('phase', '<>', 'done')]),
        row('run_id', '=', runId),
        row('run_id', 'in', good),
      ]),
    )
    .orderBy('started_at', 'desc')
    .execute()
  const isOpen = (run: ExportRun) => run.phase !== 'done' || run.run_id === runId
  return { open: runs.filter(isOpen), good: runs.filter((run) => !isOpen(run)) }
}

/** The nominal times that a query may ask for. */
export async function readJobTimes(
  db: Db,
  job: string,
  nominal: Date,
): Promise<{ readonly previous: Date | null; readonly lastSuccess: Date | null }> {
  const latest = await db
    .selectFrom('runs')
    .select(({ fn }) => {
      const at = fn.max<Date | null>(fn.coalesce('nominal_at', 'started_at'))
      return [at.as('previous'), at.filterWhere('state', 'in', goodStates).as('last_success')]
    })
    .where('job', '=', job)
    .where(({ fn }) => fn.coalesce('nominal_at', 'started_at'), '<', nominal)
    .executeTakeFirst()
  const timeOf = (value: unknown) => (value instanceof Date ? value : null)
  return { previous: timeOf(latest?.previous), lastSuccess: timeOf(latest?.last_success) }
}
