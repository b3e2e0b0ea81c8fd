/** A sync is killed wherever it stands; the next one makes the tables what they would have been. */
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect } from 'vitest'
import type { Sandbox } from '../../src/sandbox/index.ts'
import { often } from '../support/often.ts'
import { type SyncProcess, startSync } from '../support/processes.ts'
import {
  type Changes,
  configFor,
  contentsOf,
  outcome,
  present,
  startProject,
  syncOnce,
  syncWhenFree,
} from '../support/sync.ts'
import type { SyncLine } from '../support/sync-process.ts'
import {
  createTestWarehouse,
  eachWarehouse,
  everyWarehouse,
  type TestWarehouse,
  type WarehouseKind,
} from '../support/warehouse.ts'

const changes: Changes = {
  sync: { streams: ['email_open', 'email_subscribe', 'users', 'lists', 'list_users', 'campaigns'] },
  marts: {},
}

const project = (): Promise<Sandbox> => startProject({ faults: 'bad-lines' })

const begin = (sandbox: Sandbox, warehouse: TestWarehouse): Promise<SyncProcess> =>
  startSync({ config: configFor(sandbox, warehouse, changes), now: present.toISOString() })

/** What one sync that nobody disturbs leaves behind; the project is the same for every test. */
const undisturbed = new Map<WarehouseKind, Promise<Record<string, string[]>>>()

function expected(kind: WarehouseKind): Promise<Record<string, string[]>> {
  const known = undisturbed.get(kind) ?? makeExpected(kind)
  undisturbed.set(kind, known)
  return known
}

async function makeExpected(kind: WarehouseKind): Promise<Record<string, string[]>> {
  await using warehouse = await createTestWarehouse(kind)
  await using sandbox = await project()
  const report = await syncOnce(sandbox, warehouse, changes)
  expect(outcome(report)).toEqual({ state: 'succeeded_with_rejects', wrong: [] })
  return await contentsOf(warehouse)
}

/** The next sync waits for nothing but the server, says what became of the dead one, and completes the tables. */
async function expectRecovery(sandbox: Sandbox, warehouse: TestWarehouse): Promise<void> {
  const report = await syncWhenFree(sandbox, warehouse, changes)
  expect(outcome(report)).toMatchObject({ wrong: [] })
  const contents = await contentsOf(warehouse)
  for (const [table, rows] of Object.entries(await expected(warehouse.kind))) {
    expect(contents[table], table).toEqual(rows)
  }
  const runs = await warehouse.query(
    `select state, error_code from iterable_sync.runs where run_id <> '${report.run_id}'`,
  )
  // On a fast machine some are done before they are killed.
  const abandoned = runs.filter(({ state }) => state !== 'succeeded_with_rejects')
  expect(abandoned.length).toBeGreaterThan(0)
  for (const run of abandoned) expect(run).toEqual({ state: 'failed', error_code: 'abandoned' })
}

/** Numbers of a fixed seed, so that a failure can be repeated. */
function* delaysOf(seed: number, longestMs: number): Generator<number> {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    yield (state / 2 ** 32) * longestMs
  }
}

const isLoading = (line: SyncLine, stream?: string) =>
  line.type === 'progress' && line.phase === 'loading' && (stream ?? line.stream) === line.stream

/** It was done before it could be killed; or the server had not learnt yet of the death of the one before. */
const isOver = (line: SyncLine) => line.type === 'report' || (line.type === 'error' && line.code === 'locked')

describe('kill -9', () => {
  const moments: Record<string, (line: SyncLine) => boolean> = {
    'as soon as it has begun': ({ type }) => type === 'started',
    'when profiles are loaded': (line) => isLoading(line, 'users'),
  }
  for (const [name, moment] of Object.entries(moments)) {
    eachWarehouse(
      `${name} leaves nothing wrong behind`,
      async (warehouse) => {
        await using sandbox = await project()
        await using sync = await begin(sandbox, warehouse)
        sync.go()
        await sync.until(moment)
        await sync.kill()
        await expectRecovery(sandbox, warehouse)
      },
      300_000,
    )
  }

  // Where the file itself might suffer, more often.
  const killsOf = often(
    { duckdb: 8, postgres: 4, ducklake: 4 },
    { duckdb: 300, postgres: 300, ducklake: 300 },
  )

  everyWarehouse(
    'again and again, anywhere, leaves nothing wrong behind',
    async (warehouse) => {
      const most = killsOf[warehouse.kind]
      await using sandbox = await project()
      const delays = delaysOf(20_260_201, 600)
      let kills = 0
      for (let next = begin(sandbox, warehouse); kills < most; kills += 1) {
        await using sync = await next
        // The next one loads its modules while this one works.
        if (kills < most - 1) next = begin(sandbox, warehouse)
        sync.go()
        if (kills % 2 === 0) {
          await sync.until(({ type }) => type !== 'ready')
          await delay(delays.next().value as number)
        } else {
          // Right into a transaction.
          const loads = 1 + Math.floor((delays.next().value as number) / 150)
          await sync.until(
            (line) => isOver(line) || sync.lines.filter((each) => isLoading(each)).length >= loads,
          )
          await delay((delays.next().value as number) / 12)
        }
        await sync.kill()
      }
      await expectRecovery(sandbox, warehouse)
    },
    often(300_000, 3_600_000),
  )
})
