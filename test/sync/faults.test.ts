/** Whatever goes wrong on the way: after a sync the tables equal the project, or are as they were. */
import { describe, expect } from 'vitest'
import type { FaultProfile, Sandbox } from '../../src/sandbox/index.ts'
import {
  ago,
  type Changes,
  dataTypes,
  days,
  type EventStream,
  expectedEvents,
  expectedRows,
  hours,
  of,
  outcome,
  rowsOf,
  startProject,
  syncOnce,
} from '../support/sync.ts'
import { eachWarehouse, type TestWarehouse } from '../support/warehouse.ts'

const events: readonly EventStream[] = ['email_send', 'email_open']
const changes: Changes = { sync: { streams: [...events, 'users', 'lists', 'list_users'] } }

/** Where answers fall silent. */
const hasty: Changes = { ...changes, connection: { timeouts: { headers: '5s', body: '500ms' } } }

async function expectTruth(sandbox: Sandbox, warehouse: TestWarehouse): Promise<void> {
  for (const stream of events) {
    const expected = await expectedEvents(sandbox, warehouse, stream)
    expect(await rowsOf(warehouse, stream), stream).toEqual(expected)
  }
  const users = sandbox.truth.users(ago(days(3)), sandbox.now)
  expect(await rowsOf(warehouse, 'users')).toEqual(await expectedRows(warehouse, 'users', users))
  const members = sandbox.truth.listUsers().map((row) => ({ ...row, updatedAt: sandbox.now.getTime() }))
  expect(await rowsOf(warehouse, 'list_users')).toEqual(await expectedRows(warehouse, 'list_users', members))
}

const faultsMet = ({ requests }: Sandbox) =>
  [...new Set(requests.flatMap(({ fault }) => (fault ? [fault] : [])))].sort()

describe.each<{ readonly name: string; readonly profiles: readonly FaultProfile[] }>([
  { name: 'refusals for now', profiles: ['429', '429-bare', '5xx'] },
  { name: 'broken answers', profiles: ['cut', 'cut-line', 'reset', 'stall'] },
  { name: 'slow answers', profiles: ['slow'] },
  { name: 'short re-reads', profiles: ['shrink'] },
])('$name', ({ profiles }) => {
  eachWarehouse('leave the tables equal to the project', async (warehouse) => {
    await using sandbox = await startProject({ faults: profiles })
    const patience = profiles.includes('stall') ? hasty : changes
    if (profiles.includes('shrink')) {
      await syncOnce(sandbox, warehouse, patience)
      sandbox.advance(hours(6))
    }
    expect(outcome(await syncOnce(sandbox, warehouse, patience))).toEqual({ state: 'succeeded', wrong: [] })
    await expectTruth(sandbox, warehouse)
    expect(faultsMet(sandbox)).toEqual([...profiles].sort())
  })
})

eachWarehouse('rows that appear late are there after the next sync', async (warehouse) => {
  await using sandbox = await startProject({ faults: 'late' })
  await syncOnce(sandbox, warehouse, changes)
  const before = await rowsOf(warehouse, 'email_open')
  expect(before).toHaveLength(sandbox.truth.events('emailOpen', ago(days(3))).length - 3)
  sandbox.advance(hours(1))
  await syncOnce(sandbox, warehouse, changes)
  await expectTruth(sandbox, warehouse)
})

eachWarehouse(
  'bad lines are kept as rejected rows, and the rest of their window loads',
  async (warehouse) => {
    await using sandbox = await startProject({ faults: 'bad-lines' })
    const report = await syncOnce(sandbox, warehouse, changes)
    expect(outcome(report)).toEqual({ state: 'succeeded_with_rejects', wrong: [] })
    await expectTruth(sandbox, warehouse)
    for (const stream of [...events, 'users'] as const) {
      const dataType = stream === 'users' ? 'user' : dataTypes[stream]
      const expected = sandbox.truth.badLines(dataType, ago(days(3)))
      const rows = await warehouse.query(
        `select coalesce(raw, cast("row" as varchar)) as line, code, reason, run_id
       from iterable_sync.rejected_rows where source = 'stream:${stream}'`,
      )
      expect(rows.map(({ line }) => line).sort()).toEqual(expected.sort())
      expect(rows.every(({ reason, run_id }) => reason !== '' && run_id === report.run_id)).toBe(true)
      expect(of(report, stream).rows_rejected).toBe(expected.length)
    }
    const requests = sandbox.requests.filter(({ query }) => query.dataTypeName === 'emailOpen')
    expect(requests.length, 'the window with the bad lines is read twice').toBe(3 + 1)
  },
)

eachWarehouse('an error object as last line of a user export is no end of it', async (warehouse) => {
  await using sandbox = await startProject()
  const sync = { streams: ['users'], start_date: '2023-01-01', window_in_days: 366 }
  sandbox.faults.next({ fault: 'cut-line', query: { dataTypeName: 'user' }, skip: 3 })
  expect(outcome(await syncOnce(sandbox, warehouse, { sync }))).toEqual({ state: 'succeeded', wrong: [] })
  const users = sandbox.truth.users('2023-01-01', sandbox.now)
  expect(await rowsOf(warehouse, 'users')).toEqual(await expectedRows(warehouse, 'users', users))
})

eachWarehouse('a window that never comes whole publishes nothing of itself', async (warehouse) => {
  await using sandbox = await startProject()
  // The second day of the three never arrives, nor does any part of it.
  const second = ago(days(2))
  for (let hoursLong = 24; hoursLong >= 0.75; hoursLong /= 2) {
    const query = {
      dataTypeName: 'emailOpen',
      startDateTime: asked(second),
      endDateTime: asked(new Date(second.getTime() + hours(hoursLong))),
    }
    sandbox.faults.next({ fault: 'reset', times: Number.POSITIVE_INFINITY, query })
  }
  const report = await syncOnce(sandbox, warehouse, changes)
  expect(of(report, 'email_open')).toMatchObject({ state: 'failed', bookmark: second.toISOString() })
  expect(await rowsOf(warehouse, 'email_open')).toEqual(
    await expectedEvents(sandbox, warehouse, 'email_open', ago(days(3)), second),
  )
  // The other streams went on, and the next sync does the rest.
  expect(of(report, 'email_send').state).toBe('succeeded')
  sandbox.faults.clear()
  expect(outcome(await syncOnce(sandbox, warehouse, changes))).toEqual({ state: 'succeeded', wrong: [] })
  await expectTruth(sandbox, warehouse)
})

describe('a window that is too long for the server', () => {
  const threeHours = { sync: { streams: ['email_send'], start_date: ago(days(1)).toISOString() } }

  /** Lets nothing through that is longer than three hours. */
  function refuseLongWindows(sandbox: Sandbox, fault: 'cut' | '5xx'): void {
    for (let hoursLong = 24; hoursLong > 3; hoursLong /= 2) {
      for (let at = 24; at > 0; at -= hoursLong) {
        const query = { startDateTime: asked(ago(hours(at))), endDateTime: asked(ago(hours(at - hoursLong))) }
        sandbox.faults.next({ fault, times: Number.POSITIVE_INFINITY, query })
      }
    }
  }

  for (const fault of ['cut', '5xx'] as const) {
    eachWarehouse(`is read in halves when it ends in ${fault}`, async (warehouse) => {
      await using sandbox = await startProject({ eventsPerDay: 600 })
      refuseLongWindows(sandbox, fault)
      const report = await syncOnce(sandbox, warehouse, { ...threeHours, connection: { max_retries: 1 } })
      expect(outcome(report)).toEqual({ state: 'succeeded', wrong: [] })
      expect(of(report, 'email_send')).toMatchObject({ windows: 8, bookmark: sandbox.now.toISOString() })
      expect(await rowsOf(warehouse, 'email_send')).toEqual(
        await expectedEvents(sandbox, warehouse, 'email_send', ago(days(1))),
      )
    })
  }

  eachWarehouse('is read in halves although other things go wrong with the halves', async (warehouse) => {
    await using sandbox = await startProject({ eventsPerDay: 600 })
    refuseLongWindows(sandbox, '5xx')
    const half = (at: number) => ({
      startDateTime: asked(ago(hours(at))),
      endDateTime: asked(ago(hours(at - 3))),
    })
    sandbox.faults.next({ fault: '429-bare', times: 2, query: half(24) })
    sandbox.faults.next({ fault: '429', query: half(12) })
    sandbox.faults.next({ fault: 'drop', query: half(6) })
    const report = await syncOnce(sandbox, warehouse, { ...threeHours, connection: { max_retries: 1 } })
    expect(outcome(report)).toEqual({ state: 'succeeded', wrong: [] })
    expect(await rowsOf(warehouse, 'email_send')).toEqual(
      await expectedEvents(sandbox, warehouse, 'email_send', ago(days(1))),
    )
  })

  eachWarehouse('of an hour is asked for as patiently as a whole one', async (warehouse) => {
    await using sandbox = await startProject({ eventsPerDay: 600 })
    const from = ago(hours(2))
    const query = { startDateTime: asked(from), endDateTime: asked(sandbox.now) }
    sandbox.faults.next({ fault: '5xx', times: Number.POSITIVE_INFINITY, query })
    const first = { startDateTime: asked(from), endDateTime: asked(ago(hours(1))) }
    sandbox.faults.next({ fault: '5xx', times: 3, query: first })
    const sync = { streams: ['email_send'], start_date: from.toISOString() }
    const report = await syncOnce(sandbox, warehouse, { sync })
    expect(outcome(report)).toEqual({ state: 'succeeded', wrong: [] })
    expect(await rowsOf(warehouse, 'email_send')).toEqual(
      await expectedEvents(sandbox, warehouse, 'email_send', from),
    )
  })
})

/** A time as the product asks for it. */
const asked = (at: Date): string => `${at.toISOString().slice(0, 19).replace('T', ' ')} +00:00`
