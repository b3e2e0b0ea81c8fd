/** What each sync committed, one by one, and how far it was then. */
import type { Insertable } from 'kysely'
import type { RunStepsTable } from './tables/sync.ts'
import type { Db } from './tables.ts'

export type Step = Insertable<RunStepsTable>

export async function writeSteps(db: Db, steps: readonly Step[]): Promise<void> {
  if (steps.length > 0) await db.insertInto('run_steps').values(steps).execute()
}
