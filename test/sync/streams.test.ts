/** How streams behave beside one another, what a first sync and a full refresh read, and what a run keeps quiet about. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import type { SyncEvent } from '../../src/index.ts'
import type { Row } from '../../src/sandbox/index.ts'
import {
  ago,
  canonical,
  days,
  expectedEvents,
  expectedRows,
  hours,
  of,
  openOn,
  outcome,
  rowsOf,
  startProject,
  syncOnce,
} from '../support/sync.ts'
import { eachWarehouse } from '../support/warehouse.ts'

eachWarehouse('exclusions alone leave out of what is configured', async (warehouse) => {
  await using sandbox = await startProject()
  const changes = { sync: { streams: ['resources', 'lists', '!cata*', '!list_sizes'] } }
  const report = await syncOnce(sandbox, warehouse, { ...changes, request: { streams: ['!experiment*'] } })
  expect(report.streams.map(({ stream }) => stream)).toEqual(
    expect.arrayContaining(['journeys', 'lists', 'snippets']),
  )
  const left = report.streams.filter(({ stream }) => /^experiment|^cata|^email|sizes/.test(stream))
  expect(left).toEqual([])
})

eachWarehouse(
  'progress ends with the rows and parts that the report tells, also after halves',
  async (warehouse) => {
    await using sandbox = await startProject()
    // Each window breaks off until it has been halved once.
    sandbox.faults.next({ fault: { status: 500, body: {} }, times: 4, query: { dataTypeName: 'emailSend' } })
    const last = new Map<string, Extract<SyncEvent, { type: 'progress' }>>()
    const onProgress = (event: SyncEvent) => {
      if (event.type !== 'progress') return
      const before = last.get(event.stream)
      expect(event.rows, event.label).toBeGreaterThanOrEqual(before?.rows ?? 0)
      expect(event.done).toBeLessThanOrEqual(event.total)
      last.set(event.stream, event)
    }
    const sync = { streams: ['email_send', 'email_open', 'list_users', 'users'] }
    const report = await syncOnce(sandbox, warehouse, {
      sync,
      connection: { max_retries: 0 },
      request: { onProgress },
    })
    expect(outcome(report)).toEqual({ state: 'succeeded', wrong: [] })
    expect(of(report, 'email_send').notes.join()).toContain('in halves')
    for (const { stream, rows_written, windows } of report.streams) {
      expect(last.get(stream), stream).toMatchObject({ rows: rows_written, done: windows, total: windows })
    }
  },
)

describe('a stream that fails', () => {
  for (const [status, code] of [
    [400, 'BadParams'],
    [403, 'Forbidden'],
  ] as const) {
    eachWarehouse(
      `with ${status} does not stop the others, and the run says which and why`,
      async (warehouse) => {
        await using sandbox = await startProject()
        const fault = { status, body: { msg: 'switched off for this project', code } }
        sandbox.faults.next({ fault, times: 99, query: { dataTypeName: 'emailOpen' } })
        const sync = { streams: ['email_open', 'email_send', 'channels'] }
        const report = await syncOnce(sandbox, warehouse, { sync })
        expect(report.state).toBe('failed')
        expect(of(report, 'email_open')).toMatchObject({
          state: 'failed',
          bookmark: null,
          error: expect.stringContaining('switched off for this project'),
        })
        for (const stream of ['email_send', 'channels']) expect(of(report, stream).state).toBe('succeeded')
        const { rows_read, rows_written, rows_rejected } = report
        const [run] = await warehouse.query('select * from iterable_sync.runs')
        expect(run).toMatchObject({
          run_id: report.run_id,
          state: 'failed',
          rows_read,
          rows_written,
          rows_rejected,
        })
        expect(run?.error_text).toContain('email_open: Iterable answered')
        expect(run?.error_code).toBe(of(report, 'email_open').error_code)

        sandbox.faults.clear()
        expect(outcome(await syncOnce(sandbox, warehouse, { sync }))).toEqual({
          state: 'succeeded',
          wrong: [],
        })
        expect(await rowsOf(warehouse, 'email_open')).toEqual(
          await expectedEvents(sandbox, warehouse, 'email_open'),
        )
      },
    )
  }
})

eachWarehouse('a window with too many bad lines fails and publishes nothing', async (warehouse) => {
  await using sandbox = await startProject({ empty: true })
  const shelf = sandbox.data.events('emailOpen')
  for (let index = 0; index < 1000; index += 1) {
    shelf.pushRaw(
      index < 120 ? `<broken ${index}>` : `{"createdAt":"2026-01-31 10:00:00 +00:00","contentId":${index}}`,
      ago(hours(14)),
    )
  }
  const sync = { streams: ['email_open'], start_date: ago(days(1)).toISOString() }
  const failed = await syncOnce(sandbox, warehouse, { sync })
  expect(of(failed, 'email_open')).toMatchObject({
    state: 'failed',
    error_code: 'too_many_rejects',
    bookmark: null,
  })
  expect(await rowsOf(warehouse, 'email_open')).toEqual([])
  expect(await warehouse.query('select * from iterable_sync.rejected_rows')).toEqual([])

  const lenient = await syncOnce(sandbox, warehouse, { sync: { ...sync, max_reject_percent: 12 } })
  expect(outcome(lenient)).toEqual({ state: 'succeeded_with_rejects', wrong: [] })
  expect(await rowsOf(warehouse, 'email_open')).toHaveLength(880)
  expect(await warehouse.query('select * from iterable_sync.rejected_rows')).toHaveLength(120)
})

eachWarehouse('profiles without a usable key are rejected rows, the others load', async (warehouse) => {
  await using sandbox = await startProject({ empty: true })
  const bad: Row[] = [
    { email: null, city: 'Lyon' },
    { email: '', city: 'Köln' },
    { userId: 'u1', city: 'Rom' },
  ]
  const good: Row[] = [{ email: 'ada@example.com', city: '札幌' }]
  const profileUpdatedAt = '2026-01-31 10:00:00 +00:00'
  sandbox.data.events('user').push(...[...bad, ...good].map((row) => ({ ...row, profileUpdatedAt })))
  const report = await syncOnce(sandbox, warehouse, { sync: { streams: ['users'] } })
  expect(outcome(report)).toEqual({ state: 'succeeded_with_rejects', wrong: [] })
  expect(report).toMatchObject({ rows_read: 4, rows_written: 1, rows_rejected: 3 })
  expect(await warehouse.query('select email from iterable.users')).toEqual([{ email: 'ada@example.com' }])
  const rejects = await warehouse.query('select code, "row" from iterable_sync.rejected_rows')
  expect(rejects.map(({ code }) => code)).toEqual(Array(3).fill('missing_key'))
  expect(rejects.map(({ row }) => canonical(row as Row)).sort()).toEqual(
    bad.map((row) => canonical({ ...row, profileUpdatedAt })).sort(),
  )
})

describe('campaigns and templates', () => {
  const sync = { streams: ['campaigns', 'templates'], start_date: ago(days(200)).toISOString() }

  eachWarehouse('are loaded when they changed since the bookmark, or tell no time', async (warehouse) => {
    await using sandbox = await startProject()
    const { campaigns } = sandbox.data
    const timeless = campaigns[3] as Row
    delete timeless.updatedAt
    await syncOnce(sandbox, warehouse, { sync })
    const since = ago(days(200)).getTime()
    const isNew = ({ updatedAt }: Row) => updatedAt === undefined || Number(updatedAt) >= since
    expect(campaigns.filter(isNew).length).toBeLessThan(campaigns.length)
    const templates = sandbox.truth.templates().filter(isNew)
    expect(await rowsOf(warehouse, 'campaigns')).toEqual(
      await expectedRows(warehouse, 'campaigns', campaigns.filter(isNew)),
    )
    expect(await rowsOf(warehouse, 'templates')).toEqual(
      await expectedRows(warehouse, 'templates', templates),
    )

    // What has not changed since is not written again; what has, is; nothing is doubled.
    const changed = campaigns.filter(isNew)[5] as Row
    changed.name = 'renamed'
    sandbox.advance(hours(30))
    changed.updatedAt = sandbox.now.getTime() - hours(1)
    const report = await syncOnce(sandbox, warehouse, { sync: { ...sync, start_date: '2020-01-01' } })
    expect(of(report, 'campaigns')).toMatchObject({ bookmark: sandbox.now.toISOString() })
    expect(of(report, 'campaigns').rows_written).toBeLessThan(10)
    expect(await rowsOf(warehouse, 'campaigns')).toEqual(
      await expectedRows(warehouse, 'campaigns', campaigns.filter(isNew)),
    )
  })
})

eachWarehouse(
  'the start date is that of the first sync; a full refresh begins there again',
  async (warehouse) => {
    await using sandbox = await startProject({ days: 5 })
    const sync = { streams: ['email_open', 'users'], window_in_days: 2 }
    const from = (start: Date) => ({ sync: { ...sync, start_date: start.toISOString() } })
    await syncOnce(sandbox, warehouse, from(ago(days(2))))
    sandbox.advance(hours(1))
    await syncOnce(sandbox, warehouse, from(ago(days(5))))
    expect(await rowsOf(warehouse, 'email_open')).toEqual(
      await expectedEvents(sandbox, warehouse, 'email_open', ago(days(2))),
    )
    const request = { fullRefresh: true }
    const report = await syncOnce(sandbox, warehouse, { ...from(ago(days(5))), request })
    expect(outcome(report)).toEqual({ state: 'succeeded', wrong: [] })
    expect(of(report, 'email_open').bookmark).toBe(sandbox.now.toISOString())
    expect(await rowsOf(warehouse, 'email_open')).toEqual(
      await expectedEvents(sandbox, warehouse, 'email_open', ago(days(5))),
    )
    const users = sandbox.truth.users(ago(days(5)), sandbox.now)
    expect(await rowsOf(warehouse, 'users')).toEqual(await expectedRows(warehouse, 'users', users))
  },
)

eachWarehouse('the key of the project is in no table, report, event, error or file', async (warehouse) => {
  await using sandbox = await startProject({ faults: ['5xx', '429', 'cut'] })
  const said: unknown[] = []
  const onProgress = (event: SyncEvent) => said.push(event)
  const sync = { streams: ['email_open', 'email_send', 'users', 'list_users', 'channels'] }
  const fault = { status: 403, body: { msg: 'no', code: 'Forbidden' } }
  sandbox.faults.next({ fault, query: { dataTypeName: 'emailSend' } })
  said.push(await syncOnce(sandbox, warehouse, { sync, request: { onProgress } }))
  for (const key of [sandbox.keys.disabled, sandbox.keys.readOnly]) {
    said.push(
      await syncOnce(sandbox, warehouse, { sync, request: { onProgress }, connection: { api_key: key } }),
    )
  }
  {
    await using elt = await openOn(sandbox, warehouse, { sync: { streams: ['no_such_stream'] } })
    said.push(
      await elt.sync({ onProgress }).catch((error: Error) => `${error.stack} ${JSON.stringify(error)}`),
    )
  }
  expect(said.length).toBeGreaterThan(50)
  const told = JSON.stringify(said)
  const tables = await warehouse.query(
    `select table_schema as s, table_name as t from information_schema.tables where table_schema like 'iterable%'`,
  )
  expect(tables.length).toBeGreaterThan(5)
  const stored: string[] = []
  for (const { s, t } of tables)
    stored.push(...(await warehouse.query(`select * from "${s}"."${t}"`)).map(canonical))
  const files = await readdir(warehouse.tempDir, { recursive: true, withFileTypes: true })
  const bytes = await Promise.all(
    files.filter((file) => file.isFile()).map((file) => readFile(join(file.parentPath, file.name), 'latin1')),
  )
  for (const key of Object.values(sandbox.keys)) {
    expect(told.includes(key), 'reports and events').toBe(false)
    expect(
      stored.some((row) => row.includes(key)),
      'tables',
    ).toBe(false)
    expect(
      bytes.some((text) => text.includes(key)),
      'files',
    ).toBe(false)
  }
})
