/** The history of runs, and the rows that they rejected. */
import type { Selectable } from 'kysely'
import { catalogue } from '../catalog/index.ts'
import { ConfigError } from '../errors.ts'
import { suggestion } from '../nearest.ts'
import { findRun } from '../state/runs.ts'
import type { RejectedRowsTable, RunState, RunsTable } from '../state/tables/sync.ts'
import type { Session } from '../warehouse/session.ts'
import { type ReportSource, readState } from './read.ts'

/** A run; an entry of `runs --json`. Times are ISO 8601. */
export interface RunSummary {
  readonly run_id: string
  readonly job: string
  readonly kind: string
  readonly trigger: string
  readonly state: string
  readonly nominal_at: string | null
  readonly due_at: string | null
  readonly started_at: string | null
  readonly finished_at: string | null
  readonly rows_read: number
  readonly rows_written: number
  readonly rows_rejected: number
  readonly bytes_read: number
  readonly api_calls: number
  readonly error_code: string | null
  readonly error_text: string | null
}

/** How many rows a source rejected for one reason. */
export interface RejectCount {
  readonly run_id: string
  /** `stream:NAME` or `export:NAME`. */
  readonly source: string
  readonly code: string
  readonly rows: number
}

/** One run in detail; what `runs RUN_ID --json` prints. */
export interface RunDetail extends RunSummary {
  /** What the job told of itself: for a sync its reach and the report of each stream. */
  readonly details: unknown
  readonly rejects: readonly RejectCount[]
}

/** A row that could not be loaded or sent. */
export interface Reject {
  readonly run_id: string
  readonly source: string
  readonly code: string
  readonly reason: string
  /** The row, where it is JSON. */
  readonly row: unknown
  /** Its text as it came, where it is not. */
  readonly raw: string | null
  readonly rejected_at: string
}

export interface RejectQuery {
  /** A run's id, or its beginning. */
  readonly run?: string | undefined
  /** `stream:NAME` or `export:NAME`. */
  readonly source?: string | undefined
  readonly limit: number
}

export interface RejectPage {
  /** Newest first, at most `limit`. */
  readonly rejects: readonly Reject[]
  /** How many there are in all. */
  readonly total: number
}

export interface RunQuery {
  readonly limit: number
  /** So many of the latest are left out. */
  readonly offset?: number | undefined
  /** `sync` or `export:NAME`. */
  readonly job?: string | undefined
  readonly state?: RunState | undefined
  /** Without ticks that were skipped. */
  readonly hidesSkipped?: boolean | undefined
}

/** The latest runs, newest first. */
export async function readRuns(source: ReportSource, query: RunQuery): Promise<readonly RunSummary[]> {
  return (await readState(source, (session) => latestRuns(session, query))) ?? []
}

/** The run of the same job that began before this one; null where it is the first. */
export async function readRunBefore(
  source: ReportSource,
  { job, run_id, started_at }: RunSummary,
): Promise<RunSummary | null> {
  if (started_at === null) return null
  const row = await readState(source, ({ db }) =>
    db
      .selectFrom('runs')
      .selectAll()
      .where('job', '=', job)
      .where('run_id', '<>', run_id)
      .where('started_at', '<=', new Date(started_at))
      .where('state', '<>', 'skipped')
      .orderBy('started_at', 'desc')
      .limit(1)
      .executeTakeFirst(),
  )
  return row ? summaryOf(row) : null
}

/** One run, by its id or an unambiguous beginning of it. @throws ConfigError when there is none. */
export async function readRun(source: ReportSource, id: string): Promise<RunDetail> {
  const run = await readState(source, async (session) => {
    const { run_id: runId } = await findRun(session.db, id)
    const row = await session.db
      .selectFrom('runs')
      .selectAll()
      .where('run_id', '=', runId)
      .executeTakeFirstOrThrow()
    const rejects = await countRejects(session, [runId])
    return { ...summaryOf(row), details: row.details, rejects }
  })
  if (!run) throw new ConfigError(`there is no run "${id}": nothing has run in this warehouse yet`)
  return run
}

/** Rejected rows, newest first. */
export async function readRejects(source: ReportSource, query: RejectQuery): Promise<RejectPage> {
  const page = await readState(source, async (session) => {
    const runId = query.run === undefined ? undefined : (await findRun(session.db, query.run)).run_id
    const selected = session.db
      .selectFrom('rejected_rows')
      .$if(runId !== undefined, (rows) => rows.where('run_id', '=', runId as string))
      .$if(query.source !== undefined, (rows) => rows.where('source', '=', query.source as string))
    const { total } = await selected
      .select(({ fn }) => fn.countAll<number>().as('total'))
      .executeTakeFirstOrThrow()
    if (total === 0 && query.source !== undefined) {
      refuseUnknownSource(query.source, await knownSources(session))
    }
    const rows = await selected.selectAll().orderBy('rejected_at', 'desc').limit(query.limit).execute()
    return { rejects: rows.map(rejectOf), total }
  })
  if (page) return page
  if (query.source?.startsWith('stream:')) refuseUnknownSource(query.source, streamSources)
  return { rejects: [], total: 0 }
}

const streamSources: readonly string[] = catalogue('email').map(({ name }) => `stream:${name}`)

async function knownSources({ db }: Session): Promise<readonly string[]> {
  const exports = await db.selectFrom('exports').select('name').execute()
  const met = await db.selectFrom('rejected_rows').select('source').distinct().execute()
  return [...streamSources, ...exports.map(({ name }) => `export:${name}`), ...met.map((row) => row.source)]
}

/** Nothing is rejected of a name that nobody knows: that is a slip of the hand. @throws ConfigError */
function refuseUnknownSource(source: string, known: readonly string[]): void {
  if (known.includes(source)) return
  const [kind = '', name = ''] = source.split(/:(.*)/s)
  const names = known.filter((one) => one.startsWith(`${kind}:`)).map((one) => one.slice(kind.length + 1))
  throw new ConfigError(`there is no ${kind} ${JSON.stringify(name)}${suggestion(name, names)}`, {
    code: kind === 'stream' ? 'unknown_stream' : 'unknown_export',
  })
}

export async function latestRuns(
  { db }: Session,
  { limit, offset = 0, job, state, hidesSkipped = false }: RunQuery,
): Promise<readonly RunSummary[]> {
  const rows = await db
    .selectFrom('runs')
    .selectAll()
    .$if(job !== undefined, (runs) => runs.where('job', '=', job as string))
    .$if(state !== undefined, (runs) => runs.where('state', '=', state as RunState))
    .$if(hidesSkipped, (runs) => runs.where('state', '!=', 'skipped'))
    .orderBy(({ fn, ref }) => fn.coalesce(ref('started_at'), ref('due_at'), ref('finished_at')), 'desc')
    .orderBy('run_id')
    .limit(limit)
    .offset(offset)
    .execute()
  return rows.map(summaryOf)
}

/** Rejected rows of some runs, counted by source and reason. */
export async function countRejects(
  { db }: Session,
  runIds: readonly string[],
): Promise<readonly RejectCount[]> {
  if (runIds.length === 0) return []
  return db
    .selectFrom('rejected_rows')
    .select(['run_id', 'source', 'code'])
    .select(({ fn }) => fn.countAll<number>().as('rows'))
    .where('run_id', 'in', runIds)
    .groupBy(['run_id', 'source', 'code'])
    .orderBy('source')
    .orderBy('code')
    .execute()
}

function summaryOf({ details: _, slot: __, ...run }: Selectable<RunsTable>): RunSummary {
  return {
    ...run,
    nominal_at: iso(run.nominal_at),
    due_at: iso(run.due_at),
    started_at: iso(run.started_at),
    finished_at: iso(run.finished_at),
  }
}

function rejectOf(reject: Selectable<RejectedRowsTable>): Reject {
  return { ...reject, row: reject.row ?? null, rejected_at: reject.rejected_at.toISOString() }
}

const iso = (at: Date | null): string | null => at?.toISOString() ?? null
