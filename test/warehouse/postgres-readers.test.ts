/** `warehouse.readers` and `warehouse.indexes`. */
import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { open } from '../../src/index.ts'
import type { Sandbox } from '../../src/sandbox/index.ts'
import { configFor, quickClock, startProject } from '../support/sync.ts'
import { createTestWarehouse, type TestWarehouse } from '../support/warehouse.ts'

let sandbox: Sandbox
beforeAll(async () => {
  sandbox = await startProject()
})
afterAll(() => sandbox.close())

const openWith = (warehouse: TestWarehouse, more: object) => {
  const config = configFor(sandbox, warehouse, { marts: {} })
  return open({ ...config, warehouse: { ...config.warehouse, ...more } } as typeof config, {
    clock: quickClock(sandbox),
  })
}

test('readers read all that is there, and all that comes later; nothing else', async () => {
  await using warehouse = await createTestWarehouse('postgres')
  // A name that has to be quoted, on a server that other tests use too.
  const role = `Reader "${randomUUID().slice(0, 8)}"`
  const quoted = `"${role.replaceAll('"', '""')}"`
  const admin = new pg.Client({ connectionString: (warehouse.config as { url: string }).url })
  await admin.connect()
  const asReader = async (statement: string) => {
    await admin.query(`set role ${quoted}`)
    try {
      return (await admin.query(statement)).rowCount
    } catch (error) {
      return (error as Error).message
    } finally {
      await admin.query('reset role')
    }
  }
  try {
    await using before = await openWith(warehouse, {})
    await before.sync({ streams: ['lists'] })
    await using unknown = await openWith(warehouse, { readers: [role] })
    await expect(unknown.sync({ streams: ['lists'] })).rejects.toThrow(
      `"warehouse.readers": the server has no role ${quoted}; make it`,
    )
    expect((await unknown.check()).items).toContainEqual(
      expect.objectContaining({
        item: 'readers',
        state: 'failed',
        message: `the server has no role ${role}`,
      }),
    )
    await admin.query(`create role ${quoted}`)
    expect(await asReader('select * from iterable.lists')).toMatch(/permission denied/)
    await unknown.sync({ streams: ['lists', 'channels'] })
    expect((await unknown.check()).items).toContainEqual(
      expect.objectContaining({ item: 'readers', state: 'ok' }),
    )
    for (const table of ['iterable.lists', 'iterable.channels', 'iterable_views.lists', 'iterable_sync.runs'])
      expect(await asReader(`select * from ${table} limit 1`), table).toBe(1)
    // What comes without a sync of ours, and what a run makes while it is on its way.
    await admin.query('create table iterable.later as select 1 as one')
    expect(await asReader('select * from iterable.later')).toBe(1)
    await unknown.sync({ streams: ['email_send'] })
    expect(await asReader('select * from iterable.email_send limit 1')).toBe(1)
    expect(await asReader('select * from iterable_marts.email_days limit 1')).not.toMatch(/permission denied/)
    expect(await asReader('delete from iterable.lists')).toMatch(/permission denied/)
    expect(await asReader('create table iterable.mine (one int)')).toMatch(/permission denied/)
  } finally {
    await admin.query(`drop owned by ${quoted}`).catch(() => {})
    await admin.query(`drop role if exists ${quoted}`)
    await admin.end()
  }
})

test('indexes are built after a sync, once, and anew where one was interrupted', async () => {
  await using warehouse = await createTestWarehouse('postgres')
  const indexes = () =>
    warehouse.query(
      `select i.relname as name, x.indisvalid as valid, i.oid::int8 as id from pg_index x join pg_class i on i.oid = x.indexrelid
       where i.relname like 'elt\\_%' order by 1`,
    )
  await using off = await openWith(warehouse, {})
  await off.sync({ streams: ['email_send', 'lists'] })
  expect(await indexes()).toEqual([])
  await using elt = await openWith(warehouse, { indexes: true })
  await elt.sync({ streams: ['email_send', 'lists'] })
  const first = await indexes()
  expect(first.map(({ name }) => name)).toEqual([
    'elt_email_send_campaignId',
    'elt_email_send_email',
    'elt_email_send_messageId',
    'elt_email_send_userId',
  ])
  await warehouse.query(
    `update pg_index set indisvalid = false where indexrelid = 'iterable."elt_email_send_email"'::regclass`,
  )
  await elt.sync({ streams: ['email_send'] })
  const second = await indexes()
  expect(second.every(({ valid }) => valid)).toBe(true)
  expect(second.filter(({ id }, index) => id !== first[index]?.id)).toMatchObject([
    { name: 'elt_email_send_email' },
  ])
})

test('readers are refused on DuckDB', async () => {
  await using warehouse = await createTestWarehouse('duckdb')
  await expect(openWith(warehouse, { readers: ['analyst'] })).rejects.toThrow(
    /warehouse\.readers: unknown key/,
  )
})
