import { tmpdir } from 'node:os'
import { expect, test } from 'vitest'
import { Engine } from '../../src/engine/engine.ts'
import { kindsIn } from '../../src/json/kinds.ts'
import { LineScanner } from '../../src/json/scan.ts'
import { literal } from '../../src/warehouse/sql.ts'
import { eachWarehouse } from '../support/warehouse.ts'
import { columnsOf, event, line, startLoading, textRows } from './load.ts'

const user = (email: string, members: Readonly<Record<string, string>>): string =>
  line({ email: JSON.stringify(email), profileUpdatedAt: '"2026-01-10 12:00:00 +00:00"', ...members })

eachWarehouse('types that Iterable declares win where the values fit', async (warehouse) => {
  await using loading = await startLoading(warehouse)
  Object.assign(loading.sandbox.data.fields, {
    birthday: 'date',
    odd_date: 'date',
    not_a_date: 'date',
    zip: 'string',
    score: 'double',
    count: 'long',
    wrong: 'long',
    vip: 'boolean',
    place: 'geo_location',
    tags: 'string',
    strange: 'a type of next year',
  })
  const shelf = loading.sandbox.data.events('user')
  const values = {
    birthday: '"1990-05-01"',
    odd_date: '1735689600000',
    not_a_date: 'true',
    zip: '12345',
    score: '3',
    count: '3',
    wrong: '3.5',
    vip: 'true',
    place: '{"lat":1,"lon":2}',
    tags: '["a"]',
    strange: '7',
  }
  shelf.push(user('a@x.com', values))
  await loading.load('users')
  const columns = await columnsOf(warehouse, 'users')
  const type = (name: string) => columns.find(({ source }) => source === name)?.type
  expect(Object.fromEntries(Object.keys(values).map((name) => [name, type(name)]))).toEqual({
    birthday: 'timestamptz',
    odd_date: 'timestamptz',
    not_a_date: 'boolean',
    zip: 'text',
    score: 'double',
    count: 'bigint',
    wrong: 'double',
    vip: 'boolean',
    place: 'json',
    tags: 'json',
    strange: 'bigint',
  })
  const rows = await warehouse.query('select birthday, odd_date, zip, score from iterable.users')
  expect(rows).toEqual([
    { birthday: new Date('1990-05-01'), odd_date: new Date('2025-01-01'), zip: '12345', score: 3 },
  ])
})

eachWarehouse(
  'declared types hold for profile fields of email_subscribe, and for no other event',
  async (warehouse) => {
    await using loading = await startLoading(warehouse)
    loading.sandbox.data.fields.joined = 'date'
    loading.sandbox.data.events('emailSubscribe').push(event('a', { joined: '"2024-01-01"' }))
    loading.sandbox.data.events('emailOpen').push(event('a', { joined: '"2024-01-01"' }))
    await loading.load('email_subscribe')
    await loading.load('email_open')
    const type = async (table: string) =>
      (await columnsOf(warehouse, table)).find(({ source }) => source === 'joined')?.type
    expect([await type('email_subscribe'), await type('email_open')]).toEqual(['timestamptz', 'text'])
  },
)

const times: Record<string, string> = {
  '2021-04-14 16:25:56 +00:00': '2021-04-14T16:25:56Z',
  '2021-04-14 16:25:56 +02:00': '2021-04-14T14:25:56Z',
  '2021-04-14 16:25:56 -0730': '2021-04-14T23:55:56Z',
  '2021-04-14 16:25:56 +0000': '2021-04-14T16:25:56Z',
  '2021-04-14 16:25:56.134 +00:00': '2021-04-14T16:25:56.134Z',
  '2021-04-14 16:25:56.134105 +00:00': '2021-04-14T16:25:56.134105Z',
  '2021-04-14T16:25:56Z': '2021-04-14T16:25:56Z',
  '2021-04-14T16:25:56.5Z': '2021-04-14T16:25:56.5Z',
  '2021-04-14T16:25:56+02:00': '2021-04-14T14:25:56Z',
  '2021-04-14T16:25:56.134+0200': '2021-04-14T14:25:56.134Z',
  '2021-04-14T16:25:56.134 +00:00': '2021-04-14T16:25:56.134Z',
  '2021-04-14T16:25:56 +00:00': '2021-04-14T16:25:56Z',
  '2025-12-19T22:43:34.134105.000Z': '2025-12-19T22:43:34.134105Z',
  '2015-11-13': '2015-11-13T00:00:00Z',
  '2016-11-29 13:22:56': '2016-11-29T13:22:56Z',
  '2016-11-29 13:22:56.25': '2016-11-29T13:22:56.25Z',
  '2016-11-29T13:22:56': '2016-11-29T13:22:56Z',
  '2016-11-29T13:22': '2016-11-29T13:22:00Z',
  '1735689600000': '2025-01-01T00:00:00Z',
  '1735689600123': '2025-01-01T00:00:00.123Z',
  '1969-12-31 23:59:59 +00:00': '1969-12-31T23:59:59Z',
  '2024-02-29 00:00:00 +00:00': '2024-02-29T00:00:00Z',
}
const noTimes = [
  '',
  ' ',
  'yesterday',
  'null',
  '12',
  '2021-13-01 00:00:00 +00:00',
  '2023-02-29',
  '2021-04-14 25:00:00',
  '14/04/2021',
  'infinity',
  '-infinity',
  'epoch',
  'now',
  '99999999999999999999999',
  '2021-04-14 16:25:56 Nowhere/Zone',
  '{"a":1}',
  "'; select 1",
]

eachWarehouse(
  'every spelling of a time is read, and what is none is kept as text and counted',
  async (warehouse) => {
    await using loading = await startLoading(warehouse)
    loading.sandbox.data.fields.seen = 'date'
    const shelf = loading.sandbox.data.events('user')
    const spellings = [...Object.keys(times), ...noTimes]
    spellings.forEach((text, index) => {
      shelf.push(
        user(`${String(index).padStart(2, '0')}@x.com`, {
          signupDate: JSON.stringify(text),
          seen: JSON.stringify(text),
        }),
      )
    })
    shelf.push(user('n1@x.com', { signupDate: '1735689600123', seen: '1735689600123' }))
    shelf.push(user('n2@x.com', { signupDate: 'null' }))
    const report = await loading.load('users')
    expect(report).toMatchObject({ rows_written: spellings.length + 2, rows_rejected: 0 })
    const rows = await textRows(warehouse, 'users', 'email')
    const expected = (text: string) => {
      const iso = times[text]
      if (iso === undefined)
        return { signupDate: undefined, seen: undefined, _extra: { signupDate: text, seen: text } }
      const micros = String(
        BigInt(Date.parse(iso.replace(/(\.\d{3})\d+/, '$1'))) * 1000n +
          BigInt(iso.match(/\.\d{3}(\d{3})/)?.[1] ?? 0),
      )
      return { signupDate: micros, seen: micros, _extra: undefined }
    }
    const found = rows.map((row) => ({
      signupDate: row.get('signupDate'),
      seen: row.get('seen'),
      _extra: row.has('_extra') ? JSON.parse(row.get('_extra') as string) : undefined,
    }))
    spellings.forEach((text, index) => {
      expect({ text, ...found[index] }).toEqual({ text, ...expected(text) })
    })
    expect(found.at(-2)).toEqual({
      signupDate: '1735689600123000',
      seen: '1735689600123000',
      _extra: undefined,
    })
    expect(found.at(-1)).toEqual({ signupDate: undefined, seen: undefined, _extra: undefined })
    expect(report.notes.join('\n')).toContain(`${noTimes.length * 2} times could not be read`)
  },
)

eachWarehouse(
  'times out of the reach of the warehouse are kept as text, at any distance',
  async (warehouse) => {
    await using loading = await startLoading(warehouse)
    const far = [
      '290000-01-01 00:00:00 +00:00',
      '9999-12-31 23:59:59 +00:00',
      '0001-01-01',
      '294300-06-01',
      '-4712-01-01',
      '999999999999999',
      '-99999999999999',
    ]
    far.forEach((text, index) => {
      loading.sandbox.data.events('user').push(user(`${index}@x.com`, { signupDate: JSON.stringify(text) }))
    })
    const report = await loading.load('users')
    expect(report.rows_written).toBe(far.length)
    const rows = await textRows(warehouse, 'users', 'email')
    rows.forEach((row, index) => {
      // Read, or kept: never neither, never both.
      const kept = row.has('_extra') ? JSON.parse(row.get('_extra') as string).signupDate : undefined
      expect([far[index], row.has('signupDate') !== (kept === far[index])]).toEqual([far[index], true])
    })
    expect(rows[1]?.get('signupDate')).toBe('253402300799000000')
  },
)

const transactional: Record<string, [sent: string, stored: unknown]> = {
  '01 object': ['"{\\"order\\":{\\"id\\":7,\\"total\\":1.5}}"', { order: { id: 7, total: 1.5 } }],
  '02 array': ['"[1, \\"two\\", null]"', [1, 'two', null]],
  '03 text': ['"just text"', 'just text'],
  '04 value': ['{"plain":true}', { plain: true }],
  '05 list': ['[{"a":1}]', [{ a: 1 }]],
  '06 empty': ['""', ''],
  '07 NaN': ['"NaN"', 'NaN'],
  '08 Infinity': ['"-Infinity"', '-Infinity'],
  '09 NaN inside': ['"{\\"a\\":NaN}"', '{"a":NaN}'],
  '10 trailing comma': ['"[1,2,]"', '[1,2,]'],
  '11 Information': ['"{\\"a\\":\\"Information, NaN,]\\"}"', { a: 'Information, NaN,]' }],
  '12 number': ['"12"', 12],
  '13 boolean': ['"true"', true],
  '14 string in string': ['"\\"quoted\\""', 'quoted'],
  '15 cut': ['"{\\"a\\":"', '{"a":'],
  '16 two': ['"{} {}"', '{} {}'],
  '17 comment': ['"{\\"a\\":1 /* no */}"', '{"a":1 /* no */}'],
  '18 blanks': ['"  "', '  '],
  '19 unicode': ['"{\\"k\\":\\"\\\\ud83d\\\\ude00 \\u2028\\"}"', { k: '😀 \u2028' }],
  '20 half pair': ['"{\\"k\\":\\"\\\\ud83d\\"}"', '{"k":"\\ud83d"}'],
  '21 a real number': ['12.5', 12.5],
  '22 a real boolean': ['false', false],
  '23 infinite words': ['"{\\"Infinity\\":1,\\"a\\":\\"Infinite\\"}"', { Infinity: 1, a: 'Infinite' }],
  '24 escaped quote': ['"{\\"a\\":\\"\\\\\\",]NaN\\"}"', { a: '",]NaN' }],
}

eachWarehouse('transactionalData is stored decoded, what is not JSON as a JSON string', async (warehouse) => {
  await using loading = await startLoading(warehouse)
  const shelf = loading.sandbox.data.events('emailSend')
  for (const [id, [sent]] of Object.entries(transactional)) shelf.push(event(id, { transactionalData: sent }))
  shelf.push(event('98 null', { transactionalData: 'null' }), event('99 absent'))
  const report = await loading.load('email_send')
  expect(report.rows_rejected).toBe(0)
  const rows = await textRows(warehouse, 'email_send')
  const found = rows.map((row) => [row.get('messageId'), JSON.parse(row.get('transactionalData') ?? 'null')])
  const expected = Object.entries(transactional).map(([id, [, stored]]) => [id, stored])
  expect(found).toEqual([...expected, ['98 null', null], ['99 absent', null]])
  expect(rows.slice(-2).map((row) => row.has('transactionalData'))).toEqual([false, false])
  const type = warehouse.kind === 'duckdb' ? 'json_type' : 'jsonb_typeof'
  expect(
    await warehouse.query(
      `select lower(${type}("transactionalData")) as t from iterable.email_send where "messageId" = '01 object'`,
    ),
  ).toEqual([{ t: 'object' }])
})

test('macros read exactly what JSON means', async () => {
  await using engine = await Engine.create({ directory: tmpdir() })
  const one = async (expression: string) => (await engine.rows(`select ${expression}`))[0]?.[0]
  const kind = (json: string) => one(`json_kind(${literal(json)})`)
  const kinds: Record<string, string> = {
    '0': 'bigint',
    '-5': 'bigint',
    '9007199254740991': 'bigint',
    '9007199254740992': 'big',
    '-9007199254740993': 'big',
    '9223372036854775807': 'big',
    '9223372036854775808': 'text',
    '1.0': 'double',
    '1e3': 'double',
    '-1.5E-7': 'double',
    '1e400': 'text',
    true: 'boolean',
    '"true"': 'text',
    '""': 'text',
    '"12"': 'text',
    '{}': 'json',
    '[]': 'json',
  }
  for (const [json, expected] of Object.entries(kinds))
    expect([json, await kind(json)]).toEqual([json, expected])
  // So does the look at the bytes.
  const scanner = new LineScanner([])
  const members = Object.keys(kinds).map((json, index) => `"f${index}" : ${json}`)
  scanner.scan(Buffer.from(`{"none":null,${members.join(' ,')},"many":[{"a":1.5},true,null]}\n{"many":1}`))
  const [none, ...seen] = [...scanner.fields.values()].map((use) => [...kindsIn(use.kinds)])
  expect(none).toEqual([])
  expect(seen.pop()?.sort()).toEqual(['bigint', 'json'])
  expect(seen).toEqual(Object.values(kinds).map((kind) => [kind]))
  // What a cast would round, or take though it is no number of JSON.
  for (const text of ['NaN', 'Infinity', '1.5', '1.0', '1e3', '"5"', '9223372036854775808']) {
    expect([text, await one(`json_bigint(${literal(text)})`)]).toEqual([text, null])
  }
  for (const text of ['NaN', 'Infinity', '-Infinity', 'inf', '']) {
    expect([text, await one(`json_double(${literal(text)})`)]).toEqual([text, null])
  }
})
