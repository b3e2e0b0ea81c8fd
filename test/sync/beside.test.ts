/** A sync beside others: a second sync, other programs on the same file, and people who want it to stop. */
import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { InterruptedError, open, type SyncEvent, UserError } from '../../src/index.ts'
import type { Sandbox } from '../../src/sandbox/index.ts'
import { holdFile, startSync } from '../support/processes.ts'
import {
  type Changes,
  configFor,
  eventStreams,
  expectedEvents,
  hours,
  of,
  openOn,
  outcome,
  present,
  quickClock,
  rowsOf,
  startProject,
  syncOnce,
} from '../support/sync.ts'
import {
  createTestWarehouse,
  eachWarehouse,
  everyWarehouse,
  type TestWarehouse,
} from '../support/warehouse.ts'

const sync = { streams: ['email_open'] }

/**
 * Lets each export hang in the middle of its answer until the client gives up after `body`, again and again; with
 * `sandbox.faults.clear()` the next one is answered.
 */
function hang(sandbox: Sandbox): void {
  sandbox.faults.next({ fault: 'stall', path: '/api/export', times: Number.POSITIVE_INFINITY })
}

/** Who ends at once has not waited for what would have taken a minute, or an hour, or for ever. */
const atOnceMs = 20_000

const patient = { sync, connection: { timeouts: { body: '3s' } } } satisfies Changes

async function expectOpens(sandbox: Sandbox, warehouse: TestWarehouse): Promise<void> {
  expect(await rowsOf(warehouse, 'email_open')).toEqual(
    await expectedEvents(sandbox, warehouse, 'email_open'),
  )
}

describe('two syncs of one warehouse at once', () => {
  eachWarehouse(
    'from two processes: the second is told so, the first is not disturbed',
    async (warehouse) => {
      await using sandbox = await startProject()
      hang(sandbox)
      await using first = await startSync({
        config: configFor(sandbox, warehouse, patient),
        now: present.toISOString(),
      })
      await using second = await startSync({
        config: configFor(sandbox, warehouse, patient),
        now: present.toISOString(),
      })
      first.go()
      await first.until((line) => line.type === 'progress' && line.bytes > 0)
      second.go()
      const { error, exitCode } = await second.result()
      expect(error).toMatchObject({ code: 'locked', message: expect.stringContaining('another sync') })
      expect(exitCode).toBe(1)
      sandbox.faults.clear()
      const { report } = await first.result()
      expect(report && outcome(report)).toEqual({ state: 'succeeded', wrong: [] })
      await expectOpens(sandbox, warehouse)
      expect(await warehouse.query('select state from iterable_sync.runs')).toEqual([{ state: 'succeeded' }])
    },
  )

  eachWarehouse('from one process, opened once or twice: one of them runs', async (warehouse) => {
    await using sandbox = await startProject()
    await using one = await openOn(sandbox, warehouse, { sync })
    await using other = await openOn(sandbox, warehouse, { sync })
    const results = await Promise.allSettled([one.sync(), one.sync(), other.sync(), other.sync()])
    const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
    expect(refused).toHaveLength(3)
    for (const error of refused) {
      expect(error).toBeInstanceOf(UserError)
      expect(error).toMatchObject({ code: 'locked' })
    }
    await expectOpens(sandbox, warehouse)
    // The lock is free again.
    sandbox.advance(hours(1))
    expect(outcome(await other.sync())).toEqual({ state: 'succeeded', wrong: [] })
    await expectOpens(sandbox, warehouse)
  })

  test('under two names of one file: the second is told so', async () => {
    await using sandbox = await startProject()
    await using warehouse = await createTestWarehouse('duckdb')
    const folder = await mkdtemp(join(tmpdir(), 'elt-link-'))
    try {
      await symlink(warehouse.tempDir, join(folder, 'link'))
      const path = join(folder, 'link', 'warehouse.duckdb')
      const linked: TestWarehouse = { ...warehouse, config: { type: 'duckdb', path } }
      await using one = await openOn(sandbox, linked, { sync })
      await using other = await openOn(sandbox, warehouse, { sync })
      // Whichever comes first.
      const results = await Promise.allSettled([one.sync(), other.sync()])
      const [done, refused] = results.toSorted((a, b) => (a.status < b.status ? -1 : 1))
      expect(refused).toMatchObject({ status: 'rejected', reason: { code: 'locked' } })
      expect(done).toMatchObject({ status: 'fulfilled', value: { state: 'succeeded' } })
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })
})

test('warehouses that share a spool folder do not meet there', async () => {
  await using shared = await createTestWarehouse('duckdb')
  const syncIt = async (seed: number) => {
    await using sandbox = await startProject({ seed, faults: 'slow' })
    await using warehouse = await createTestWarehouse('duckdb')
    const config = { ...configFor(sandbox, warehouse, { sync }), spool_directory: shared.tempDir }
    await using elt = await open(config, { clock: quickClock(sandbox) })
    expect(outcome(await elt.sync())).toEqual({ state: 'succeeded', wrong: [] })
    await expectOpens(sandbox, warehouse)
  }
  await Promise.all([1, 2, 3].map(syncIt))
})

describe('a DuckDB warehouse', () => {
  test('can be opened and written by other programs while a sync downloads', async () => {
    await using sandbox = await startProject()
    await using warehouse = await createTestWarehouse('duckdb')
    const path = join(warehouse.tempDir, 'warehouse.duckdb')
    hang(sandbox)
    await using elt = await openOn(sandbox, warehouse, patient)
    const events: SyncEvent[] = []
    let isDone = false
    const running = elt.sync({ onProgress: (event) => events.push(event) }).finally(() => {
      isDone = true
    })
    while (!events.some((event) => event.type === 'progress' && event.bytes > 0)) await delay(5)
    const holder = await holdFile(path)
    expect(isDone, 'the sync still downloads').toBe(false)
    sandbox.faults.clear()
    await holder[Symbol.asyncDispose]()
    expect(outcome(await running)).toEqual({ state: 'succeeded', wrong: [] })
    await expectOpens(sandbox, warehouse)
    expect(await warehouse.query('select note from main.notes')).toEqual([{ note: 1 }])
  })

  test('that another program holds is waited for, with a notice', async () => {
    await using sandbox = await startProject()
    await using warehouse = await createTestWarehouse('duckdb')
    await syncOnce(sandbox, warehouse, { sync })
    sandbox.advance(hours(1))
    const holder = await holdFile(join(warehouse.tempDir, 'warehouse.duckdb'))
    await using elt = await openOn(sandbox, warehouse, { sync })
    const notices: string[] = []
    const onProgress = (event: SyncEvent) => {
      if (event.type === 'notice') notices.push(event.message)
    }
    const running = elt.sync({ onProgress })
    while (notices.length === 0) await delay(5)
    expect(notices[0]).toMatch(/warehouse\.duckdb is in use by process \d+; waiting for it/)
    await holder[Symbol.asyncDispose]()
    expect(outcome(await running)).toEqual({ state: 'succeeded', wrong: [] })
    await expectOpens(sandbox, warehouse)
  })

  test('that another program holds is given up at once when asked to stop', async () => {
    await using sandbox = await startProject()
    await using warehouse = await createTestWarehouse('duckdb')
    await syncOnce(sandbox, warehouse, { sync })
    await using _holder = await holdFile(join(warehouse.tempDir, 'warehouse.duckdb'))
    await using elt = await openOn(sandbox, warehouse, { sync })
    const controller = new AbortController()
    const running = elt.sync({ signal: controller.signal, onProgress: () => controller.abort() })
    const started = performance.now()
    await expect(running).rejects.toBeInstanceOf(InterruptedError)
    expect(performance.now() - started).toBeLessThan(atOnceMs)
  })
})

describe('asked to stop', () => {
  const everything = { sync: { streams: ['core', '!metadata'], start_date: '2026-01-30' } }

  for (const phase of ['downloading', 'loading'] as const) {
    eachWarehouse(
      `while ${phase}, a sync ends at once, and the next one does the rest`,
      async (warehouse) => {
        await using sandbox = await startProject()
        if (phase === 'downloading') hang(sandbox)
        await using elt = await openOn(sandbox, warehouse, everything)
        const controller = new AbortController()
        let stoppedAt = 0
        const onProgress = (event: SyncEvent) => {
          if (event.type !== 'progress' || event.phase !== phase || controller.signal.aborted) return
          if (phase === 'downloading' && event.bytes === 0) return
          stoppedAt = performance.now()
          controller.abort()
        }
        const report = await elt.sync({ signal: controller.signal, onProgress })
        expect(performance.now() - stoppedAt).toBeLessThan(atOnceMs)
        sandbox.faults.clear()
        expect(report.state).toBe('cancelled')
        expect(report.streams.some(({ state }) => state === 'cancelled')).toBe(true)
        expect(await warehouse.query('select state from iterable_sync.runs')).toEqual([
          { state: 'cancelled' },
        ])

        expect(outcome(await elt.sync())).toEqual({ state: 'succeeded', wrong: [] })
        for (const stream of eventStreams) {
          expect(await rowsOf(warehouse, stream), stream).toEqual(
            await expectedEvents(sandbox, warehouse, stream, new Date('2026-01-30')),
          )
        }
      },
    )
  }

  eachWarehouse(
    'after its windows at work, a sync has committed them and begins no other',
    async (warehouse) => {
      await using sandbox = await startProject()
      const sync = { streams: [...eventStreams], window_in_days: 1 }
      await using elt = await openOn(sandbox, warehouse, { sync })
      const stop = new AbortController()
      const onProgress = (event: SyncEvent) => {
        if (event.type === 'progress' && event.phase === 'loading') stop.abort()
      }
      const report = await elt.sync({ stopping: stop.signal, onProgress })
      expect(report.state).toBe('cancelled')
      const read = sandbox.requests.filter(({ path }) => path === '/api/export/data.json').length
      const committed = report.streams.reduce((sum, { windows }) => sum + windows, 0)
      expect(committed).toBeGreaterThan(0)
      expect(committed).toBe(read)
      expect(outcome(await elt.sync())).toEqual({ state: 'succeeded', wrong: [] })
      for (const stream of eventStreams) {
        expect(await rowsOf(warehouse, stream)).toEqual(await expectedEvents(sandbox, warehouse, stream))
      }
    },
  )

  eachWarehouse('while it waits for a rate limit, a sync ends at once', async (warehouse) => {
    await using sandbox = await startProject()
    // The clock of the machine: the waits are real.
    const config = configFor(sandbox, warehouse, { sync, connection: { rate_limits: { export: '1/h' } } })
    await using elt = await open(config)
    const controller = new AbortController()
    let stoppedAt = 0
    const onProgress = (event: SyncEvent) => {
      if (event.type !== 'wait') return
      stoppedAt = performance.now()
      controller.abort()
    }
    const report = await elt.sync({ signal: controller.signal, onProgress })
    expect(performance.now() - stoppedAt).toBeLessThan(atOnceMs)
    expect(of(report, 'email_open').state).toBe('cancelled')
  })
})

everyWarehouse(
  'once it is closed, all work is refused in words, and nothing stays locked',
  async (warehouse) => {
    await using sandbox = await startProject()
    const closed = await openOn(sandbox, warehouse, { sync })
    await closed[Symbol.asyncDispose]()
    await closed[Symbol.asyncDispose]()
    const rows = async () => {
      for await (const _ of closed.query('select 1')) return
    }
    for (const work of [closed.sync, closed.worker, closed.schedules, rows]) {
      await expect(work()).rejects.toMatchObject({
        code: 'closed',
        message: expect.stringContaining('closed'),
      })
    }
    expect(outcome(await syncOnce(sandbox, warehouse, { sync }))).toEqual({ state: 'succeeded', wrong: [] })
  },
)
