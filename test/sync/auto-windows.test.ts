/** Windows as long as the volume allows, and streams that bring nothing. */
import { describe, expect, test } from 'vitest'
import type { Sandbox } from '../../src/sandbox/index.ts'
import { isQuiet } from '../../src/sync/quiet.ts'
import { learned } from '../../src/sync/volume.ts'
import { budgetBytes, shorterDays, windowDays } from '../../src/sync/window-length.ts'
import { requestTime, windowsAround } from '../../src/sync/windows.ts'
import {
  ago,
  type Changes,
  days,
  expectedEvents,
  hours,
  of,
  outcome,
  planOnce,
  rowsOf,
  startProject,
  syncOnce,
} from '../support/sync.ts'
import { eachWarehouse } from '../support/warehouse.ts'

const fiveYears: Changes = {
  sync: {
    streams: ['email_send_skip', 'email_click'],
    start_date: ago(days(1826)).toISOString(),
    window_in_days: 'auto',
  },
}

const asked = (sandbox: Sandbox, dataType: string) =>
  sandbox.requests.filter(({ query }) => query.dataTypeName === dataType).length

eachWarehouse('five years of a small project are one request a stream', async (warehouse) => {
  await using sandbox = await startProject()
  const report = await syncOnce(sandbox, warehouse, fiveYears)
  expect(outcome(report)).toEqual({ state: 'succeeded', wrong: [] })
  expect(of(report, 'email_click')).toMatchObject({ windows: 1, bookmark: sandbox.now.toISOString() })
  expect(await rowsOf(warehouse, 'email_click')).toEqual(
    await expectedEvents(sandbox, warehouse, 'email_click', ago(days(1826))),
  )
  expect(asked(sandbox, 'emailClick')).toBe(1)
  const [volume] = await warehouse.query(
    `select rows_per_day, bytes_per_day, empty_since from iterable_sync.stream_volumes where stream = 'email_click'`,
  )
  expect(Number(volume?.rows_per_day)).toBeCloseTo(of(report, 'email_click').rows_read / 1826, 6)
})

eachWarehouse(
  'of what is large in every project a day tells how long the next window may be',
  async (warehouse) => {
    await using sandbox = await startProject()
    const sync = { ...fiveYears.sync, streams: ['email_send'] }
    const plan = async () => (await planOnce(sandbox, warehouse, { sync })).get('email_send')
    // Before, each day can be counted, and nothing be promised.
    const before = await plan()
    expect(before).toMatchObject({ is_guess: true })
    expect(before?.windows.length).toBeGreaterThan(1_000)
    const report = await syncOnce(sandbox, warehouse, { sync })
    expect(await plan()).toMatchObject({ is_guess: false })
    expect(of(report, 'email_send')).toMatchObject({ windows: 2, bookmark: sandbox.now.toISOString() })
    expect(await rowsOf(warehouse, 'email_send')).toEqual(
      await expectedEvents(sandbox, warehouse, 'email_send', ago(days(1826))),
    )
    const windows = sandbox.requests.flatMap(({ query }) => query.startDateTime ?? [])
    expect(windows[1]).toBe(requestTime(ago(days(1825))))
  },
)

describe('the length of a window', () => {
  const perDay = (bytesPerDay: number) => ({ bytesPerDay })
  test.each([
    ['nothing is known', { days: 1826, volume: undefined }, 1826],
    ['the stream is quiet', { days: 1826, volume: perDay(0) }, 1826],
    ['all of it is small', { days: 1826, volume: perDay(100_000) }, 1826],
    ['a year of it fits', { days: 1826, volume: perDay(2e6), mostBytes: 3e9 }, 1250],
    ['a year of it is much', { days: 1826, volume: perDay(7e6), mostBytes: 10e9 }, 366],
    ['it brings much everywhere', { days: 1826, volume: undefined, isBulky: true }, 1],
    ['little is left of that', { days: 30, volume: undefined, isBulky: true }, 30],
    ['it brings a lot', { days: 1826, volume: perDay(1e8) }, 20],
    ['less is left than would fit', { days: 3, volume: perDay(1e8) }, 3],
    ['an hour of it is too much', { days: 30, volume: perDay(1e12) }, 1 / 24],
    [
      'the last answer took its time',
      { days: 300, volume: perDay(1), before: { days: 300, seconds: 600 } },
      150,
    ],
  ])('when %s', (_, stretch, expected) => {
    expect(windowDays({ mostBytes: 2e9, ...stretch })).toBeCloseTo(expected, 6)
  })

  test.each([
    ['little directly while nothing is known', 'direct', { days: 30, isKnown: false }, 250e6],
    ['more by a job, which has waited', 'jobs', { days: 30, isKnown: false }, 2e9],
    ['more in the day that tells', 'direct', { days: 1, isKnown: false }, 1e9],
    ['more where the volume is known', 'direct', { days: 30, isKnown: true }, 1e9],
    ['twice what it should', 'direct', { days: 30, isKnown: true, answerBytes: 2e9 }, 4e9],
    ['twice what a job should', 'jobs', { days: 30, isKnown: true }, 16e9],
  ] as const)('is given up once it has brought %s', (_, route, of, expected) => {
    expect(budgetBytes(route, { answerBytes: 500e6, ...of, roomBytes: 8e9 })).toBe(expected)
  })

  test('goes down to a day where nothing was known, else to an eighth', () => {
    expect([shorterDays(1826, false), shorterDays(4, false), shorterDays(80, true)]).toEqual([1, 0.5, 10])
  })
})

describe('what is known of a stream', () => {
  const window = (from: number, to: number) => ({ from: ago(days(from)), to: ago(days(to)) })
  const seen = (from: number, to: number, rows: number) => ({
    window: window(from, to),
    rows,
    bytes: rows * 100,
  })

  test('begins with its first window, and later ones weigh by their length', () => {
    const first = learned(undefined, seen(14, 7, 700))
    expect(first).toMatchObject({ rowsPerDay: 100, bytesPerDay: 10_000, emptySince: undefined })
    expect(learned(first, seen(7, 0, 2100)).rowsPerDay).toBe(200)
    expect(learned(first, seen(1, 0, 900)).rowsPerDay).toBeCloseTo(200, 6)
  })

  test('tells since when it has been empty', () => {
    const empty = learned(learned(learned(undefined, seen(60, 40, 5)), seen(40, 20, 0)), seen(20, 0, 0))
    expect(empty.emptySince).toEqual(ago(days(40)))
    expect(learned(empty, seen(1, 0, 1)).emptySince).toBeUndefined()
  })

  const stream = { replication: 'append' } as Parameters<typeof isQuiet>[0]['stream']
  test.each([
    ['read an hour ago, empty for 40 days', 1 / 24, 40, true],
    ['read a day ago', 1, 40, false],
    ['empty for 20 days', 1 / 24, 20, false],
  ])('and so whether it may wait: %s', (_, readDaysAgo, emptyDays, isIt) => {
    const bookmark = ago(days(readDaysAgo))
    const volume = { emptySince: new Date(bookmark.getTime() - days(emptyDays)) }
    expect(isQuiet({ stream, bookmark }, volume, ago(0))).toBe(isIt)
  })
})

eachWarehouse(
  'a stream without rows for 30 days is asked for once a day, unless it is named',
  async (warehouse) => {
    await using sandbox = await startProject()
    sandbox.data.events('emailClick').clear()
    const sync = { ...fiveYears.sync, streams: ['email_*', '!email_send', '!email_open'] }
    await syncOnce(sandbox, warehouse, { sync })
    expect(asked(sandbox, 'emailClick')).toBe(1)
    const first = sandbox.now.toISOString()
    sandbox.advance(hours(1))
    const planned = await planOnce(sandbox, warehouse, { sync })
    expect(planned.get('email_click')).toMatchObject({ left_out: 'quiet', api_calls: 0, windows: [] })
    expect(planned.get('email_send_skip')).toMatchObject({ left_out: null, api_calls: 1 })
    const report = await syncOnce(sandbox, warehouse, { sync })
    // The bookmark says how far it was really read.
    expect(of(report, 'email_click')).toMatchObject({ state: 'succeeded', windows: 0, bookmark: first })
    expect([asked(sandbox, 'emailClick'), asked(sandbox, 'emailSendSkip')]).toEqual([1, 2])
    for (const changes of [
      { sync: { ...sync, streams: ['email_click'] } },
      { sync, request: { streams: ['email_click'] } },
      { sync: { ...sync, quiet_streams: 'off' as const } },
    ]) {
      sandbox.advance(hours(1) / 60)
      await syncOnce(sandbox, warehouse, changes)
    }
    expect(asked(sandbox, 'emailClick')).toBe(4)
    sandbox.advance(hours(24))
    await syncOnce(sandbox, warehouse, { sync })
    expect(asked(sandbox, 'emailClick')).toBe(5)
  },
)

describe('windows around those of jobs', () => {
  const job = (from: number, to: number, askedAt: number) => ({
    from: ago(days(from)),
    to: ago(days(to)),
    askedAt: ago(days(askedAt)),
  })
  const around = (...jobs: ReturnType<typeof job>[]) =>
    windowsAround({ from: ago(days(40)), to: ago(0) }, jobs, { days: 30, lookbackMs: days(1) }).map(
      (window) => [window.from, window.to].map((at) => (ago(0).getTime() - at.getTime()) / days(1)),
    )

  test('cover the time before it, and go on behind it', () => {
    expect(around(job(35, 10, 1))).toEqual([
      [40, 35],
      [35, 10],
      [10, 0],
    ])
  })

  test('read again what may have come after the job was asked for', () => {
    expect(around(job(40, 2, 2))).toEqual([
      [40, 2],
      [3, 0],
    ])
  })

  test('hold the windows of several jobs, and begin behind the last with what none of them has seen', () => {
    expect(around(job(10, 5, 1), job(40, 35, 1), job(5, 2, 2))).toEqual([
      [40, 35],
      [35, 10],
      [10, 5],
      [5, 2],
      [3, 0],
    ])
  })

  test('leave out jobs that lie outside, or over others', () => {
    expect(around(job(41, 10, 5), job(30, 20, 5), job(25, 15, 5))).toEqual([
      [40, 30],
      [30, 20],
      [20, 0],
    ])
  })
})
