/** Further syncs (`sync.jobs`): which streams each job has, and that they run. */
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { expect, test } from 'vitest'
import { catalogue, selectStreams } from '../../src/catalog/index.ts'
import { parseConfig } from '../../src/config/load.ts'
import { type ConfigInput, type Elt, open } from '../../src/index.ts'
import type { Sandbox } from '../../src/sandbox/index.ts'
import { configOfJob } from '../../src/sync/shares.ts'
import { configFor, expectedEvents, rowsOf, startProject, syncOnce } from '../support/sync.ts'
import { eachWarehouse, onLake, type TestWarehouse } from '../support/warehouse.ts'

const never = { cron: '' }

test('the scheduled sync leaves to further syncs what is theirs; by command it has all', () => {
  const { sync } = parseConfig(
    {
      warehouse: { type: 'duckdb', path: 'w.duckdb' },
      sync: {
        streams: ['email_send', 'email_open', 'email_click', 'lists'],
        jobs: {
          clicks: { streams: ['email_click'], schedule: never },
          most: { streams: ['email', '!email_send', '!email_click'], schedule: never },
        },
      },
    },
    { baseDirectory: '.', env: {} },
  )
  const streamsOf = (job?: string) => {
    const { streams } = configOfJob(sync, { project_type: 'email' }, job)
    return selectStreams(catalogue('email'), streams).map(({ name }) => name)
  }
  expect(streamsOf()).toEqual(['email_click', 'email_open', 'email_send', 'lists'])
  expect(streamsOf('sync')).toEqual(['email_send', 'lists'])
  expect(streamsOf('sync:clicks')).toEqual(['email_click'])
  expect(streamsOf('sync:most')).toContain('email_open')
  expect(() => streamsOf('sync:none')).toThrow('sync.jobs has no none')
})

const jobs = { clicks: { streams: ['email_click'], schedule: never } }

const configOf = (sandbox: Sandbox, warehouse: TestWarehouse): ConfigInput =>
  configFor(sandbox, warehouse, {
    sync: { streams: ['email_open', 'email_click', 'lists'], window_in_days: 366, jobs },
  })

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await isSo()); tries += 1) {
    if (tries > 600) throw new Error('it never came to that')
    await delay(100)
  }
}

/** Works with workers in this process, of one run at a time each unless it is asked. */
async function withWorkers(
  elts: readonly Elt[],
  concurrency: number,
  work: () => Promise<void>,
): Promise<void> {
  const stop = new AbortController()
  const workers = elts.map((elt) => elt.worker({ signal: stop.signal, concurrency }))
  try {
    await Promise.race([work(), ...workers])
  } finally {
    stop.abort()
    await Promise.allSettled(workers)
  }
}

/** Asks for a run of both syncs. */
async function request(elt: Elt): Promise<void> {
  await elt.schedules()
  await elt.warehouse.use(({ db }) =>
    db
      .insertInto('run_requests')
      .values([{ job: 'sync' }, { job: 'sync:clicks' }])
      .execute(),
  )
}

/** How each of the requested runs stands, by job. */
async function statesOf(elt: Elt): Promise<Record<string, string>> {
  const runs = await elt.runs()
  const asked = runs.filter(({ trigger }) => trigger === 'request')
  return Object.fromEntries(asked.map(({ job, state }) => [job, state]))
}

const done = { sync: 'succeeded', 'sync:clicks': 'succeeded' }
const isDone = async (elt: Elt) => Object.values(await statesOf(elt)).join() === Object.values(done).join()

async function expectEvents(sandbox: Sandbox, warehouse: TestWarehouse): Promise<void> {
  for (const stream of ['email_open', 'email_click'] as const) {
    expect(await rowsOf(warehouse, stream)).toEqual(await expectedEvents(sandbox, warehouse, stream))
  }
}

eachWarehouse('where one sync works at a time, a worker runs them one after the other', async (warehouse) => {
  await using sandbox = await startProject()
  await using elt = await open(configOf(sandbox, warehouse))
  await request(elt)
  await withWorkers([elt], 4, () => until(() => isDone(elt)))
  expect(await statesOf(elt)).toEqual(done)
  await expectEvents(sandbox, warehouse)
})

onLake('two workers run them at the same time', async (warehouse) => {
  await using sandbox = await startProject()
  await syncOnce(sandbox, warehouse, { sync: { streams: ['email_open', 'email_click'] } })
  await using one = await open(configOf(sandbox, warehouse))
  await using other = await open(configOf(sandbox, warehouse))
  await request(one)
  // Both come as far as the bookmark of their first window, and wait there.
  const client = new pg.Client({ connectionString: (warehouse.config as { catalog: string }).catalog })
  client.on('error', () => {})
  await client.connect()
  await client.query('begin; select from iterable_sync.bookmarks for update')
  await withWorkers([one, other], 1, async () => {
    await until(async () => (await one.status()).at_work.filter(({ process }) => process).length === 2)
    const streams = (await one.status()).at_work.map((sync) => sync.streams.join())
    expect(streams.toSorted()).toEqual(['email_click', 'email_open,lists'])
    const owners = await warehouse.query(
      'select distinct owner from iterable_sync.leases where run_id is not null',
    )
    expect(owners).toHaveLength(2)
    await client.query('commit')
    await until(() => isDone(one))
  }).finally(() => client.end())
  await expectEvents(sandbox, warehouse)
})
