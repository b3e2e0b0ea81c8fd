/** What is a lake's own: two systems that commit one after the other, and files that any reader of Parquet has. */
import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'kysely'
import pg from 'pg'
import { describe, expect } from 'vitest'
import { open, type SyncReport } from '../../src/index.ts'
import type { Sandbox } from '../../src/sandbox/index.ts'
import type { Tx } from '../../src/warehouse/session.ts'
import { openBare } from '../support/open.ts'
import { startSync } from '../support/processes.ts'
import {
  ago,
  type Changes,
  configFor,
  contentsOf,
  days,
  expectedEvents,
  hours,
  openOn,
  outcome,
  present,
  rowsOf,
  startProject,
  syncOnce,
} from '../support/sync.ts'
import { createTestWarehouse, onLake, type TestWarehouse } from '../support/warehouse.ts'

const later = (at: number) => new Date(present.getTime() + hours(at + 1))

const changes: Changes = { sync: { streams: ['email_open', 'users', 'lists', 'list_users'] } }

/** A client of the catalogue's database. */
async function catalogueOf({ config }: TestWarehouse): Promise<pg.Client> {
  if (config.type !== 'ducklake') throw new Error('this test is of a lake')
  const client = new pg.Client({ connectionString: config.catalog })
  await client.connect()
  return client
}

/** Ends every other connection: what a server does that notices the death of its client. */
const endOthers = (client: pg.Client) =>
  client.query(
    'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
  )

describe('a sync that is killed', () => {
  /**
   * Moments between the steps of a commit: what the test does to stop the process there. A deferred trigger runs when
   * Postgres commits, which is after the lake has.
   */
  const atCommitOf = (table: string) => `
    create function wait_for_test() returns trigger language plpgsql as
      $$ begin perform pg_advisory_xact_lock(4711); return null; end $$;
    create constraint trigger stops after insert or update on iterable_sync.${table}
      deferrable initially deferred for each row execute function wait_for_test();
    select pg_advisory_lock(4711)`
  const moments = {
    'before the lake commits': 'begin; lock table iterable_lake.ducklake_snapshot in exclusive mode',
    'between the commit of the rows and that of the bookmark': atCommitOf('bookmarks'),
    'between the commit of new columns and that of what they mean': atCommitOf('columns'),
  }
  /** What a lake holds that was synced at once; each of the tests has the same rows. */
  let whole: Record<string, string[]> | undefined
  const contentsWithoutKill = async (sandbox: Sandbox) => {
    await using other = await createTestWarehouse('ducklake')
    expect(outcome(await syncOnce(sandbox, other, changes))).toEqual({ state: 'succeeded', wrong: [] })
    return await contentsOf(other)
  }
  for (const [moment, stop] of Object.entries(moments)) {
    onLake(
      `${moment} leaves no trace after the next one`,
      async (warehouse) => {
        await using sandbox = await startProject()
        // What is there before: tables, and rows of the first days.
        await syncOnce(sandbox, warehouse, changes)
        sandbox.advance(hours(6))
        const shelf = sandbox.data.events('emailOpen')
        // A column that becomes wider, and a new one.
        for (const [at, fields] of ['"contentId":"a text"', '"brandNew":1'].entries())
          shelf.pushRaw(`{"createdAt":"2026-02-01 0${at + 1}:00:00 +00:00",${fields}}`, later(at))
        // A transaction that has looked at what is under way sees the same until it ends.
        const [client, blocker] = [await catalogueOf(warehouse), await catalogueOf(warehouse)]
        blocker.on('error', () => {})
        try {
          await blocker.query(stop)
          await using sync = await startSync({
            config: configFor(sandbox, warehouse, changes),
            now: sandbox.now.toISOString(),
          })
          sync.go()
          await until(async () => {
            const { rows } =
              await client.query(`select 1 from pg_stat_activity where datname = current_database()
              and wait_event_type = 'Lock' and pid <> pg_backend_pid()`)
            return rows.length > 0
          })
          await sync.kill()
          await endOthers(client)
          await client.query('drop function if exists wait_for_test() cascade')
        } finally {
          await blocker.end().catch(() => {})
          await client.end()
        }
        const again = await syncOnce(sandbox, warehouse, changes)
        expect(outcome(again)).toEqual({ state: 'succeeded', wrong: [] })

        whole ??= await contentsWithoutKill(sandbox)
        expect(await contentsOf(warehouse)).toEqual(whole)
      },
      300_000,
    )
  }
})

onLake('a sync goes on when the server of the catalogue cuts all connections', async (warehouse) => {
  await using sandbox = await startProject()
  const events = ['email_send', 'email_open', 'email_click'] as const
  const many: Changes = { sync: { streams: [...events, 'email_bounce', 'users', 'lists', 'campaigns'] } }
  await using sync = await startSync({
    config: configFor(sandbox, warehouse, many),
    now: sandbox.now.toISOString(),
  })
  const client = await catalogueOf(warehouse)
  const ended = sync.result()
  sync.go()
  try {
    for (let time = 0; time < 4; time += 1) {
      await delay(500)
      await until(
        async () => (await isLakeAtWork(client)) || (await Promise.race([ended, undefined])) !== undefined,
      )
      await endOthers(client)
    }
  } finally {
    await client.end()
  }
  expect(outcome((await ended).report as SyncReport)).toEqual({ state: 'succeeded', wrong: [] })
  for (const stream of events)
    expect(await rowsOf(warehouse, stream)).toEqual(await expectedEvents(sandbox, warehouse, stream))
})

/** True while DuckLake has a transaction on the server, and not only we. */
async function isLakeAtWork(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query(`select 1 from pg_stat_activity where datname = current_database()
    and application_name not like 'iterable-elt%' and xact_start is not null and pid <> pg_backend_pid()`)
  return rows.length > 0
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await isSo()); tries += 1) {
    if (tries > 1_200) throw new Error('it never came to that')
    await delay(50)
  }
}

onLake('queries of people read the lake and our own tables, and reach nothing else', async (warehouse) => {
  await using sandbox = await startProject()
  const changes: Changes = { sync: { streams: ['lists', 'email_open'] }, marts: {} }
  await syncOnce(sandbox, warehouse, changes)
  // Nothing else is asked of the lake before the first query.
  await using elt = await openOn(sandbox, warehouse, changes)
  const client = await catalogueOf(warehouse)
  await client.query(`create table public.secret as select 'sesame' as word`)
  await client.end()
  const rowsOf = async (query: string) => {
    const rows: unknown[] = []
    for await (const row of elt.query(query)) rows.push(row)
    return rows
  }
  const opens = sandbox.truth.events('emailOpen').length
  expect(
    await rowsOf(`select count(*) as opens, (select count(*) from iterable_sync.bookmarks) as bookmarks
      from iterable_views.email_open`),
  ).toEqual([{ opens, bookmarks: 1 }])
  const password = new URL((warehouse.config as { catalog: string }).catalog).password
  const attacks = [
    'select * from __ducklake_metadata_warehouse.public.secret',
    `from query_table('__ducklake_metadata_warehouse.public.secret')`,
    'select * from iterable_sync.public.secret',
    `from postgres_query('iterable_sync', 'select * from public.secret')`,
    `from postgres_scan('', 'public', 'secret')`,
    'select * from duckdb_secrets()',
    `select * from read_text('/etc/hostname')`,
    `from ducklake_snapshots('warehouse')`,
    `from ducklake_cleanup_old_files('warehouse', cleanup_all => true)`,
    'delete from iterable.lists',
    'delete from iterable_sync.runs',
    `copy (select 1) to '${warehouse.tempDir}/lake/own.csv'`,
  ]
  for (const attack of attacks) {
    const answer = await rowsOf(attack).catch((error: unknown) => error)
    expect.soft(answer, attack).toBeInstanceOf(Error)
    expect.soft(String(answer), attack).not.toContain('sesame')
  }
  const databases = JSON.stringify(await rowsOf('select * from duckdb_databases()'))
  expect(databases).toContain('ducklake')
  expect(databases).not.toContain(`password=${password}`)
  expect(databases).not.toContain(`:${password}@`)
})

onLake(
  'files are partitioned by month and packed, and any reader of Parquet reads them',
  async (warehouse) => {
    await using sandbox = await startProject({ days: 40 })
    const start_date = ago(days(40)).toISOString()
    const sync = { streams: ['email_send'], start_date, window_in_days: 15 }
    expect(outcome(await syncOnce(sandbox, warehouse, { sync }))).toEqual({ state: 'succeeded', wrong: [] })
    const files = await warehouse.query(
      `select file from glob('${warehouse.tempDir}/lake/iterable/email_send/*/*/*.parquet')`,
    )
    const months = files.map(({ file }) => /year=\d+\/month=\d+/.exec(String(file))?.[0])
    expect([...new Set(months)].toSorted()).toEqual(['year=2025/month=12', 'year=2026/month=1'])
    const [found] = await warehouse.query(
      `select count(*) as rows from read_parquet('${warehouse.tempDir}/lake/iterable/email_send/*/*/*.parquet', hive_partitioning = false)`,
    )
    expect(found).toEqual({ rows: sandbox.truth.events('emailSend').length })

    const packing = (table: string) =>
      warehouse.query(
        `select distinct compression from parquet_metadata('${warehouse.tempDir}/lake/iterable/${table}/**/*.parquet')`,
      )
    expect(await packing('email_send')).toEqual([{ compression: 'ZSTD' }])
    // What somebody has chosen for the lake stays so.
    const client = await catalogueOf(warehouse)
    await client.query(
      `update iterable_lake.ducklake_metadata set value = 'gzip' where key = 'parquet_compression'`,
    )
    await client.end()
    await syncOnce(sandbox, warehouse, { sync: { ...sync, streams: ['email_open'] } })
    expect(await packing('email_open')).toEqual([{ compression: 'GZIP' }])
  },
)

onLake('check says what a lake lacks, before the first sync and after it', async (warehouse) => {
  await using sandbox = await startProject()
  const config = configFor(sandbox, warehouse, changes)
  const itemsOf = async (warehousePart: object) => {
    await using elt = await open({ ...config, warehouse: { ...config.warehouse, ...warehousePart } } as never)
    const { items } = await elt.check()
    return items
      .filter(({ item }) => item.startsWith('warehouse'))
      .map(({ state, message }) => `${state}: ${message}`)
  }
  const [, written] = await itemsOf({})
  expect(written).toMatch(/^ok: .*the first sync makes the schemas .*iterable_sync/)
  expect(await itemsOf({ extension_directory: warehouse.tempDir })).toEqual([
    expect.stringMatching(/^failed: DuckDB's extension postgres_scanner is not available/),
  ])
  await syncOnce(sandbox, warehouse, { sync: { streams: ['lists'] } })
  expect(await itemsOf({})).toEqual([
    'ok: the ducklake warehouse can be opened',
    expect.stringMatching(/^ok: tables can be made and rows written in schema iterable/),
  ])
  expect(await itemsOf({ data_path: `${warehouse.tempDir}/other` })).toEqual([
    expect.stringMatching(/^failed: the lake of this catalogue keeps its files elsewhere/),
  ])
  expect(await itemsOf({ catalog: 'postgres://nobody:nothing@127.0.0.1:1/none' })).toEqual([
    expect.stringMatching(/^failed: nothing answers at 127.0.0.1:1/),
  ])
})

onLake('who alters a table while another does begins anew', async (warehouse) => {
  await using sandbox = await startProject()
  await syncOnce(sandbox, warehouse, { sync: { streams: ['lists'] } })
  await using mine = await openBare(warehouse.config)
  await using theirs = await openBare(warehouse.config)
  const add = (column: string) => async (tx: Tx) => {
    await sql.raw(`alter table iterable.lists add column ${column} integer`).execute(tx.tables)
  }
  let times = 0
  await mine.use((session) =>
    session.transaction(
      async (tx) => {
        times += 1
        await add('mine')(tx)
        if (times === 1) await theirs.use((other) => other.transaction(add('theirs'), { isAltering: true }))
      },
      { isAltering: true },
    ),
  )
  expect(times).toBe(2)
  const columns = await warehouse.query(`select column_name as name from information_schema.columns
    where table_schema = 'iterable' and table_name = 'lists' and column_name in ('mine', 'theirs') order by 1`)
  expect(columns).toEqual([{ name: 'mine' }, { name: 'theirs' }])
})
