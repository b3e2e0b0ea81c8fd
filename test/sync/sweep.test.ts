/** The weekly sweep: rows that came later than the lookback are found, counted, and told. */
import { expect } from 'vitest'
import { wholeSecond } from '../../src/sync/windows.ts'
import { ago, days, hours, of, outcome, planOnce, startProject, syncOnce } from '../support/sync.ts'
import { eachWarehouse } from '../support/warehouse.ts'

const sync = { streams: ['email_open'], start_date: ago(days(40)).toISOString(), window_in_days: 10 }
const open = (createdAt: Date) => ({ email: 'late@example.com', createdAt: createdAt.toISOString() })
const exports = (sandbox: { readonly requests: readonly { readonly path: string }[] }, from: number) =>
  sandbox.requests.slice(from).filter(({ path }) => path === '/api/export/data.json').length

eachWarehouse('is due a week after the first sync, and takes one call a stream', async (warehouse) => {
  await using sandbox = await startProject()
  const first = await syncOnce(sandbox, warehouse, { sync })
  expect(outcome(first)).toEqual({ state: 'succeeded', wrong: [] })

  sandbox.advance(days(6))
  const shelf = sandbox.data.events('emailOpen')
  const [at] = [ago(days(4))]
  shelf.push(open(at), open(at), open(ago(days(10))))
  let before = sandbox.requests.length
  expect(of(await syncOnce(sandbox, warehouse, { sync }), 'email_open').notes).toEqual([])
  const late = `select count(*) as late from iterable.email_open where email = 'late@example.com'`
  expect(await warehouse.query(late)).toEqual([{ late: 0 }])

  sandbox.advance(days(1) + hours(1))
  const due = wholeSecond(new Date(sandbox.now.getTime() - days(30)))
  const planned = await planOnce(sandbox, warehouse, { sync })
  expect(planned.get('email_open')).toMatchObject({ windows: [{ from: due }], api_calls: 1, sweep_from: due })
  before = sandbox.requests.length
  const swept = await syncOnce(sandbox, warehouse, { sync, marts: {} })
  expect(outcome(swept)).toEqual({ state: 'succeeded', wrong: [] })
  expect(exports(sandbox, before)).toBe(1)
  expect(of(swept, 'email_open').bookmark).toBe(sandbox.now.toISOString())
  expect(of(swept, 'email_open').notes.join()).toMatch(
    /sweep of the last 30 days found 3 late rows: 2 of 11 to 12 days ago, 1 of 17 to 18 days ago/,
  )
  expect(await warehouse.query(late)).toEqual([{ late: 3 }])
  expect(
    await warehouse.query('select stream, swept_at, rows_late, lateness from iterable_sync.sweeps'),
  ).toEqual([{ stream: 'email_open', swept_at: sandbox.now, rows_late: 3, lateness: { 11: 2, 17: 1 } }])
  expect(
    await warehouse.query('select stream, swept_at, rows_late, hours_behind from iterable_marts.freshness'),
  ).toEqual([{ stream: 'email_open', swept_at: sandbox.now, rows_late: 3, hours_behind: 0 }])
  const total = await warehouse.query('select count(*) as rows from iterable.email_open')
  expect(total).toEqual([{ rows: sandbox.truth.events('emailOpen').length }])

  // The next one is due in a week.
  sandbox.advance(hours(1))
  before = sandbox.requests.length
  expect(of(await syncOnce(sandbox, warehouse, { sync }), 'email_open').notes).toEqual([])
  expect(exports(sandbox, before)).toBe(1)
  expect(sandbox.requests.at(-1)?.query.startDateTime).toMatch(/^2026-02-07/)
})

eachWarehouse('of a quiet stream stays due until that is asked for', async (warehouse) => {
  await using sandbox = await startProject()
  const quiet = { sync: { ...sync, streams: ['email_c*'], window_in_days: 'auto' as const } }
  const shelf = sandbox.data.events('emailClick')
  shelf.clear()
  await syncOnce(sandbox, warehouse, quiet)
  const begun = sandbox.now
  sandbox.advance(days(7) - hours(4))
  await syncOnce(sandbox, warehouse, quiet)
  shelf.push(open(ago(days(10))))
  const sweeps = () =>
    warehouse.query(
      `select swept_at, coalesce(rows_late, 0) as late from iterable_sync.sweeps where stream = 'email_click'`,
    )

  sandbox.advance(hours(5))
  expect(of(await syncOnce(sandbox, warehouse, quiet), 'email_click')).toMatchObject({ api_calls: 0 })
  expect(await sweeps()).toEqual([{ swept_at: begun, late: 0 }])

  sandbox.advance(hours(20))
  expect(of(await syncOnce(sandbox, warehouse, quiet), 'email_click').rows_written).toBe(1)
  expect(await sweeps()).toEqual([{ swept_at: sandbox.now, late: 1 }])
})

eachWarehouse('happens at no time where it is off', async (warehouse) => {
  await using sandbox = await startProject()
  const without = { sync: { ...sync, sweep: 'off' as const } }
  await syncOnce(sandbox, warehouse, without)
  sandbox.data.events('emailOpen').push(open(ago(days(10))))
  sandbox.advance(days(8))
  await syncOnce(sandbox, warehouse, without)
  expect(
    await warehouse.query(
      `select count(*) as late from iterable.email_open where email = 'late@example.com'`,
    ),
  ).toEqual([{ late: 0 }])
})
