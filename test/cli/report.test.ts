import { existsSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Elt, open } from '../../src/index.ts'
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts'
import { eachWarehouse } from '../support/warehouse.ts'
import { configFor } from './run.ts'

const days = 3
let sandbox: Sandbox
beforeAll(async () => {
  const until = new Date(Date.now() - 600_000)
  sandbox = await startSandbox({ until, now: until, days, users: 20, eventsPerDay: 30, rateLimits: false })
  sandbox.data.events('emailOpen').pushRaw('no json', new Date(until.getTime() - 86_400_000))
})
afterAll(() => sandbox.close())

async function rowsOf(elt: Elt, sql: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const rows = []
  for await (const row of elt.query(sql)) rows.push(row)
  return rows
}

eachWarehouse('an empty warehouse reports that nothing was synced', async ({ config }) => {
  await using elt = await open(configFor(sandbox, config))
  const { streams, runs, rejects } = await elt.status()
  expect(streams).toHaveLength(16)
  expect(streams.filter(({ rows, last_sync }) => rows !== null || last_sync !== null)).toEqual([])
  expect({ runs, rejects }).toEqual({ runs: [], rejects: [] })
  expect(await elt.runs()).toEqual([])
  expect(await elt.rejects()).toEqual({ rejects: [], total: 0 })
  await expect(elt.rejects({ source: 'stream:emial_open' })).rejects.toThrow('did you mean "email_open"?')
  await expect(elt.run('x')).rejects.toThrow('nothing has run')
  if (config.type === 'duckdb') expect(existsSync(config.path)).toBe(false)
})

eachWarehouse('after syncs, each report tells the same story', async ({ config }) => {
  await using elt = await open(configFor(sandbox, config, { days }))
  const first = await elt.sync({ streams: ['email_open', 'lists'] })
  const second = await elt.sync({ streams: ['users'], trigger: 'test' })

  expect((await elt.runs()).map(({ run_id }) => run_id)).toEqual([second.run_id, first.run_id])
  expect(await elt.runs({ limit: 1 })).toMatchObject([
    { run_id: second.run_id, trigger: 'test', rows_rejected: 0 },
  ])
  expect(await elt.run(first.run_id.slice(0, 9))).toMatchObject({
    run_id: first.run_id,
    state: 'succeeded_with_rejects',
    details: { reach: 'incremental' },
    rejects: [{ source: 'stream:email_open', rows: 1 }],
  })
  await expect(elt.run('')).rejects.toThrow('no run ""')

  const opens = sandbox.truth.events('emailOpen').length
  const streams = new Map((await elt.streams()).map((stream) => [stream.stream, stream]))
  expect(streams.get('email_open')).toMatchObject({
    rows: opens,
    bookmark: first.streams.find(({ stream }) => stream === 'email_open')?.bookmark,
    last_sync: { run_id: first.run_id, state: 'succeeded_with_rejects', at: expect.stringMatching(/Z$/) },
  })
  expect(streams.get('lists')).toMatchObject({ rows: 6, bookmark: null, last_sync: { state: 'succeeded' } })
  expect(streams.get('users')).toMatchObject({ last_sync: { run_id: second.run_id } })
  expect(streams.get('email_send')).toMatchObject({ rows: null, last_sync: null })

  const status = await elt.status()
  expect(status.rejects).toEqual([
    { run_id: first.run_id, source: 'stream:email_open', code: expect.any(String), rows: 1 },
  ])
  expect(await elt.rejects({ run: first.run_id })).toMatchObject({
    total: 1,
    rejects: [{ source: 'stream:email_open', raw: 'no json', row: null }],
  })
  expect(await elt.rejects({ source: 'stream:lists' })).toEqual({ rejects: [], total: 0 })
})

eachWarehouse('a query reads, and nothing else', async ({ config, query }) => {
  await using elt = await open(configFor(sandbox, config))
  await elt.sync({ streams: ['lists'] })
  const lists = 'iterable.lists'
  const refused = [
    `delete from ${lists}`,
    `with gone as (delete from ${lists} returning *) select * from gone`,
    `insert into ${lists} select * from ${lists}`,
    `create table iterable.mine as select 1 as x`,
    `select * into iterable.mine from ${lists}`,
    `drop table ${lists}`,
    `select 1; delete from ${lists}`,
    `select 1; commit; delete from ${lists}; select 2`,
    `/* ; */ commit`,
    `explain analyze delete from ${lists}`,
    `copy (select 1) to '/tmp/never'`,
    `set TimeZone = 'Asia/Tokyo'`,
    ``,
    `-- nothing`,
  ]
  for (const sql of refused) await expect(rowsOf(elt, sql), sql).rejects.toThrow()
  expect(await query(`select count(*) as n from ${lists}`)).toEqual([{ n: 6 }])
  expect(existsSync('/tmp/never')).toBe(false)

  expect(await rowsOf(elt, `select ';' as a, 1 as b; -- ; the end`)).toEqual([{ a: ';', b: 1 }])
  expect(await rowsOf(elt, `with l as (select * from ${lists}) select count(*) as n from l`)).toEqual([
    { n: 6 },
  ])
  expect(await rowsOf(elt, 'values (1)')).toHaveLength(1)
  expect((await rowsOf(elt, `explain select * from ${lists}`)).length).toBeGreaterThan(0)
  expect(
    await rowsOf(elt, 'select cast(9007199254740993 as bigint) as big, cast(null as text) as none'),
  ).toEqual([{ big: '9007199254740993', none: null }])
})

eachWarehouse('who reads the first rows of a large result may leave', async ({ config }) => {
  await using elt = await open(configFor(sandbox, config))
  const numbers = 'select x from generate_series(1, 2000000) as numbers(x)'
  const first: unknown[] = []
  for await (const { x } of elt.query(numbers)) {
    first.push(x)
    if (first.length === 3) break
  }
  expect(first).toEqual([1, 2, 3])
  expect(await rowsOf(elt, `select count(*) as n from (${numbers}) as all_of_them`)).toEqual([
    { n: 2_000_000 },
  ])
})

test('a query ends when it is asked to', async () => {
  const { config } = await memory()
  await using elt = await open(config)
  const stop = new AbortController()
  setTimeout(() => stop.abort(), 300)
  const endless = 'select count(*) as n from range(100000000) a(x), range(100000) b(y) where x * y % 7 = 3'
  const reading = (async () => {
    for await (const _ of elt.query(endless, { signal: stop.signal })) break
  })()
  await expect(reading).rejects.toMatchObject({ code: 'interrupted', exitCode: 130 })
})

async function memory() {
  const { DuckDBInstance } = await import('@duckdb/node-api')
  const instance = await DuckDBInstance.create(':memory:')
  return { config: configFor(sandbox, { type: 'duckdb', instance }) }
}
