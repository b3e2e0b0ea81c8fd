/** The catalogue with what the warehouse holds of it. */
import { sql } from 'kysely'
import { catalogue, replicationLabel, type Stream, selectStreams } from '../catalog/index.ts'
import type { Config } from '../config/schema.ts'
import { readBookmarks } from '../state/bookmarks.ts'
import type { Session } from '../warehouse/session.ts'
import { streamTable } from '../warehouse/sql.ts'
import { type ExistingTables, type ReportSource, readState } from './read.ts'
import { streamsOfRun } from './run-streams.ts'

/** The last sync that a stream took part in. */
export interface LastSync {
  readonly run_id: string
  readonly state: string
  /** When the run ended; when it began, while it runs. ISO 8601. */
  readonly at: string | null
}

/** A stream of the catalogue and its table; an entry of `streams --json`. */
export interface StreamStatus {
  readonly stream: string
  /** With its schema. */
  readonly table: string
  readonly replication: string
  readonly primary_key: readonly string[]
  readonly bookmark_column: string | null
  /** True where the configuration selects it: `sync.streams`, or one of `sync.jobs`. */
  readonly selected: boolean
  /** Rows of the table; null where there is none yet. */
  readonly rows: number | null
  /** The rows were not counted: it is about so many. */
  readonly is_estimate?: true
  /** ISO 8601. */
  readonly bookmark: string | null
  readonly last_sync: LastSync | null
}

/** How rows are counted. */
export interface Counting {
  /** Only those of this stream, where one is named. */
  readonly stream?: string
  /** Large tables are not counted, where the warehouse knows about how many rows they have. */
  readonly isQuick?: boolean
}

/** All streams of the catalogue, also those that were never synced. */
export async function readStreams(
  source: ReportSource,
  counting: Counting = {},
): Promise<readonly StreamStatus[]> {
  const state = await readState(source, (session, tables) => readStreamState(session, tables, counting))
  return describeStreams(source.config, state)
}

/** What the warehouse knows of streams. */
export interface StreamKnowledge {
  readonly rows: ReadonlyMap<string, number>
  /** Streams whose rows were not counted. */
  readonly estimated: ReadonlySet<string>
  readonly bookmarks: ReadonlyMap<string, Date>
  readonly lastSyncs: ReadonlyMap<string, LastSync>
}

/** The catalogue of the configured project, joined with what the warehouse knows. */
export function describeStreams(
  { sync, connections, schema }: Config,
  state: StreamKnowledge | undefined,
): readonly StreamStatus[] {
  const streams = catalogue(connections[sync.connection ?? '']?.project_type ?? 'email')
  const lists = [sync.streams, ...Object.values(sync.jobs).map((further) => further.streams)]
  const selected = new Set(lists.flatMap((patterns) => selectStreams(streams, patterns)))
  return streams.map((stream) => ({
    stream: stream.name,
    table: `${schema}.${stream.name}`,
    replication: replicationLabel(stream),
    primary_key: stream.key,
    bookmark_column: stream.bookmark ?? null,
    selected: selected.has(stream),
    rows: state?.rows.get(stream.name) ?? null,
    ...(state?.estimated.has(stream.name) && { is_estimate: true as const }),
    bookmark: state?.bookmarks.get(stream.name)?.toISOString() ?? null,
    last_sync: state?.lastSyncs.get(stream.name) ?? null,
  }))
}

/** Reads counts, bookmarks and last syncs in one session. */
export async function readStreamState(
  session: Session,
  tables: ExistingTables,
  { stream, isQuick = false }: Counting = {},
): Promise<StreamKnowledge> {
  const streams = catalogue('email')
    .filter(({ name }) => stream === undefined || name === stream)
    .filter(({ name }) => tables.has(`${session.names.streams}.${name}`))
  const estimates = isQuick ? await readEstimates(session) : new Map<string, number>()
  const small = streams.filter(({ name }) => !estimates.has(name))
  const counts = await countRows(session, small)
  return {
    rows: new Map(streams.map(({ name }) => [name, estimates.get(name) ?? counts.get(name) ?? 0])),
    estimated: new Set(estimates.keys()),
    bookmarks: await readBookmarks(session.db),
    lastSyncs: await readLastSyncs(session),
  }
}

/** Below this a table is counted: that takes a few milliseconds. */
const leastEstimated = 50_000

/** Large tables, with about how many rows they have. */
async function readEstimates({ dialect, names, tables }: Session): Promise<ReadonlyMap<string, number>> {
  const query = dialect.estimates?.(names.streams)
  const { rows } = query ? await query.execute(tables) : { rows: [] }
  return new Map(
    rows.flatMap(({ table_name, rows: about }) =>
      about !== null && about >= leastEstimated ? [[table_name, about]] : [],
    ),
  )
}

async function countRows(session: Session, streams: readonly Stream[]): Promise<ReadonlyMap<string, number>> {
  if (streams.length === 0) return new Map()
  const counts = streams.map(
    ({ name }) =>
      sql<CountRow>`select ${name} as stream, count(*) as rows from ${streamTable(session, name)}`,
  )
  const { rows } = await sql<CountRow>`${sql.join(counts, sql` union all `)}`.execute(session.tables)
  return new Map(rows.map(({ stream, rows: count }) => [stream, count]))
}

interface CountRow {
  readonly stream: string
  readonly rows: number
}

/** A stream that none of so many runs touched shows only its bookmark. */
const runsLookedThrough = 100

async function readLastSyncs({ db }: Session): Promise<ReadonlyMap<string, LastSync>> {
  const runs = await db
    .selectFrom('runs')
    .select(['run_id', 'state', 'started_at', 'finished_at', 'details'])
    .where('kind', '=', 'sync')
    .orderBy('started_at', 'desc')
    .limit(runsLookedThrough)
    .execute()
  const lastSyncs = new Map<string, LastSync>()
  for (const run of runs) {
    for (const { stream, state } of streamsOfRun(run.details)) {
      if (lastSyncs.has(stream) || state === 'skipped') continue
      const at = (run.finished_at ?? run.started_at)?.toISOString() ?? null
      lastSyncs.set(stream, { run_id: run.run_id, state: state ?? run.state, at })
    }
  }
  return lastSyncs
}
