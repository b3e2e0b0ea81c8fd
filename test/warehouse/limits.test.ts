/** Lines that nobody means: too deep, too long, too wide. Each is a rejected row, and the rest of its window loads. */
import { expect, test } from 'vitest'
import { isTooDeep, mostLevels } from '../../src/json-depth.ts'
import { eachWarehouse, type TestWarehouse } from '../support/warehouse.ts'
import { event, loadBytes } from './load.ts'

const nested = (levels: number, open = '[', close = ']'): string => open.repeat(levels) + close.repeat(levels)
const objects = (levels: number): string => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`

const rejects = (warehouse: TestWarehouse) =>
  warehouse.query(
    `select code, reason, length(raw) as kept, "row" from iterable_sync.rejected_rows order by code`,
  )

eachWarehouse('lines that are nested deeper than a thousand levels are rejected rows', async (warehouse) => {
  const lines = [
    event('a', { fine: nested(mostLevels - 1) }),
    event('b', { deep: nested(mostLevels) }),
    event('c', { deep: objects(100_000) }),
    event('d', { text: JSON.stringify(nested(100_000)) }),
    nested(200_000),
  ]
  const report = await loadBytes(warehouse, 'email_open', Buffer.from(`${lines.join('\n')}\n`))
  expect(report).toMatchObject({ state: 'succeeded_with_rejects', rows_written: 2, rows_rejected: 3 })
  const kept = await rejects(warehouse)
  expect(kept.map(({ code }) => code)).toEqual(['too_deep', 'too_deep', 'too_deep'])
  for (const { reason, row, kept: length } of kept) {
    expect(reason).toContain('1000 levels')
    expect(row).toBeNull()
    expect(Number(length)).toBeLessThanOrEqual(65_536)
  }
  const columns = await warehouse.query(
    `select source_name from iterable_sync.columns where stream = 'email_open' and source_name in ('fine', 'deep', 'text')`,
  )
  expect(columns.map(({ source_name }) => source_name).sort()).toEqual(['fine', 'text'])
})

eachWarehouse(
  'a line beyond 64 MB is a rejected row with its length, also where it does not end',
  async (warehouse) => {
    const megabyte = Buffer.alloc(2 ** 20, 'x')
    const long = [
      Buffer.from('{"createdAt":"2026-01-10 12:00:00 +00:00","pad":"'),
      ...Array(66).fill(megabyte),
    ]
    const bytes = [
      Buffer.from(`${event('a')}\n`),
      ...long,
      Buffer.from(`"}\n${event('b')}\n`),
      // Behind the last line that is fine.
      ...long,
      Buffer.from('"}\n'),
    ]
    const report = await loadBytes(warehouse, 'email_open', bytes)
    expect(report).toMatchObject({ state: 'succeeded_with_rejects', rows_written: 2, rows_rejected: 2 })
    const kept = await rejects(warehouse)
    expect(kept.map(({ code, kept: length }) => [code, Number(length)])).toEqual([
      ['too_long', 65_536],
      ['too_long', 65_536],
    ])
    expect(kept[0]?.reason).toMatch(/^the line has 692\d{5} bytes, more than 67108864/)
  },
  120_000,
)

eachWarehouse('a record with more than ten thousand fields is a rejected row, quickly', async (warehouse) => {
  const wide = Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`f${index}`, '1'] as const))
  const lines = [event('a', { fine: '1' }), event('b', wide), event('c', { fine: '2' })]
  const report = await loadBytes(warehouse, 'email_open', Buffer.from(`${lines.join('\n')}\n`))
  expect(report).toMatchObject({ state: 'succeeded_with_rejects', rows_written: 2, rows_rejected: 1 })
  expect(await rejects(warehouse)).toMatchObject([
    { code: 'too_many_fields', reason: expect.stringContaining('1000') },
  ])
  const [{ count } = {}] = await warehouse.query(
    `select count(*) as count from iterable_sync.columns where stream = 'email_open' and origin = 'seen'`,
  )
  expect(count).toBeLessThan(5)
})

eachWarehouse('a key of thousands of characters stops nothing', async (warehouse) => {
  const person = (email: string) =>
    JSON.stringify({ email, profileUpdatedAt: '2026-01-10 12:00:00 +00:00', itblUserId: email.slice(0, 9) })
  // Neither of them can be made shorter by compressing it.
  const long = (length: number) =>
    Array.from({ length }, (_, n) => String.fromCharCode(97 + ((n * n * 7 + (n >> 3)) % 26))).join('')
  const lines = [
    person('a@x.org'),
    person(`${long(2_000)}@x.org`),
    person(`${long(9_000)}@x.org`),
    person('b@x.org'),
  ]
  const report = await loadBytes(warehouse, 'users', Buffer.from(`${lines.join('\n')}\n`))
  const isPostgres = warehouse.kind === 'postgres'
  expect(report).toMatchObject(
    isPostgres
      ? { state: 'succeeded_with_rejects', rows_written: 3, rows_rejected: 1 }
      : { state: 'succeeded', rows_written: 4, rows_rejected: 0 },
  )
  if (isPostgres) expect(await rejects(warehouse)).toMatchObject([{ code: 'key_too_long' }])
})

test.each([
  ['[]', false],
  [nested(mostLevels), false],
  [nested(mostLevels + 1), true],
  [objects(mostLevels + 1), true],
  [JSON.stringify(nested(5_000)), false],
  [`"\\"${'['.repeat(5_000)}`, false],
  [`[${'[],'.repeat(5_000)}1]`, false],
])('the depth of %s is seen', (text, expected) => {
  expect(isTooDeep(text)).toBe(expected)
})
