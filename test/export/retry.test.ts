/** Rows that Iterable refused are sent again only as long as the export still wants what they say. */
import { expect } from 'vitest'
import { eachWarehouse, everyWarehouse } from '../support/warehouse.ts'
import { makeFixture, people } from './support.ts'

const mirror = { action: 'mirror', max_reject_percent: 100, brakes: { removals: 'off', row_drop: 'off' } }

everyWarehouse('a mirror forgets refused people who have left its query', async (warehouse) => {
  await using fixture = await makeFixture(warehouse)
  const { elt, save, sandbox, members } = fixture
  sandbox.data.rowFailures.set('p3@example.com', 'conflict')
  await save('vip', mirror, people(3))
  expect(await elt.export('vip')).toMatchObject({ sent: 2, rejected: 1 })
  await save('vip', mirror, people(2))
  expect(await elt.export('vip')).toMatchObject({ planned: { add: 0, unchanged: 2 } })
  sandbox.data.rowFailures.clear()
  expect(await elt.retryRejects()).toEqual([])
  expect(members()).toHaveLength(2)
})

everyWarehouse('a mirror forgets the refused removal of who came back', async (warehouse) => {
  await using fixture = await makeFixture(warehouse)
  const { elt, save, sandbox, members } = fixture
  await save('vip', mirror, people(3))
  await elt.export('vip')
  sandbox.data.rowFailures.set('p3@example.com', 'conflict')
  await save('vip', mirror, people(2))
  expect(await elt.export('vip')).toMatchObject({ planned: { remove: 1 }, removed: 0 })
  sandbox.data.rowFailures.clear()
  const [retried] = await elt.retryRejects()
  // Who leaves is no row of the query.
  expect(retried).toMatchObject({ rows: 0, sent: 0, removed: 1 })
  await save('vip', mirror, people(3))
  await elt.export('vip')
  sandbox.data.rowFailures.set('p3@example.com', 'conflict')
  await save('vip', mirror, people(2))
  await elt.export('vip')
  sandbox.data.rowFailures.clear()
  await save('vip', mirror, people(3))
  expect(await elt.export('vip')).toMatchObject({ planned: { unchanged: 3 } })
  expect(await elt.retryRejects()).toEqual([])
  expect(members()).toHaveLength(3)
})

eachWarehouse('refused values are forgotten when those before come back', async (warehouse) => {
  await using fixture = await makeFixture(warehouse)
  const { elt, save, sandbox } = fixture
  for (const settings of [mirror, { ...mirror, action: 'add', send: 'changes' }]) {
    const name = settings.action
    await save(name, settings, people(2))
    await elt.export(name)
    sandbox.data.rowFailures.set('p1@example.com', 'conflict')
    await save(name, settings, `select email, score + 7 as score from (${people(2)}) as p`)
    expect(await elt.export(name)).toMatchObject({ sent: 1, rejected: 1 })
    sandbox.data.rowFailures.clear()
    await save(name, settings, people(2))
    expect(await elt.export(name)).toMatchObject({ planned: { update: 1, unchanged: 1 } })
    expect(await elt.retryRejects()).toEqual([])
    expect(sandbox.data.users.get('p1@example.com')).toMatchObject({ score: 1 })
  }
})

eachWarehouse('an export that removes people now adds nobody who was refused before', async (warehouse) => {
  await using fixture = await makeFixture(warehouse)
  const { elt, save, sandbox, members } = fixture
  sandbox.data.rowFailures.set('p1@example.com', 'conflict')
  await save('vip', { action: 'add', max_reject_percent: 100 }, people(2))
  expect(await elt.export('vip')).toMatchObject({ sent: 1, rejected: 1 })
  sandbox.data.rowFailures.clear()
  await save('vip', { action: 'remove' }, people(1, 1))
  await elt.export('vip')
  await elt.retryRejects()
  expect(members()).toEqual([])
})

everyWarehouse('nobody who was forgotten since is sent again', async (warehouse) => {
  await using fixture = await makeFixture(warehouse)
  const { elt, save, sandbox } = fixture
  sandbox.data.rowFailures.set('p1@example.com', 'conflict')
  await save('vip', { action: 'add', max_reject_percent: 100 }, people(2))
  await elt.export('vip')
  sandbox.data.rowFailures.clear()
  sandbox.data.forgotten.add('p1@example.com')
  await elt.sync({ streams: ['forgotten_users'] })
  const before = fixture.writes().length
  await elt.retryRejects()
  expect(fixture.writes()).toHaveLength(before)
})

eachWarehouse('an interrupted run is finished before its refused rows are sent again', async (warehouse) => {
  await using fixture = await makeFixture(warehouse)
  const { elt, save, sandbox, members } = fixture
  sandbox.data.rowFailures.set('p1@example.com', 'conflict')
  await save('vip', { action: 'add' }, people(12_000))
  const [path, times] = ['/api/lists/subscribe', Number.POSITIVE_INFINITY]
  sandbox.faults.next({ fault: { status: 503, body: {} }, path, skip: 8, times })
  const cut = await elt.export('vip', { nominalAt: new Date('2026-01-02T00:00:00Z') })
  expect(cut).toMatchObject({ state: 'failed', sent: 7_999, rejected: 1 })
  // Nothing is lost when the retry fails, too.
  expect(await elt.retryRejects()).toMatchObject([{ run_id: cut.run_id, state: 'failed' }])
  sandbox.faults.clear()
  sandbox.data.rowFailures.clear()
  expect(await elt.retryRejects()).toMatchObject([{ state: 'succeeded', rows: 1, sent: 1 }])
  expect(members()).toHaveLength(12_000)
  expect(await elt.export('vip')).toMatchObject({ rows: 12_000 })
})
