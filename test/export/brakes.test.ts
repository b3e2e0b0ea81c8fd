import { expect } from 'vitest'
import { exportTest, people } from './support.ts'

exportTest(
  'a plan that removes too many is held, and approval sends exactly it',
  async ({ elt, save, run, members, warehouse, sandbox }) => {
    await run(`create table iterable.people as ${people(10)}`)
    await save('vip', { action: 'mirror' }, 'select * from iterable.people')
    await elt.export('vip')
    await run('delete from iterable.people where score > 4')
    const held = await elt.export('vip')
    expect(held).toMatchObject({ state: 'held', planned: { remove: 6, unchanged: 4 }, sent: 0, removed: 0 })
    expect(held.brakes.map(({ brake }) => brake)).toEqual(['row_drop', 'removals'])
    expect(members()).toHaveLength(10)
    // What the query says now does not count any more.
    await run(`insert into iterable.people ${people(3, 100)}`)
    const approved = await elt.approve(held.run_id.slice(0, 8), { by: 'somebody', note: 'spring' })
    expect(approved).toMatchObject({ run_id: held.run_id, state: 'succeeded', removed: 6 })
    expect(members()).toHaveLength(4)
    expect(
      await warehouse.query(
        `select approved_by, approval_note from iterable_sync.export_runs where run_id = '${held.run_id}'`,
      ),
    ).toEqual([{ approved_by: 'somebody', approval_note: 'spring' }])
    await expect(elt.approve(held.run_id)).rejects.toMatchObject({ code: 'not_held' })
    expect(sandbox.writes).toHaveLength(2)
    expect(await elt.export('vip')).toMatchObject({ planned: { add: 3, unchanged: 4 }, sent: 3 })
  },
)

exportTest(
  'a held plan ends with a change of the export, with the next run, or when it is cancelled',
  async ({ elt, save, run, warehouse, members }) => {
    await run(`create table iterable.people as ${people(4)}`)
    await save('vip', { action: 'mirror' }, 'select * from iterable.people')
    await elt.export('vip')
    await run('delete from iterable.people where score > 1')
    const first = await elt.export('vip')
    const second = await elt.export('vip')
    expect(second).toMatchObject({ state: 'held' })
    await expect(elt.approve(first.run_id)).rejects.toMatchObject({ code: 'not_held' })
    await save('vip', { action: 'mirror' }, 'select email from iterable.people')
    await expect(elt.approve(second.run_id)).rejects.toMatchObject({ code: 'changed' })
    await elt.cancel(second.run_id)
    const states = await warehouse.query('select state from iterable_sync.runs order by started_at')
    expect(states.map(({ state }) => state)).toEqual(['succeeded', 'cancelled', 'cancelled'])
    expect(members()).toHaveLength(4)
  },
)

exportTest('an empty result never empties a mirrored list', async ({ elt, save, run, members }) => {
  await run(`create table iterable.people as ${people(4)}`)
  await save('vip', { action: 'mirror' }, 'select * from iterable.people')
  await elt.export('vip')
  await run('delete from iterable.people')
  expect(await elt.export('vip')).toMatchObject({ state: 'failed', error_code: 'brake' })
  expect(members()).toHaveLength(4)
  await save(
    'vip',
    { action: 'mirror', brakes: { empty_result: 'off', removals: 'off' } },
    'select * from iterable.people',
  )
  expect(await elt.export('vip')).toMatchObject({ state: 'succeeded', removed: 4 })
  expect(members()).toEqual([])
})

exportTest('a changed mapping shows as updates and is held', async ({ elt, save, writes }) => {
  await save('vip', { action: 'mirror' }, people(5))
  await elt.export('vip')
  await save('vip', { action: 'mirror', columns: [{ source: 'score', as: 'points' }] }, people(5))
  const held = await elt.export('vip')
  expect(held).toMatchObject({ state: 'held', planned: { update: 5 } })
  expect(held.brakes.map(({ brake }) => brake)).toContain('mapping_change')
  await elt.approve(held.run_id)
  expect(writes().at(-1)?.body.subscribers[0]).toEqual({ email: 'p1@example.com', dataFields: { points: 1 } })
})

exportTest('a list that is called otherwise than before stops the run', async ({ elt, save, sandbox }) => {
  await save('vip', { action: 'add' }, people(2))
  await elt.export('vip')
  const list = sandbox.data.lists[0]
  if (list) list.name = 'Something else'
  expect(await elt.export('vip')).toMatchObject({
    state: 'failed',
    error_code: 'brake',
    error: expect.stringContaining('"Something else"'),
  })
  await save('vip', { action: 'add', brakes: { list_name: 'warn' } }, people(2))
  expect(await elt.export('vip')).toMatchObject({ state: 'succeeded' })
})

exportTest(
  'baseline adopt takes the present members over and removes strangers only when approved',
  async ({ elt, save, sandbox, members, listId }) => {
    sandbox.data.members(listId).add('p1@example.com', 'stranger@example.com')
    await save('vip', { action: 'mirror', baseline: 'adopt' }, people(3))
    const planned = { add: 2, update: 1, remove: 1 }
    expect(await elt.planExport('vip')).toMatchObject({ state: 'held', planned })
    const first = await elt.export('vip')
    expect(first).toMatchObject({ state: 'held', planned })
    // Neither the next tick nor a no is a yes.
    const second = await elt.export('vip')
    expect(second).toMatchObject({ state: 'held', planned, brakes: [{ brake: 'adopted' }] })
    await elt.cancel(second.run_id)
    const held = await elt.export('vip')
    expect(held).toMatchObject({ state: 'held', planned })
    expect(members()).toContain('stranger@example.com')
    await elt.approve(held.run_id)
    await save('vip', { action: 'mirror', baseline: 'adopt' }, people(2))
    expect(await elt.export('vip')).toMatchObject({ state: 'succeeded', planned: { remove: 1 } })
    await save('vip', { action: 'mirror', baseline: 'adopt' }, people(3))
    await elt.export('vip')
    expect(members()).toEqual(['p1@example.com', 'p2@example.com', 'p3@example.com'])
  },
)

exportTest(
  'another list is a first run: nobody is removed from the old one',
  async ({ elt, save, sandbox, members }) => {
    await save('vip', { action: 'mirror' }, people(3))
    await elt.export('vip')
    sandbox.data.lists.push({ id: 5_002, name: 'Other', createdAt: 0, listType: 'Standard' })
    await save('vip', { action: 'mirror', list_id: 5_002 }, people(2))
    expect(await elt.export('vip')).toMatchObject({ state: 'succeeded', planned: { add: 2, remove: 0 } })
    expect(members()).toHaveLength(3)
    expect(sandbox.data.members(5_002).all()).toHaveLength(2)
  },
)

exportTest('lost state is a first run that says so', async ({ elt, save, run, members }) => {
  await save('vip', { action: 'mirror' }, people(3))
  await elt.export('vip')
  await run('delete from iterable_sync.members')
  await save('vip', { action: 'mirror' }, people(2))
  const report = await elt.export('vip')
  expect(report).toMatchObject({ state: 'succeeded', planned: { add: 2, remove: 0 } })
  expect(report.notices.join()).toContain('not known any more')
  expect(members()).toHaveLength(3)
})

exportTest('send: changes sends only what Iterable has not acknowledged', async ({ elt, save, sandbox }) => {
  await save('vip', { action: 'add', send: 'changes' }, people(5))
  expect(await elt.export('vip')).toMatchObject({ sent: 5 })
  await save('vip', { action: 'add', send: 'changes' }, people(6))
  expect(await elt.export('vip')).toMatchObject({ planned: { add: 1, unchanged: 5, remove: 0 }, sent: 1 })
  await save('gone', { action: 'remove', send: 'changes' }, people(2))
  expect(await elt.export('gone')).toMatchObject({ planned: { remove: 2 }, sent: 2 })
  expect(await elt.export('gone')).toMatchObject({ planned: { remove: 0, unchanged: 2 }, sent: 0 })
  expect(sandbox.writes).toHaveLength(3)
})
