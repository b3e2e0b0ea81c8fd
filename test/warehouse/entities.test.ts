import { expect } from 'vitest'
import { eachWarehouse, everyWarehouse } from '../support/warehouse.ts'
import { line, loadBytes, rejectsOf, startLoading, succeeded, textRows } from './load.ts'

const user = (email: string | null, members: Readonly<Record<string, string>> = {}): string =>
  line({ email: JSON.stringify(email), profileUpdatedAt: '"2026-01-10 12:00:00 +00:00"', ...members })

everyWarehouse('the last record of a key wins, within one answer and over answers', async (warehouse) => {
  await using loading = await startLoading(warehouse)
  const shelf = loading.sandbox.data.events('user')
  shelf.push(
    user('a@x.com', { n: '1' }),
    user('b@x.com', { n: '1' }),
    user('a@x.com', { n: '2', only: '"once"' }),
  )
  shelf.push(user('a@x.com', { n: '3' }))
  await loading.load('users')
  const state = () => warehouse.query('select email, n, "only" from iterable.users order by email')
  expect(await state()).toEqual([
    { email: 'a@x.com', n: 3, only: null },
    { email: 'b@x.com', n: 1, only: null },
  ])
  shelf.clear()
  shelf.push(user('b@x.com', { n: '"two"' }), user('b@x.com', { n: '2.5' }), user('c@x.com'))
  await loading.load('users')
  expect(await state()).toEqual([
    { email: 'a@x.com', n: '3', only: null },
    { email: 'b@x.com', n: '2.5', only: null },
    { email: 'c@x.com', n: null, only: null },
  ])
})

eachWarehouse('keys are compared letter by letter', async (warehouse) => {
  await using loading = await startLoading(warehouse)
  const emails = [
    'Ann@X.com',
    'ann@x.com',
    'ann@x.com ',
    'é@x.com',
    'e\u0301@x.com',
    'null',
    "o'hara@x.com",
    '"q"@x.com',
    'a\\b',
    '😀',
    '12',
    'true',
    '{not an object}',
    '[x',
  ]
  loading.sandbox.data
    .events('user')
    .push(...emails.map((email) => user(email)), ...emails.map((email) => user(email)))
  expect(await loading.load('users')).toMatchObject({ rows_written: emails.length, rows_rejected: 0 })
  const rows = await textRows(warehouse, 'users', 'email')
  expect(rows.map((row) => row.get('email')).toSorted()).toEqual(emails.toSorted())
})

eachWarehouse('a record without a usable key is a rejected row', async (warehouse) => {
  await using loading = await startLoading(warehouse)
  const shelf = loading.sandbox.data.events('user')
  shelf.push(
    user(null, { n: '1' }),
    user('', { n: '2' }),
    user('good@x.com', { n: '3' }),
    user('null', { n: '4' }),
  )
  const head = '"profileUpdatedAt":"2026-01-10 12:00:00 +00:00"'
  shelf.push(
    `{${head},"n":5}`,
    `{"email":{"a":1},${head},"n":6}`,
    `{"email":[],${head},"n":7}`,
    `{"email":12,${head},"n":8}`,
  )
  const report = await loading.load('users')
  expect(report).toMatchObject({ rows_read: 8, rows_written: 3, rows_rejected: 5 })
  expect(await warehouse.query('select email, n from iterable.users order by n')).toEqual([
    { email: 'good@x.com', n: 3 },
    { email: 'null', n: 4 },
    { email: '12', n: 8 },
  ])
  const rejects = await rejectsOf(warehouse)
  expect(rejects.map(({ code }) => code)).toEqual(Array(5).fill('missing_key'))
  expect(rejects.map(({ row }) => (row as { n: number }).n).toSorted()).toEqual([1, 2, 5, 6, 7])
})

eachWarehouse('projects that know people by userId key users by itblUserId', async (warehouse) => {
  await using loading = await startLoading(warehouse, { projectType: 'hybrid' })
  const time = '"profileUpdatedAt":"2026-01-10 12:00:00 +00:00"'
  loading.sandbox.data
    .events('user')
    .push(
      `{"itblUserId":"i1","email":"a@x.com",${time}}`,
      `{"itblUserId":"i2","email":"a@x.com",${time}}`,
      `{"itblUserId":"i1","userId":"u1",${time}}`,
      `{"email":"b@x.com",${time}}`,
    )
  expect(await loading.load('users')).toMatchObject({ rows_written: 2, rows_rejected: 1 })
  expect(
    await warehouse.query('select "itblUserId" as id, email, "userId" as u from iterable.users order by 1'),
  ).toEqual([
    { id: 'i1', email: null, u: 'u1' },
    { id: 'i2', email: 'a@x.com', u: null },
  ])
})

eachWarehouse(
  'fields that are called like hidden columns do not disturb which record is the last',
  async (warehouse) => {
    await using loading = await startLoading(warehouse)
    const shelf = loading.sandbox.data.events('user')
    for (let index = 9; index >= 1; index -= 1) {
      shelf.push(
        user('a@x.com', {
          rowid: String(index),
          ctid: `"(0,${index})"`,
          xmin: String(index),
          n: String(10 - index),
        }),
      )
    }
    await loading.load('users')
    expect((await textRows(warehouse, 'users', 'email')).map((row) => row.get('n'))).toEqual(['9'])
  },
)

everyWarehouse(
  '100,000 records with keys in several chunks leave each key once, with its last values',
  async (warehouse) => {
    const keys = 40_000
    const blocks = (round: number) =>
      [0, 1, 2].map((part) => {
        const count = part < 2 ? keys : keys / 2
        const lines = Array.from({ length: count }, (_, index) =>
          user(`user${(index * 7919) % keys}@example.com`, {
            round: String(round),
            part: String(part),
            note: '"padding that makes several chunks of one answer"',
          }),
        )
        return Buffer.from(`${lines.join('\n')}\n`)
      })
    for (const round of [1, 2]) {
      const report = succeeded(
        await loadBytes(warehouse, 'users', blocks(round), { now: new Date(Date.UTC(2026, 1, round)) }),
      )
      expect(report).toMatchObject({ rows_read: 100_000, rows_written: keys, rows_rejected: 0 })
      expect(
        await warehouse.query(
          'select count(*) as n, count(distinct email) as keys, min(round) as low, max(round) as high, sum(part) as parts from iterable.users',
        ),
      ).toEqual([{ n: keys, keys, low: round, high: round, parts: keys / 2 + keys }])
    }
  },
)

eachWarehouse('metadata is keyed by table and key, whatever they are called', async (warehouse) => {
  await using loading = await startLoading(warehouse)
  const { metadata } = loading.sandbox.data
  for (const table of ['t1', 't2']) {
    for (const key of ['same', 'a b', "q'", '%2F', 'ü']) {
      metadata.push({
        table,
        key,
        value: { in: table, 'odd "key"': [1, null] },
        lastModified: 1735689600123,
        size: 7,
      })
    }
  }
  expect(await loading.load('metadata')).toMatchObject({ rows_written: 10, rows_rejected: 0 })
  const rows = await warehouse.query(
    'select "table" as t, "key" as k, "lastModified" as m, value from iterable.metadata where "table" = \'t2\' order by 2',
  )
  expect(rows.length).toBe(5)
  expect(
    rows.every(({ m, value }) => Number(m) === 1735689600123 && (value as { in: string }).in === 't2'),
  ).toBe(true)
  metadata.splice(0, 6)
  expect(await loading.load('metadata')).toMatchObject({ rows_written: 4 })
  expect(await warehouse.query('select count(*) as n from iterable.metadata')).toEqual([{ n: 4 }])
})
