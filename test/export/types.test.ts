import { expect } from 'vitest'
import { exportTest, type Fixture } from './support.ts'

/** What Iterable receives as dataFields for one row with this select list. */
async function sent({ elt, save, writes }: Fixture, columns: string, settings: object = {}) {
  await save('types', { action: 'add', ...settings }, `select 'a@x.org' as email, ${columns}`)
  const report = await elt.export('types')
  expect(report.error).toBeNull()
  return writes().at(-1)?.body.subscribers[0]?.dataFields
}

exportTest('numbers are exact JSON numbers in their shortest form', async (fixture) => {
  const columns = `
    cast(1 as smallint) as small, cast(9007199254740991 as bigint) as big, cast(123.4500 as decimal(10, 4)) as dec,
    cast(5 as decimal(38, 0)) as whole, cast(100.00 as decimal(10, 2)) as round, cast(0.1 as real) as single,
    cast(0.1 as double precision) as dbl, cast(1e21 as double precision) as huge, -0.5 as neg, 2.0 / 3.0 as third`
  const fields = await sent(fixture, columns)
  expect(fields).toMatchObject({
    small: 1,
    big: 9007199254740991,
    dec: 123.45,
    whole: 5,
    round: 100,
    single: 0.1,
    dbl: 0.1,
    huge: 1e21,
    neg: -0.5,
  })
  expect(fields).toHaveProperty('third', expect.closeTo(0.6666666, 5))
})

exportTest('times are sent as Iterable takes dates, in UTC', async (fixture) => {
  const columns = `
    timestamptz '2024-03-31 01:30:45.678+02' as tz, timestamp '2024-03-31 01:30:45' as plain,
    date '2024-02-29' as day, date '1900-01-01' as old, time '10:00:00' as clock`
  expect(await sent(fixture, columns)).toEqual({
    tz: '2024-03-30 23:30:45 +00:00',
    plain: '2024-03-31 01:30:45 +00:00',
    day: '2024-02-29',
    old: '1900-01-01',
    clock: '10:00:00',
  })
})

exportTest('nested values are JSON, text that holds JSON stays text unless asked', async (fixture) => {
  const array = fixture.warehouse.kind === 'duckdb' ? "['b', null, 'a']" : "array['b', null, 'a']"
  const times =
    fixture.warehouse.kind === 'duckdb'
      ? "[timestamptz '2024-01-01 00:00:00+00']"
      : "array[timestamptz '2024-01-01 00:00:00+00']"
  const columns = `
    ${array} as list, ${times} as times, cast('{"b": [1, {"z": null}], "a": "é"}' as json) as doc,
    '{"x": 1}' as text, '[1, 2]' as parsed, 'ü👍' as uni, true as yes, cast('null' as json) as nothing`
  const settings = {
    columns: [
      'list',
      'times',
      'doc',
      'text',
      { source: 'parsed', as: 'Parsed', json: true },
      'uni',
      'YES',
      'nothing',
    ],
  }
  const { yes, YES, ...rest } = (await sent(fixture, columns, settings)) as Record<string, unknown>
  expect(yes ?? YES).toBe(true)
  expect(rest).toEqual({
    list: ['b', null, 'a'],
    times: ['2024-01-01 00:00:00 +00:00'],
    doc: { a: 'é', b: [1, { z: null }] },
    text: '{"x": 1}',
    Parsed: [1, 2],
    uni: 'ü👍',
    nothing: null,
  })
})

exportTest('a struct of DuckDB and a row of Postgres are objects', async (fixture) => {
  const value =
    fixture.warehouse.kind === 'duckdb'
      ? "{'a': 1, 'b': {'c': 'x'}}"
      : "(select r from (select 1 as a, (select s from (select 'x' as c) as s) as b) as r)"
  expect(await sent(fixture, `${value} as thing`)).toEqual({ thing: { a: 1, b: { c: 'x' } } })
})

exportTest('NULL is left out, or sent where asked', async (fixture) => {
  expect(await sent(fixture, 'cast(null as int) as a, 1 as b')).toEqual({ b: 1 })
  expect(await sent(fixture, 'cast(null as int) as a, 1 as b', { nulls: 'send' })).toEqual({ a: null, b: 1 })
})

exportTest(
  'values that JSON cannot hold are invalid rows that name their column',
  async ({ elt, save, warehouse, sandbox }) => {
    const query = `
    select * from (values
      ('a@x.org', cast('NaN' as double precision), cast(1 as decimal(30, 0)), timestamptz '2024-01-01 00:00:00+00'),
      ('b@x.org', 1, cast(9007199254740993 as decimal(30, 0)), timestamptz '2024-01-01 00:00:00+00'),
      ('c@x.org', 1, 1, cast('infinity' as timestamptz)),
      ('d@x.org', 1, 1, timestamptz '2024-01-01 00:00:00+00')) as v(email, dbl, big, seen)`
    await save('strict', { action: 'add' }, query)
    const strict = await elt.export('strict')
    expect(strict).toMatchObject({ state: 'failed', error_code: 'invalid_rows', sent: 0, rejected: 3 })
    expect(strict.error).toContain('column dbl')
    expect(sandbox.writes).toEqual([])
    await save('lenient', { action: 'add', skip_on_invalid_records: 'true' }, query)
    expect(await elt.export('lenient')).toMatchObject({
      state: 'succeeded_with_rejects',
      sent: 1,
      rejected: 3,
      rows: 4,
    })
    const rejects = await warehouse.query(
      "select code, row from iterable_sync.rejected_rows where source = 'export:lenient' order by code",
    )
    expect(rejects.map(({ code }) => code)).toEqual(['date_out_of_range', 'inexact_number', 'not_a_number'])
    expect(rejects[1]?.row).toMatchObject({ email: 'b@x.org', dbl: 1 })
  },
)

exportTest('types without a form in JSON must be cast, and the message says which', async ({ elt, save }) => {
  await save('vip', { action: 'add' }, "select 'a@x.org' as email, interval '1 day' as span")
  const report = await elt.export('vip')
  expect(report).toMatchObject({ state: 'failed', error_code: 'unsupported_type', error_kind: 'config' })
  expect(report.error).toMatch(/"span".*cast/s)
})

exportTest(
  'reserved columns are matched in any case and become what the API calls them',
  async ({ elt, save, writes }) => {
    await save(
      'vip',
      { action: 'add' },
      `select 7 as "User_ID", 'true' as "PREFER_USER_ID", 1 as merge_nested_objects, 1 as "Other One"`,
    )
    expect(await elt.export('vip')).toMatchObject({ state: 'succeeded' })
    expect(writes()[0]?.body.subscribers).toEqual([
      { userId: '7', preferUserId: true, mergeNestedObjects: true, dataFields: { 'Other One': 1 } },
    ])
  },
  { projectType: 'hybrid' },
)

exportTest(
  'the identifier follows the project type unless said otherwise',
  async ({ elt, save, writes }) => {
    const query = "select 'a@x.org' as email, 'u1' as user_id"
    for (const [identifier, expected] of [
      ['auto', { userId: 'u1' }],
      ['email', { userId: 'u1' }],
      ['user_id', { userId: 'u1' }],
    ] as const) {
      if (identifier === 'email') continue
      await save('vip', { action: 'add', identifier }, query)
      await elt.export('vip')
      expect(writes().at(-1)?.body.subscribers).toEqual([expected])
    }
    await save('mail', { action: 'add' }, "select 'a@x.org' as email")
    expect(await elt.export('mail')).toMatchObject({ state: 'failed', error_code: 'invalid_rows' })
  },
  { projectType: 'userId' },
)

exportTest(
  'identifiers that Iterable cannot take are invalid rows',
  async ({ elt, save, warehouse, members }) => {
    const query = `select * from (values (' A@x.org ', null), ('no mail', null), (null, ' padded'), (null, '${'x'.repeat(53)}'), ('', ''), (null, 'ümlaut'), (null, 'ok')) as v(email, user_id)`
    await save('vip', { action: 'add', skip_invalid_data: true }, query)
    expect(await elt.export('vip')).toMatchObject({ sent: 2, rejected: 5 })
    expect(members()).toEqual(['a@x.org', 'ok'])
    const rejects = await warehouse.query('select code from iterable_sync.rejected_rows order by code')
    expect(rejects.map(({ code }) => code)).toEqual([
      'invalid_email',
      'invalid_user_id',
      'invalid_user_id',
      'invalid_user_id',
      'no_identifier',
    ])
  },
  { projectType: 'hybrid' },
)

exportTest('output mapping, constants and the string builder', async ({ elt, save, writes }) => {
  await save(
    'vip',
    `
action: add
list_id: 5001
columns: [{ source: ltv, as: lifetimeValue }, city]
constants:
  - { as: source, string: warehouse }
  - { as: exportedAt, timestamp: true }
  - { as: seg, segment_name: true }
  - { as: segId, segment_id: true }
segment: { id: 17, name: Best }`,
    "select 'a@x.org' as email, 9 as ltv, 'Oslo' as city, 'secret' as internal",
  )
  expect(await elt.export('vip')).toMatchObject({ state: 'succeeded' })
  const [row] = writes()[0]?.body.subscribers ?? []
  expect(row).toEqual({
    email: 'a@x.org',
    dataFields: {
      lifetimeValue: 9,
      city: 'Oslo',
      source: 'warehouse',
      seg: 'Best',
      segId: 17,
      exportedAt: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+00:00$/),
    },
  })
})

exportTest(
  'duplicates: identical ones are skipped, others refused, or the first wins',
  async ({ elt, save, members, writes }) => {
    const same = "select * from (values ('A@x.org', 1), ('a@X.org', 1), ('b@x.org', 2)) as v(email, n)"
    const different = "select * from (values ('A@x.org', 1), ('a@X.org', 2), ('b@x.org', 2)) as v(email, n)"
    await save('vip', { action: 'add' }, same)
    expect(await elt.export('vip')).toMatchObject({
      state: 'succeeded',
      rows: 3,
      sent: 2,
      skipped: 1,
      rejected: 0,
    })
    await save('vip', { action: 'add' }, different)
    expect(await elt.export('vip')).toMatchObject({ state: 'failed', error_code: 'invalid_rows', sent: 0 })
    await save('vip', { action: 'add', on_duplicate: 'first' }, different)
    expect(await elt.export('vip')).toMatchObject({ state: 'succeeded', sent: 2, skipped: 1 })
    await save('vip', { action: 'add', on_duplicate: 'fail' }, same)
    expect(await elt.export('vip')).toMatchObject({ state: 'failed', error_code: 'invalid_rows' })
    await save('vip', { action: 'add', skip_invalid_data: true }, different)
    expect(await elt.export('vip')).toMatchObject({ state: 'succeeded_with_rejects', sent: 2, rejected: 1 })
    expect(members()).toEqual(['a@x.org', 'b@x.org'])
    expect(writes()).toHaveLength(3)
  },
)

exportTest('columns that make no sense are configuration errors that name them', async ({ elt, save }) => {
  const faults: [object, string, RegExp][] = [
    [{}, "select 'a' as mail, 'b' as name", /email or user_id.*mail, name.*mail as email/s],
    [{}, `select 'a@x.org' as email, 'b@x.org' as "EMAIL"`, /leave one out/],
    [{ columns: ['city'] }, "select 'a@x.org' as email, 1 as ctiy", /"city".*did you mean "ctiy"/],
    [
      {
        columns: [
          { source: 'n', as: 'x' },
          { source: 'm', as: 'x' },
        ],
      },
      "select 'a@x.org' as email, 1 as n, 2 as m",
      /"x"/,
    ],
  ]
  for (const [settings, query, message] of faults) {
    await save('vip', { action: 'add', ...settings }, query)
    const report = await elt.export('vip')
    expect(report).toMatchObject({ state: 'failed', error_kind: 'config' })
    expect(report.error).toMatch(message)
  }
})

exportTest(
  'columns and members that every object of JavaScript answers to are sent like any other',
  async (f) => {
    const names = ['constructor', 'toString', 'valueOf', '__proto__']
    const columns = names.map((name, index) => `${index} as "${name}"`).join(', ')
    const object =
      f.warehouse.kind === 'duckdb'
        ? "json_object('constructor', 1, '__proto__', 2)"
        : "json_build_object('constructor', 1, '__proto__', 2)"
    await f.save('vip', { action: 'add' }, `select 'a@example.com' as email, ${columns}, ${object} as nested`)
    expect(await f.elt.export('vip')).toMatchObject({ state: 'succeeded', sent: 1 })
    const [write] = f.sandbox.requests.filter(({ path }) => path.endsWith('/subscribe'))
    expect(JSON.stringify(write?.body)).toContain(
      '"dataFields":{"__proto__":3,"constructor":0,"nested":{"__proto__":2,"constructor":1},"toString":1,"valueOf":2}',
    )
  },
)
