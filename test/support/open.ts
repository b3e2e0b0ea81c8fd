/** A warehouse without the rest of the product. */
import { parseConfig } from '../../src/config/load.ts'
import { openWarehouse } from '../../src/warehouse/open.ts'
import type { Warehouse } from '../../src/warehouse/session.ts'
import type { TestWarehouse } from './warehouse.ts'

export const openBare = (warehouse: TestWarehouse['config']): Promise<Warehouse> =>
  openWarehouse(parseConfig({ warehouse }, { baseDirectory: '.', env: {} }), { now: () => new Date() })
