/** What each sync committed, one by one, and how far it was then. */
import type { Insertable } from 'kysely'
import type { RunStepsTable } from './tables/sync.ts'
import type { Db } from './tables.ts'

export type Step = Insertable<RunStepsTable>

export async function writeSteps(db: Db, steps: readonly Step[]): Promise<void> {
  if (steps.length > 0) await db.insertInto('run_steps').values(steps).execute()
}

/**
 * From when on a stream was read by a run, and by those before it that broke off: since the last run that read it and came to
 * an end. Undefined where none is known to have done so.
 */
export async function readSince(db: Db, stream: string, runId: string): Promise<Date | undefined> {
  const steps = db
    .selectFrom('run_steps')
    .innerJoin('runs', 'runs.run_id', 'run_steps.run_id')
    .where('run_steps.stream', '=', stream)
  const ended = await steps
    .select((eb) => eb.fn.max('runs.started_at').as('at'))
    .where('runs.run_id', '!=', runId)
    .where('runs.state', 'in', ['succeeded', 'succeeded_with_rejects', 'failed'])
    .where(({ eb, or }) => or([eb('error_code', 'is', null), eb('error_code', '!=', 'abandoned')]))
    .executeTakeFirst()
  if (!ended?.at) return undefined
  const read = await steps
    .select((eb) => eb.fn.min('run_steps.window_from').as('at'))
    .where('runs.started_at', '>', ended.at)
    .executeTakeFirst()
  return read?.at ?? undefined
}
