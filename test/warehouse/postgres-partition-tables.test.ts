/** `migrate --partition`: tables of events that are there already become tables of parts. */
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { open } from '../../src/index.ts'
import type { Sandbox } from '../../src/sandbox/index.ts'
import { run, runJson, start, writeConfig } from '../cli/run.ts'
import {
  ago,
  type Changes,
  configFor,
  contentsOf,
  days,
  outcome,
  quickClock,
  startProject,
  syncOnce,
} from '../support/sync.ts'
import { createTestWarehouse, type TestWarehouse } from '../support/warehouse.ts'

/** The last days of December, and January. */
const sync = {
  streams: ['email_open', 'email_send', 'custom_event', 'users'],
  start_date: ago(days(34)).toISOString(),
  window_in_days: 20,
}
let sandbox: Sandbox
beforeAll(async () => {
  sandbox = await startProject({ days: 34, eventsPerDay: 30 })
})
afterAll(() => sandbox.close())

type Synced = TestWarehouse & { readonly folder: { readonly cwd: string }; readonly url: string }

/** A warehouse with tables as they grew before, and its configuration in a folder. */
async function createSynced(more: Changes = {}): Promise<Synced> {
  const warehouse = await createTestWarehouse('postgres')
  const changes = { sync, ...more }
  expect(outcome(await syncOnce(sandbox, warehouse, changes))).toEqual({ state: 'succeeded', wrong: [] })
  await writeConfig(warehouse.tempDir, configFor(sandbox, warehouse, changes))
  return {
    ...warehouse,
    folder: { cwd: warehouse.tempDir },
    url: (warehouse.config as { readonly url: string }).url,
  }
}

const openAt = (warehouse: TestWarehouse) =>
  open(configFor(sandbox, warehouse, { sync }), { clock: quickClock(sandbox) })

async function connect({ url }: Synced): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() })
}

const kindOf = async ({ query }: TestWarehouse, table: string) =>
  (await query(`select relkind from pg_class where oid = 'iterable.${table}'::regclass`))[0]?.relkind

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await delay(20)
}

/** All that people may have put upon a table, and that the table itself has. */
const described = `
  select c.oid::regclass::text as name, case when relkind = 'p' then 'r' else relkind end as kind,
    pg_get_userbyid(relowner) as owner, obj_description(c.oid, 'pg_class') as comment,
    array(select unnest(relacl)::text order by 1) as rights,
    case when relnamespace = to_regnamespace('mine') then pg_get_viewdef(c.oid) end as definition,
    array(select replace(pg_get_indexdef(indexrelid), 'ON ONLY', 'ON') from pg_index where indrelid = c.oid order by 1) as indexes,
    array(select pg_get_triggerdef(oid) from pg_trigger where tgrelid = c.oid and not tgisinternal) as triggers,
    array(select format('%s %s %s %s', attname, atttypid::regtype, attacl, col_description(c.oid, attnum))
      from pg_attribute where attrelid = c.oid and attnum > 0 order by attnum) as columns
  from pg_class as c
  where relnamespace in (select oid from pg_namespace where nspname in ('iterable', 'iterable_views', 'iterable_marts', 'mine'))
    and relkind in ('r', 'p', 'v', 'm') order by 1`

test('the rows, the views upon them, rights, comments, indexes and triggers stay, and syncs go on', async () => {
  // With the views for analysts, which are views upon views of the tables.
  const changes: Changes = { sync, marts: {} }
  await using warehouse = await createSynced(changes)
  await using plain = await createSynced()
  const { query, folder } = warehouse
  const role = `reader_${process.pid}`
  await query(`create role ${role}`)
  try {
    const odd = `insert into iterable.email_open ("createdAt", city) values (null, 'none'), ('infinity', 'late'), ('1066-10-14 09:00+00', 'Hastings')`
    await query(odd)
    await plain.query(odd)
    await query(`
      create schema mine;
      create view mine.opens as select "createdAt", city from iterable.email_open;
      create view mine.upon as select city, count(*) as n from mine.opens group by 1;
      create materialized view mine.stored as select * from mine.upon; create unique index on mine.stored (city);
      grant usage on schema mine, iterable to ${role}; grant select on mine.opens, iterable.email_open to ${role};
      grant update (city) on iterable.email_open to ${role};
      comment on table iterable.email_open is 'what''s opened'; comment on column iterable.email_open.city is 'a town';
      create index of_mine on iterable.email_open (lower(city)) where city is not null;
      create function mine.nothing() returns trigger language plpgsql as 'begin return new; end';
      create trigger of_mine after insert on iterable.email_open for each row execute function mine.nothing()`)
    const before = await query(described)
    const contents = await contentsOf(warehouse)

    const planned = await runJson(['migrate', '--partition', '--dry-run'], folder)
    expect(planned).toMatchObject({ exitCode: 0, document: { run_id: null } })
    expect(await query(described)).toEqual(before)
    const done = await runJson(['migrate', '--partition'], folder)
    const opens = (await query('select count(*) as n from iterable.email_open'))[0]?.n
    expect(done).toMatchObject({ exitCode: 0, document: { run_id: expect.any(String) } })
    expect(done.document.tables).toEqual(planned.document.tables)
    expect(done.document.tables).toContainEqual({
      table: 'iterable.email_open',
      state: 'converted',
      reason: null,
      rows: opens,
      months: 4,
    })
    expect(await query(described)).toEqual(before)
    expect(await contentsOf(warehouse)).toEqual(contents)
    expect(
      await query(
        `select tableoid::regclass::text as part, city from iterable.email_open where city in ('none', 'late', 'Hastings') order by 2`,
      ),
    ).toEqual([
      { part: 'iterable_partitions.email_open_1066_10', city: 'Hastings' },
      { part: 'iterable_partitions.email_open_other', city: 'late' },
      { part: 'iterable_partitions.email_open_other', city: 'none' },
    ])
    expect(
      await query(`select kind, state from iterable_sync.runs where run_id = '${done.document.run_id}'`),
    ).toEqual([{ kind: 'migrate', state: 'succeeded' }])

    const again = await run(['migrate', '--partition'], folder)
    expect(again).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('has its parts already') })
    expect(await contentsOf(warehouse)).toEqual(contents)

    // A row of a month that is to come stands among those of no month until a load makes the month.
    const early = `insert into iterable.email_open ("createdAt", city) values ('2026-02-20 00:00+00', 'early')`
    await query(early)
    await plain.query(early)
    sandbox.advance(days(3))
    for (const one of [warehouse, plain])
      expect(outcome(await syncOnce(sandbox, one, changes))).toEqual({ state: 'succeeded', wrong: [] })
    expect(await contentsOf(warehouse)).toEqual(await contentsOf(plain))
    expect(
      await query(`select tableoid::regclass::text as part from iterable.email_open where city = 'early'`),
    ).toEqual([{ part: 'iterable_partitions.email_open_2026_02' }])
  } finally {
    await query(`drop owned by ${role}; drop role ${role}`)
  }
})

test('killed wherever it stands, it leaves each table whole, and the next one goes on', async () => {
  await using warehouse = await createSynced()
  const { query, folder } = warehouse
  const contents = await contentsOf(warehouse)
  await using other = await connect(warehouse)
  const isWaiting = async (statement: string) =>
    (
      await query(
        `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query ilike '${statement}%'`,
      )
    ).length > 0
  const killWhen = async (statement: string) => {
    const { child, ended } = start(['migrate', '--partition'], folder)
    await until(() => isWaiting(statement))
    child.kill('SIGKILL')
    await ended
    expect(await contentsOf(warehouse)).toEqual(contents)
    await other.query('rollback')
  }
  // One month is copied, the next one is not to be had.
  await query('create schema iterable_partitions')
  await other.query('begin; create table iterable_partitions.email_open_2026_01 ()')
  await killWhen('create table "iterable_partitions"."email_open_2026_01"')
  expect(await kindOf(warehouse, 'email_open')).toBe('r')
  // All is copied, and somebody reads.
  await other.query('begin; select * from iterable.email_open')
  await killWhen('lock table "iterable"."email_open" in access exclusive')
  expect(await kindOf(warehouse, 'email_open')).toBe('r')
  // One table is done, the next one is about to be.
  await other.query('begin; lock table iterable.email_send in share row exclusive mode')
  await killWhen('lock table "iterable"."email_send" in share row exclusive')
  expect([await kindOf(warehouse, 'email_open'), await kindOf(warehouse, 'email_send')]).toEqual(['p', 'r'])

  const whole = await runJson(['migrate', '--partition'], folder)
  expect(whole.document.tables).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ table: 'iterable.email_open', state: 'partitioned_already' }),
      expect.objectContaining({ table: 'iterable.email_send', state: 'converted' }),
    ]),
  )
  expect(await contentsOf(warehouse)).toEqual(contents)
  expect(
    await query(`select state, error_code from iterable_sync.runs where job = 'migrate' order by started_at`),
  ).toEqual([
    ...Array(3).fill({ state: 'failed', error_code: 'abandoned' }),
    { state: 'succeeded', error_code: null },
  ])
})

test('who reads is waited for, and whoever comes meanwhile is not held up', async () => {
  await using warehouse = await createSynced()
  await using elt = await openAt(warehouse)
  await using reader = await connect(warehouse)
  await reader.query('begin; select * from iterable_views.email_open')
  let isDone = false
  const converting = elt.partition({ streams: ['email_open'] }).finally(() => {
    isDone = true
  })
  const waits: number[] = []
  const isCopied = async () =>
    (
      await warehouse.query(
        `select 1 from pg_stat_activity where datname = current_database() and query like 'lock table%access exclusive%'`,
      )
    ).length > 0
  await until(isCopied)
  for (const ends = performance.now() + 3_000; performance.now() < ends; ) {
    const began = performance.now()
    await warehouse.query('select count(*) from iterable_views.email_open')
    waits.push(performance.now() - began)
  }
  expect(isDone).toBe(false)
  await reader.query('commit')
  expect((await converting).tables).toMatchObject([{ table: 'iterable.email_open', state: 'converted' }])
  expect(await kindOf(warehouse, 'email_send')).toBe('r')
  // A second each time that it tries, and not until the reader is done.
  expect(Math.max(...waits)).toBeLessThan(10_000)
})

test('a table with what would be lost stays as it was, and says why', async () => {
  await using warehouse = await createSynced()
  const { query, folder } = warehouse
  await query(`
    create unique index one_message on iterable.email_open ("messageId", "createdAt", _extra);
    create function public.sends() returns bigint language sql begin atomic select count(*) from iterable.email_send; end`)
  const refused = await runJson(['migrate', '--partition'], folder)
  expect(refused.exitCode).toBe(1)
  const stateOf = (table: string) =>
    refused.document.tables.find((one: { table: string }) => one.table === `iterable.${table}`)
  expect(stateOf('email_open')).toMatchObject({
    state: 'refused',
    reason:
      'it has the unique index iterable.one_message, which is lost with parts; drop it, convert, and make it again',
  })
  expect(stateOf('email_send')).toMatchObject({
    state: 'refused',
    reason: expect.stringContaining('function sends() depends on table iterable.email_send'),
  })
  expect(stateOf('custom_event')).toMatchObject({ state: 'converted' })
  expect(await kindOf(warehouse, 'email_open')).toBe('r')
  expect(await kindOf(warehouse, 'email_send')).toBe('r')
  await query('drop function public.sends(); drop index iterable.one_message')
  expect((await runJson(['migrate', '--partition'], folder)).exitCode).toBe(0)
})

test('DuckDB is refused, and a warehouse without a table has nothing to do', async () => {
  await using file = await createTestWarehouse('duckdb')
  await writeConfig(file.tempDir, configFor(sandbox, file))
  const { exitCode, document } = await runJson(['migrate', '--partition'], { cwd: file.tempDir })
  expect({ exitCode, ...document.error }).toMatchObject({
    exitCode: 2,
    code: 'usage',
    message: expect.stringContaining(
      'only tables of Postgres are partitioned, and the warehouse is "duckdb"',
    ),
  })
  await using empty = await createTestWarehouse('postgres')
  await writeConfig(empty.tempDir, configFor(sandbox, empty))
  const nothing = await runJson(['migrate', '--partition'], { cwd: empty.tempDir })
  expect(nothing).toMatchObject({ exitCode: 0, document: { run_id: null, tables: [] } })
})
