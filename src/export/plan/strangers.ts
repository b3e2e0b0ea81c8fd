/** People who were adopted, and whom this export has not sent yet: they are not taken off the list without being asked. */
import type { Db } from '../../state/tables.ts'

/** In place of a hash: the person was on the list, and Iterable has acknowledged nothing of this export about them yet. */
export const adoptedHash = 'adopted'

/** People whom a plan takes off the list, and who are there without this export's doing; also of a plan after the first. */
export async function countStrangers(db: Db, runId: string): Promise<number> {
  const { n } = await db
    .selectFrom('plan')
    .select(({ fn }) => fn.countAll<number>().as('n'))
    .where('run_id', '=', runId)
    .where('op', '=', 'remove')
    .where('hash', '=', adoptedHash)
    .executeTakeFirstOrThrow()
  return n
}
