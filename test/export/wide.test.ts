/** Rows of many kilobytes go out from an engine that stays small. */
import { expect, test } from 'vitest'
import { createTestWarehouse } from '../support/warehouse.ts'
import { makeFixture } from './support.ts'

test('rows of 20 kB are made where they take little memory, and none is changed', async () => {
  await using warehouse = await createTestWarehouse('duckdb')
  await using fixture = await makeFixture(warehouse)
  const { elt, save, run, writes } = fixture
  const rows = 2_500
  await run(
    `create table iterable.wide as select 'person' || n || '@example.com' as email, repeat(md5(n::varchar), 625) as bio
     from range(${rows}) as numbers(n)`,
  )
  await save('wide', { action: 'add' }, 'select * from iterable.wide')
  expect(await elt.export('wide')).toMatchObject({ state: 'succeeded', sent: rows })
  // To make them itself the engine takes more than 600 MB; the values of 2,048 rows are 40 MB.
  expect(Number.parseInt(elt.warehouse.engine.memoryLimit, 10)).toBeLessThan(250)
  const sent = writes().flatMap(({ body }) => body.subscribers)
  const bios = new Set(sent.map(({ dataFields }) => (dataFields as { bio: string }).bio))
  expect([sent.length, bios.size]).toEqual([rows, rows])
  for (const bio of bios) expect(bio).toBe(bio.slice(0, 32).repeat(625))
})
