/** What people did on the operations page. */
import { storable } from './sound.ts'
import type { Db } from './tables.ts'

/** Somebody does something. */
export interface RecordedAction {
  readonly id: string
  readonly at: Date
  readonly actor: string
  readonly role: string
  readonly action: string
  /** A run, a schedule or a query. */
  readonly subject: string
  readonly note: string | null
}

/** On record before it is done: nothing happens that nobody has put their name to. */
export async function recordAction(db: Db, { id, at, ...action }: RecordedAction): Promise<void> {
  const note = action.note === null ? null : storable(action.note)
  const [actor, subject] = [storable(action.actor), storable(action.subject)]
  await db
    .insertInto('actions')
    .values({ action_id: id, begun_at: at, ...action, note, actor, subject, outcome: null })
    .execute()
}

export async function endAction(db: Db, id: string, outcome: string, now: Date): Promise<void> {
  await db
    .updateTable('actions')
    .set({ outcome: storable(outcome), ended_at: now })
    .where('action_id', '=', id)
    .execute()
}
