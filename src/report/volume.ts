/** How many rows of each stream are of which day. */
import { sql } from 'kysely'
import { catalogue, type Stream } from '../catalog/index.ts'
import type { Session } from '../warehouse/session.ts'
import { streamTable } from '../warehouse/sql.ts'
import { type ReportSource, readState } from './read.ts'

/** Rows by day (UTC, `2026-01-31`), without the days that have none. */
export type Volume = ReadonlyMap<string, number>

const dayMs = 86_400_000

/** By stream; only streams of events have any. */
export type Volumes = ReadonlyMap<string, Volume>

/** The events of the days before `now`. */
export async function readVolumes(
  source: ReportSource,
  { days, now, stream }: { readonly days: number; readonly now: Date; readonly stream?: string },
): Promise<Volumes> {
  const rows = await readState(source, (session, tables) => {
    const events = catalogue('email').filter(
      ({ name, replication }) =>
        replication === 'append' &&
        (stream === undefined || name === stream) &&
        tables.has(`${session.names.streams}.${name}`),
    )
    return countDays(session, events, firstDayOf(now, days))
  })
  const volumes = new Map<string, Map<string, number>>()
  for (const { stream: name, day, rows: count } of rows ?? []) {
    const volume = volumes.get(name) ?? new Map<string, number>()
    volumes.set(name, volume.set(day, count))
  }
  return volumes
}

/** The days up to that of `now`, oldest first. */
export function daysBefore(now: Date, days: number): readonly string[] {
  const first = firstDayOf(now, days).getTime()
  return Array.from({ length: days }, (_, index) =>
    new Date(first + index * dayMs).toISOString().slice(0, 10),
  )
}

/** The beginning of the first of so many days up to that of `now`. */
export const firstDayOf = (now: Date, days: number): Date =>
  new Date(Math.floor(now.getTime() / dayMs) * dayMs - (days - 1) * dayMs)

interface DayRow {
  readonly stream: string
  readonly day: string
  readonly rows: number
}

async function countDays(
  session: Session,
  events: readonly Stream[],
  from: Date,
): Promise<readonly DayRow[]> {
  if (events.length === 0) return []
  const counts = events.map(({ name, bookmark = 'createdAt' }) => {
    const at = sql.ref(bookmark)
    return sql<DayRow>`
      select ${name} as stream, cast(cast(${at} at time zone 'UTC' as date) as varchar) as day, count(*) as rows
      from ${streamTable(session, name)}
      where ${at} >= ${from}
      group by cast(${at} at time zone 'UTC' as date)`
  })
  const { rows } = await sql<DayRow>`${sql.join(counts, sql` union all `)}`.execute(session.tables)
  return rows
}
