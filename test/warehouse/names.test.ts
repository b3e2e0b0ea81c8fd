import fc from 'fast-check'
import { expect, test } from 'vitest'
import { membersOf } from '../../src/json/members.ts'
import { columnName } from '../../src/warehouse/names.ts'
import { snakeCase, viewColumns } from '../../src/warehouse/views.ts'
import { eachWarehouse, type TestWarehouse } from '../support/warehouse.ts'
import { at, columnsOf, event, exact, line, startLoading, textRows } from './load.ts'

/** The column of each field that is not in the catalogue. */
async function mapping(warehouse: TestWarehouse, table: string): Promise<Record<string, string>> {
  const columns = await columnsOf(warehouse, table)
  const seen = columns.filter(({ origin }) => origin === 'seen' || origin === 'declared')
  return Object.fromEntries(seen.map(({ source, name }) => [source, name]))
}

const user = (email: string, members: Readonly<Record<string, string>>): string =>
  line({ email: JSON.stringify(email), profileUpdatedAt: '"2026-01-10 12:00:00 +00:00"', ...members })

eachWarehouse('names that differ only by case: the first to appear keeps its own', async (warehouse) => {
  await using loading = await startLoading(warehouse)
  const shelf = loading.sandbox.data.events('emailOpen')
  shelf.push(event('a', { Zeta: '1', zeta: '2', ZETA: '3', CITY: '"x"', äpfel: '4', ÄPFEL: '5' }))
  shelf.push(event('b', { gamma: '1' }), event('c', { Gamma: '2' }))
  await loading.load('email_open')
  const names = {
    Zeta: 'Zeta',
    zeta: '_zeta',
    ZETA: '__ZETA',
    CITY: '_CITY',
    äpfel: 'äpfel',
    ÄPFEL: '_ÄPFEL',
    gamma: 'gamma',
    Gamma: '_Gamma',
  }
  expect(await mapping(warehouse, 'email_open')).toEqual(names)
  const [a] = await textRows(warehouse, 'email_open')
  expect(['Zeta', '_zeta', '__ZETA', '_CITY', 'äpfel', '_ÄPFEL'].map((name) => a?.get(name))).toEqual([
    '1',
    '2',
    '3',
    'x',
    '4',
    '5',
  ])

  // What comes first in a later sync changes nothing.
  shelf.push(event('d', { ZETA: '30', zeta: '20', Zeta: '10', zETA: '40', __ZETA: '50', city: '"y"' }))
  await loading.load('email_open')
  expect(await mapping(warehouse, 'email_open')).toEqual({ ...names, zETA: '___zETA', __ZETA: '____ZETA' })
  const d = (await textRows(warehouse, 'email_open')).at(-1)
  expect(['Zeta', '_zeta', '__ZETA', '___zETA', '____ZETA', 'city'].map((name) => d?.get(name))).toEqual([
    '10',
    '20',
    '30',
    '40',
    '50',
    'y',
  ])
})

const foreign = ['constructor', 'toString', 'valueOf', 'hasOwnProperty', '__proto__', 'prototype'] as const

eachWarehouse(
  'names that every object of JavaScript answers to are names like any other',
  async (warehouse) => {
    await using loading = await startLoading(warehouse)
    const members = Object.fromEntries(foreign.map((name, index) => [name, String(index)] as const))
    // An own member even where the literal would set the prototype.
    Object.defineProperty(members, '__proto__', { value: '4', enumerable: true })
    loading.sandbox.data.events('user').push(user('a@x.com', members))
    loading.sandbox.data.events('emailOpen').push(event('a', members))
    for (const stream of ['users', 'email_open']) {
      await loading.load(stream)
      const [row] = await textRows(warehouse, stream, 'email')
      expect(foreign.map((name) => row?.get(name))).toEqual(['0', '1', '2', '3', '4', '5'])
    }
  },
)

eachWarehouse('a byte order mark is part of a name, and of a text, in every sync', async (warehouse) => {
  await using loading = await startLoading(warehouse)
  const shelf = loading.sandbox.data.events('emailOpen')
  for (const id of ['a', 'b']) {
    shelf.push(event(id, { '\ufeff': `"\ufeff${id}"`, '\ufefftown': '1', town: '2' }))
    await loading.load('email_open')
  }
  expect(await mapping(warehouse, 'email_open')).toEqual({
    '\ufeff': '\ufeff',
    '\ufefftown': '\ufefftown',
    town: 'town',
  })
  const rows = await textRows(warehouse, 'email_open')
  expect(rows.map((row) => ['\ufeff', '\ufefftown', 'town'].map((name) => row.get(name)))).toEqual([
    ['\ufeffa', '1', '2'],
    ['\ufeffb', '1', '2'],
  ])
})

eachWarehouse(
  'Industry and "offers.Intro APR" of users are renamed as the reference does it',
  async (warehouse) => {
    await using loading = await startLoading(warehouse)
    const shelf = loading.sandbox.data.events('user')
    shelf.push(user('a@x.com', { industry: '"lower"', Industry: '"upper"', 'offers.Intro APR': '"4.9"' }))
    shelf.push(user('b@x.com', { offers: '{"Intro APR":"5.9","intro APR":"other","n":1}' }))
    shelf.push(user('c@x.com', { offers: '{"Intro APR":null}', 'offers.intro APR': '"lower"' }))
    await loading.load('users')
    expect(await mapping(warehouse, 'users')).toEqual({
      industry: 'industry',
      Industry: '_industry',
      'offers.Intro APR': '_offers.intro APR',
      offers: 'offers',
      'offers.intro APR': 'offers.intro APR',
    })
    const [a, b, c] = await textRows(warehouse, 'users', 'email')
    expect(a?.get('industry')).toBe('lower')
    expect(a?.get('_industry')).toBe('upper')
    expect(a?.get('_offers.intro APR')).toBe('4.9')
    expect(b?.get('_offers.intro APR')).toBe('5.9')
    expect(JSON.parse(b?.get('offers') ?? '')).toEqual({ 'Intro APR': '5.9', 'intro APR': 'other', n: 1 })
    expect(c?.get('_offers.intro APR')).toBeUndefined()
    expect(JSON.parse(c?.get('offers') ?? '')).toEqual({ 'Intro APR': null })
    expect(c?.get('offers.intro APR')).toBe('lower')
  },
)

eachWarehouse('"offers.Intro APR" is taken out of lines that need care', async (warehouse) => {
  await using loading = await startLoading(warehouse)
  const shelf = loading.sandbox.data.events('user')
  shelf.push(user('a@x.com', { offers: '{"Intro APR":1.5}', odd: '"half of a pair: \\ud83d"' }))
  await loading.load('users')
  const [a] = await textRows(warehouse, 'users', 'email')
  expect(a?.get('_offers.intro APR')).toBe('1.5')
  expect(a?.get('odd')).toBe('half of a pair: \ufffd')
})

/** Members of names that nobody else has. */
const manyNames = (at: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: 6 }, (_, n) => [`field ${at}.${n}`, '1']))

eachWarehouse('fields that stand in few of many different records are found', async (warehouse) => {
  await using loading = await startLoading(warehouse)
  const users = loading.sandbox.data.events('user')
  users.push(user('a@x.com', { 'offers.Intro APR': '"text"' }))
  await loading.load('users')
  const opens = loading.sandbox.data.events('pushOpen')
  for (let at = 0; at < 40; at += 1) {
    users.push(user(`many${at}@x.com`, manyNames(at)))
    opens.push(event(`${at}`, manyNames(at)))
  }
  users.push(user('z@x.com', { offers: '{"Intro APR":{"a":1}}' }))
  opens.push(event('sent', { sentAt: JSON.stringify(at) }), event('unsent', { sentAt: '"never"' }))
  await loading.load('users')
  const z = (await textRows(warehouse, 'users', 'email')).at(-1)
  expect(exact(z?.get('_offers.intro APR') ?? '')).toEqual(exact('{"a":1}'))
  const { notes } = await loading.load('push_open')
  expect(notes.filter((note) => /could not be read|cannot be read/.test(note))).toEqual([
    expect.stringMatching(/^1 /),
  ])
})

eachWarehouse('Industry is renamed where it comes alone, and only in users', async (warehouse) => {
  await using loading = await startLoading(warehouse)
  loading.sandbox.data.events('user').push(user('a@x.com', { Industry: '"upper"' }))
  loading.sandbox.data.events('emailOpen').push(event('a', { Industry: '"event"', 'offers.Intro APR': '1' }))
  await loading.load('users')
  await loading.load('email_open')
  expect(await mapping(warehouse, 'users')).toEqual({ Industry: '_industry' })
  expect(await mapping(warehouse, 'email_open')).toEqual({
    Industry: 'Industry',
    'offers.Intro APR': 'offers.Intro APR',
  })
})

eachWarehouse('"Intro APR" inside of offers widens its column, from text to json', async (warehouse) => {
  await using loading = await startLoading(warehouse)
  const shelf = loading.sandbox.data.events('user')
  delete loading.sandbox.data.fields['offers.Intro APR']
  const values = ['1', '2.5', '"text"', '{"deep":[1]}']
  for (const [index, json] of values.entries()) {
    shelf.push(user(`${index}@x.com`, { offers: `{"Intro APR":${json}}` }))
    await loading.load('users')
  }
  const column = (await columnsOf(warehouse, 'users')).find(({ name }) => name === '_offers.intro APR')
  expect(column).toMatchObject({ type: 'json', before: ['bigint', 'double', 'text'] })
  const rows = await textRows(warehouse, 'users', 'email')
  expect(rows.map((row) => JSON.parse(row.get('_offers.intro APR') ?? 'null'))).toEqual([
    1,
    2.5,
    'text',
    { deep: [1] },
  ])
})

eachWarehouse('of two members of one name the last counts, and the earlier is kept', async (warehouse) => {
  await using loading = await startLoading(warehouse)
  const head = '{"messageId":"a","createdAt":"2026-01-10 12:00:00 +00:00"'
  loading.sandbox.data
    .events('emailOpen')
    .push(`${head},"n":1,"n":{"two":2},"n":3,"ip":"1.1.1.1","ip":"2.2.2.2"}`)
  await loading.load('email_open')
  const [row] = await textRows(warehouse, 'email_open')
  expect([row?.get('n'), row?.get('ip')]).toEqual(['3', '2.2.2.2'])
  expect(JSON.parse(row?.get('_extra') ?? '')).toEqual({ n: 1, 'n#1': { two: 2 }, ip: '1.1.1.1' })
})

eachWarehouse(
  'each view has the columns of its table in snake_case, also those that came later',
  async (warehouse) => {
    await using loading = await startLoading(warehouse)
    const shelf = loading.sandbox.data.events('emailOpen')
    shelf.push(
      event('a', { firstName: '"Ann"', first_name: '"Bob"', 'First Name': '"Cat"', '💡': '1', '!?': '2' }),
    )
    await loading.load('email_open')
    shelf.push(
      event('b', { 'first-name': '"Dan"', HTMLBody: '"x"', n: '1', '': '1', ['long '.repeat(30)]: '1' }),
    )
    await loading.load('email_open')
    const rows = await warehouse.query('select * from iterable_views.email_open order by message_id')
    expect(rows[0]).toMatchObject({
      message_id: 'a',
      first_name: 'Ann',
      first_name_2: 'Bob',
      first_name_3: 'Cat',
    })
    expect(rows[0]).toMatchObject({ column: 1, column_2: 2, campaign_id: null, _extra: null })
    expect(rows[1]).toMatchObject({
      message_id: 'b',
      first_name_4: 'Dan',
      html_body: 'x',
      n: 1,
      _extra: { '': 1 },
    })
    const names = Object.keys(rows[0] as object)
    expect(names.length).toBe((await columnsOf(warehouse, 'email_open')).length)
    for (const name of names) expect(name).toMatch(/^_?[a-z0-9]+(_[a-z0-9]+)*$/)

    // A type that widens below the view is the view's type as well.
    shelf.push(event('c', { n: '"text"' }))
    await loading.load('email_open')
    expect(await warehouse.query('select n from iterable_views.email_open order by message_id')).toEqual([
      { n: null },
      { n: '1' },
      { n: 'text' },
    ])
  },
)

test('column names are unlike one another in any case, and fit their warehouse', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          fc.string({ unit: 'binary', minLength: 1 }),
          fc.constantFrom('a', 'A', '_a', '__A', 'ä', 'Ä'),
        ),
      ),
      fc.constantFrom(63, undefined, 20),
      (sources, maxBytes) => {
        const taken = new Set<string>()
        for (const source of new Set(sources)) {
          const rules = { maxBytes, hiddenColumns: ['ctid'] }
          const name = columnName(source, (lower) => taken.has(lower), rules)
          expect(taken.has(name.toLowerCase())).toBe(false)
          taken.add(name.toLowerCase())
          if (maxBytes) expect(Buffer.byteLength(name)).toBeLessThanOrEqual(maxBytes)
          expect(Buffer.from(name).toString()).toBe(name)
        }
      },
    ),
  )
})

test('a name that is too long ends with a hash of all of it', () => {
  const rules = { maxBytes: 63, hiddenColumns: [] }
  const name = (source: string) => columnName(source, () => false, rules)
  expect(name('n'.repeat(63))).toBe('n'.repeat(63))
  expect(name('n'.repeat(64))).toMatch(/^n{54}_[0-9a-f]{8}$/)
  expect(name('n'.repeat(65))).not.toBe(name('n'.repeat(64)))
  expect(name('😀'.repeat(16))).toMatch(/^(😀){13}_[0-9a-f]{8}$/u)
})

test('names of hidden columns get a prefix', () => {
  const rules = { hiddenColumns: ['ctid', 'xmin'] }
  expect(columnName('ctid', () => false, rules)).toBe('_ctid')
  expect(columnName('XMIN', () => false, rules)).toBe('_XMIN')
  expect(columnName('ctid', (lower) => lower === '_ctid', rules)).toBe('__ctid')
})

test('snake_case', () => {
  const names = {
    createdAt: 'created_at',
    itblUserId: 'itbl_user_id',
    'Lifetime Value': 'lifetime_value',
    HTMLBody: 'html_body',
    userID: 'user_id',
    address2Line: 'address2_line',
    'offers.Intro APR': 'offers_intro_apr',
    _run_id: '_run_id',
    _industry: '_industry',
    '  ': 'column',
    ÜberGröße: 'über_größe',
  }
  for (const [name, snake] of Object.entries(names)) expect([name, snakeCase(name)]).toEqual([name, snake])
})

test('the names of a view are unlike one another, whatever the columns are called', () => {
  const word = fc.constantFrom('a', 'A', 'a_2', 'A 2', 'a2', 'a-2', 'a_2_2', '_a', '__a', '', '!', '_', '__')
  fc.assert(
    fc.property(fc.uniqueArray(fc.oneof(word, fc.string({ unit: 'binary' }))), (columns) => {
      const names = [...viewColumns(columns).values()]
      expect(names.length).toBe(columns.length)
      expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(names.length)
    }),
  )
})

test('the members of any object are found as text', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.constantFrom(undefined, 1, '\t'),
      (object, indent) => {
        const text = JSON.stringify(object, null, indent)
        const members = [...membersOf(text)].map(({ key, value }) => [key, JSON.parse(value)])
        expect(members).toEqual(Object.entries(JSON.parse(text)))
      },
    ),
  )
})

test('members keep the text of their values', () => {
  const text = ' { "a" : 1.10 , "b":12345678901234567890,"a":[ 1 , {"}":"]"} ] ,"\\u0063\\"":"\\\\" } '
  expect([...membersOf(text)]).toEqual([
    { key: 'a', value: '1.10' },
    { key: 'b', value: '12345678901234567890' },
    { key: 'a', value: '[ 1 , {"}":"]"} ]' },
    { key: 'c"', value: '"\\\\"' },
  ])
})

eachWarehouse(
  'a field is renamed at the top level only, wherever else its name stands',
  async (warehouse) => {
    await using loading = await startLoading(warehouse)
    const shelf = loading.sandbox.data.events('user')
    shelf.push(user('a@x.com', { industry: '"lower"', Industry: '"upper"', text: '"\\"industry\\": 1"' }))
    shelf.push(user('b@x.com', { industry: '{"industry":"inner"}', list: '["industry",{"industry":1}]' }))
    await loading.load('users')
    expect(await mapping(warehouse, 'users')).toMatchObject({ Industry: '_industry' })
    const [a, b] = await textRows(warehouse, 'users', 'email')
    expect(JSON.parse(a?.get('industry') ?? '')).toBe('lower')
    expect(a?.get('_industry')).toBe('upper')
    expect(a?.get('text')).toBe('"industry": 1')
    expect(JSON.parse(b?.get('industry') ?? '')).toEqual({ industry: 'inner' })
    expect(JSON.parse(b?.get('list') ?? '')).toEqual(['industry', { industry: 1 }])
  },
)
