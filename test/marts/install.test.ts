/** The views for analysts: made by the sync, kept by the sync, never in its way. */
import { expect } from 'vitest'
import { readViewFiles } from '../../src/marts/files.ts'
import { openOn, startProject } from '../support/sync.ts'
import { eachWarehouse, type TestWarehouse } from '../support/warehouse.ts'

const viewsOf = async (warehouse: TestWarehouse) => {
  const rows = await warehouse.query(
    `select table_name as name from information_schema.tables
     where table_schema = 'iterable_marts' and table_type = 'VIEW' order by 1`,
  )
  return rows.map(({ name }) => String(name))
}

eachWarehouse('a sync of every stream makes every view, and each can be read', async (warehouse) => {
  await using sandbox = await startProject({ eventsPerDay: 600 })
  await using elt = await openOn(sandbox, warehouse, { sync: { streams: ['all'] } })
  const notices: string[] = []
  await elt.sync({
    onProgress: (event) => {
      if (event.type === 'notice') notices.push(event.message)
    },
  })
  expect(notices).toEqual([])
  const files = await readViewFiles()
  expect(await viewsOf(warehouse)).toEqual(files.map(({ name }) => name).sort())
  for (const { name, columns } of files) {
    const rows = await warehouse.query(`select * from iterable_marts.${name}`)
    expect(rows.length, name).toBeGreaterThan(0)
    expect(Object.keys(rows[0] ?? {}), name).toEqual(columns.map((column) => column.name))
  }
})
