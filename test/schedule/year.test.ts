import { expect, test } from 'vitest'
import { nextTick, previousTick, readSchedule } from '../../src/schedule/definition.ts'
import { planTicks } from '../../src/schedule/plan.ts'
import { idle } from '../../src/state/queue.ts'
import type { ScheduleRow } from '../../src/state/schedules.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { Simulation, scheduled } from './simulation.ts'

const row = (columns: Partial<ScheduleRow>): ScheduleRow => ({
  name: 'sync',
  cron: '@hourly',
  dialect: 'treasuredata',
  timezone: 'UTC',
  delay_seconds: 0,
  start_at: null,
  end_at: null,
  overlap: 'skip',
  catchup: 'latest',
  catchup_window_seconds: 604_800,
  jitter_seconds: 0,
  timeout_seconds: null,
  defined_in: 'sql',
  planned_for: null,
  problem: null,
  last_nominal_at: null,
  next_nominal_at: null,
  next_due_at: null,
  paused_at: null,
  paused_reason: null,
  consecutive_failures: 0,
  transient_failures: 0,
  retry_at: null,
  retry_run_id: null,
  revision: 0,
  ...columns,
})

const start = new Date('2026-01-01T00:00:00Z')
const end = new Date('2027-01-01T00:00:00Z')

test.each([
  ['*/5 * * * *', 'UTC', {}, 105_119],
  ['0 * * * *', 'America/New_York', {}, 8_759],
  ['30 2 * * *', 'America/New_York', {}, 365],
  ['0 6 * * mon', 'Europe/Berlin', { delay_seconds: -3_600 }, 52],
  ['@monthly', 'Australia/Lord_Howe', { delay_seconds: 86_400, jitter_seconds: 3_600 }, 12],
] as const)(
  'a year of %s in %s, seen every seven hours: every tick once, in order',
  (cron, timezone, more, ticks) => {
    const schedule = readSchedule(
      row({ cron, timezone, ...more, catchup: 'all', catchup_window_seconds: 1_000_000_000 }),
    )
    const seen: number[] = []
    let from = nextTick(schedule, start)
    const lastMs = end.getTime() - 1
    for (let atMs = start.getTime(); atMs < lastMs + 25_200_000; atMs += 25_200_000) {
      const now = new Date(Math.min(atMs, lastMs))
      const plan = planTicks(schedule, { now, from: from as Date, activity: idle, isPaused: false })
      seen.push(...plan.ticks.map(({ nominalAt }) => nominalAt.getTime()))
      expect(plan.ticks.every(({ dueAt, skipped }) => dueAt <= now && skipped === undefined)).toBe(true)
      from = plan.nextNominalAt
    }
    expect(seen).toHaveLength(ticks)
    expect(new Set(seen).size).toBe(ticks)
    expect(seen).toEqual([...seen].sort((a, b) => a - b))
  },
)

test('the tick before a tick is found over long and short distances', () => {
  const before = (cron: string, at: string) =>
    previousTick(readSchedule(row({ cron })), new Date(at))?.toISOString() ?? null
  expect(before('* * * * *', '2026-03-01T00:00:00Z')).toBe('2026-02-28T23:59:00.000Z')
  expect(before('0 6 * * mon', '2026-03-02T06:00:00Z')).toBe('2026-02-23T06:00:00.000Z')
  expect(before('0 0 29 2 *', '2028-02-29T00:00:00Z')).toBe('2024-02-29T00:00:00.000Z')
  expect(before('', '2026-03-01T00:00:00Z')).toBeNull()
})

test('a year of a worker with daily, weekly and monthly jobs', async () => {
  const database = await createTestDatabase()
  {
    await using simulation = await Simulation.start(
      { config: { type: 'postgres', url: database.url } },
      {
        start: start.toISOString(),
        definitions: [
          scheduled('sync', { cron: '0 6 * * *', timezone: 'Europe/Berlin' }),
          scheduled('export:weekly', { cron: '0 7 * * mon', delay: '10m', jitter: '20m' }),
          scheduled('export:monthly', { cron: '@monthly', timezone: 'Asia/Tokyo' }),
        ],
      },
    )
    await simulation.goTo(end.toISOString())
    const counts = new Map<string, number>()
    for (const { job } of simulation.ran) counts.set(job, (counts.get(job) ?? 0) + 1)
    expect(Object.fromEntries(counts)).toEqual({ sync: 365, 'export:weekly': 52, 'export:monthly': 12 })
  }
  await database.drop()
})
