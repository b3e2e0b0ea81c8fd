/** Nested values in tables and views: what analysts do with them, and what no jsonb can hold. */
import { expect, test } from 'vitest'
import { createTestWarehouse, eachWarehouse } from '../support/warehouse.ts'
import { event, startLoading } from './load.ts'

eachWarehouse('views and tables can be made distinct, grouped and united', async (warehouse) => {
  await using loading = await startLoading(warehouse)
  loading.sandbox.data
    .events('emailOpen')
    .pushRaw(event('1', { odd: '{"a":[1,{"b":null}]}', other: '1' }), new Date('2026-01-10T12:00:00Z'))
  await loading.load('email_open')
  for (const table of ['iterable.email_open', 'iterable_views.email_open']) {
    expect(await warehouse.query(`select distinct * from ${table}`), table).toHaveLength(1)
    expect(await warehouse.query(`select * from ${table} union select * from ${table}`)).toHaveLength(1)
    expect(await warehouse.query(`select odd, count(*) as n from ${table} group by odd`)).toEqual([
      { odd: { a: [1, { b: null }] }, n: 1 },
    ])
  }
})

eachWarehouse(
  'numbers beyond all bounds inside of nested values lose no row and no digit',
  async (warehouse) => {
    await using loading = await startLoading(warehouse)
    const fields: Record<string, string>[] = [
      { odd: '{"n":1e200000}' },
      { odd: '{"n":[-1.5e-20000, 2]}' },
      { odd: `{"n":${'9'.repeat(140_000)}}` },
      { odd: `{"n":0.${'0'.repeat(17_000)}1}` },
      { odd: '{"n":"1e200000"}' },
      { transactionalData: JSON.stringify('{"n":1e200000}') },
      { transactionalData: JSON.stringify('no json: 1e200000') },
      { odd: '{"n":1.25}' },
    ]
    for (const [index, members] of fields.entries()) {
      loading.sandbox.data
        .events('emailSend')
        .pushRaw(event(String(index), members), new Date('2026-01-10T12:00:00Z'))
    }
    const report = await loading.load('email_send')
    expect(report).toMatchObject({ rows_written: fields.length, rows_rejected: 0 })
    const type = warehouse.kind === 'duckdb' ? 'varchar' : 'text'
    const rows = await warehouse.query(
      `select odd::${type} as odd, "transactionalData"::${type} as data from iterable.email_send order by "messageId"::int`,
    )
    const digits = rows.map(({ odd, data }) => String(odd ?? data).replaceAll(/[\s"{}[\]]/g, ''))
    expect(digits).toEqual([
      'n:1e200000',
      'n:-1.5e-20000,2',
      `n:${'9'.repeat(140_000)}`,
      `n:0.${'0'.repeat(17_000)}1`,
      'n:1e200000',
      'n:1e200000',
      'nojson:1e200000',
      'n:1.25',
    ])
  },
)

test('json columns of an older version become jsonb, with the views upon them; what cannot stays json', async () => {
  await using warehouse = await createTestWarehouse('postgres')
  await using loading = await startLoading(warehouse)
  for (const type of ['emailOpen', 'emailSend']) {
    loading.sandbox.data
      .events(type)
      .pushRaw(event('1', { odd: '{"a":1.5}' }), new Date('2026-01-10T12:00:00Z'))
  }
  await loading.load('email_open')
  await loading.load('email_send')
  // As 0.1 made them; one of them holds what jsonb refuses.
  for (const table of ['email_open', 'email_send']) {
    await warehouse.query(`drop view iterable_views.${table}`)
    await warehouse.query(`alter table iterable.${table} alter odd type json, alter _extra type json`)
    await warehouse.query(`create view public.own_${table} as select odd from iterable.${table}`)
  }
  await warehouse.query(`update iterable.email_send set odd = '{"n":1e200000}'`)
  await loading.load('email_open')
  const types = await warehouse.query(
    `select table_name as t, string_agg(data_type, ',' order by column_name) as types from information_schema.columns
     where column_name in ('odd', '_extra') and table_schema in ('iterable', 'public') group by 1 order by 1`,
  )
  expect(types).toEqual([
    { t: 'email_open', types: 'jsonb,jsonb' },
    { t: 'email_send', types: 'json,json' },
    { t: 'own_email_open', types: 'jsonb' },
    { t: 'own_email_send', types: 'json' },
  ])
  expect(await warehouse.query('select distinct odd from public.own_email_open')).toEqual([
    { odd: { a: 1.5 } },
  ])
  // The other table goes on as it is.
  expect(await loading.load('email_send')).toMatchObject({ rows_written: 1 })
})
