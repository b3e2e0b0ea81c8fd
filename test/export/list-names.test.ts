/** Exports that name their list, and lists that a run makes. */
import { expect } from 'vitest'
import { exportTest, type Fixture, people } from './support.ts'

/** `list_id` of the fixture gives way to a name. */
const named = (list: string, more: object = {}) => ({ action: 'mirror', list_id: undefined, list, ...more })
const listCalls = ({ sandbox }: Fixture, method: string) =>
  sandbox.requests.filter((one) => one.method === method && one.path === '/api/lists')

exportTest('a list is found by its name, and may be called otherwise later', async (f) => {
  await f.save('vip', named('Test'), people(3))
  expect(await f.elt.export('vip')).toMatchObject({ state: 'succeeded', sent: 3 })
  expect(f.members()).toHaveLength(3)
  const list = f.sandbox.data.lists.find(({ id }) => id === f.listId) as { name: string }
  list.name = 'Best'
  await expect(f.elt.export('vip')).rejects.toMatchObject({
    code: 'unknown_list',
    message: expect.stringContaining('"Test"'),
  })
  expect(await f.elt.exports()).toMatchObject([{ list: 'Test', list_id: null }])
})

exportTest('two lists of one name are told with their ids', async (f) => {
  f.sandbox.data.lists.push({ id: 5_002, name: 'Test', createdAt: 0, listType: 'Standard' })
  await f.save('vip', named('Test'), people(1))
  await expect(f.elt.export('vip')).rejects.toMatchObject({
    code: 'unknown_list',
    message: expect.stringMatching(/5001, 5002.*list_id/),
  })
})

exportTest('a list that is missing is made once, and only by a run', async (f) => {
  await f.save('vip', named('New ones', { create_list: true }), people(2))
  const plan = await f.elt.planExport('vip')
  expect(plan).toMatchObject({ list_name: 'New ones', planned: { add: 2 } })
  expect(listCalls(f, 'POST')).toEqual([])
  expect(await f.elt.export('vip')).toMatchObject({ state: 'succeeded', sent: 2 })
  expect(await f.elt.export('vip')).toMatchObject({ state: 'succeeded', planned: { unchanged: 2 } })
  expect(listCalls(f, 'POST')).toHaveLength(1)
  const made = f.sandbox.data.lists.filter(({ name }) => name === 'New ones')
  expect(made.map(({ id }) => f.sandbox.data.members(id).all().length)).toEqual([2])
})

exportTest(
  'two mirrors of one list are refused, also where one has its name and the other its id',
  async (f) => {
    await f.save('by_id', { action: 'mirror' }, people(1))
    await f.save('by_name', named('Test'), people(2))
    const byName = await f.elt.export('by_name')
    expect(byName).toMatchObject({ state: 'failed', error_code: 'two_mirrors', error_kind: 'config' })
    expect(await f.elt.export('by_id')).toMatchObject({ state: 'failed', error_code: 'two_mirrors' })
    expect(f.members()).toEqual([])
  },
)

exportTest('a held plan goes to the list that it was made for, or to none', async (f) => {
  await f.save('vip', named('Test'), people(2))
  await f.elt.export('vip')
  await f.save('vip', named('Test', { brakes: { removals: { rows: 0 } } }), people(1))
  const held = await f.elt.export('vip')
  expect(held.state).toBe('held')
  const list = f.sandbox.data.lists.find(({ id }) => id === f.listId) as { name: string }
  list.name = 'Old'
  f.sandbox.data.lists.push({ id: 5_003, name: 'Test', createdAt: 0, listType: 'Standard' })
  await expect(f.elt.approve(held.run_id)).rejects.toMatchObject({ code: 'changed' })
})

exportTest('lists shows what may be written to', async (f) => {
  expect(await f.elt.lists()).toContainEqual({ id: f.listId, name: 'Test', type: 'Standard', members: null })
})
