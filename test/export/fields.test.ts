import { expect, test } from 'vitest'
import { matchNames } from '../../src/export/rows/names.ts'
import { exportTest } from './support.ts'

const declared = [
  'email',
  'userId',
  'firstName',
  'Lifetime Value',
  'Industry',
  'industry',
  'address',
  'offers.Intro',
]

test.each([
  ['first_name', 'firstName'],
  ['FIRSTNAME', 'firstName'],
  ['lifetime_value', 'Lifetime Value'],
])('the column %s means the field %s', (column, field) => {
  const { mapped, doubtful } = matchNames([column], declared)
  expect([...mapped, ...doubtful]).toEqual([[column, field]])
})

test.each([
  ['INDUSTRY', ['Industry', 'industry']],
  ['frist_name', ['firstName']],
  ['adress', ['address']],
  // Who a profile belongs to is not guessed.
  ['userid', ['userId']],
])('the column %s may mean %j', (column, fields) => {
  const { mapped, doubtful } = matchNames([column], declared)
  expect([...mapped, ...doubtful]).toEqual([[column, fields]])
})

test.each(['firstName', 'offers', 'address2', 'shoeSize', 'constructor', '__proto__', 'offers_intro'])(
  'the column %s is what it says',
  (column) => {
    const { mapped, doubtful } = matchNames([column], [...declared, 'address1'])
    expect([...mapped, ...doubtful]).toEqual([])
  },
)

exportTest('a column in snake_case goes to the field of the project, and creates none', async (f) => {
  const { elt, save, sandbox } = f
  const before = { ...sandbox.data.fields }
  await save(
    'vip',
    { action: 'mirror', new_fields: 'hold' },
    `select 'a@x.org' as email, 'Ann' as first_name, 3 as "ORDER_COUNT"`,
  )
  const mapped = [
    { column: 'first_name', field: 'firstName' },
    { column: 'ORDER_COUNT', field: 'orderCount' },
  ]
  expect(await elt.planExport('vip')).toMatchObject({
    state: 'ready',
    fields: { known: true, mapped, doubtful: [], created: [] },
  })
  const report = await elt.export('vip')
  expect(report).toMatchObject({ state: 'succeeded', sent: 1, brakes: [] })
  expect(report.notices).toContain('first_name → firstName')
  expect(sandbox.data.fields).toEqual(before)
  expect(f.sandbox.data.users.get('a@x.org')).toMatchObject({ firstName: 'Ann', orderCount: 3 })
  expect(await elt.export('vip')).toMatchObject({ planned: { unchanged: 1 } })
})

exportTest('a name that means several fields, or merely resembles one, holds the run', async (f) => {
  const { elt, save, sandbox, members } = f
  await save('vip', { action: 'add' }, `select 'a@x.org' as email, 'IT' as "INDUSTRY", 'Ann' as frist_name`)
  const held = await elt.export('vip')
  expect(held).toMatchObject({ state: 'held', brakes: [{ brake: 'field_names', verdict: 'hold' }] })
  expect(held.error).toContain(
    'column "INDUSTRY" is not a field of the project; did you mean "Industry" or "industry"?',
  )
  expect(held.error).toContain('column "frist_name" is not a field of the project; did you mean "firstName"?')
  expect(members()).toEqual([])
  expect(sandbox.data.fields).not.toHaveProperty('frist_name')
  // Named in the settings, both are what they say.
  await save(
    'vip',
    { action: 'add', new_fields: 'hold', columns: ['INDUSTRY', { source: 'frist_name', as: 'first_name' }] },
    `select 'a@x.org' as email, 'IT' as "INDUSTRY", 'Ann' as frist_name`,
  )
  expect(await elt.export('vip')).toMatchObject({ state: 'succeeded', sent: 1 })
  expect(f.sandbox.data.users.get('a@x.org')).toMatchObject({ INDUSTRY: 'IT', first_name: 'Ann' })
})

exportTest('new fields hold the first run of an export, and are told in the later ones', async (f) => {
  const { elt, save, sandbox } = f
  const query = (more = '') => `select 'a@x.org' as email, 43 as shoe_size${more}`
  await save('vip', { action: 'add', new_fields: 'hold' }, query())
  const held = await elt.export('vip')
  expect(held).toMatchObject({ state: 'held', brakes: [{ brake: 'new_fields', verdict: 'hold' }] })
  expect(held.error).toContain('Iterable would create the field shoe_size')
  expect(sandbox.data.fields).not.toHaveProperty('shoe_size')
  expect(await elt.approve(held.run_id)).toMatchObject({ state: 'succeeded', sent: 1 })
  expect(sandbox.data.fields).toHaveProperty('shoe_size', 'long')
  await save('vip', { action: 'add', new_fields: 'hold' }, query(', 7 as glove_size'))
  const later = await elt.export('vip')
  expect(later).toMatchObject({ state: 'succeeded', brakes: [{ brake: 'new_fields', verdict: 'warn' }] })
  await save('other', { action: 'add', new_fields: 'create' }, query(', 58 as hat_size'))
  expect(await elt.export('other')).toMatchObject({ state: 'succeeded', sent: 1 })
  expect(sandbox.data.fields).toHaveProperty('hat_size', 'long')
})

exportTest('as in Treasure Data, columns of an ad-hoc query go under their own names', async (f) => {
  const what = {
    query: `select 'a@x.org' as email, 'Ann' as first_name, 43 as shoe_size`,
    result: { type: 'iterable', action: 'add', list_id: f.listId },
    connection: 'iterable',
  }
  expect(await f.elt.planExport(what)).toMatchObject({
    state: 'ready',
    fields: {
      mapped: [],
      created: ['first_name', 'shoe_size'],
      doubtful: [{ column: 'first_name', fields: ['firstName'] }],
    },
    brakes: [
      { brake: 'new_fields', verdict: 'warn' },
      { brake: 'field_names', verdict: 'warn' },
    ],
  })
  expect(await f.elt.export(what)).toMatchObject({ state: 'succeeded', sent: 1 })
  expect(f.sandbox.data.users.get('a@x.org')).toMatchObject({ first_name: 'Ann', shoe_size: 43 })
})

exportTest('a key that may not read the fields is told of, and sends as before', async (f) => {
  const { elt, save, sandbox } = f
  const refusal = { status: 403, body: { code: 'BadApiKey', msg: 'Invalid API key' } }
  sandbox.faults.next({ fault: refusal, path: '/api/users/getFields', times: Number.POSITIVE_INFINITY })
  await save('vip', { action: 'add', new_fields: 'hold' }, `select 'a@x.org' as email, 'Ann' as first_name`)
  const plan = await elt.planExport('vip')
  expect(plan).toMatchObject({ state: 'ready', fields: { known: false, mapped: [], created: [] } })
  expect(plan.notices.join()).toContain('fields could not be read')
  expect(await elt.export('vip')).toMatchObject({ state: 'succeeded', sent: 1 })
  expect(f.sandbox.data.users.get('a@x.org')).toMatchObject({ first_name: 'Ann' })
})
