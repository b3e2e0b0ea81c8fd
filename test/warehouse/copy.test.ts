/** One warehouse into another, of every kind: the same rows, and a sync that goes on as if nothing had happened. */
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { canonicalJson } from '../../src/copy/checksum.ts'
import { type ConfigInput, type Elt, open } from '../../src/index.ts'
import type { Sandbox, startSandbox } from '../../src/sandbox/index.ts'
import { runJson, start, writeConfig } from '../cli/run.ts'
import { lakeExtensions } from '../support/lake.ts'
import {
  ago,
  configFor,
  contentsOf,
  hours,
  outcome,
  present,
  quickClock,
  startProject,
} from '../support/sync.ts'
import { startInTerminal } from '../support/terminal.ts'
import { createTestWarehouse, type TestWarehouse, type WarehouseKind } from '../support/warehouse.ts'

const half = ago(hours(30))
const sync = { streams: ['email_open', 'users', 'list_users', 'lists'] }
const warehouses: TestWarehouse[] = []
let sandbox: Awaited<ReturnType<typeof startSandbox>>
/** Synced as far as half of the days. */
let source: TestWarehouse

async function make(kind: WarehouseKind): Promise<TestWarehouse> {
  const made = await createTestWarehouse(kind)
  warehouses.push(made)
  return made
}

const configOf = (warehouse: TestWarehouse): ConfigInput => configFor(sandbox, warehouse, { sync })
const openAt = (warehouse: TestWarehouse, now: Date = present): Promise<Elt> =>
  open(configOf(warehouse), { clock: { ...quickClock(sandbox), now: () => now } })

async function syncAt(warehouse: TestWarehouse, now: Date): Promise<void> {
  await using elt = await openAt(warehouse, now)
  expect(outcome(await elt.sync())).toEqual({ state: 'succeeded', wrong: [] })
}

async function copy(from: TestWarehouse, to: TestWarehouse) {
  await using elt = await openAt(from)
  await using other = await openAt(to)
  const report = await elt.copyTo(other)
  expect(report.tables.filter((one) => one.checksum !== one.target_checksum)).toEqual([])
  expect(report).toMatchObject({ is_equal: true, notices: [] })
  return report
}

/** Names, numbers, texts and documents that databases disagree about, before the half and after it. */
function addOddRows({ data }: Pick<Sandbox, 'data'>): void {
  const rows = [
    String.raw`"a \"b\". $":1,"Case":1,"case":2,"big":12345678901234567,"drift":1,"text":"a\u0000b"`,
    String.raw`"drift":1.5,"doc":{"b":1e2,"a":[1.10,12345678901234567890123],"":"\\u0000","c":{"n":null}}`,
    String.raw`"drift":"late","doc":[{"z":"ü","a":"\u0000"}],"emoji 😀":true`,
  ]
  for (const [at, fields] of rows.entries()) {
    for (const when of [ago(hours(40 + at)), ago(hours(10 + at))]) {
      const createdAt = when.toISOString().replace('T', ' ').replace('.000Z', ' +00:00')
      data.events('emailOpen').pushRaw(`{"createdAt":"${createdAt}",${fields}}`, when)
    }
  }
}

beforeAll(async () => {
  sandbox = await startProject()
  addOddRows(sandbox)
  source = await make('duckdb')
  await syncAt(source, half)
})

afterAll(async () => {
  for (const made of warehouses) await made[Symbol.asyncDispose]()
  await sandbox[Symbol.asyncDispose]()
})

/** Copies from one to the next. */
async function copyAlong(kinds: readonly WarehouseKind[]): Promise<readonly TestWarehouse[]> {
  const made = [source]
  for (const kind of kinds) {
    const to = await make(kind)
    await copy(made.at(-1) as TestWarehouse, to)
    made.push(to)
  }
  return made.slice(1)
}

/** A copy into this warehouse comes as far as the end of its so manieth table, and waits there until it is released. */
async function stopAtTable(warehouse: TestWarehouse, count: number) {
  if (warehouse.config.type !== 'postgres') throw new Error('this is for Postgres')
  {
    await using elt = await openAt(warehouse)
    await elt.warehouse.use(async () => {})
  }
  await warehouse.query(`
    create function public.wait_for_test() returns trigger language plpgsql as
      $$ begin perform pg_advisory_xact_lock(4711); return new; end $$;
    create trigger stops before update on iterable_sync.runs for each row
      when (json_array_length(new.details -> 'tables') = ${count}) execute function public.wait_for_test()`)
  const client = new pg.Client({ connectionString: warehouse.config.url })
  client.on('error', () => {})
  await client.connect()
  await client.query('select pg_advisory_lock(4711)')
  const isMet = async () => {
    const waiting = await client.query(
      `select 1 from pg_stat_activity where datname = current_database() and wait_event = 'advisory'`,
    )
    return waiting.rowCount !== 0
  }
  const release = async () => {
    await client.query('select pg_advisory_unlock_all()')
    await client.query('drop function if exists public.wait_for_test() cascade')
  }
  return { isMet, release, [Symbol.asyncDispose]: () => client.end() }
}

const lake: readonly WarehouseKind[] = lakeExtensions ? ['ducklake'] : []

test('between any two kinds: the same rows, and a sync goes on like that of one synced directly', async () => {
  const direct = { postgres: await make('postgres'), duckdb: await make('duckdb') }
  for (const one of Object.values(direct)) await syncAt(one, half)
  const contents = await contentsOf(direct.postgres)
  const [there] = (await copyAlong([...lake, 'postgres', 'duckdb'])).toReversed()
  expect(await contentsOf(there as TestWarehouse)).toEqual(contents)

  const others = await copyAlong(['postgres', ...lake, 'duckdb'])
  for (const one of Object.values(direct)) await syncAt(one, present)
  expect(await contentsOf(direct.postgres)).not.toEqual(contents)
  for (const one of others) {
    await syncAt(one, present)
    // A text that Postgres and a lake cannot hold stands in DuckDB as it came.
    const expected = await contentsOf(one.kind === 'duckdb' ? direct.duckdb : direct.postgres)
    expect(await contentsOf(one), one.kind).toEqual(expected)
  }
})

test('between two of one kind: the same rows, and a sync goes on', async () => {
  const made = [source, ...(await copyAlong(['duckdb', 'postgres', 'postgres']))]
  for (const [index, one] of made.entries()) {
    const before = made[index - 1]
    if (before?.kind !== one.kind) continue
    expect(await contentsOf(one), one.kind).toEqual(await contentsOf(before))
    await syncAt(one, present)
  }
})

test('a table of numbers, in which nothing can hold a U+0000, goes along', async () => {
  const numbers = { sync: { streams: ['campaigns', 'campaign_metrics'], start_date: '2025-01-01' } }
  const [from, to] = [await make('duckdb'), await make('postgres')]
  await using elt = await open(configFor(sandbox, from, numbers), { clock: quickClock(sandbox) })
  await elt.sync()
  await using other = await open(configFor(sandbox, to, numbers), { clock: quickClock(sandbox) })
  const { is_equal, tables } = await elt.copyTo(other)
  const rows = tables.find(({ table }) => table === 'iterable.campaign_metrics')?.rows
  expect({ is_equal, hasRows: Number(rows) > 0 }).toEqual({ is_equal: true, hasRows: true })
})

test('a copy that is killed is gone on with, table by table, and refuses what it does not know', async () => {
  const target = await make('postgres')
  const folder = { cwd: target.tempDir }
  await writeConfig(target.tempDir, {
    ...configOf(source),
    targets: { source: {}, server: { warehouse: target.config } },
    target: 'source',
  })
  const planned = await runJson(['copy', '--to', 'server', '--dry-run'], folder)
  expect(planned).toMatchObject({ exitCode: 0, document: { run_id: null, is_equal: null } })
  expect(planned.document.tables.map(({ table }: { table: string }) => table)).toContain(
    'iterable.email_open',
  )

  await using blocker = await stopAtTable(target, 2)
  const { child, ended } = start(['copy', '--to', 'server'], folder)
  await expect.poll(blocker.isMet).toBe(true)
  child.kill('SIGKILL')
  expect((await ended).exitCode).toBeNull()
  await blocker.release()
  const [cut] = await target.query(
    `select run_id, json_array_length(details -> 'tables') as tables from iterable_sync.runs`,
  )
  expect(cut?.tables).toBe(1)

  const whole = await runJson(['copy', '--to', 'server'], folder)
  expect(whole).toMatchObject({ exitCode: 0, document: { run_id: cut?.run_id, is_equal: true } })
  expect(whole.document.tables.map(({ table }: { table: string }) => table)).toEqual(
    expect.arrayContaining([
      'iterable.email_open',
      'iterable.users',
      'iterable_sync.bookmarks',
      'iterable_sync.runs',
    ]),
  )
  const itself = await runJson(['copy', '--to', 'source'], folder)
  expect(itself).toMatchObject({ exitCode: 2, document: { error: { code: 'usage' } } })
  const again = await runJson(['copy', '--to', 'server'], folder)
  expect(again).toMatchObject({ exitCode: 2, document: { error: { code: 'target_not_empty' } } })

  // Cut off before the comparison, and changed since: it is seen, and nothing is written over.
  await target.query(`update iterable_sync.runs set state = 'running' where job = 'copy'`)
  await target.query(
    `update iterable.users set "_loaded_at" = now() where email = (select min(email) from iterable.users)`,
  )
  const differs = await runJson(['copy', '--to', 'server'], folder)
  expect(differs).toMatchObject({ exitCode: 1, document: { is_equal: false } })
  const wrong = differs.document.tables.filter(
    (one: Record<string, unknown>) => one.checksum !== one.target_checksum,
  )
  expect(wrong).toEqual([expect.objectContaining({ table: 'iterable.users' })])

  // The same, as people see it.
  await target.query(`update iterable_sync.runs set state = 'running' where job = 'copy'`)
  await using terminal = startInTerminal('src/cli/main.ts', ['copy', '--to', 'server'], {
    cwd: folder.cwd,
    columns: 120,
  })
  expect(await terminal.ended).toBe(1)
  expect(terminal.raw()).toContain('rows copied')

  await using elt = await openAt(source)
  await using other = await openAt(target)
  await using _lock = await elt.warehouse.lock('sync')
  await expect(elt.copyTo(other)).rejects.toMatchObject({ code: 'locked' })
})

test('documents are one text however a database writes them', () => {
  const text = canonicalJson('{"b":[1.10,1e2,12345678901234567890123],"a":{"z":null,"y":"é"}}')
  expect(
    canonicalJson('{ "a": {"y": "\\u00e9", "z": null}, "b": [1.1, 100, 12345678901234567890123.0]}'),
  ).toBe(text)
  for (const other of [
    '{"b":[1.10,1e2,12345678901234567890124],"a":{"z":null,"y":"é"}}',
    '{"b":[1.10,1e2],"a":{}}',
  ])
    expect(canonicalJson(other)).not.toBe(text)
})
