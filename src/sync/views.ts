/** Views for analysts that are made between two syncs. */
import type { MartsConfig } from '../config/schema.ts'
import { ConfigError } from '../errors.ts'
import type { Clock } from '../iterable/clock.ts'
import { installViews } from '../marts/install.ts'
import type { Warehouse } from '../warehouse/session.ts'

/**
 * Makes all views as the configuration has them now, and fills the tables of some anew.
 * @returns What could not be done, in words for the user.
 * @throws ConfigError `not_materialized` for a view that the configuration does not keep as a table.
 */
export async function rebuildViews(
  { warehouse, marts, clock }: { warehouse: Warehouse; marts: MartsConfig; clock: Clock },
  names: readonly string[],
): Promise<readonly string[]> {
  const plain = names.filter((name) => !marts.materialize.includes(name))
  if (plain.length > 0) {
    throw new ConfigError(
      `marts.materialize does not name ${plain.join(', ')}: add it there, so that the sync keeps its table up to date`,
      { code: 'not_materialized' },
    )
  }
  await using _lock = await warehouse.lock('sync')
  const now = clock.now()
  return warehouse.use(async (session) => {
    const notices = await installViews(session, {
      settings: marts,
      loadedThrough: now,
      now,
      rebuilt: names,
    })
    await warehouse.upkeep.admitReaders?.(session)
    return notices
  })
}
