/** A sync by jobs is killed at each of its steps; the next one goes on with the same job. */
import { describe, expect } from 'vitest'
import type { Sandbox, SandboxOptions } from '../../src/sandbox/index.ts'
import { type SyncProcess, startSync } from '../support/processes.ts'
import {
  type Changes,
  configFor,
  expectedEvents,
  hours,
  of,
  outcome,
  rowsOf,
  startProject,
  syncWhenFree,
} from '../support/sync.ts'
import type { SyncLine } from '../support/sync-process.ts'
import { eachWarehouse, type TestWarehouse } from '../support/warehouse.ts'

const changes: Changes = { sync: { streams: ['email_send'], window_in_days: 2, export_route: 'jobs' } }

const startJobs = (options: SandboxOptions = {}): Promise<Sandbox> =>
  startProject({ jobMs: 1500, jobFileBytes: 4000, eventsPerDay: 200, ...options })

const started = (sandbox: Sandbox): number => sandbox.counts()['POST /api/export/start'] ?? 0

/** Waits for what the sandbox sees. */
async function met(isMet: () => boolean): Promise<void> {
  while (!isMet()) await new Promise((resolve) => setTimeout(resolve, 2))
}

const hasAsked = (sandbox: Sandbox, path: RegExp) => sandbox.requests.some((one) => path.test(one.path))
const isLoading = (line: SyncLine) => line.type === 'progress' && line.phase === 'loading'

async function expectTruth(sandbox: Sandbox, warehouse: TestWarehouse): Promise<void> {
  expect(await rowsOf(warehouse, 'email_send')).toEqual(
    await expectedEvents(sandbox, warehouse, 'email_send'),
  )
}

interface Step {
  readonly name: string
  readonly reached: (sandbox: Sandbox, sync: SyncProcess) => Promise<unknown>
  readonly prepare?: (sandbox: Sandbox) => void
}

const steps: readonly Step[] = [
  {
    name: 'when the start is asked for, and its answer is lost',
    // The sandbox makes the job and says nothing; the process is dead before it can ask again.
    prepare: ({ faults }) => {
      faults.next({ path: '/api/export/start', fault: 'lost-answer' })
      faults.next({ path: '/api/export/jobs', fault: 'stall' })
    },
    reached: (sandbox) => met(() => hasAsked(sandbox, /export\/jobs$/)),
  },
  {
    name: 'while the job waits and works',
    reached: (sandbox) => met(() => hasAsked(sandbox, /export\/jobs$/)),
  },
  { name: 'while its files are listed', reached: (sandbox) => met(() => hasAsked(sandbox, /\d\/files$/)) },
  { name: 'while its files are fetched', reached: (sandbox) => met(() => hasAsked(sandbox, /^\/files\//)) },
  { name: 'while its rows are loaded', reached: (_, sync) => sync.until(isLoading) },
]

describe('kill -9', () => {
  for (const { name, reached, prepare } of steps) {
    eachWarehouse(
      `${name}: no second job is started for the window`,
      async (warehouse) => {
        await using sandbox = await startJobs()
        prepare?.(sandbox)
        await using sync = await startSync({
          config: configFor(sandbox, warehouse, changes),
          now: sandbox.now.toISOString(),
        })
        sync.go()
        await reached(sandbox, sync)
        await sync.kill()
        sandbox.faults.clear()
        expect(outcome(await syncWhenFree(sandbox, warehouse, changes))).toEqual({
          state: 'succeeded',
          wrong: [],
        })
        await expectTruth(sandbox, warehouse)
        // Two windows: one job for each, whether it was started before or after.
        expect(started(sandbox)).toBe(2)
      },
      300_000,
    )
  }

  eachWarehouse(
    'hours before the next sync: rows that the job came too early for are read, too',
    async (warehouse) => {
      await using sandbox = await startJobs()
      const wide = { sync: { ...changes.sync, window_in_days: 30 } }
      const createdAt = new Date(sandbox.now.getTime() - hours(2)).toISOString()
      sandbox.data.events('emailSend').pushLate([{ createdAt, email: 'late@example.com' }])
      await using sync = await startSync({
        config: configFor(sandbox, warehouse, wide),
        now: sandbox.now.toISOString(),
      })
      sync.go()
      await met(() => hasAsked(sandbox, /export\/jobs$/))
      await sync.kill()
      sandbox.advance(hours(5))
      const report = await syncWhenFree(sandbox, warehouse, wide)
      expect(of(report, 'email_send')).toMatchObject({ windows: 2, bookmark: sandbox.now.toISOString() })
      await expectTruth(sandbox, warehouse)
      expect(started(sandbox)).toBe(2)
    },
    300_000,
  )
})
