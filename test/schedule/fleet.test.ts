import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { expect, test } from 'vitest'
import { currentSchedules } from '../../src/schedule/register.ts'
import { migrate } from '../../src/warehouse/migrations.ts'
import { openPostgres } from '../../src/warehouse/postgres/warehouse.ts'
import { startEmbeddedPostgres } from '../support/embedded-postgres.ts'
import { often } from '../support/often.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { startProgram } from '../support/programs.ts'

/** A second of the machine is a minute of the workers. */
const scale = 60
const minutes = (count: number) => count * 60_000

interface Fleet {
  readonly url: string
  readonly schedules: number
  readonly ticks: number
  readonly base: number
}

/** Schedules of every ten minutes, which end after some ticks. */
async function prepare(url: string, { schedules, ticks }: Omit<Fleet, 'url' | 'base'>): Promise<Fleet> {
  await using warehouse = await openPostgres({ source: { url }, schema: 'iterable' })
  // At base, when all workers should have begun, their clocks show 00:08.
  const base = Date.now() + (schedules > 50 ? 8_000 : 4_000)
  const day = new Date('2026-03-01T00:00:00Z')
  await warehouse.use(async (session) => {
    await migrate(session)
    await session.db
      .insertInto('schedules')
      .values(
        Array.from({ length: schedules }, (_, index) => ({
          name: `export:${index}`,
          cron: '*/10 * * * *',
          catchup: index % 2 === 0 ? 'all' : 'latest',
          overlap: 'queue_one',
          end_at: new Date(day.getTime() + minutes(10) * (ticks + 0.5)),
        })),
      )
      .execute()
    await currentSchedules(session.db, day, async () => {})
  })
  await query(url, 'create table effects (run_id text, job text, nominal_at timestamptz)')
  return { url, schedules, ticks, base }
}

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

function startWorker({ url, base }: Fleet, index: number): ChildProcess {
  const input = JSON.stringify({ url, base, scale, index, concurrency: 4 })
  return startProgram('test/schedule/worker-process.ts', [input], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}

async function untilAllAreThere(url: string, count: number): Promise<void> {
  await expect
    .poll(() => query(url, 'select count(*)::int as n from iterable_sync.workers'), { timeout: 60_000 })
    .toEqual([{ n: count }])
}

/** Waits until every schedule is over and nothing waits any more. */
async function untilDone(url: string): Promise<void> {
  for (let tries = 0; tries < 700; tries += 1) {
    const [row] = await query(
      url,
      `select (select count(*)::int from iterable_sync.queue) as waiting,
         (select count(*)::int from iterable_sync.schedules where planned_for is null or next_due_at is not null or retry_at is not null) as coming`,
    ).catch(() => [])
    if (row?.waiting === 0 && row.coming === 0) return
    await delay(250)
  }
  throw new Error('the fleet does not come to an end')
}

async function check({ url, schedules, ticks }: Fleet): Promise<void> {
  const rows = await query(
    url,
    `select job, count(slot)::int as n, count(distinct nominal_at)::int as different,
       (count(distinct nominal_at) filter (where state in ('succeeded', 'skipped')))::int as done,
       count(*) filter (where state not in ('succeeded', 'skipped') and error_code is null
         or state = 'skipped' and error_code is null)::int as unexplained,
       (count(distinct nominal_at) filter (where state = 'succeeded'))::int as succeeded,
       (count(distinct nominal_at) filter (where state = 'skipped' and error_code = 'overlap'))::int as overlapping
     from iterable_sync.runs group by job`,
  )
  expect(rows).toHaveLength(schedules)
  for (const row of rows)
    expect(row).toMatchObject({ n: ticks, different: ticks, done: ticks, unexplained: 0 })
  const all = rows.filter(({ job }) => Number(String(job).split(':')[1]) % 2 === 0)
  // On a slow machine a tick may fall due while one works and one waits: that is skipped, and nothing else is.
  for (const row of all) expect(Number(row.succeeded) + Number(row.overlapping)).toBe(ticks)
  for (const row of all) expect(row.succeeded).toBeGreaterThan(0)
  // A run whose worker died has its effect once or twice, never not at all; every effect belongs to a run.
  const [sums] = await query(
    url,
    `select (select count(*)::int from iterable_sync.runs where state = 'succeeded') as runs,
       (select count(distinct run_id)::int from effects) as effects,
       (select count(*)::int from effects where run_id not in (select run_id from iterable_sync.runs)) as strays`,
  )
  expect(sums?.effects).toBe(sums?.runs)
  expect(sums?.strays).toBe(0)
}

async function stopAll(workers: readonly ChildProcess[]): Promise<void> {
  for (const worker of workers) worker.kill('SIGTERM')
  await Promise.all(workers.map((worker) => worker.exitCode ?? worker.signalCode ?? once(worker, 'exit')))
}

test('many workers and schedules, some killed at random: each tick exactly once', async () => {
  const database = await createTestDatabase()
  const fleet = await prepare(database.url, { schedules: often(100, 200), ticks: 3 })
  const workers = Array.from({ length: often(5, 8) }, (_, index) => startWorker(fleet, index))
  try {
    let isOver = false
    const killing = (async () => {
      for (let killed = 0; !isOver && killed < often(5, 8); killed += 1) {
        await delay(2_000 + Math.random() * 1_500)
        const index = Math.floor(Math.random() * workers.length)
        workers[index]?.kill('SIGKILL')
        workers[index] = startWorker(fleet, index)
      }
    })()
    await untilDone(fleet.url)
    isOver = true
    await killing
    await check(fleet)
    const dead = await query(
      fleet.url,
      'select count(*)::int as n from iterable_sync.leases where run_id is not null',
    )
    expect(dead).toEqual([{ n: 0 }])
  } finally {
    await stopAll(workers)
    await database.drop()
  }
})

test('the database is killed and restarted under the workers: nothing is lost, nothing doubles', async () => {
  const server = await startEmbeddedPostgres()
  const fleet = await prepare(server.url, { schedules: 20, ticks: 3 })
  const workers = Array.from({ length: 3 }, (_, index) => startWorker(fleet, index))
  try {
    // Their clocks show 00:10 after six seconds; on a slow machine they begin later than that.
    await Promise.all([delay(6_000), untilAllAreThere(fleet.url, workers.length)])
    await server.kill9()
    await delay(1_500)
    await server.restart()
    await delay(3_000)
    await server.restart()
    await untilDone(fleet.url)
    await check(fleet)
  } finally {
    await stopAll(workers)
    await server.stop()
  }
})
