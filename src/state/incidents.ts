/** A job that fails: opened once for each kind of error, closed when it works again. */
import { randomUUID } from 'node:crypto'
import type { Selectable } from 'kysely'
import { storable } from './sound.ts'
import type { IncidentsTable } from './tables/schedules.ts'
import type { Db } from './tables.ts'

type Incident = Selectable<IncidentsTable>

export interface JobFailure {
  readonly job: string
  readonly code: string
  readonly text: string | null
  readonly runId: string
  readonly now: Date
}

/** Counts a failure; true when it is the first of its kind. */
export async function openIncident(db: Db, { job, code, text, runId, now }: JobFailure): Promise<boolean> {
  const known = await db
    .updateTable('incidents')
    .set((row) => ({ failures: row('failures', '+', 1) }))
    .where('job', '=', job)
    .where('code', '=', code)
    .where('closed_at', 'is', null)
    .returning('incident_id')
    .execute()
  if (known.length > 0) return false
  await db
    .insertInto('incidents')
    .values({
      incident_id: randomUUID(),
      job,
      code,
      text: text && storable(text),
      run_id: runId,
      failures: 1,
      opened_at: now,
    })
    .execute()
  return true
}

/** Closes what is open of a job (or of one kind); resolves to it, oldest first. */
export async function closeIncidents(
  db: Db,
  job: string,
  { now, runId, code }: { readonly now: Date; readonly runId: string | null; readonly code?: string },
): Promise<readonly Incident[]> {
  const closed = await db
    .updateTable('incidents')
    .set({ closed_at: now, closed_run_id: runId })
    .where('job', '=', job)
    .where('closed_at', 'is', null)
    .$if(code !== undefined, (incidents) => incidents.where('code', '=', code as string))
    .returningAll()
    .execute()
  return closed.sort((a, b) => a.opened_at.getTime() - b.opened_at.getTime())
}
