/** One stream in detail: its columns, the runs that read it, what they rejected, and some of its rows. */
import { sql } from 'kysely'
import { ConfigError } from '../errors.ts'
import { suggestion } from '../nearest.ts'
import type { NewColumn } from '../warehouse/shape.ts'
import { streamTable } from '../warehouse/sql.ts'
import { readSteps, type StepStatus } from './course.ts'
import { type ReportSource, readAsOne, readState } from './read.ts'
import { streamsOfRun } from './run-streams.ts'
import { type Reject, readRejects } from './runs.ts'
import { readStreams, type StreamStatus } from './streams.ts'

/** A column of a stream's table. Times are ISO 8601. */
export interface ColumnStatus {
  readonly column: string
  /** What Iterable calls it. */
  readonly source: string
  readonly type: string
  readonly origin: string
  readonly first_seen_at: string
  /** The types that it had before, oldest first. */
  readonly previous_types: readonly string[]
  readonly changed_at: string | null
}

/** What one run did for a stream. */
export interface StreamRun {
  readonly run_id: string
  readonly started_at: string | null
  readonly state: string
  readonly rows_read: number | null
  readonly rows_rejected: number | null
  readonly windows: number | null
  readonly api_calls: number | null
  readonly error: string | null
  readonly new_columns: readonly NewColumn[]
  readonly notes: readonly string[]
}

export interface StreamDetail {
  readonly stream: StreamStatus
  readonly columns: readonly ColumnStatus[]
  readonly runs: readonly StreamRun[]
  /** The latest windows or lists that were committed. */
  readonly steps: readonly StepStatus[]
  readonly rejects: readonly Reject[]
  readonly rejected: number
  /** Only where they were asked for: values as JSON text. */
  readonly samples: readonly Readonly<Record<string, string | null>>[] | null
}

/** @throws ConfigError `unknown_stream` */
export async function readStream(
  source: ReportSource,
  name: string,
  { withSamples }: { readonly withSamples: boolean },
): Promise<StreamDetail> {
  return readAsOne(source, async (from) => {
    const stream = await findStream(from, name)
    const { rejects, total } = await readRejects(from, { source: `stream:${name}`, limit: 20 })
    return {
      stream,
      columns: await readColumns(from, name),
      runs: await readRunsOf(from, name),
      steps: await readSteps(from, { stream: name, limit: stepsShown }),
      rejects,
      rejected: total,
      samples: withSamples && stream.rows !== null ? await readSamples(from, name) : null,
    }
  })
}

async function findStream(source: ReportSource, name: string): Promise<StreamStatus> {
  const streams = await readStreams(source, { stream: name, isQuick: true })
  const found = streams.find(({ stream }) => stream === name)
  if (found) return found
  const names = streams.map(({ stream }) => stream)
  throw new ConfigError(`there is no stream ${JSON.stringify(name)}${suggestion(name, names)}`, {
    code: 'unknown_stream',
  })
}

async function readColumns(source: ReportSource, name: string): Promise<readonly ColumnStatus[]> {
  const rows = await readState(source, ({ db }) =>
    db.selectFrom('columns').selectAll().where('stream', '=', name).orderBy('position').execute(),
  )
  return (rows ?? []).map((row) => ({
    column: row.column_name,
    source: row.source_name,
    type: row.type,
    origin: row.origin,
    first_seen_at: row.first_seen_at.toISOString(),
    previous_types: row.previous_types ?? [],
    changed_at: row.changed_at?.toISOString() ?? null,
  }))
}

const stepsShown = 40
/** Runs that are looked through for one stream. */
const runsRead = 50

async function readRunsOf(source: ReportSource, name: string): Promise<readonly StreamRun[]> {
  const rows = await readState(source, ({ db }) =>
    db
      .selectFrom('runs')
      .select(['run_id', 'started_at', 'state', 'details'])
      .where('kind', '=', 'sync')
      .orderBy('started_at', 'desc')
      .limit(runsRead)
      .execute(),
  )
  return (rows ?? []).flatMap(({ run_id, started_at, state, details }) => {
    const report = streamsOfRun(details).find(({ stream }) => stream === name)
    if (!report) return []
    return [
      {
        run_id,
        started_at: started_at?.toISOString() ?? null,
        state: report.state ?? state,
        rows_read: report.rows_read,
        rows_rejected: report.rows_rejected,
        windows: report.windows,
        api_calls: report.api_calls,
        error: report.error,
        new_columns: report.new_columns,
        notes: report.notes,
      },
    ]
  })
}

async function readSamples(
  source: ReportSource,
  name: string,
): Promise<readonly Readonly<Record<string, string | null>>[]> {
  const rows = await readState(source, async (session) => {
    const table = streamTable(session, name)
    return (await sql<Record<string, unknown>>`select * from ${table} limit 10`.execute(session.tables)).rows
  })
  return (rows ?? []).map((row) =>
    Object.fromEntries(Object.entries(row).map(([column, value]) => [column, textOf(value)])),
  )
}

/** A value of any type, as text. */
export function textOf(value: unknown): string | null {
  if (value === null || value === undefined) return null
  if (value instanceof Date) return value.toISOString()
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
