/** Schedules for a calendar: what runs when, and which ticks were skipped. */
import { readSchedules, type ScheduleRow } from '../state/schedules.ts'
import { type ReportSource, readState } from './read.ts'
import { latestRuns, type RunSummary } from './runs.ts'

export interface ScheduleBook {
  readonly schedules: readonly ScheduleRow[]
  /** The latest ticks that did not run, with the reason in `error_text`. */
  readonly skipped: readonly RunSummary[]
}

export async function readScheduleBook(source: ReportSource): Promise<ScheduleBook> {
  const book = await readState(source, async (session, tables) => ({
    schedules: tables.has(`${session.names.sync}.schedules`) ? await readSchedules(session.db) : [],
    skipped: await latestRuns(session, { state: 'skipped', limit: 30 }),
  }))
  return book ?? { schedules: [], skipped: [] }
}
