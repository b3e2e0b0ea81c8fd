/**
 * The weekly sweep: the last thirty days of events are read again, in one window, since a few rows come later than any
 * lookback that is worth its calls. What it finds, and how old that is, tells which lookback is.
 */
import { sql } from 'kysely'
import type { SyncConfig } from '../config/schema.ts'
import { hasSucceeded } from '../state/runs.ts'
import { type EventSweep, recordSweeps } from '../state/sweeps.ts'
import type { Session } from '../warehouse/session.ts'
import { streamTable } from '../warehouse/sql.ts'
import type { StreamStart, SyncContext } from './context.ts'
import { lookbackOf } from './input.ts'
import type { KnownStream } from './known.ts'
import type { Reach } from './plan.ts'
import type { StreamReport } from './progress.ts'
import { keptSince } from './retention.ts'
import { wholeSecond } from './windows.ts'

const dayMs = 86_400_000

/** A sweep that is due. */
export interface Sweep {
  /** Everything from here on is read again. */
  readonly from: Date
  /** The lookback brings what is younger in any case. */
  readonly until: Date
  /** Rows held before it, by whole days of age. */
  readonly before: ReadonlyMap<number, number>
}

/** Which streams are swept this time, and what they hold now. */
export async function beginSweeps(
  { warehouse, now, signal }: Pick<SyncContext, 'warehouse' | 'now' | 'signal'>,
  { config, reach }: Pick<Input, 'config' | 'reach'>,
  starts: readonly StreamStart[],
): Promise<ReadonlyMap<string, Sweep>> {
  const due = starts.flatMap((start) => {
    const sweep = sweepOf(start, { config, reach, now })
    return sweep ? [{ name: start.stream.name, sweep }] : []
  })
  if (due.length === 0) return new Map()
  return warehouse.use(
    async (session) => {
      const sweeps = new Map<string, Sweep>()
      for (const { name, sweep } of due) {
        sweeps.set(name, { ...sweep, before: await rowsByAge(session, name, sweep, now) })
      }
      return sweeps
    },
    { signal, isRepeatable: true },
  )
}

/** From when on a stream is to be swept; undefined where it is not due: no event, read for the first time, or lately. */
export function sweepOf(
  { stream, bookmark, sweptAt }: KnownStream,
  { config, reach, now }: Pick<Input, 'config' | 'reach' | 'now'>,
): Pick<Sweep, 'from' | 'until'> | undefined {
  if (config.sweep === 'off' || reach.kind !== 'incremental' || stream.replication !== 'append')
    return undefined
  if (!bookmark || !sweptAt || now.getTime() - sweptAt.getTime() < config.sweep.every) return undefined
  const kept = keptSince(config, stream, now)?.getTime() ?? Number.NEGATIVE_INFINITY
  const from = new Date(
    Math.max(now.getTime() - config.sweep.days * dayMs, config.start_date.getTime(), kept),
  )
  const until = new Date(bookmark.getTime() - lookbackOf(config.lookback, stream.name))
  return from < until ? { from: wholeSecond(from), until } : undefined
}

/** How many rows the table holds of each day of age, within what a sweep looks at. */
async function rowsByAge(
  session: Session,
  stream: string,
  { from, until }: Pick<Sweep, 'from' | 'until'>,
  now: Date,
): Promise<ReadonlyMap<number, number>> {
  const seconds = sql`cast(${now.getTime() / 1000} as double precision) - extract(epoch from "createdAt")`
  const { rows } = await sql<{ age: number; held: number }>`
    select cast(floor((${seconds}) / 86400) as bigint) as age, count(*) as held from ${streamTable(session, stream)}
    where "createdAt" >= ${from} and "createdAt" < ${until} group by 1`.execute(session.tables)
  return new Map(rows.map(({ age: days, held }) => [days, held]))
}

interface Input {
  readonly config: Pick<SyncConfig, 'sweep' | 'start_date' | 'lookback' | 'retention'>
  readonly reach: Reach
  readonly now: Date
  readonly starts: readonly StreamStart[]
  readonly reports: readonly StreamReport[]
  readonly sweeps: ReadonlyMap<string, Sweep>
  readonly emit: SyncContext['emit']
}

/**
 * Counts what sweeps have brought and records it; a stream that was read whole for the first time, or anew, is swept
 * from now on.
 * @returns The reports, with a note where late rows were found.
 */
export async function endSweeps(session: Session, input: Input): Promise<readonly StreamReport[]> {
  const { config, reach, now, starts, sweeps, emit } = input
  if (config.sweep === 'off') return input.reports
  const told = (report: StreamReport, message: string): StreamReport => {
    emit({ type: 'notice', stream: report.stream, message })
    return { ...report, notes: [...report.notes, message] }
  }
  const ended: EventSweep[] = []
  const reports: StreamReport[] = []
  for (const report of input.reports) {
    const start = starts.find(({ stream }) => stream.name === report.stream)
    const sweep = sweeps.get(report.stream)
    const isWhole = hasSucceeded(report.state)
    const isEvent = start?.stream.replication === 'append' && report.bookmark !== null
    if (!isWhole || !isEvent) reports.push(report)
    else if (sweep) {
      const late = lateRows(sweep.before, await rowsByAge(session, report.stream, sweep, now))
      ended.push({ stream: report.stream, lateness: late })
      reports.push(late.size > 0 ? told(report, noteOf(late, config.sweep.days)) : report)
    } else {
      if (!start.sweptAt || reach.kind === 'full') ended.push({ stream: report.stream, lateness: undefined })
      reports.push(report)
    }
  }
  await recordSweeps(session.db, ended, now)
  return reports
}

function lateRows(
  before: ReadonlyMap<number, number>,
  after: ReadonlyMap<number, number>,
): ReadonlyMap<number, number> {
  const late = [...after]
    .map(([age, held]) => [age, held - (before.get(age) ?? 0)] as const)
    .filter(([, rows]) => rows > 0)
  return new Map(late.sort(([a], [b]) => a - b))
}

function noteOf(late: ReadonlyMap<number, number>, days: number): string {
  const total = [...late.values()].reduce((sum, rows) => sum + rows, 0)
  const each = [...late].map(([age, rows]) => `${rows} of ${age} to ${age + 1} days ago`)
  return `the sweep of the last ${days} days found ${total} late ${total === 1 ? 'row' : 'rows'}: ${each.join(', ')}; a longer sync.lookback would have brought them sooner`
}
