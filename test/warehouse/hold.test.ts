/** How long a DuckDB file is held: for the sessions that wait, but never so that nobody else gets in. */
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { open } from '../../src/index.ts'
import { holdFile } from '../support/processes.ts'
import { statementsOf } from '../support/statements.ts'
import { createTestWarehouse, type TestWarehouse } from '../support/warehouse.ts'

const openOn = ({ config: warehouse }: TestWarehouse) =>
  open({ warehouse, connections: { iterable: { api_key: 'unused' } }, sync: { start_date: '2026-01-01' } })

const insert = (elt: Awaited<ReturnType<typeof openOn>>, value: number) =>
  elt.warehouse.transaction(({ db }) => sql`insert into main.held values (${value})`.execute(db))

test('sessions that wait are handed the file: it is opened once for all of them', async () => {
  await using warehouse = await createTestWarehouse('duckdb')
  await using elt = await openOn(warehouse)
  await elt.warehouse.use(({ db }) => sql`create table main.held (value integer)`.execute(db))
  const values = Array.from({ length: 20 }, (_, value) => value)
  const beganMs = performance.now()
  const asked = await statementsOf(async () => {
    const failing = elt.warehouse.transaction(async () => {
      throw new Error('given up')
    })
    await Promise.all([
      ...values.slice(0, 10).map((value) => insert(elt, value)),
      expect(failing).rejects.toThrow('given up'),
      ...values.slice(10).map((value) => insert(elt, value)),
    ])
  })
  // The one that failed lets go of it; after a second it is let go all the same.
  const seconds = Math.floor((performance.now() - beganMs) / 1_000)
  expect(asked.filter((statement) => statement.startsWith('attach ')).length).toBeLessThanOrEqual(3 + seconds)
  expect(asked.filter((statement) => statement === 'commit')).toHaveLength(20)
  expect(await warehouse.query('select value from main.held order by value')).toEqual(
    values.map((value) => ({ value })),
  )
})

test('somebody else gets in, however many sessions wait', async () => {
  await using warehouse = await createTestWarehouse('duckdb')
  await using elt = await openOn(warehouse)
  await elt.warehouse.use(({ db }) => sql`create table main.held (value integer)`.execute(db))
  let isOver = false
  const busy = async () => {
    let count = 0
    for (; !isOver; count += 1) await insert(elt, count)
    return count
  }
  const all = Promise.all([busy(), busy(), busy()])
  const path = (warehouse.config as { readonly path: string }).path
  {
    await using _other = await holdFile(path)
  }
  isOver = true
  const counts = await all
  const [row] = await warehouse.query(
    'select count(*) as rows, (select note from main.notes) as note from main.held',
  )
  expect(row).toEqual({ rows: counts.reduce((sum, count) => sum + count, 0), note: 1 })
})
