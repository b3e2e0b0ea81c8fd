/** Several syncs of one lake at once, each of streams of its own, in processes of their own. */
import { hostname } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'kysely'
import pg from 'pg'
import { describe, expect } from 'vitest'
import type { Sandbox } from '../../src/sandbox/index.ts'
import { run, writeConfig } from '../cli/run.ts'
import { openBare } from '../support/open.ts'
import { startSync } from '../support/processes.ts'
import {
  type Changes,
  configFor,
  contentsOf,
  expectedEvents,
  hours,
  of,
  openOn,
  outcome,
  startProject,
  syncOnce,
} from '../support/sync.ts'
import { createTestWarehouse, onLake, type TestWarehouse } from '../support/warehouse.ts'

const fine = { state: 'succeeded', wrong: [] }
const only = (...streams: string[]): Changes => ({ sync: { streams } })

interface HeldBookmark extends AsyncDisposable {
  release(): Promise<void>
}

/** Syncs of the stream come as far as the bookmark of their first window, and wait there until it is released. */
async function holdBookmark({ config }: TestWarehouse, stream: string): Promise<HeldBookmark> {
  const client = new pg.Client({ connectionString: (config as { catalog: string }).catalog })
  client.on('error', () => {})
  await client.connect()
  await client.query('begin')
  const held = await client.query('select from iterable_sync.bookmarks where stream = $1 for update', [
    stream,
  ])
  if (held.rowCount !== 1) throw new Error(`${stream} has no bookmark`)
  const release = () => client.end()
  return { release, [Symbol.asyncDispose]: release }
}

/** Waits until so many transactions want the bookmark of a stream. */
const someoneWants = (warehouse: TestWarehouse, count: number): Promise<void> =>
  until(async () => {
    const [found] = await warehouse.query(
      `/* iterable_sync */ select count(*) as n from pg_stat_activity where datname = current_database()
        and wait_event_type = 'Lock' and query ilike '%bookmarks%'`,
    )
    return Number(found?.n) >= count
  })

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await isSo()); tries += 1) {
    if (tries > 1_200) throw new Error('it never came to that')
    await delay(50)
  }
}

const startOf = (sandbox: Sandbox, warehouse: TestWarehouse, changes: Changes) =>
  startSync({ config: configFor(sandbox, warehouse, changes), now: sandbox.now.toISOString() })

const runStates = async (warehouse: TestWarehouse) =>
  (await warehouse.query('select state, error_code from iterable_sync.runs order by started_at')).map(
    ({ state, error_code }) => (error_code === null ? state : `${state}: ${error_code}`),
  )

describe('two syncs of different streams', () => {
  onLake('that find no lake yet make it, and leave what one after the other would', async (warehouse) => {
    await using sandbox = await startProject()
    const parts = [only('email_open', 'lists'), only('email_click', 'users')]
    const syncs = await Promise.all(parts.map((part) => startOf(sandbox, warehouse, part)))
    try {
      for (const sync of syncs) sync.go()
      for (const sync of syncs) {
        const { report, error } = await sync.result()
        expect(report ? outcome(report) : error).toEqual(fine)
      }
    } finally {
      for (const sync of syncs) await sync[Symbol.asyncDispose]()
    }
    await using other = await createTestWarehouse('ducklake')
    for (const part of parts) expect(outcome(await syncOnce(sandbox, other, part))).toEqual(fine)
    expect(await contentsOf(warehouse)).toEqual(await contentsOf(other))
    const views = `select table_schema as schema, table_name as name from information_schema.tables
      where table_schema in ('iterable_views', 'iterable_marts') order by all`
    expect(await warehouse.query(views)).toEqual(await other.query(views))
  })

  onLake('one of which is killed: the other goes on, and the streams are free again', async (warehouse) => {
    await using sandbox = await startProject()
    await syncOnce(sandbox, warehouse, only('email_open', 'email_click'))
    sandbox.advance(hours(6))
    await using opens = await holdBookmark(warehouse, 'email_open')
    await using clicks = await holdBookmark(warehouse, 'email_click')
    await using killed = await startOf(sandbox, warehouse, only('email_open'))
    await using living = await startOf(sandbox, warehouse, only('email_click'))
    killed.go()
    living.go()
    await someoneWants(warehouse, 2)
    await killed.kill()
    await opens.release()
    await using elt = await openOn(sandbox, warehouse, only('email_open'))
    // The server learns of a death when the system tells it.
    await until(() =>
      elt.sync().then(
        (report) => {
          expect(outcome(report)).toEqual(fine)
          return true
        },
        (error: { code?: string }) => {
          if (error.code === 'locked') return false
          throw error
        },
      ),
    )
    expect((await runStates(warehouse)).toSorted()).toEqual(
      ['succeeded', 'failed: abandoned', 'running', 'succeeded'].toSorted(),
    )
    await writeConfig(warehouse.tempDir, configFor(sandbox, warehouse))
    const cli = (...args: string[]) => run(args, { cwd: warehouse.tempDir })
    expect(await cli('sync', 'email_click', 'lists')).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^email_click: held by another sync \(.* sync, process \d+/m),
    })
    expect(await cli('sync', 'email_click')).toMatchObject({ exitCode: 1 })
    expect((await cli('status')).stdout).toMatch(
      new RegExp(`Syncs at work.* ${living.pid} on .* email_click`, 's'),
    )
    await clicks.release()
    const { report } = await living.result()
    expect(report && outcome(report)).toEqual(fine)
    await using other = await createTestWarehouse('ducklake')
    await syncOnce(sandbox, other, only('email_open', 'email_click', 'lists'))
    expect(await contentsOf(warehouse)).toEqual(await contentsOf(other))
  })
})

onLake(
  'while a sync has a stream, another one takes the others, and nobody else the lake',
  async (warehouse) => {
    await using sandbox = await startProject()
    const marts: Changes = { marts: { materialize: ['daily_events'] } }
    await syncOnce(sandbox, warehouse, { ...only('email_open', 'email_click'), ...marts })
    sandbox.advance(hours(6))
    await using opens = await holdBookmark(warehouse, 'email_open')
    await using first = await startOf(sandbox, warehouse, { ...only('email_open'), ...marts })
    first.go()
    await someoneWants(warehouse, 1)

    await using elt = await openOn(sandbox, warehouse, {
      ...only('email_open', 'email_click', 'lists'),
      ...marts,
    })
    await expect(elt.sync({ streams: ['email_open'] })).rejects.toMatchObject({
      code: 'locked',
      message: expect.stringMatching(
        /^another sync of this warehouse is running \(iterable-elt sync, process/,
      ),
    })
    const report = await elt.sync()
    expect(report.state).toBe('succeeded')
    expect(report.streams.map(({ stream, state }) => `${stream} ${state}`)).toEqual([
      'email_click succeeded',
      'email_open skipped',
      'lists succeeded',
    ])
    expect(of(report, 'email_open')).toMatchObject({
      error: expect.stringMatching(/^held by another sync \(iterable-elt sync, process \d+/),
      error_code: 'locked',
    })
    await using target = await createTestWarehouse('duckdb')
    await using copy = await openOn(sandbox, target)
    const alone = [
      () => elt.maintain(),
      () => elt.erase({ email: 'nobody@example.com' }),
      () => elt.rebuildViews([]),
      () => elt.copyTo(copy),
    ]
    for (const work of alone) await expect(work()).rejects.toMatchObject({ code: 'locked' })
    expect((await elt.status()).at_work).toMatchObject([
      { streams: ['email_open'], process: `${first.pid} on ${hostname()}` },
    ])

    await opens.release()
    const { report: ended } = await first.result()
    expect(ended && outcome(ended)).toEqual(fine)
    // The table of the view was filled while the first was at work, and has its rows all the same.
    const kept = `select stream, sum(events) as events from iterable_marts.daily_events group by 1 order by 1`
    const rows = `select 'email_click' as stream, count(*) as events from iterable.email_click
      union all select 'email_open', count(*) from iterable.email_open`
    expect(await warehouse.query(kept)).toEqual(await warehouse.query(rows))
    await elt.maintain()
    expect(await runStates(warehouse)).toEqual(Array(4).fill('succeeded'))
  },
)

onLake('a window that another writer disturbs is loaded anew', async (warehouse) => {
  await using sandbox = await startProject()
  await syncOnce(sandbox, warehouse, only('email_open'))
  await using opens = await holdBookmark(warehouse, 'email_open')
  await using elt = await openOn(sandbox, warehouse, only('email_open'))
  const syncing = elt.sync({ fullRefresh: true })
  await someoneWants(warehouse, 1)
  // The window has taken the same rows out, and has not committed.
  await using other = await openBare(warehouse.config)
  await other.transaction(async ({ tables }) => {
    await sql`delete from iterable.email_open`.execute(tables)
  })
  await opens.release()
  expect(outcome(await syncing)).toEqual(fine)
  expect(await contentsOf(warehouse)).toMatchObject({
    email_open: await expectedEvents(sandbox, warehouse, 'email_open'),
  })
})
