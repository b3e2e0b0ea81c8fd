/** People who asked to be forgotten. */
import { expect } from 'vitest'
import { eachWarehouse, everyWarehouse } from '../support/warehouse.ts'
import { makeFixture } from './support.ts'

const people = `select * from (values ('Stay@Example.com'), (' GONE@example.com '), ('ÄÖ@example.com')) as t(email)`

everyWarehouse('are rejected rows of an export, and never sent', async (warehouse) => {
  await using fixture = await makeFixture(warehouse)
  const { elt, sandbox } = fixture
  await fixture.save('all', { action: 'add' }, people)
  for (const email of ['gone@example.com', 'äö@example.com']) sandbox.data.forgotten.add(email)
  await elt.sync({ streams: ['forgotten_users'] })
  expect(await elt.export('all')).toMatchObject({
    state: 'succeeded_with_rejects',
    planned: { add: 1 },
    rejected: 2,
    sent: 1,
  })
  expect(fixture.members()).toEqual(['stay@example.com'])
  expect(JSON.stringify(fixture.writes())).not.toMatch(/gone|äö/i)
  const rejects = await warehouse.query(
    `select code, reason from iterable_sync.rejected_rows where source = 'export:all' order by code`,
  )
  expect(rejects.map(({ code }) => code)).toEqual(['forgotten', 'forgotten'])
})

eachWarehouse('are known by their userId, too', async (warehouse) => {
  await using fixture = await makeFixture(warehouse, { projectType: 'hybrid', region: 'eu' })
  await fixture.save('all', { action: 'add' }, `select * from (values ('U-1'), ('u-2')) as t(user_id)`)
  fixture.sandbox.data.forgotten.add('U-1')
  await fixture.elt.sync({ streams: ['forgotten_users'] })
  expect(await fixture.elt.export('all')).toMatchObject({ planned: { add: 1 }, rejected: 1, sent: 1 })
})

everyWarehouse('leave a mirror without being named to Iterable again', async (warehouse) => {
  await using fixture = await makeFixture(warehouse)
  const { elt, sandbox } = fixture
  const mirror = { action: 'mirror', brakes: { removals: 'off', row_drop: 'off' } } as const
  await fixture.save('all', mirror, people)
  expect(await elt.export('all')).toMatchObject({ planned: { add: 3 }, sent: 3 })
  for (const email of ['gone@example.com', 'äö@example.com']) sandbox.data.forgotten.add(email)
  await elt.sync({ streams: ['forgotten_users'] })
  const before = fixture.writes().length
  // One of them is still in the query, the other is not.
  await fixture.save('all', mirror, `${people} where email not like '%GONE%'`)
  expect(await elt.export('all')).toMatchObject({ planned: { add: 0, remove: 0 }, rejected: 1, sent: 0 })
  expect(fixture.writes()).toHaveLength(before)
  expect(await warehouse.query('select member_key from iterable_sync.members')).toEqual([
    { member_key: 'e:stay@example.com' },
  ])
})
