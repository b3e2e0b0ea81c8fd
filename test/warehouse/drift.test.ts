import { expect, test } from 'vitest'
import type { ColumnType } from '../../src/catalog/index.ts'
import { type Kind, typeFor } from '../../src/warehouse/shape.ts'
import { eachWarehouse, everyWarehouse, type TestWarehouse } from '../support/warehouse.ts'
import { columnsOf, event, startLoading, textRows } from './load.ts'

/** The type of a field, what it was before, and its values in order. */
async function found(warehouse: TestWarehouse, source: string, table = 'email_open') {
  const column = (await columnsOf(warehouse, table)).find((one) => one.source === source)
  const rows = await textRows(warehouse, table)
  return {
    type: column?.type,
    before: column?.before,
    values: rows.map((row) => row.get(column?.name ?? '') ?? null),
  }
}

/** Whole numbers may read as `3` or `3.0`, JSON with or without blanks. */
const same = (json: string | null) => (json === null ? null : JSON.parse(json))

test('a column is as narrow as all of its values allow', () => {
  const cases: [Kind[], ColumnType][] = [
    [['bigint'], 'bigint'],
    [['big'], 'bigint'],
    [['bigint', 'big'], 'bigint'],
    [['bigint', 'double'], 'double'],
    [['big', 'double'], 'text'],
    [['double', 'bigint', 'big'], 'text'],
    [['bigint', 'text'], 'text'],
    [['boolean'], 'boolean'],
    [['boolean', 'bigint'], 'text'],
    [['boolean', 'double'], 'text'],
    [['text', 'json'], 'json'],
    [['bigint', 'boolean', 'json'], 'json'],
    [['timestamptz', 'json', 'big', 'double'], 'timestamptz'],
  ]
  for (const [kinds, type] of cases) expect([kinds, typeFor(kinds)]).toEqual([kinds, type])
})

eachWarehouse('drift within one window finds the type that holds all values', async (warehouse) => {
  await using loading = await startLoading(warehouse)
  const values = {
    whole: ['1', '-2', '9223372036854775807'],
    exact: ['1', '2.5', '9007199254740991'],
    digits: ['9007199254740993', '0.5', '1'],
    beyond: ['1', '18446744073709551616', '123456789012345678901234567890'],
    flag: ['true', 'null', 'false'],
    unsure: ['true', '1', '"true"'],
    mixed: ['1', '"a"', '{"b":[1,"2"]}'],
    late: ['null', 'null', '7'],
  }
  for (const at of [0, 1, 2]) {
    const members = Object.entries(values).map(([name, list]) => [name, list[at]] as [string, string])
    loading.sandbox.data.events('emailOpen').push(event(String(at), members))
  }
  await loading.load('email_open')
  expect(await found(warehouse, 'whole')).toMatchObject({ type: 'bigint', values: values.whole })
  const exact = await found(warehouse, 'exact')
  expect([exact.type, exact.values.map(Number)]).toEqual(['double', [1, 2.5, 9007199254740991]])
  expect(await found(warehouse, 'digits')).toMatchObject({ type: 'text', values: values.digits })
  expect(await found(warehouse, 'beyond')).toMatchObject({ type: 'text', values: values.beyond })
  expect(await found(warehouse, 'flag')).toMatchObject({ type: 'boolean', values: ['true', null, 'false'] })
  expect(await found(warehouse, 'unsure')).toMatchObject({ type: 'text', values: ['true', '1', 'true'] })
  const mixed = await found(warehouse, 'mixed')
  expect([mixed.type, mixed.values.map(same)]).toEqual(['json', [1, 'a', { b: [1, '2'] }]])
  expect(await found(warehouse, 'late')).toMatchObject({ type: 'bigint', values: [null, null, '7'] })
})

everyWarehouse('drift from sync to sync widens step by step and keeps what was there', async (warehouse) => {
  await using loading = await startLoading(warehouse)
  const shelf = loading.sandbox.data.events('emailOpen')
  const steps = ['3', '2.5', '"three"', '{"n":3}', '"still json"']
  const reports = []
  for (const [index, json] of steps.entries()) {
    shelf.push(event(String(index), { score: json, flag: index < 2 ? 'true' : '"no"' }))
    reports.push(await loading.load('email_open'))
  }
  expect(reports[0]?.new_columns).toContainEqual({ name: 'score', type: 'bigint' })
  expect(reports.slice(1).flatMap(({ new_columns }) => new_columns)).toEqual([])
  expect(reports.map(({ notes }) => notes.filter((note) => /score/.test(note)))).toEqual([
    [],
    ['column "score" widened from bigint to double'],
    ['column "score" widened from double to text'],
    ['column "score" widened from text to json'],
    [],
  ])
  const score = await found(warehouse, 'score')
  expect(score).toMatchObject({ type: 'json', before: ['bigint', 'double', 'text'] })
  // A number that is read again (the lookback reaches it) is a number of JSON again.
  expect(score.values.map(same)).toEqual([3, 2.5, 'three', { n: 3 }, 'still json'])
  expect(await found(warehouse, 'flag')).toMatchObject({
    type: 'text',
    before: ['boolean'],
    values: ['true', 'true', 'no', 'no', 'no'],
  })
})

everyWarehouse(
  'earlier rows that are not read again keep their values when a column widens',
  async (warehouse) => {
    await using loading = await startLoading(warehouse, { sync: { lookback: '1h' } })
    const shelf = loading.sandbox.data.events('emailOpen')
    const odd = ['"007"', '"{\\"a\\":1}"', '"[1"', '""', '"null"', '"\\ud83d\\ude00\\u2028\\\\"']
    odd.forEach((json, index) => {
      shelf.push(
        event(`a${index}`, { toText: '12', toDouble: String(index), toJson: json, big: '9007199254740993' }),
      )
    })
    shelf.push(event('a9', { toText: 'true', toDouble: '9007199254740991', big: '9007199254740992' }))
    await loading.load('email_open')
    const later = JSON.stringify(loading.sandbox.now.toISOString())
    shelf.push(
      event('b', { createdAt: later, toText: '"x"', toDouble: '0.5', toJson: '{"new":[]}', big: '1.5' }),
    )
    const report = await loading.load('email_open')
    expect(report.rows_read).toBe(1)
    expect(await found(warehouse, 'toText')).toMatchObject({
      type: 'text',
      values: [...odd.map(() => '12'), 'true', 'x'],
    })
    const doubles = await found(warehouse, 'toDouble')
    expect([doubles.type, doubles.values.map(Number)]).toEqual([
      'double',
      [0, 1, 2, 3, 4, 5, 9007199254740991, 0.5],
    ])
    const json = await found(warehouse, 'toJson')
    expect([json.type, json.values.map(same)]).toEqual([
      'json',
      [...odd.map((text) => JSON.parse(text)), null, { new: [] }],
    ])
    const big = [...odd.map(() => '9007199254740993'), '9007199254740992', '1.5']
    expect(await found(warehouse, 'big')).toMatchObject({ type: 'text', before: ['bigint'], values: big })

    shelf.push(
      event('c', { createdAt: JSON.stringify(loading.sandbox.now.toISOString()), toDouble: '"text"' }),
    )
    await loading.load('email_open')
    expect(await found(warehouse, 'toDouble')).toMatchObject({
      type: 'text',
      before: ['bigint', 'double'],
      values: ['0', '1', '2', '3', '4', '5', '9007199254740991', '0.5', 'text'],
    })
  },
)

eachWarehouse('drift over the chunks and windows of one sync', async (warehouse) => {
  await using loading = await startLoading(warehouse, { sync: { window_in_days: 14 } })
  const shelf = loading.sandbox.data.events('emailOpen')
  const padding = JSON.stringify('p'.repeat(100_000))
  // 90 × 100 kB: the drift stands in the second chunk of the first window.
  for (let index = 0; index < 90; index += 1) {
    shelf.push(
      event(`a${String(index).padStart(2, '0')}`, {
        padding,
        n: index === 89 ? '"last"' : String(index),
        big: index === 0 ? '9007199254740993' : index === 89 ? '0.5' : '1',
      }),
    )
  }
  shelf.push(event('b', { createdAt: '"2026-01-20 12:00:00 +00:00"', n: '{"of":"another window"}' }))
  const report = await loading.load('email_open')
  expect(report.windows).toBe(3)
  expect(report.notes).toContain('column "n" widened from text to json')
  const n = await found(warehouse, 'n')
  expect([n.type, n.values.slice(88).map(same)]).toEqual(['json', ['88', 'last', { of: 'another window' }]])
  const big = await found(warehouse, 'big')
  expect([big.type, big.values[0], big.values[89]]).toEqual(['text', '9007199254740993', '0.5'])
})

eachWarehouse('columns of the catalogue drift as well', async (warehouse) => {
  await using loading = await startLoading(warehouse)
  const shelf = loading.sandbox.data.events('emailClick')
  shelf.push(
    event('a', {
      campaignId: '5',
      url: '"https://a"',
      hrefIndex: '1',
      itblInternal: '{"documentCreatedAt":"x"}',
    }),
  )
  await loading.load('email_click')
  shelf.push(
    event('b', { campaignId: '"abc"', url: '{"href":"https://b"}', hrefIndex: '1.5', itblInternal: '"odd"' }),
  )
  await loading.load('email_click')
  const of = (source: string) => found(warehouse, source, 'email_click')
  expect(await of('campaignId')).toMatchObject({ type: 'text', before: ['bigint'], values: ['5', 'abc'] })
  const url = await of('url')
  expect([url.type, url.values.map(same)]).toEqual(['json', ['https://a', { href: 'https://b' }]])
  expect((await of('hrefIndex')).type).toBe('double')
  expect((await of('itblInternal')).values.map(same)).toEqual([{ documentCreatedAt: 'x' }, 'odd'])

  loading.sandbox.data
    .events('emailSubscribe')
    .push(event('c', { emailListIds: '"12"', emailListId: '"all"' }))
  await loading.load('email_subscribe')
  expect((await found(warehouse, 'emailListIds', 'email_subscribe')).values.map(same)).toEqual(['12'])
  expect(await found(warehouse, 'emailListId', 'email_subscribe')).toMatchObject({
    type: 'text',
    values: ['all'],
  })
})
