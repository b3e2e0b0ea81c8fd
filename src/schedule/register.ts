/** Schedules of the configuration, of export files and of SQL rows meet in one table. */
import type { ScheduleConfig } from '../config/schema.ts'
import { messageOf } from '../errors.ts'
import { closeIncidents, openIncident } from '../state/incidents.ts'
import {
  type Announce,
  advanceSchedule,
  defineSchedule,
  readSchedules,
  removeSchedules,
  type ScheduleDefinition,
  type ScheduleRow,
} from '../state/schedules.ts'
import { isInstant, storable } from '../state/sound.ts'
import type { Db } from '../state/tables.ts'
import { dueAt, fingerprint, nextTick, previousTick, readSchedule, type Schedule } from './definition.ts'
import type { JobDefinition } from './job.ts'

/** Writes what changed in the definitions into the table; rows that were inserted by SQL are left alone. */
export async function registerSchedules(db: Db, definitions: readonly JobDefinition[]): Promise<void> {
  const rows = new Map((await readSchedules(db)).map((row) => [row.name, row]))
  const defined = new Map<string, JobDefinition>()
  for (const definition of definitions) {
    if (definition.schedule || definition.isUnreadable) defined.set(definition.job, definition)
  }
  for (const { job, schedule, definedIn } of defined.values()) {
    if (!schedule) continue
    const wanted = columnsOf(job, schedule, definedIn)
    const row = rows.get(job)
    if (!row || isChanged(row, wanted)) await defineSchedule(db, wanted)
  }
  const gone = [...rows.values()].filter((row) => row.defined_in !== 'sql' && !defined.has(row.name))
  await removeSchedules(
    db,
    gone.map(({ name }) => name),
  )
}

/** A row with its meaning; `schedule` is null where it has none. */
export interface KnownSchedule {
  readonly row: ScheduleRow
  readonly schedule: Schedule | null
}

/**
 * Reads all schedules. Where a definition is new or was edited, its next run is worked out anew, from now on: editing
 * never back-fills.
 */
export async function currentSchedules(db: Db, now: Date, announce: Announce): Promise<KnownSchedule[]> {
  const known: KnownSchedule[] = []
  for (const found of await readSchedules(db)) {
    const row = await repaired(db, found, now)
    const { schedule, problem } = understood(row)
    const isBack = schedule !== null && hasSteppedBack(row, schedule, now)
    if (row.planned_for === fingerprint(row) && row.problem === problem && !isBack) {
      known.push({ row, schedule })
      continue
    }
    const next = schedule && nextTick(schedule, now)
    const progress = {
      planned_for: fingerprint(row),
      problem,
      next_nominal_at: next,
      next_due_at: next && schedule ? dueAt(schedule, next) : null,
      ...(isBack && { last_nominal_at: next && previousTick(schedule, next) }),
    }
    // Another worker may have done the same in between; then this one sees it the next time.
    const isOurs = await db.transaction().execute(async (trx) => {
      if (!(await advanceSchedule(trx, row, progress))) return false
      if (isBack && next) await forgetSkipped(trx, row.name, next, now)
      return true
    })
    if (isOurs) {
      known.push({ row: { ...row, ...progress, revision: row.revision + 1 }, schedule })
      if (problem !== row.problem) await tellProblem(db, row.name, problem, now, announce)
    }
  }
  return known
}

/** Workers that ask at the same moment may see times this far apart. */
const toleranceMs = 60_000

/**
 * True when a tick was decided that is not due yet: the clock was ahead then, and has been set back. The schedule would
 * be silent until that time comes again. Ticks that have run keep their rows, so none of them runs twice.
 */
const hasSteppedBack = (row: ScheduleRow, schedule: Schedule, now: Date): boolean =>
  row.last_nominal_at !== null && dueAt(schedule, row.last_nominal_at).getTime() > now.getTime() + toleranceMs

/** Ticks that a clock ahead of its time has called missed are still to come. */
async function forgetSkipped(db: Db, job: string, from: Date, now: Date): Promise<void> {
  await db
    .deleteFrom('runs')
    .where('job', '=', job)
    .where('state', '=', 'skipped')
    .where('slot', '>=', from)
    .where('finished_at', '>', now)
    .execute()
}

/** A schedule that cannot be read never runs, so this is told at once. */
async function tellProblem(
  db: Db,
  job: string,
  problem: string | null,
  at: Date,
  announce: Announce,
): Promise<void> {
  const code = 'schedule'
  if (problem === null) {
    await closeIncidents(db, job, { now: at, runId: null, code })
    return
  }
  const isNew = await openIncident(db, { job, code, text: problem, runId: '', now: at })
  if (!isNew) return
  const unknown = { runId: null, state: null, nominalAt: null }
  await announce(db, { event: 'failure', job, ...unknown, code, text: problem, at, since: at, failures: 1 })
}

/** A number that can still go up by one, and is exact in JavaScript. */
const mostCounted = 2 ** 52

/**
 * What the product itself keeps in a row, as far as it can be true: anybody may have inserted the row whole. What cannot
 * be is forgotten, and the next run worked out anew; a pause stays a pause.
 */
async function repaired(db: Db, row: ScheduleRow, now: Date): Promise<ScheduleRow> {
  const instants = ['last_nominal_at', 'next_nominal_at', 'next_due_at', 'retry_at'] as const
  const counters = ['revision', 'consecutive_failures', 'transient_failures'] as const
  const isCount = (value: unknown) => Number(value) >= 0 && Number(value) <= mostCounted
  const wrong: Partial<ScheduleRow> = {
    ...Object.fromEntries(
      instants.filter((at) => row[at] !== null && !isInstant(row[at])).map((at) => [at, null]),
    ),
    ...(row.paused_at !== null && !isInstant(row.paused_at) && { paused_at: now }),
    ...Object.fromEntries(counters.filter((one) => !isCount(row[one])).map((one) => [one, 0])),
  }
  if (Object.keys(wrong).length === 0) return row
  const repair = { ...wrong, planned_for: null }
  await db.updateTable('schedules').set(repair).where('name', '=', row.name).execute()
  return { ...row, ...repair }
}

function understood(row: ScheduleRow): { schedule: Schedule | null; problem: string | null } {
  try {
    return { schedule: readSchedule(row), problem: null }
  } catch (error) {
    return { schedule: null, problem: storable(messageOf(error)) }
  }
}

function columnsOf(job: string, schedule: ScheduleConfig, definedIn: string): ScheduleDefinition {
  const seconds = (milliseconds: number) => Math.round(milliseconds / 1000)
  return {
    name: job,
    cron: storable(schedule.cron),
    dialect: schedule.dialect,
    timezone: storable(schedule.timezone),
    delay_seconds: seconds(schedule.delay),
    start_at: schedule.start ?? null,
    end_at: schedule.end ?? null,
    overlap: schedule.overlap,
    catchup: schedule.catchup,
    catchup_window_seconds: seconds(schedule.catchup_window),
    jitter_seconds: seconds(schedule.jitter),
    timeout_seconds: schedule.timeout === undefined ? null : seconds(schedule.timeout),
    defined_in: definedIn,
  }
}

function isChanged(row: ScheduleRow, wanted: ScheduleDefinition): boolean {
  const plain = (value: unknown) => (value instanceof Date ? value.getTime() : (value ?? null))
  return Object.entries(wanted).some(
    ([column, value]) => plain(row[column as keyof ScheduleRow]) !== plain(value),
  )
}
