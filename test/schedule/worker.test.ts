import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { type Elt, open, type WorkerEvent } from '../../src/index.ts'
import { systemClock } from '../../src/iterable/clock.ts'
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts'
import { holdFile } from '../support/processes.ts'
import { startProgram } from '../support/programs.ts'
import { ago, configFor, days, expectedEvents, present, rowsOf } from '../support/sync.ts'
import { eachWarehouse, type TestWarehouse } from '../support/warehouse.ts'

const people = 24_000
const batches = people / 1_000
const listId = 5_001

/** A project whose answers take their time, and a configuration with a sync and an export of many batches. */
async function prepare(test: TestWarehouse, { latencyMs = 0 } = {}) {
  const sandbox = await startSandbox({
    users: 20,
    lists: 1,
    days: 3,
    eventsPerDay: 60,
    rateLimits: 'off',
    now: present,
    until: present,
    latencyMs,
  })
  sandbox.data.lists.push({ id: listId, name: 'Test', createdAt: 0, listType: 'Standard' })
  const directory = join(test.tempDir, 'exports')
  await mkdir(directory, { recursive: true })
  await writeFile(
    join(directory, 'vip.sql'),
    `/*\naction: add\nlist_id: ${listId}\nschedule: { cron: "@monthly" }\n*/
     select 'p' || i || '@example.com' as email from generate_series(1, ${people}) as numbers(i)\n`,
  )
  const config = {
    ...configFor(sandbox, test, {
      sync: {
        streams: ['email_open'],
        window_in_days: 100,
        start_date: ago(days(3)).toISOString(),
        settle: '0s',
      },
    }),
    exports: { directory },
  }
  const configPath = join(test.tempDir, 'config.json')
  await writeFile(configPath, JSON.stringify(config))
  return { sandbox, config, configPath }
}

/** Asks for runs as an analyst would. */
async function request(elt: Pick<Elt, 'warehouse' | 'schedules'>, ...jobs: string[]): Promise<void> {
  await elt.schedules()
  await elt.warehouse.use(({ db }) =>
    db
      .insertInto('run_requests')
      .values(jobs.map((job) => ({ job })))
      .execute(),
  )
}

function startWorker(configPath: string): ChildProcess {
  return startProgram('src/cli/main.ts', ['worker', '--config', configPath], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
}

async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let tries = 0; tries < 1_500; tries += 1) {
    if (await isSo()) return
    await delay(40)
  }
  throw new Error(`waited in vain until ${what}`)
}

const writesTo = (sandbox: Sandbox) => sandbox.requests.filter(({ path }) => path === '/api/lists/subscribe')
const exportsOf = (sandbox: Sandbox) => sandbox.requests.filter(({ path }) => path.startsWith('/api/export'))

/** Reads through a file that the worker may have open at this moment. */
async function patiently(test: TestWarehouse, sql: string): Promise<Record<string, unknown>[]> {
  for (;;) {
    try {
      return await test.query(sql)
    } catch (error) {
      if (!/lock on file|being used/i.test(String(error))) throw error
      await delay(20)
    }
  }
}

const runStates = (test: TestWarehouse) =>
  patiently(test, `select job, state, trigger from iterable_sync.runs order by job`)
/** Looks once a second: who reads a DuckDB file all the time keeps the worker out of it. */
async function isDone(test: TestWarehouse): Promise<boolean> {
  await delay(1_000)
  return (await runStates(test)).every(({ state }) => state === 'succeeded')
}

async function end(worker: ChildProcess, signal: NodeJS.Signals): Promise<unknown> {
  if (worker.exitCode !== null || worker.signalCode !== null) return worker.exitCode
  worker.kill(signal)
  const [code] = await once(worker, 'exit')
  return code
}

eachWarehouse(
  'a worker is killed in the middle of an export and of a sync: the next one finishes both, right',
  async (test) => {
    const { sandbox, config, configPath } = await prepare(test, { latencyMs: 250 })
    await using _sandbox = { [Symbol.asyncDispose]: () => sandbox.close() }
    {
      await using elt = await open(config)
      await request(elt, 'export:vip', 'sync')
    }
    // However late the sync begins, the export is not done by then: no answer comes but to its first requests.
    sandbox.faults.next({
      fault: 'stall',
      path: '/api/lists/subscribe',
      skip: 3,
      times: Number.POSITIVE_INFINITY,
    })
    const first = startWorker(configPath)
    await until(
      () => writesTo(sandbox).length >= 2 && exportsOf(sandbox).length >= 1,
      'the first worker is at work',
    )
    await end(first, 'SIGKILL')
    sandbox.faults.clear()
    expect(writesTo(sandbox).length).toBeLessThan(batches)
    expect((await runStates(test)).map(({ state }) => state)).toContain('running')
    const second = startWorker(configPath)
    await until(() => isDone(test), 'the second worker is done')
    expect(await end(second, 'SIGTERM')).toBe(0)
    expect(await runStates(test)).toEqual([
      { job: 'export:vip', state: 'succeeded', trigger: 'request' },
      { job: 'sync', state: 'succeeded', trigger: 'request' },
    ])
    expect(sandbox.data.members(listId).all()).toHaveLength(people)
    // Only what was on its way when the worker died may have been sent twice.
    expect(writesTo(sandbox).length).toBeLessThanOrEqual(batches + 12)
    expect(await rowsOf(test, 'email_open')).toEqual(await expectedEvents(sandbox, test, 'email_open'))
    expect(await test.query('select count(*) as n from iterable_sync.queue')).toEqual([{ n: 0 }])
  },
  300_000,
)

eachWarehouse(
  'SIGTERM: the batch in flight is finished, the run is put back, the next worker sends the rest once',
  async (test) => {
    const { sandbox, config, configPath } = await prepare(test, { latencyMs: 250 })
    await using _sandbox = { [Symbol.asyncDispose]: () => sandbox.close() }
    {
      await using elt = await open(config)
      await request(elt, 'export:vip')
    }
    const first = startWorker(configPath)
    await until(() => writesTo(sandbox).length >= 1, 'the first batch is on its way')
    expect(await end(first, 'SIGTERM')).toBe(0)
    const sent = writesTo(sandbox).length
    expect(sent).toBeLessThan(batches)
    expect(await runStates(test)).toMatchObject([{ job: 'export:vip', state: 'queued' }])
    const stopped = await test.query('select stopped_at is not null as stopped from iterable_sync.workers')
    expect(stopped).toEqual([{ stopped: true }])
    const second = startWorker(configPath)
    await until(() => isDone(test), 'the second worker is done')
    await end(second, 'SIGTERM')
    expect(writesTo(sandbox)).toHaveLength(batches)
    expect(sandbox.data.members(listId).all()).toHaveLength(people)
  },
  300_000,
)

/** The clock of the machine, on which waits take so many times as long. */
const sleeping = (factor: number) => ({
  now: () => systemClock.now(),
  sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms * factor, signal),
})

/** A worker in this process; resolves to what it told. */
async function working(elt: Elt, work: (events: WorkerEvent[]) => Promise<void>, healthPort?: number) {
  const stop = new AbortController()
  const events: WorkerEvent[] = []
  const onEvent = (event: WorkerEvent) => events.push(event)
  const worker = elt.worker({ signal: stop.signal, onEvent, ...(healthPort !== undefined && { healthPort }) })
  try {
    await Promise.race([work(events), worker])
  } finally {
    stop.abort()
    await worker
  }
}

const count = (events: readonly WorkerEvent[], type: WorkerEvent['type']) =>
  events.filter((event) => event.type === type).length

eachWarehouse('a worker tells how it is, over HTTP and in its table', async (test) => {
  const { sandbox, config } = await prepare(test)
  await using _sandbox = { [Symbol.asyncDispose]: () => sandbox.close() }
  await using elt = await open(config)
  await request(elt, 'sync', 'export:none')
  await working(
    elt,
    async (events) => {
      await until(() => count(events, 'ended') === 1, 'the sync is done')
      const notice = events.find((event) => event.type === 'notice')
      const port = /port (\d+)/.exec(notice?.type === 'notice' ? notice.message : '')?.[1]
      const page = async (path: string) => {
        const answer = await fetch(`http://127.0.0.1:${port}${path}`)
        return { status: answer.status, text: await answer.text() }
      }
      expect(await page('/healthz')).toEqual({ status: 200, text: 'ok\n' })
      const { text } = await page('/metrics')
      expect(text).toMatch(/^iterable_elt_runs_total\{job="sync",state="succeeded"\} 1$/m)
      expect(text).toMatch(/^iterable_elt_last_success_timestamp_seconds\{job="sync"\} \d/m)
      expect((await page('/secret')).status).toBe(404)
      expect(await elt.workers()).toMatchObject([{ pid: process.pid, concurrency: 4 }])
    },
    0,
  )
  expect(await elt.workers()).toEqual([])
  const [refused] = await test.query(
    "select error_text from iterable_sync.run_requests where job = 'export:none'",
  )
  expect(refused?.error_text).toContain('there is no job "export:none"')
})

eachWarehouse('a DuckDB warehouse has one worker, Postgres any number', async (test) => {
  const { sandbox, config } = await prepare(test)
  await using _sandbox = { [Symbol.asyncDispose]: () => sandbox.close() }
  await using elt = await open(config)
  await working(elt, async (events) => {
    await until(() => count(events, 'ready') === 1, 'the first is ready')
    const stop = new AbortController()
    const second = elt.worker({ signal: stop.signal })
    if (test.kind === 'duckdb') return expect(second).rejects.toThrow(/another worker of this warehouse/)
    stop.abort()
    await second
  })
})

eachWarehouse(
  'a schedule runs by hand, and makes up for the past; a worker elsewhere is not needed',
  async (test) => {
    const { sandbox, config } = await prepare(test)
    await using _sandbox = { [Symbol.asyncDispose]: () => sandbox.close() }
    await using elt = await open(config)
    expect(await elt.runJob('sync')).toMatchObject({ job: 'sync', state: 'succeeded', error: null })
    const reach = { from: new Date('2026-01-01T00:00:00Z'), to: new Date('2026-03-01T00:00:00Z') }
    expect(await elt.backfill('vip', { ...reach, dryRun: true })).toMatchObject({ dry_run: true, runs: [] })
    expect(await elt.backfill('vip', reach)).toMatchObject({
      name: 'export:vip',
      nominal_times: ['2026-01-01T00:00:00.000Z', '2026-02-01T00:00:00.000Z'],
      runs: [{ state: 'succeeded' }, { state: 'succeeded' }],
    })
    expect(writesTo(sandbox)).toHaveLength(batches * 2)
    await expect(elt.runJob('vpi')).rejects.toThrow(/no job "vpi"; known: sync, export:vip/)
    expect(await elt.pauseSchedule('vip', 'cleaning')).toMatchObject({ paused_reason: 'cleaning' })
    expect(await elt.resumeSchedule('vip')).toMatchObject({ paused_at: null, paused_reason: null })
  },
)

eachWarehouse(
  'a row of run_requests wakes a waiting worker, at once where the warehouse can tell',
  async (test) => {
    const { sandbox, config } = await prepare(test)
    await using _sandbox = { [Symbol.asyncDispose]: () => sandbox.close() }
    // A DuckDB file is looked at every 10 s. Postgres would be every 2.5 s, and here is in minutes: it has to tell.
    await using elt = await open(config, { clock: sleeping(test.kind === 'postgres' ? 100 : 1) })
    await working(elt, async (events) => {
      await until(() => count(events, 'looked') >= 1, 'it has looked')
      await elt.warehouse.use(({ db }) => db.insertInto('run_requests').values({ job: 'sync' }).execute())
      await until(() => count(events, 'begun') === 1, 'the run begins')
      await until(() => count(events, 'ended') === 1, 'the run ends')
    })
  },
)

test('a DuckDB file can be read between the looks of a worker, and a look waits for a reader', async () => {
  const { createRequire } = await import('node:module')
  const { mkdtemp, rm } = await import('node:fs/promises')
  const { tmpdir } = await import('node:os')
  const tempDir = await mkdtemp(join(tmpdir(), 'elt-test-'))
  const path = join(tempDir, 'warehouse.duckdb')
  const warehouse = { kind: 'duckdb', config: { type: 'duckdb', path }, tempDir } as unknown as TestWarehouse
  const { sandbox, config } = await prepare(warehouse)
  const require = createRequire(import.meta.url)
  /** Another program that reads the file; a look of the worker lasts a moment, and is waited for. */
  const read = async () => {
    const script = `
      const { DuckDBInstance } = require(${JSON.stringify(require.resolve('@duckdb/node-api'))})
      const open = (tries) =>
        DuckDBInstance.create(${JSON.stringify(path)}, { access_mode: 'READ_ONLY' }).catch((error) => {
          if (tries === 0 || !/lock/.test(error)) throw error
          return new Promise((resolve) => setTimeout(resolve, 100)).then(() => open(tries - 1))
        })
      open(500).then(async (instance) => {
        const reader = await (await instance.connect()).runAndReadAll('select count(*) from iterable_sync.runs')
        console.log(String(reader.getRows()[0][0]))
        process.exit(0)
      })`
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'pipe'] })
    const [said, complaint] = await Promise.all([text(child.stdout), text(child.stderr)])
    return { said: said.trim(), complaint }
  }
  try {
    // It looks twice a second.
    await using elt = await open(config, { clock: sleeping(0.05) })
    await working(elt, async (events) => {
      await until(() => count(events, 'looked') >= 1, 'it has looked')
      expect(await read()).toEqual({ said: '0', complaint: '' })
      {
        await using _reader = await holdFile(path, 'read')
        const looks = count(events, 'looked')
        await delay(2_000)
        expect(count(events, 'looked')).toBe(looks)
      }
      await elt.warehouse.use(({ db }) => db.insertInto('run_requests').values({ job: 'sync' }).execute())
      await until(() => count(events, 'ended') === 1, 'the run has ended')
      expect(await read()).toEqual({ said: '1', complaint: '' })
    })
  } finally {
    await sandbox.close()
    await rm(tempDir, { recursive: true, force: true })
  }
})
