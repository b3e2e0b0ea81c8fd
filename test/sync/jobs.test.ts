/** A window by the asynchronous export holds what it would hold by the direct route, whatever becomes of its jobs. */
import { describe, expect } from 'vitest'
import type { FaultKind, FaultRule, Sandbox, SandboxOptions } from '../../src/sandbox/index.ts'
import { ask } from '../sandbox/ask.ts'
import {
  ago,
  type Changes,
  days,
  expectedEvents,
  expectedRows,
  of,
  openOn,
  outcome,
  rowsOf,
  startProject,
  syncOnce,
} from '../support/sync.ts'
import { eachWarehouse, type TestWarehouse } from '../support/warehouse.ts'

const byJobs: Changes = { sync: { streams: ['email_send'], window_in_days: 3, export_route: 'jobs' } }

/** Jobs that take a moment and bring several files. */
const startJobs = (options: SandboxOptions = {}): Promise<Sandbox> =>
  startProject({ jobMs: 60, jobFileBytes: 4000, eventsPerDay: 200, ...options })

const started = (sandbox: Sandbox): number => sandbox.counts()['POST /api/export/start'] ?? 0
const asked = (sandbox: Sandbox): number => sandbox.counts()['GET /api/export/data.json'] ?? 0

async function expectTruth(sandbox: Sandbox, warehouse: TestWarehouse): Promise<void> {
  const expected = await expectedEvents(sandbox, warehouse, 'email_send')
  expect(expected.length).toBeGreaterThan(100)
  expect(await rowsOf(warehouse, 'email_send')).toEqual(expected)
}

const jobsOf = (warehouse: TestWarehouse) =>
  warehouse.query('select state, problem, files, bytes from iterable_sync.export_jobs order by asked_at')

eachWarehouse('jobs bring events and people, and nothing is asked for directly', async (warehouse) => {
  await using sandbox = await startJobs()
  const sync = { ...byJobs.sync, streams: ['email_send', 'email_open', 'users'] }
  expect(outcome(await syncOnce(sandbox, warehouse, { sync }))).toEqual({ state: 'succeeded', wrong: [] })
  await expectTruth(sandbox, warehouse)
  const users = sandbox.truth.users(ago(days(3)), sandbox.now)
  expect(await rowsOf(warehouse, 'users')).toEqual(await expectedRows(warehouse, 'users', users))
  expect([started(sandbox), asked(sandbox)]).toEqual([3, 0])
  const files = sandbox.requests.filter(({ path }) => path.startsWith('/files/'))
  expect(files.every(({ key }) => key === 'none')).toBe(true)
  const jobs = await jobsOf(warehouse)
  expect(jobs.map(({ state }) => state)).toEqual(['loaded', 'loaded', 'loaded'])
  expect(jobs.reduce((sum, { files }) => sum + Number(files), 0)).toBe(files.length)
})

describe('what goes wrong with a job', () => {
  /** The job of the window, ordered to go wrong; the next ones do not. */
  const start: Omit<FaultRule, 'fault'> = { path: '/api/export/start', method: 'POST' }
  const cases: readonly {
    readonly name: string
    readonly fault: FaultKind
    readonly rule?: Omit<FaultRule, 'fault'>
    readonly states: readonly string[]
  }[] = [
    { name: 'it fails', fault: 'job-failed', states: ['failed', 'loaded'] },
    { name: 'somebody cancels it', fault: 'job-cancelled', states: ['cancelled', 'loaded'] },
    { name: 'it stands still', fault: 'job-stuck', states: ['standstill', 'loaded'] },
    { name: 'it goes back into the queue', fault: 'job-restarted', states: ['loaded'] },
    { name: 'its files are listed twice', fault: 'file-twice', states: ['loaded'] },
    { name: 'the answer to its start is lost', fault: 'lost-answer', states: ['loaded'] },
    { name: 'its start is refused for now', fault: '5xx', states: ['loaded'] },
    { name: 'its start never arrives', fault: 'drop', states: ['loaded'] },
    { name: 'a link expires', fault: 'expired', rule: { path: '/files/', skip: 2 }, states: ['loaded'] },
    { name: 'a file is cut', fault: 'cut', rule: { path: '/files/', times: 2 }, states: ['loaded'] },
    { name: 'a file ends with an error', fault: 'cut-line', rule: { path: '/files/' }, states: ['loaded'] },
    { name: 'a file breaks off', fault: 'reset', rule: { path: '/files/', skip: 1 }, states: ['loaded'] },
    { name: 'lines of a file are missing', fault: 'shrink', rule: { path: '/files/' }, states: ['loaded'] },
  ]
  for (const { name, fault, rule = start, states } of cases) {
    eachWarehouse(`${name}: the window comes whole`, async (warehouse) => {
      await using sandbox = await startJobs()
      sandbox.faults.next({ ...rule, fault })
      expect(outcome(await syncOnce(sandbox, warehouse, byJobs))).toEqual({ state: 'succeeded', wrong: [] })
      await expectTruth(sandbox, warehouse)
      expect((await jobsOf(warehouse)).map(({ state }) => state)).toEqual(states)
      expect(asked(sandbox)).toBe(0)
      // A lost answer does not lead to a second job.
      expect(started(sandbox)).toBe(fault === '5xx' || fault === 'drop' ? 2 : states.length)
    })
  }

  eachWarehouse('one that is cut off is thrown away, and its window is halved', async (warehouse) => {
    await using sandbox = await startJobs()
    sandbox.faults.next({ ...start, fault: 'job-truncated' })
    const report = await syncOnce(sandbox, warehouse, byJobs)
    expect(of(report, 'email_send')).toMatchObject({ state: 'succeeded', windows: 2 })
    await expectTruth(sandbox, warehouse)
    expect((await jobsOf(warehouse)).map(({ state }) => state)).toEqual(['truncated', 'loaded', 'loaded'])
  })

  eachWarehouse('after three that fail the window goes by the direct route', async (warehouse) => {
    await using sandbox = await startJobs()
    sandbox.faults.next({ ...start, fault: 'job-failed', times: 3 })
    const report = await syncOnce(sandbox, warehouse, byJobs)
    expect(of(report, 'email_send')).toMatchObject({ state: 'succeeded', windows: 1 })
    await expectTruth(sandbox, warehouse)
    expect([started(sandbox), asked(sandbox)]).toEqual([3, 1])
  })

  eachWarehouse('a job of another tool is not taken for one whose start never arrived', async (warehouse) => {
    await using sandbox = await startJobs()
    // It exports the last day of the three, at the same time.
    const times = { startDateTime: ago(days(1)).toISOString(), endDateTime: sandbox.now.toISOString() }
    for (const dataTypeName of ['pushSend', 'emailSend']) {
      const body = { dataTypeName, outputFormat: 'application/x-json-stream', ...times }
      expect((await ask(sandbox, start.path ?? '', { body })).status).toBe(200)
    }
    sandbox.faults.next({ ...start, fault: 'drop' })
    expect(outcome(await syncOnce(sandbox, warehouse, byJobs))).toEqual({ state: 'succeeded', wrong: [] })
    await expectTruth(sandbox, warehouse)
  })

  eachWarehouse('a key that may not list jobs looks at each of its own', async (warehouse) => {
    await using sandbox = await startJobs()
    const refused = { status: 403, body: { code: 'Forbidden', msg: 'no' } }
    sandbox.faults.next({ path: '/api/export/jobs', fault: refused, times: Number.POSITIVE_INFINITY })
    expect(outcome(await syncOnce(sandbox, warehouse, byJobs))).toEqual({ state: 'succeeded', wrong: [] })
    await expectTruth(sandbox, warehouse)
    expect([started(sandbox), asked(sandbox)]).toEqual([1, 0])
  })

  eachWarehouse('a key that may start none reads directly', async (warehouse) => {
    await using sandbox = await startJobs()
    sandbox.faults.next({ ...start, fault: { status: 403, body: { code: 'Forbidden', msg: 'no' } } })
    const report = await syncOnce(sandbox, warehouse, byJobs)
    expect(outcome(report)).toEqual({ state: 'succeeded', wrong: [] })
    await expectTruth(sandbox, warehouse)
    expect([started(sandbox), asked(sandbox)]).toEqual([1, 1])
  })
})

describe('by itself a sync', () => {
  const itself: Changes = {
    sync: { streams: ['email_send'], window_in_days: 3 },
    connection: { max_retries: 1 },
  }

  eachWarehouse('takes a job for days that do not arrive directly', async (warehouse) => {
    await using sandbox = await startJobs()
    sandbox.faults.next({ path: '/api/export/data.json', fault: '5xx', times: Number.POSITIVE_INFINITY })
    const report = await syncOnce(sandbox, warehouse, itself)
    expect(of(report, 'email_send')).toMatchObject({ state: 'succeeded', windows: 1 })
    expect(of(report, 'email_send').notes.join()).toContain('reading it by an export job')
    await expectTruth(sandbox, warehouse)
    expect(started(sandbox)).toBe(1)
  })

  eachWarehouse('takes a job for what is known to be large, and a dry run says so', async (warehouse) => {
    await using sandbox = await startJobs()
    await syncOnce(sandbox, warehouse, itself)
    expect([started(sandbox), asked(sandbox)]).toEqual([0, 1])
    await using elt = await openOn(sandbox, warehouse, itself)
    await elt.warehouse.use(({ db }) =>
      db.updateTable('stream_volumes').set({ bytes_per_day: 20_000_000 }).execute(),
    )
    const { streams } = await elt.planSync({ fullRefresh: true })
    expect(streams[0]?.routes).toEqual([{ route: 'jobs', reason: 'large', windows: 1 }])
    await elt.sync({ fullRefresh: true })
    expect([started(sandbox), asked(sandbox)]).toEqual([1, 1])
  })
})

describe('a stream that is known to be large', () => {
  const auto: Changes = { sync: { streams: ['email_send'], window_in_days: 'auto' } }

  /** Synced once; what is known of its volume then is a gigabyte a day. */
  async function startLarge(warehouse: TestWarehouse): Promise<Sandbox> {
    const sandbox = await startJobs()
    await syncOnce(sandbox, warehouse, auto)
    await using elt = await openOn(sandbox, warehouse, auto)
    await elt.warehouse.use(({ db }) =>
      db.updateTable('stream_volumes').set({ bytes_per_day: 1_000_000_000 }).execute(),
    )
    return sandbox
  }

  const refresh = { ...auto, request: { fullRefresh: true } }

  eachWarehouse('comes by both routes at once, and is committed in order', async (warehouse) => {
    await using sandbox = await startLarge(warehouse)
    const directly = asked(sandbox)
    const report = await syncOnce(sandbox, warehouse, refresh)
    expect(outcome(report)).toEqual({ state: 'succeeded', wrong: [] })
    await expectTruth(sandbox, warehouse)
    expect(started(sandbox)).toBeGreaterThan(1)
    expect(asked(sandbox) - directly).toBeGreaterThan(1)
    expect(of(report, 'email_send')).toMatchObject({
      windows: started(sandbox) + asked(sandbox) - directly,
      bookmark: sandbox.now.toISOString(),
    })
  })

  eachWarehouse('goes on by the direct route where a key may start no jobs', async (warehouse) => {
    await using sandbox = await startLarge(warehouse)
    const refused = { status: 403, body: { code: 'Forbidden', msg: 'no' } }
    const times = Number.POSITIVE_INFINITY
    sandbox.faults.next({ path: '/api/export/start', method: 'POST', fault: refused, times })
    const report = await syncOnce(sandbox, warehouse, refresh)
    expect(outcome(report)).toEqual({ state: 'succeeded', wrong: [] })
    await expectTruth(sandbox, warehouse)
    expect(of(report, 'email_send').bookmark).toBe(sandbox.now.toISOString())
  })
})

describe('a job that waits', () => {
  /** Others of the organization hold its four places. */
  async function fillPlaces(sandbox: Sandbox): Promise<readonly string[]> {
    const ids: string[] = []
    for (let count = 0; count < 4; count += 1) {
      sandbox.faults.next({ path: '/api/export/start', fault: 'job-stuck' })
      const body = { dataTypeName: 'pushSend', outputFormat: 'application/x-json-stream' }
      ids.push(String((await ask(sandbox, '/api/export/start', { body })).json().jobId))
    }
    return ids
  }

  eachWarehouse('is no fault, and is shown with its time', async (warehouse) => {
    await using sandbox = await startJobs()
    const others = await fillPlaces(sandbox)
    await using elt = await openOn(sandbox, warehouse, byJobs)
    const told: string[] = []
    const report = await elt.sync({
      onProgress(event) {
        if (event.type !== 'progress' || event.phase !== 'waiting') return
        told.push(event.label)
        if (!/enqueued for 90 min$/.test(event.label)) return
        for (const id of others) void ask(sandbox, `/api/export/${id}`, { method: 'DELETE' })
      },
    })
    expect(outcome(report)).toEqual({ state: 'succeeded', wrong: [] })
    expect(told.some((label) => /export job \d+ enqueued for 10 min$/.test(label))).toBe(true)
    expect(of(report, 'email_send').notes.join()).toContain('others have taken the places')
    await expectTruth(sandbox, warehouse)
    expect(started(sandbox)).toBe(5)
  })

  eachWarehouse(
    'only to be sooner than the rate limit is given up, and its window read directly',
    async (warehouse) => {
      await using sandbox = await startJobs()
      const others = await fillPlaces(sandbox)
      const streams = [
        'email_send',
        'email_open',
        'email_click',
        'email_bounce',
        'email_subscribe',
        'email_send_skip',
      ]
      const report = await syncOnce(sandbox, warehouse, {
        sync: { streams, window_in_days: 3 },
        connection: { rate_limits: { export: '1/h' } },
      })
      expect(outcome(report)).toEqual({ state: 'succeeded', wrong: [] })
      await expectTruth(sandbox, warehouse)
      // The first had the request of this hour.
      expect((await jobsOf(warehouse)).map(({ state }) => state)).toEqual(Array(5).fill('discarded'))
      expect([started(sandbox), asked(sandbox)]).toEqual([others.length + 5, 6])
    },
  )

  eachWarehouse('is left to the next sync by one that is to stop', async (warehouse) => {
    await using sandbox = await startJobs()
    const others = await fillPlaces(sandbox)
    const stop = new AbortController()
    {
      await using elt = await openOn(sandbox, warehouse, byJobs)
      const report = await elt.sync({
        stopping: stop.signal,
        onProgress: (event) => {
          if (event.type === 'progress' && event.phase === 'waiting') stop.abort()
        },
      })
      expect(report.state).toBe('cancelled')
    }
    for (const id of others) await ask(sandbox, `/api/export/${id}`, { method: 'DELETE' })
    expect(outcome(await syncOnce(sandbox, warehouse, byJobs))).toEqual({ state: 'succeeded', wrong: [] })
    await expectTruth(sandbox, warehouse)
    expect(started(sandbox)).toBe(5)
  })
})
