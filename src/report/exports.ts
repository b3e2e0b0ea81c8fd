/** Saved exports as the warehouse knows them: as a command or a worker has last read their files. */
import { type SqlBool, sql } from 'kysely'
import { ConfigError } from '../errors.ts'
import { isTracked } from '../export/definition/settings.ts'
import { suggestion } from '../nearest.ts'
import { type ExportRow, readExports } from '../state/exports.ts'
import type { Session } from '../warehouse/session.ts'
import { type ReportSource, readState } from './read.ts'

/** A run of an export: what its plan wanted, and what became of it. */
export interface ExportRunStatus {
  readonly run_id: string
  readonly state: string
  readonly started_at: string
  readonly list_name: string | null
  readonly rows: number
  readonly planned: {
    readonly add: number
    readonly update: number
    readonly remove: number
    readonly unchanged: number
  }
  readonly sent: number
  readonly removed: number
  readonly rejected: number
  readonly skipped: number
}

export interface SavedExportStatus {
  readonly name: string
  /** `file` or `sql`. */
  readonly defined_in: string
  readonly query: string
  readonly settings: Readonly<Record<string, unknown>>
  /** Why it cannot run. */
  readonly error: string | null
  readonly last_run: ExportRunStatus | null
}

/** A person whom an export has put on its list. */
export interface MemberStatus {
  /** E-mail or userId. */
  readonly person: string
  readonly status: string
  readonly since: string
}

export interface ExportHistory extends SavedExportStatus {
  /** Newest first. */
  readonly runs: readonly ExportRunStatus[]
  /** False where it only sends: who is on the list through it is not known then. */
  readonly keepsMembers: boolean
  /** Some of those on its list. */
  readonly sample: readonly MemberStatus[]
}

const runsShown = 60
const membersShown = 50

export async function readSavedExports(source: ReportSource): Promise<readonly SavedExportStatus[]> {
  const read = await readState(source, async (session, tables) => {
    if (!tables.has(`${session.names.sync}.exports`)) return []
    const saved = await readExports(session.db)
    const last = await readRunsOf(session, 1)
    return saved.map((row) => savedStatus(row, last.get(row.name)?.[0]))
  })
  return read ?? []
}

/** @throws ConfigError `unknown_export` */
export async function readExportHistory(source: ReportSource, name: string): Promise<ExportHistory> {
  const read = await readState(source, async (session, tables) => {
    const { db, names } = session
    const saved = tables.has(`${names.sync}.exports`) ? await readExports(db) : []
    const found = saved.find((row) => row.name === name)
    if (!found) throw unknownExport(name, saved)
    const runs = (await readRunsOf(session, runsShown, name)).get(name) ?? []
    const sample = await onListOf(db, name).selectAll().limit(membersShown).execute()
    const status = savedStatus(found, runs[0])
    const { action, send } = status.settings
    return {
      ...status,
      runs,
      keepsMembers: isTracked({ action, send } as Parameters<typeof isTracked>[0]),
      sample: sample.map(({ member_key, status, confirmed_at }) => ({
        person: member_key.slice(2),
        status,
        since: confirmed_at.toISOString(),
      })),
    }
  })
  if (!read) throw unknownExport(name, [])
  return read
}

/** How many people an export has on its list; of millions that takes a moment. */
export async function countMembers(source: ReportSource, name: string): Promise<number> {
  const n = await readState(source, async ({ db, names }, tables) => {
    if (!tables.has(`${names.sync}.members`)) return 0
    const counted = await onListOf(db, name)
      .select(({ fn }) => fn.countAll<number>().as('n'))
      .executeTakeFirstOrThrow()
    return counted.n
  })
  return n ?? 0
}

const onListOf = (db: Session['db'], name: string) =>
  db.selectFrom('members').where('export', '=', name).where('status', '=', 'member')

function unknownExport(name: string, saved: readonly ExportRow[]): ConfigError {
  const names = saved.map((row) => row.name)
  const cure = suggestion(name, names) || '; "exports" reads the definitions anew'
  return new ConfigError(`there is no export ${JSON.stringify(name)}${cure}`, { code: 'unknown_export' })
}

const savedStatus = (row: ExportRow, last: ExportRunStatus | undefined): SavedExportStatus => {
  const settings = row.settings as unknown
  return {
    name: row.name,
    defined_in: row.defined_in,
    query: row.query,
    error: row.error_text,
    settings: typeof settings === 'object' && settings !== null ? (settings as Record<string, unknown>) : {},
    last_run: last ?? null,
  }
}

/** The latest runs of each export, newest first. */
async function readRunsOf(
  { db }: Session,
  most: number,
  name?: string,
): Promise<ReadonlyMap<string, readonly ExportRunStatus[]>> {
  // Only the few that are wanted are read as a whole: each has its envelope and its fields.
  const wanted = db
    .selectFrom('export_runs')
    .select('run_id')
    .select(sql<number>`row_number() over (partition by export order by started_at desc)`.as('place'))
    .$if(name !== undefined, (runs) => runs.where('export', '=', name as string))
  const rows = await db
    .selectFrom('export_runs as e')
    .innerJoin('runs as r', 'r.run_id', 'e.run_id')
    .selectAll('e')
    .select('r.state')
    .where('e.run_id', 'in', (query) =>
      query.selectFrom(wanted.as('wanted')).select('run_id').where(sql<SqlBool>`place <= ${most}`),
    )
    .orderBy('e.started_at', 'desc')
    .execute()
  const byExport = new Map<string, ExportRunStatus[]>()
  for (const row of rows) {
    const run: ExportRunStatus = {
      run_id: row.run_id,
      state: row.state,
      list_name: row.list_name,
      started_at: row.started_at.toISOString(),
      rows: row.rows_queried,
      planned: {
        add: row.planned_add,
        update: row.planned_update,
        remove: row.planned_remove,
        unchanged: row.planned_unchanged,
      },
      sent: row.sent,
      removed: row.removed,
      rejected: row.rejected,
      skipped: row.skipped,
    }
    byExport.set(row.export, [...(byExport.get(row.export) ?? []), run])
  }
  return byExport
}
