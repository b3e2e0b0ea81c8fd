/** The checks of the benchmark, and what they count. */
import { expect, test } from 'vitest'
import { requireEqualRows } from '../bench/check.ts'
import { measurePeer, type Task } from '../bench/process.ts'
import { open } from '../src/index.ts'
import { startSandbox } from '../src/sandbox/index.ts'
import { eachWarehouse } from './support/warehouse.ts'

test('runs that left other rows, or none, end the benchmark', () => {
  expect(() => requireEqualRows('users', [{ rows: 3 }, { rows: 3 }])).not.toThrow()
  for (const runs of [[{ rows: 3 }, { rows: 4 }], [{ rows: 3 }, {}], [{}], [{ rows: 0 }], []]) {
    expect(() => requireEqualRows('users', runs)).toThrow(/^users: the runs left/)
  }
})

const task: Task = {
  stream: 'users',
  directory: '/tmp',
  url: 'http://x',
  apiKey: 'k',
  warehouse: 'duckdb',
  database: '',
  start: '',
  now: '',
  name: 'ours',
  keep: false,
}

test('a peer is told what to load, and its CPU is that of its processes', async () => {
  const busy = 'node -e "const end = performance.now() + 400; while (performance.now() < end);"'
  const told = '[ "$BENCH_STREAM$BENCH_URL$BENCH_API_KEY" = usershttp://xk ]'
  const { seconds, cpuSeconds } = await measurePeer(`${told} && ${busy} && ${busy}`, task)
  expect(cpuSeconds).toBeGreaterThan(0.05)
  expect(seconds).toBeGreaterThan(0.8)
  await expect(measurePeer('exit 3', task)).rejects.toThrow('the peer ended with 3')
})

eachWarehouse('profiles without a time come with every window, and are one row each', async (warehouse) => {
  const now = new Date('2026-02-01T00:00:00Z')
  await using sandbox = await startSandbox({ rateLimits: 'off', now, days: 90, bench: { users: 500 } })
  await using elt = await open(
    {
      warehouse: warehouse.config,
      connections: { iterable: { api_key: sandbox.keys.server, base_url: sandbox.url, rate_limits: 'off' } },
      sync: { start_date: '2025-11-03', settle: '0s', streams: ['users'] },
    },
    { clock: { now: () => now, sleep: async () => {} } },
  )
  const { rows_written } = await elt.sync()
  const [count] = await warehouse.query(
    'select count(*) as people, count(*) filter (where "profileUpdatedAt" is null) as timeless from iterable.users',
  )
  const { people, timeless } = count as { people: number; timeless: number }
  expect(timeless).toBeGreaterThan(0)
  // Three windows: each writes them again.
  expect(rows_written).toBe(people + 2 * timeless)
})
