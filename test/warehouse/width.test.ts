import { expect } from 'vitest'
import { eachWarehouse } from '../support/warehouse.ts'
import { columnsOf, event, quoted, startLoading } from './load.ts'

const numbered = (prefix: string, count: number, value: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => [`${prefix}${index}`, value(index)] as const)

eachWarehouse(
  'a table takes 1,000 columns beyond the catalogue, further fields go to _extra',
  async (warehouse) => {
    await using loading = await startLoading(warehouse)
    const shelf = loading.sandbox.data.events('emailOpen')
    // No row has all of them: a page of Postgres would be too small for that.
    const fields = numbered('f', 1200, (index) => (index % 3 === 0 ? String(index) : `"v${index}"`))
    shelf.push(
      event('a', fields.slice(0, 300)),
      event('b', fields.slice(300, 900)),
      event('c', fields.slice(900)),
    )
    await loading.load('email_open')
    shelf.push(
      event('d', [
        ['f0', '1'],
        ['f1', '"x"'],
        ['new', '{"deep":1}'],
        ['f1100', '"again"'],
        ['f999', '5'],
      ]),
    )
    await loading.load('email_open')

    const columns = (await columnsOf(warehouse, 'email_open')).filter(({ origin }) => origin === 'seen')
    expect(columns.map(({ source }) => source)).toEqual(fields.slice(0, 1000).map(([name]) => name))
    const rows = await warehouse.query(
      `select ${['messageId', 'f0', 'f299', 'f899', 'f999', '_extra'].map(quoted).join(', ')}
     from iterable.email_open order by "messageId"`,
    )
    const rest = Object.fromEntries(fields.slice(1000).map(([name, json]) => [name, JSON.parse(json)]))
    expect(rows).toEqual([
      { messageId: 'a', f0: 0, f299: 'v299', f899: null, f999: null, _extra: null },
      { messageId: 'b', f0: null, f299: null, f899: 'v899', f999: null, _extra: null },
      { messageId: 'c', f0: null, f299: null, f899: null, f999: 999, _extra: rest },
      {
        messageId: 'd',
        f0: 1,
        f299: null,
        f899: null,
        f999: 5,
        _extra: { new: { deep: 1 }, f1100: 'again' },
      },
    ])
    const views = await warehouse.query('select * from iterable_views.email_open limit 1')
    expect(Object.keys(views[0] as object)).toContain('f999')
  },
)

eachWarehouse('a row that fills a thousand columns loses nothing', async (warehouse) => {
  await using loading = await startLoading(warehouse)
  const texts = numbered('t', 1000, (index) => JSON.stringify(`text of some length, number ${index}`))
  loading.sandbox.data.events('emailOpen').push(event('full', texts))
  await loading.load('email_open')
  const [row] = await warehouse.query('select * from iterable.email_open')
  const found = { ...row, ...((row?._extra ?? {}) as object) } as Record<string, unknown>
  for (const [name, json] of texts) expect([name, found[name]]).toEqual([name, JSON.parse(json)])
})

eachWarehouse(
  'a field that only the last record of a large window has gets its column',
  async (warehouse) => {
    await using loading = await startLoading(warehouse)
    const padding = JSON.stringify('p'.repeat(2000))
    // 12 MB: two chunks.
    for (let index = 0; index < 6000; index += 1) {
      const last = index === 5999 ? { rare: '"here"', becomes: '12' } : { becomes: 'null' }
      loading.sandbox.data.events('emailOpen').push(event(String(index), { padding, ...last }))
    }
    const report = await loading.load('email_open')
    expect(report).toMatchObject({ rows_read: 6000, rows_written: 6000, rows_rejected: 0 })
    expect(
      await warehouse.query(
        'select "messageId", rare, becomes from iterable.email_open where rare is not null',
      ),
    ).toEqual([{ messageId: '5999', rare: 'here', becomes: 12 }])
  },
)

eachWarehouse('a field that is always null has no column until it has a value', async (warehouse) => {
  await using loading = await startLoading(warehouse)
  const shelf = loading.sandbox.data.events('emailOpen')
  shelf.push(event('a', { empty: 'null', 'a "b"': 'null' }))
  await loading.load('email_open')
  const seen = async () =>
    (await columnsOf(warehouse, 'email_open'))
      .filter(({ origin }) => origin === 'seen')
      .map(({ name, type }) => [name, type])
  expect(await seen()).toEqual([])
  shelf.push(event('b', { empty: '1.5' }))
  await loading.load('email_open')
  expect(await seen()).toEqual([['empty', 'double']])
  expect(await warehouse.query('select empty, _extra from iterable.email_open order by "messageId"')).toEqual(
    [
      { empty: null, _extra: null },
      { empty: 1.5, _extra: null },
    ],
  )
})
