/** Tests the configuration against the world: each connection's key, and the warehouse. */

import { type CheckItem, type CheckReport, ok, reportOf, warning } from './item.ts'
import { checkIterable, type IterableCheck } from './iterable.ts'
import { checkWarehouse, type WarehouseCheck } from './warehouse.ts'

export type CheckInput = WarehouseCheck & Omit<IterableCheck, 'connection'>

/** Says per item whether it is well, what is wrong and what to change. Only an abort is thrown. */
export async function check(input: CheckInput): Promise<CheckReport> {
  const connections = Object.entries(input.config.connections)
  const items: CheckItem[] = [
    connections.length > 0
      ? ok('configuration', 'the configuration is complete')
      : warning('configuration', 'there is no connection to Iterable', 'add one under "connections"'),
  ]
  for (const [name, connection] of connections) {
    const found = await checkIterable({ ...input, connection })
    items.push(...found.map((item) => ({ ...item, connection: name })))
  }
  return reportOf([...items, ...(await checkWarehouse(input))])
}
