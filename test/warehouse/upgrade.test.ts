/** Warehouses of versions that had the steps of the migration in another order. */
import { sql } from 'kysely'
import { expect } from 'vitest'
import { open } from '../../src/index.ts'
import { eachWarehouse } from '../support/warehouse.ts'

eachWarehouse('a step that came after later ones is caught up with', async (warehouse) => {
  const uses = async (statements: readonly string[] = []) => {
    await using elt = await open({ warehouse: warehouse.config })
    await elt.warehouse.use(async ({ db }) => {
      for (const statement of statements) await sql.raw(statement).execute(db)
    })
  }
  const steps = () => warehouse.query('select name from iterable_sync.migrations order by name')
  await uses()
  const all = await steps()
  await uses([
    'drop table iterable_sync.channels',
    `delete from iterable_sync.migrations where name = '0014_channels'`,
  ])
  await uses()
  expect(await steps()).toEqual(all)
  expect(await warehouse.query('select * from iterable_sync.channels')).toEqual([])
})

eachWarehouse('a step that nobody knows is that of a newer version', async (warehouse) => {
  await using elt = await open({ warehouse: warehouse.config })
  await elt.warehouse.use(({ db }) =>
    sql`insert into iterable_sync.migrations (name, timestamp) values ('9999_later', '2099')`.execute(db),
  )
  await using later = await open({ warehouse: warehouse.config })
  await expect(later.warehouse.use(async () => {})).rejects.toMatchObject({ code: 'newer_warehouse' })
})
