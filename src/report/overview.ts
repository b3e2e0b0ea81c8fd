/** How things stand, for the first page: what `status` tells, what is at work, and what asks for attention. */
import { type Progress, readProgress } from './course.ts'
import { type ReportSource, readTogether } from './read.ts'
import { type RunSummary, readRuns } from './runs.ts'
import { readStatus, type Status } from './status.ts'

/** How much of the pace of an endpoint is used. Times are ISO 8601. */
export interface Quota {
  /** Connection and endpoint. */
  readonly lane: string
  /** Requests let through in the last minute. */
  readonly used: number
  /** Requests that have been promised a slot. */
  readonly waiting: number
  /** When the last of them is let through, or was. */
  readonly last_at: string | null
  /** Iterable has closed it until then. */
  readonly closed_until: string | null
}

/** A run at work, and how far it is. */
export interface WorkingRun extends RunSummary {
  /** Null where nobody knows. */
  readonly progress: Progress | null
}

export interface Overview {
  readonly status: Status
  readonly working: readonly WorkingRun[]
  readonly held: readonly RunSummary[]
  readonly failures: readonly RunSummary[]
  /** Of the endpoints whose pace is slow enough to be kept beside the warehouse. */
  readonly quotas: readonly Quota[]
}

const listed = 10

/** Undefined where nothing was ever synced. */
export function readOverview(source: ReportSource, now: Date): Promise<Overview | undefined> {
  return readTogether(source, async (together) => ({
    status: await readStatus(together, { isQuick: true }),
    working: await readWorking(together),
    held: await readRuns(together, { state: 'held', limit: listed }),
    failures: await readRuns(together, { state: 'failed', limit: 5 }),
    quotas: await readQuotas(together, now),
  }))
}

async function readWorking(source: ReportSource): Promise<readonly WorkingRun[]> {
  const runs = await readRuns(source, { state: 'running', limit: listed })
  const progress = await readProgress(source, runs)
  return runs.map((run) => ({ ...run, progress: progress.get(run.run_id) ?? null }))
}

async function readQuotas({ warehouse }: ReportSource, now: Date): Promise<readonly Quota[]> {
  const lanes = (await warehouse.paceBook?.lanes()) ?? []
  const [nowMs, sinceMs] = [now.getTime(), now.getTime() - 60_000]
  return lanes.map(({ lane, slots, closedUntil }) => ({
    lane,
    used: slots.filter((at) => at.getTime() > sinceMs && at.getTime() <= nowMs).length,
    waiting: slots.filter((at) => at.getTime() > nowMs).length,
    last_at: slots.at(-1)?.toISOString() ?? null,
    closed_until: closedUntil && closedUntil > now ? closedUntil.toISOString() : null,
  }))
}
