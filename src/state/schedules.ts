/** The table of schedules: what is defined, when each runs next, and why it may not. */
import { type Insertable, type Selectable, sql, type Updateable } from 'kysely'
import type { NotifyEvent } from '../config/schema.ts'
import type { SchedulesTable } from './tables/schedules.ts'
import type { RunState } from './tables/sync.ts'
import type { Db } from './tables.ts'

export type ScheduleRow = Selectable<SchedulesTable>
export type ScheduleDefinition = Required<
  Omit<Insertable<SchedulesTable>, keyof ScheduleProgress | 'revision'>
>
/** What the product itself writes into a schedule's row as time goes by. */
export type ScheduleProgress = Pick<
  Updateable<SchedulesTable>,
  | 'planned_for'
  | 'problem'
  | 'last_nominal_at'
  | 'next_nominal_at'
  | 'next_due_at'
  | 'paused_at'
  | 'paused_reason'
  | 'consecutive_failures'
  | 'transient_failures'
  | 'retry_at'
  | 'retry_run_id'
>

/** The database's own time, by which all workers go. */
export async function databaseTime(db: Db): Promise<Date> {
  const { rows } = await sql<{ now: Date }>`select now() as now`.execute(db)
  return (rows[0] as { now: Date }).now
}

/** Anybody may have inserted a row: no more of a text is read than one that makes sense could have. */
const longestRead = 20_000
const texts = [
  ...(['cron', 'dialect', 'timezone', 'overlap', 'catchup', 'defined_in'] as const),
  ...(['planned_for', 'problem', 'paused_reason', 'retry_run_id'] as const),
]

const selectSchedules = (db: Db) =>
  db
    .selectFrom('schedules')
    .select(['name', 'delay_seconds', 'start_at', 'end_at', 'catchup_window_seconds', 'jitter_seconds'])
    .select(['timeout_seconds', 'revision', 'last_nominal_at', 'next_nominal_at', 'next_due_at'])
    .select(['paused_at', 'consecutive_failures', 'transient_failures', 'retry_at'])
    .select(texts.map((text) => sql<string>`substr(${sql.ref(text)}, 1, ${sql.lit(longestRead)})`.as(text)))

export const readSchedules = (db: Db): Promise<ScheduleRow[]> => selectSchedules(db).orderBy('name').execute()

export const findSchedule = (db: Db, name: string): Promise<ScheduleRow | undefined> =>
  selectSchedules(db).where('name', '=', name).executeTakeFirst()

/** Writes a definition where the row says something else, or is not there. */
export async function defineSchedule(db: Db, definition: ScheduleDefinition): Promise<void> {
  const { name: _, ...columns } = definition
  await db
    .insertInto('schedules')
    .values(definition)
    .onConflict((conflict) => conflict.column('name').doUpdateSet(columns))
    .execute()
}

export async function removeSchedules(db: Db, names: readonly string[]): Promise<void> {
  if (names.length > 0) await db.deleteFrom('schedules').where('name', 'in', names).execute()
}

/**
 * Moves a schedule on, if nobody else has since it was read. The answer of this one statement decides between
 * workers: false for all but one.
 */
export async function advanceSchedule(
  db: Db,
  { name, revision }: Pick<ScheduleRow, 'name' | 'revision'>,
  progress: ScheduleProgress,
): Promise<boolean> {
  const advanced = await db
    .updateTable('schedules')
    .set((row) => ({ ...progress, revision: row('revision', '+', 1) }))
    .where('name', '=', name)
    .where('revision', '=', revision)
    .returning('name')
    .execute()
  return advanced.length === 1
}

/** Changes what the product knows of a schedule, whoever has moved it in between. */
export async function updateSchedule(db: Db, name: string, progress: ScheduleProgress): Promise<boolean> {
  const updated = await db
    .updateTable('schedules')
    .set((row) => ({ ...progress, revision: row('revision', '+', 1) }))
    .where('name', '=', name)
    .returning('name')
    .execute()
  return updated.length === 1
}

/** Something to tell about a job. */
export interface Happening {
  readonly event: NotifyEvent | 'paused'
  readonly job: string
  readonly runId: string | null
  readonly state: RunState | null
  readonly nominalAt: Date | null
  readonly code: string | null
  readonly text: string | null
  readonly at: Date
  /** Since when it fails, and how often. */
  readonly since: Date | null
  readonly failures: number
}

/** Records a message, in the transaction of what it tells of. */
export type Announce = (db: Db, happening: Happening) => Promise<void>
