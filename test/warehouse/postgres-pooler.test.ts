/** A Postgres warehouse behind a pooler in transaction mode, where no session keeps anything. */
import pg from 'pg'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { InterruptedError } from '../../src/index.ts'
import { openPostgres } from '../../src/warehouse/postgres/warehouse.ts'
import { makeFixture, people } from '../export/support.ts'
import { pgbouncer, startPgbouncer } from '../support/pgbouncer.ts'
import { startSync } from '../support/processes.ts'
import {
  configFor,
  contentsOf,
  hours,
  openOn,
  outcome,
  present,
  startProject,
  syncOnce,
} from '../support/sync.ts'
import { createTestWarehouse, type TestWarehouse } from '../support/warehouse.ts'

if (!pgbouncer) console.warn('no pgbouncer on this machine: the tests of poolers do not run')

/** A warehouse that is reached through a pooler by the product, and directly by the test. */
async function pooled(): Promise<TestWarehouse & { readonly url: string }> {
  const warehouse = await createTestWarehouse('postgres')
  onTestFinished(() => warehouse[Symbol.asyncDispose]())
  const direct = warehouse.config.type === 'postgres' ? warehouse.config.url : ''
  const pooler = await startPgbouncer(direct)
  onTestFinished(() => pooler[Symbol.asyncDispose]())
  return { ...warehouse, config: { type: 'postgres', url: pooler.url }, url: pooler.url }
}

/** What a session of ours would leave in the backends that others get next. */
async function leftBehind(url: string): Promise<unknown[]> {
  const clients = await Promise.all(
    Array.from({ length: 4 }, async () => {
      const client = new pg.Client({ connectionString: url })
      await client.connect()
      await client.query('begin')
      return client
    }),
  )
  const ask = `select current_setting('extra_float_digits') as digits, current_setting('DateStyle') as style,
    (select count(*)::int from pg_locks where locktype = 'advisory'
      and database = (select oid from pg_database where datname = current_database())) as locks, pg_backend_pid() as pid`
  const rows = []
  for (const client of clients) rows.push((await client.query(ask)).rows[0])
  for (const client of clients) await client.end()
  expect(new Set(rows.map(({ pid }) => pid)).size).toBe(4)
  return rows.map(({ pid, ...row }) => row)
}

describe.skipIf(!pgbouncer)('behind a pooler', () => {
  test('syncs are those of a direct connection, and leave nothing in the backends', async () => {
    await using sandbox = await startProject()
    await using direct = await createTestWarehouse('postgres')
    const through = await pooled()
    for (const _ of [1, 2]) {
      expect(outcome(await syncOnce(sandbox, direct))).toMatchObject({ wrong: [] })
      expect(outcome(await syncOnce(sandbox, through))).toMatchObject({ wrong: [] })
      expect(await contentsOf(through)).toEqual(await contentsOf(direct))
      sandbox.advance(hours(5))
    }
    const untouched = { digits: '1', style: 'ISO, MDY', locks: 0 }
    expect(await leftBehind(through.url)).toEqual([untouched, untouched, untouched, untouched])
  })

  test('exports, queries and their settings work, and an interruption is heard', async () => {
    const through = await pooled()
    // What every backend starts with, and every transaction of ours has to set aside.
    await through.query(
      `do $$ begin execute format('alter database %I set extra_float_digits = 0', current_database());
        execute format('alter database %I set timezone = ''Asia/Tokyo''', current_database()); end $$`,
    )
    await using fixture = await makeFixture(through)
    const { elt, save, members } = fixture
    await save('crowd', { action: 'mirror' }, people(2_500))
    expect(await elt.export('crowd')).toMatchObject({ state: 'succeeded', sent: 2_500 })
    expect(members()).toHaveLength(2_500)
    await save('crowd', { action: 'mirror', brakes: { removals: 'off' } }, people(2_400, 50))
    expect(await elt.export('crowd')).toMatchObject({
      state: 'succeeded',
      planned: { add: 0, remove: 100, unchanged: 2_400 },
    })
    const rows: unknown[] = []
    for await (const row of elt.query(
      `select 0.1::float8 + 0.2::float8 as sum, '2026-01-01'::timestamptz as midnight, pg_advisory_lock(7) is null as took`,
    )) {
      rows.push(row)
    }
    expect(rows).toMatchObject([{ sum: 0.1 + 0.2, midnight: new Date('2026-01-01T00:00:00Z') }])
    expect(await leftBehind(through.url)).toMatchObject([{ locks: 0 }, {}, {}, {}])

    const controller = new AbortController()
    setTimeout(() => controller.abort(), 500)
    const began = performance.now()
    const slow = async () => {
      for await (const _ of elt.query('select pg_sleep(60)', { signal: controller.signal }));
    }
    await expect(slow()).rejects.toBeInstanceOf(InterruptedError)
    expect(performance.now() - began).toBeLessThan(30_000)
  })

  test('a sync that was stopped for longer than its lease writes nothing more once another has begun', async () => {
    await using sandbox = await startProject()
    const through = await pooled()
    // It hangs again and again until it is stopped.
    sandbox.faults.next({ fault: 'stall', path: '/api/export', times: Number.POSITIVE_INFINITY })
    const sync = { streams: ['email_open'] }
    await using first = await startSync({
      config: configFor(sandbox, through, { sync, connection: { timeouts: { body: '3s' } } }),
      now: present.toISOString(),
    })
    first.go()
    await first.until((line) => line.type === 'progress' && line.bytes > 0)
    await using elt = await openOn(sandbox, through, { sync })
    const refused = await elt.sync().catch((error: unknown) => error)
    expect(refused).toMatchObject({
      code: 'locked',
      message: expect.stringContaining(`iterable-elt sync, process ${first.pid}`),
    })
    first.signal('SIGSTOP')
    sandbox.faults.clear()
    await expect
      .poll(() => elt.sync().then(outcome, () => 'locked'), { timeout: 60_000 })
      .toEqual({
        state: 'succeeded',
        wrong: [],
      })
    const after = await contentsOf(through)
    // Somebody has the job again when the first one wakes.
    await using other = await openPostgres({ source: { url: through.url }, schema: 'iterable' })
    await using lock = await other.lock('sync')
    expect(lock).toBeDefined()
    first.signal('SIGCONT')
    const { report, error } = await first.result()
    expect(error?.code ?? report?.streams[0]?.error_code).toBe('locked')
    expect(await contentsOf(through)).toEqual(after)
  })

  test('after kill -9 the next one has the job within five seconds', async () => {
    await using sandbox = await startProject()
    const through = await pooled()
    sandbox.faults.next({ fault: 'stall', path: '/api/export' })
    const sync = { streams: ['email_open'] }
    await using first = await startSync({
      config: configFor(sandbox, through, { sync }),
      now: present.toISOString(),
    })
    first.go()
    await first.until((line) => line.type === 'progress' && line.bytes > 0)
    await first.kill()
    const began = performance.now()
    await using other = await openPostgres({ source: { url: through.url }, schema: 'iterable' })
    {
      await using lock = await vi.waitFor(() => other.lock('sync'), { timeout: 60_000, interval: 50 })
      expect(lock).toBeDefined()
      // A lease of four seconds, and what a slow machine adds.
      expect(performance.now() - began).toBeLessThan(12_000)
    }
    expect(outcome(await syncOnce(sandbox, through, { sync }))).toEqual({ state: 'succeeded', wrong: [] })
  })
})
