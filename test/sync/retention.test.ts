/** Events are kept as long as the configuration says, and what was dropped does not come back. */
import { expect, test } from 'vitest'
import { parseConfig } from '../../src/config/load.ts'
import {
  ago,
  days,
  expectedEvents,
  hours,
  of,
  openOn,
  outcome,
  planOnce,
  rowsOf,
  startProject,
  syncOnce,
} from '../support/sync.ts'
import { everyWarehouse } from '../support/warehouse.ts'

const streams = ['email_open', 'email_send']
const start = ago(days(12))
const forever = { streams, start_date: start.toISOString(), window_in_days: 30 }
/** Midnight, five days before the present of the tests. */
const kept = ago(days(5))
const limited = { ...forever, retention: { default: '5 days', email_send: '2 months' } }

everyWarehouse('older events are dropped once a day, and are never read again', async (warehouse) => {
  await using sandbox = await startProject({ days: 12, eventsPerDay: 200 })
  const earliestAsked = (from: number) =>
    sandbox.requests
      .slice(from)
      .filter(({ query }) => query.dataTypeName === 'emailOpen')
      .map(({ query }) => new Date(String(query.startDateTime)).getTime())
      .reduce((least, at) => Math.min(least, at), Number.POSITIVE_INFINITY)
  const held = async () => [await rowsOf(warehouse, 'email_open'), await rowsOf(warehouse, 'email_send')]
  const expected = async (since: Date) => [
    await expectedEvents(sandbox, warehouse, 'email_open', since),
    await expectedEvents(sandbox, warehouse, 'email_send', start),
  ]
  await syncOnce(sandbox, warehouse, { sync: forever })
  expect(await held()).toEqual(await expected(start))
  const old = sandbox.truth.events('emailOpen', start, kept).length
  expect(old).toBeGreaterThan(0)

  sandbox.advance(hours(1))
  const first = await syncOnce(sandbox, warehouse, { sync: limited })
  expect(outcome(first)).toEqual({ state: 'succeeded', wrong: [] })
  expect(of(first, 'email_open').notes.join()).toBe(
    `${old} rows from before 2026-01-27 dropped (sync.retention)`,
  )
  expect(of(first, 'email_send').notes).toEqual([])
  expect(await held()).toEqual(await expected(kept))
  const record = `select stream, kept_since, rows_dropped from iterable_sync.retention order by 1`
  expect(await warehouse.query(record)).toMatchObject([
    { stream: 'email_open', kept_since: kept, rows_dropped: old },
    { stream: 'email_send', rows_dropped: 0 },
  ])

  // Neither by a refresh, nor by a sweep, nor for a row that comes late.
  sandbox.data.events('emailOpen').push({ email: 'late@x.org', createdAt: ago(days(6)).toISOString() })
  sandbox.advance(days(4))
  await syncOnce(sandbox, warehouse, { sync: limited })
  sandbox.advance(days(4))
  const before = sandbox.requests.length
  const planned = await planOnce(sandbox, warehouse, { sync: limited })
  const later = new Date(kept.getTime() + days(8))
  expect(planned.get('email_open')).toMatchObject({ sweep_from: later, windows: [{ from: later }] })
  await syncOnce(sandbox, warehouse, { sync: limited, request: { fullRefresh: true } })
  await syncOnce(sandbox, warehouse, { sync: limited })
  expect(earliestAsked(before)).toBe(later.getTime())
  expect(await held()).toEqual(await expected(later))

  await using elt = await openOn(sandbox, warehouse, { sync: limited })
  const slice = { from: kept, to: later }
  const refused = 'email_open keeps nothing from before 2026-02-04 (sync.retention), and --from is 2026-01-27'
  await expect(elt.sync({ slice })).rejects.toThrow(refused)
  await expect(elt.planSync({ slice })).rejects.toThrow(refused)
})

test.each([
  ['90 days', { days: 90 }],
  ['90d', { days: 90 }],
  ['1 week', { days: 7 }],
  ['25 months', { months: 25 }],
  ['2 years', { months: 24 }],
])('%s', (age, expected) => {
  const retention = { default: age }
  const config = { warehouse: { type: 'duckdb', path: '/tmp/x.duckdb' }, sync: { retention } }
  expect(parseConfig(config as never, { baseDirectory: '/tmp' }).sync.retention).toEqual({
    default: expected,
  })
})

test.each(['0 days', '-1 days', '5', 'months', '5m 3d', ''])('%j is no age', (age) => {
  const config = {
    warehouse: { type: 'duckdb', path: '/tmp/x.duckdb' },
    sync: { retention: { email_open: age } },
  }
  expect(() => parseConfig(config as never, { baseDirectory: '/tmp' })).toThrow(
    'expected an age such as "90 days", "25 months" or "2 years"',
  )
})
