/** Time that is read more than once: late rows, equal rows, slices, windows that come back with less. */
import { expect } from 'vitest'
import type { Row, Sandbox } from '../../src/sandbox/index.ts'
import {
  ago,
  days,
  expectedEvents,
  hours,
  of,
  outcome,
  rowsOf,
  startProject,
  syncOnce,
} from '../support/sync.ts'
import { eachWarehouse, everyWarehouse, type TestWarehouse } from '../support/warehouse.ts'

const sync = { streams: ['email_open'] }

/** An event so many milliseconds before the present. */
const open = (before: number, more: Row = {}): Row => ({
  createdAt: ago(before).toISOString().replace('T', ' ').replace('.000Z', ' +00:00'),
  email: 'ada@example.com',
  campaignId: 7,
  ...more,
})

const startEmpty = (...rows: Row[]): Promise<Sandbox> =>
  startProject({ empty: true }).then((sandbox) => {
    sandbox.data.events('emailOpen').push(...rows)
    return sandbox
  })

const messagesOf = async (warehouse: TestWarehouse): Promise<unknown[]> =>
  (await warehouse.query(`select "messageId" as id from iterable.email_open order by 1`)).map(({ id }) => id)

eachWarehouse('equal events are all kept, and none is doubled by reading it again', async (warehouse) => {
  await using sandbox = await startEmpty(open(hours(30)), open(hours(3)), open(hours(3)), open(hours(3)))
  for (let run = 1; run <= 3; run += 1) {
    const report = await syncOnce(sandbox, warehouse, { sync })
    expect(outcome(report)).toEqual({ state: 'succeeded', wrong: [] })
    expect(await rowsOf(warehouse, 'email_open')).toEqual(
      await expectedEvents(sandbox, warehouse, 'email_open'),
    )
    expect(await rowsOf(warehouse, 'email_open')).toHaveLength(4)
    sandbox.advance(hours(1))
  }
})

eachWarehouse(
  'what comes late is picked up within the lookback, older rows by a slice',
  async (warehouse) => {
    await using sandbox = await startEmpty(open(hours(50), { messageId: 'old' }))
    await syncOnce(sandbox, warehouse, { sync })
    const shelf = sandbox.data.events('emailOpen')
    shelf.push(open(hours(5), { messageId: 'late' }), open(hours(40), { messageId: 'later' }))
    shelf.push(open(hours(40) - 1000, { messageId: 'latest' }))
    sandbox.advance(hours(2))
    await syncOnce(sandbox, warehouse, { sync })
    expect(await messagesOf(warehouse)).toEqual(['late', 'old'])

    const bookmarks = await warehouse.query('select stream, bookmark from iterable_sync.bookmarks')
    // Half-open: the row at the very end of the slice is not of it.
    const slice = { from: ago(hours(60)), to: ago(hours(40) - 1000) }
    const report = await syncOnce(sandbox, warehouse, { sync, request: { slice } })
    expect(of(report, 'email_open')).toMatchObject({ state: 'succeeded', rows_read: 2, rows_written: 2 })
    expect(await messagesOf(warehouse)).toEqual(['late', 'later', 'old'])
    expect(await warehouse.query('select stream, bookmark from iterable_sync.bookmarks')).toEqual(bookmarks)
  },
)

eachWarehouse('a slice before the first sync leaves all of the first sync to do', async (warehouse) => {
  await using sandbox = await startEmpty(open(hours(50)), open(hours(2)))
  const slice = { from: ago(hours(60)), to: ago(hours(40)) }
  await syncOnce(sandbox, warehouse, { sync, request: { slice } })
  expect(await rowsOf(warehouse, 'email_open')).toHaveLength(1)
  await syncOnce(sandbox, warehouse, { sync })
  expect(await rowsOf(warehouse, 'email_open')).toHaveLength(2)
})

eachWarehouse('a re-read with fewer rows is read again, then the rows held are kept', async (warehouse) => {
  const rows = [1, 2, 3, 4].map((hour) => open(hours(hour), { messageId: `held ${hour}` }))
  await using sandbox = await startEmpty(...rows)
  await syncOnce(sandbox, warehouse, { sync })
  const shelf = sandbox.data.events('emailOpen')
  shelf.remove(({ messageId }) => messageId === 'held 2')
  // A row of the new part, and one that came late into the part that shrank.
  shelf.push(open(-hours(1), { messageId: 'new' }))
  const requestsBefore = sandbox.requests.length
  sandbox.advance(hours(2))
  const report = of(await syncOnce(sandbox, warehouse, { sync }), 'email_open')
  expect(await messagesOf(warehouse)).toEqual(['held 1', 'held 2', 'held 3', 'held 4', 'new'])
  expect(report).toMatchObject({ state: 'succeeded', bookmark: sandbox.now.toISOString() })
  expect(report.notes.join('\n')).toContain('shrunk_window')
  // Two windows of the lookback and behind it; the one that shrank was asked for twice.
  const asked = sandbox.requests.slice(requestsBefore).map(({ query }) => query.startDateTime)
  expect(asked.length - new Set(asked).size).toBe(1)
  const [run] = await warehouse.query(
    `select details from iterable_sync.runs order by started_at desc limit 1`,
  )
  expect(JSON.stringify(run?.details)).toContain('shrunk_window')
})

eachWarehouse('a window that shrinks between two syncs and grows back loses nothing', async (warehouse) => {
  const rows = [1, 2, 3].map((hour) => open(hours(hour), { messageId: `held ${hour}` }))
  await using sandbox = await startEmpty(...rows)
  await syncOnce(sandbox, warehouse, { sync })
  const shelf = sandbox.data.events('emailOpen')
  shelf.clear()
  sandbox.advance(hours(1))
  await syncOnce(sandbox, warehouse, { sync })
  expect(await messagesOf(warehouse)).toEqual(['held 1', 'held 2', 'held 3'])
  shelf.push(...rows, open(hours(1), { messageId: 'held 0' }))
  sandbox.advance(hours(1))
  const report = of(await syncOnce(sandbox, warehouse, { sync }), 'email_open')
  expect(report.notes).toEqual([])
  expect(await messagesOf(warehouse)).toEqual(['held 0', 'held 1', 'held 2', 'held 3'])
})

eachWarehouse('a bookmark never goes back while the lookback is read', async (warehouse) => {
  await using sandbox = await startEmpty(open(hours(1)))
  const long = { ...sync, lookback: '3d' }
  await syncOnce(sandbox, warehouse, { sync: long })
  const reached = sandbox.now.toISOString()
  sandbox.advance(hours(1))
  sandbox.faults.next({
    fault: { status: 400, body: { msg: 'no', code: 'BadParams' } },
    path: '/api/export',
    skip: 2,
  })
  const report = of(await syncOnce(sandbox, warehouse, { sync: long }), 'email_open')
  expect(report).toMatchObject({ state: 'failed', bookmark: reached })
  const [row] = await warehouse.query('select bookmark from iterable_sync.bookmarks')
  expect(row?.bookmark).toEqual(new Date(reached))
})

everyWarehouse('a clock that was days fast for one sync loses nothing', async (warehouse) => {
  await using sandbox = await startEmpty(open(hours(1), { messageId: 'before' }))
  const { now } = sandbox
  sandbox.now = new Date(now.getTime() + days(10))
  await syncOnce(sandbox, warehouse, { sync })
  sandbox.now = new Date(now.getTime() + hours(2))
  sandbox.data.events('emailOpen').push(open(-hours(1), { messageId: 'after' }))
  const report = await syncOnce(sandbox, warehouse, { sync })
  expect(of(report, 'email_open').bookmark).toBe(sandbox.now.toISOString())
  sandbox.now = new Date(now.getTime() + days(12))
  await syncOnce(sandbox, warehouse, { sync })
  const rows = await warehouse.query('select "messageId" as id from iterable.email_open order by 1')
  expect(rows.map(({ id }) => id)).toEqual(['after', 'before'])
})

eachWarehouse(
  'events outside of their window or without a readable time are rejected rows',
  async (warehouse) => {
    await using sandbox = await startEmpty(open(hours(1), { messageId: 'good' }))
    const shelf = sandbox.data.events('emailOpen')
    const stray = { createdAt: '2019-05-05 10:00:00 +00:00', messageId: 'stray' }
    const timeless = { createdAt: 'once upon a time', messageId: 'timeless' }
    for (const row of [stray, timeless]) shelf.pushRaw(JSON.stringify(row), ago(hours(2)))
    const report = await syncOnce(sandbox, warehouse, { sync })
    expect(outcome(report)).toEqual({ state: 'succeeded_with_rejects', wrong: [] })
    expect(report).toMatchObject({ rows_read: 3, rows_written: 1, rows_rejected: 2 })
    expect(await messagesOf(warehouse)).toEqual(['good'])
    const rejects = await warehouse.query('select code, "row" from iterable_sync.rejected_rows order by code')
    expect(rejects).toEqual([
      { code: 'outside_window', row: stray },
      { code: 'unreadable_time', row: timeless },
    ])
  },
)

eachWarehouse('an event in the last fraction of a window is of that window alone', async (warehouse) => {
  const at = (time: string, messageId: string): Row => ({ createdAt: `2026-01-${time}Z`, messageId })
  await using sandbox = await startEmpty(
    at('30T23:59:59.999', 'a'),
    at('31T00:00:00.000', 'b'),
    at('31T00:00:00.001', 'c'),
  )
  expect(outcome(await syncOnce(sandbox, warehouse, { sync }))).toEqual({ state: 'succeeded', wrong: [] })
  sandbox.advance(hours(1))
  expect(outcome(await syncOnce(sandbox, warehouse, { sync }))).toEqual({ state: 'succeeded', wrong: [] })
  expect(await messagesOf(warehouse)).toEqual(['a', 'b', 'c'])
})

eachWarehouse(
  'syncs at odd times with changing settings keep the table equal to the project',
  async (warehouse) => {
    await using sandbox = await startProject({ eventsPerDay: 300, days: 6 })
    const start = ago(days(6))
    const steps = [
      { later: 0, settings: { window_in_days: 4, settle: '31m', lookback: '0s' } },
      { later: hours(5) + 7_123, settings: { window_in_days: 1, settle: '3h', lookback: '90m' } },
      { later: 61_000, settings: { window_in_days: 1, settle: '2m', lookback: '2d' } },
      { later: days(3), settings: { window_in_days: 2, settle: '0s', start_date: '2026-02-02' } },
      { later: 0, settings: { window_in_days: 1, settle: '0s', lookback: '1h' } },
    ]
    for (const { later, settings } of steps) {
      sandbox.advance(later)
      const changes = { sync: { ...sync, start_date: start.toISOString(), ...settings } }
      expect(outcome(await syncOnce(sandbox, warehouse, changes))).toEqual({ state: 'succeeded', wrong: [] })
    }
    expect(await rowsOf(warehouse, 'email_open')).toEqual(
      await expectedEvents(sandbox, warehouse, 'email_open', start),
    )
  },
)

eachWarehouse('a bad line that the lookback reads again is one rejected row still', async (warehouse) => {
  await using sandbox = await startEmpty(open(hours(3)))
  const shelf = sandbox.data.events('emailOpen')
  shelf.pushRaw('{"createdAt":oops}', ago(hours(4)))
  shelf.pushRaw('{"createdAt":oops}', ago(hours(4)))
  shelf.pushRaw('{"createdAt":"nonsense"}', ago(hours(4)))
  for (let run = 1; run <= 3; run += 1) {
    const report = await syncOnce(sandbox, warehouse, { sync })
    expect(report).toMatchObject({ state: 'succeeded_with_rejects', rows_rejected: 3 })
    const rejects = await warehouse.query(
      'select run_id, code from iterable_sync.rejected_rows order by code',
    )
    expect(rejects).toEqual(
      ['malformed_line', 'malformed_line', 'unreadable_time'].map((code) => ({
        run_id: report.run_id,
        code,
      })),
    )
    sandbox.advance(hours(1))
  }
})
