import { describe, expect, test } from 'vitest'
import { parseCron } from '../../../src/schedule/cron/expression.ts'
import {
  nextOccurrence,
  nextOccurrences,
  occurrencesBetween,
} from '../../../src/schedule/cron/occurrences.ts'

/** Occurrences of `from <= at < to` as `2026-03-08T07:30Z`. */
function between(source: string, timezone: string, from: string, to: string): string[] {
  const expression = parseCron(source, 'treasuredata')
  const found = occurrencesBetween(expression, timezone, new Date(from), new Date(to))
  return [...found].map((at) => at.toISOString().replace(':00.000Z', 'Z'))
}

function next(source: string, from: string, count: number, timezone = 'UTC'): string[] {
  const expression = parseCron(source, 'treasuredata')
  const found = nextOccurrences(expression, { timezone, from: new Date(from), count })
  return found.map((at) => at.toISOString().replace(':00.000Z', 'Z'))
}

describe('New York, 2026-03-08: 02:00 becomes 03:00', () => {
  const day = ['America/New_York', '2026-03-08T05:00Z', '2026-03-09T04:00Z'] as const

  test('a fixed time in the gap runs once, an hour later on the clock', () => {
    expect(between('30 2 * * *', ...day)).toEqual(['2026-03-08T07:30Z'])
  })
  test('two times that meet after the move run once', () => {
    expect(between('30 2,3 * * *', ...day)).toEqual(['2026-03-08T07:30Z'])
  })
  test('several minutes keep their order among the times that follow', () => {
    expect(between('0,30 2,3 * * *', ...day)).toEqual(['2026-03-08T07:00Z', '2026-03-08T07:30Z'])
    expect(between('15,45 1,2 * * *', ...day)).toEqual([
      '2026-03-08T06:15Z',
      '2026-03-08T06:45Z',
      '2026-03-08T07:15Z',
      '2026-03-08T07:45Z',
    ])
    expect(between('50 2-4 * * *', ...day)).toEqual(['2026-03-08T07:50Z', '2026-03-08T08:50Z'])
  })
  test('the rhythm of an hourly schedule goes on, 23 times on this day', () => {
    expect(between('0 * * * *', ...day)).toHaveLength(23)
    expect(between('*/30 * * * *', 'America/New_York', '2026-03-08T06:00Z', '2026-03-08T08:00Z')).toEqual([
      '2026-03-08T06:00Z',
      '2026-03-08T06:30Z',
      '2026-03-08T07:00Z',
      '2026-03-08T07:30Z',
    ])
  })
  test('every second hour: 02:00 does not exist and is not moved, 04:00 is next', () => {
    expect(between('0 */2 * * *', 'America/New_York', '2026-03-08T05:00Z', '2026-03-08T11:00Z')).toEqual([
      '2026-03-08T05:00Z',
      '2026-03-08T08:00Z',
      '2026-03-08T10:00Z',
    ])
  })
  test('a wildcard minute at a fixed hour is moved as a whole', () => {
    const found = between('* 2 * * *', ...day)
    expect([found.length, found[0], found.at(-1)]).toEqual([60, '2026-03-08T07:00Z', '2026-03-08T07:59Z'])
  })
  test('asking from inside the hour after the change finds what is left of it', () => {
    expect(next('10,40 2 * * *', '2026-03-08T07:10Z', 2, 'America/New_York')).toEqual([
      '2026-03-08T07:40Z',
      '2026-03-09T06:10Z',
    ])
  })
})

describe('New York, 2026-11-01: 02:00 becomes 01:00', () => {
  const day = ['America/New_York', '2026-11-01T04:00Z', '2026-11-02T05:00Z'] as const

  test('a fixed time in the repeated hour runs in the first pass only', () => {
    expect(between('30 1 * * *', ...day)).toEqual(['2026-11-01T05:30Z'])
    expect(between('0,30 0,1,2 * * *', ...day)).toEqual([
      '2026-11-01T04:00Z',
      '2026-11-01T04:30Z',
      '2026-11-01T05:00Z',
      '2026-11-01T05:30Z',
      '2026-11-01T07:00Z',
      '2026-11-01T07:30Z',
    ])
  })
  test('the rhythm of an hourly schedule goes on, 25 times on this day', () => {
    expect(between('0 * * * *', ...day)).toHaveLength(25)
    expect(between('0 0-23 * * *', ...day)).toHaveLength(25)
    expect(between('*/30 * * * *', 'America/New_York', '2026-11-01T05:00Z', '2026-11-01T07:30Z')).toEqual([
      '2026-11-01T05:00Z',
      '2026-11-01T05:30Z',
      '2026-11-01T06:00Z',
      '2026-11-01T06:30Z',
      '2026-11-01T07:00Z',
    ])
  })
  test('asking from inside the second pass does not bring the first back', () => {
    expect(next('30 1 * * *', '2026-11-01T06:10Z', 1, 'America/New_York')).toEqual(['2026-11-02T06:30Z'])
  })
})

test('Berlin, 2026-10-25: every second hour runs in both passes of 02:00', () => {
  expect(between('0 */2 * * *', 'Europe/Berlin', '2026-10-24T22:00Z', '2026-10-25T04:00Z')).toEqual([
    '2026-10-24T22:00Z',
    '2026-10-25T00:00Z',
    '2026-10-25T01:00Z',
    '2026-10-25T03:00Z',
  ])
})

describe('clock changes that are not an hour at two', () => {
  test('Sao Paulo, 2018-11-04: midnight does not exist', () => {
    const day = ['America/Sao_Paulo', '2018-11-04T00:00Z', '2018-11-05T00:00Z'] as const
    expect(between('0 0 * * *', ...day)).toEqual(['2018-11-04T03:00Z'])
    expect(between('30 0 4 11 *', ...day)).toEqual(['2018-11-04T03:30Z'])
    expect(between('30 0,1 * * *', ...day)).toEqual(['2018-11-04T03:30Z'])
  })
  test('Sao Paulo, 2018-02-17: 23:00 comes twice', () => {
    const day = ['America/Sao_Paulo', '2018-02-17T12:00Z', '2018-02-18T12:00Z'] as const
    expect(between('30 23 * * *', ...day)).toEqual(['2018-02-18T01:30Z'])
    expect(between('0 0 * * *', ...day)).toEqual(['2018-02-18T03:00Z'])
    expect(between('30 * * * *', ...day)).toHaveLength(24)
  })
  test('Lord Howe, 2026-10-04: half an hour is missing', () => {
    const day = ['Australia/Lord_Howe', '2026-10-03T13:30Z', '2026-10-04T13:00Z'] as const
    expect(between('15 2 * * *', ...day)).toEqual(['2026-10-03T15:45Z'])
    expect(between('0,15,45 2 * * *', ...day)).toEqual(['2026-10-03T15:30Z', '2026-10-03T15:45Z'])
    expect(between('*/30 * * * *', ...day)).toHaveLength(47)
  })
  test('Lord Howe, 2026-04-05: half an hour comes twice', () => {
    const day = ['Australia/Lord_Howe', '2026-04-04T13:00Z', '2026-04-05T13:30Z'] as const
    expect(between('45 1 * * *', ...day)).toEqual(['2026-04-04T14:45Z'])
    expect(between('45 * * * *', ...day)).toHaveLength(25)
    expect(between('15 * * * *', ...day)).toHaveLength(24)
  })
  test('Troll, 2026-03-29: two hours are missing', () => {
    const day = ['Antarctica/Troll', '2026-03-29T00:00Z', '2026-03-29T22:00Z'] as const
    expect(between('0 2,4 * * *', ...day)).toEqual(['2026-03-29T02:00Z'])
    expect(between('30 1,2 * * *', ...day)).toEqual(['2026-03-29T01:30Z', '2026-03-29T02:30Z'])
  })
  test('Nuuk, 2025-03-29: the gap from 23:00 ends at midnight, the run moves into the next day', () => {
    const days = ['America/Nuuk', '2025-03-29T02:00Z', '2025-03-31T00:00Z'] as const
    expect(between('30 23 * * *', ...days)).toEqual(['2025-03-30T01:30Z'])
    expect(between('0 0,23 * * *', ...days)).toEqual(['2025-03-29T02:00Z', '2025-03-30T01:00Z'])
    expect(between('30 23 29 3 *', ...days)).toEqual(['2025-03-30T01:30Z'])
  })
  test('Apia skipped 2011-12-30: a daily run is neither doubled nor lost, a yearly one moves a day', () => {
    const days = ['Pacific/Apia', '2011-12-29T10:00Z', '2012-01-01T10:00Z'] as const
    expect(between('0 6 * * *', ...days)).toEqual([
      '2011-12-29T16:00Z',
      '2011-12-30T16:00Z',
      '2011-12-31T16:00Z',
    ])
    expect(between('0 6 30 12 *', ...days)).toEqual(['2011-12-30T16:00Z'])
    expect(between('0 * * * *', ...days)).toHaveLength(72)
  })
  test('a run moved out of yesterday is still found when asked for today', () => {
    expect(next('30 23 29 3 *', '2025-03-30T01:10Z', 1, 'America/Nuuk')).toEqual(['2025-03-30T01:30Z'])
    expect(next('0 6 30 12 *', '2011-12-30T12:00Z', 1, 'Pacific/Apia')).toEqual(['2011-12-30T16:00Z'])
  })
  test('Kathmandu is 5:45 ahead all year', () => {
    expect(next('0 6 * * *', '2026-03-08T00:00Z', 2, 'Asia/Kathmandu')).toEqual([
      '2026-03-08T00:15Z',
      '2026-03-09T00:15Z',
    ])
  })
})

describe('bounds', () => {
  test('next is exclusive, between includes its start and leaves its end out', () => {
    expect(next('0 6 * * *', '2026-01-05T06:00Z', 1)).toEqual(['2026-01-06T06:00Z'])
    expect(next('0 6 * * *', '2026-01-05T05:59:59.999Z', 1)).toEqual(['2026-01-05T06:00Z'])
    expect(between('0 6 * * *', 'UTC', '2026-01-05T06:00Z', '2026-01-06T06:00Z')).toEqual([
      '2026-01-05T06:00Z',
    ])
    expect(between('0 6 * * *', 'UTC', '2026-01-05T06:00Z', '2026-01-05T06:00Z')).toEqual([])
    expect(between('0 6 * * *', 'UTC', '2026-01-06T06:00Z', '2026-01-05T06:00Z')).toEqual([])
    expect(next('0 6 * * *', '2026-01-05T06:00Z', 0)).toEqual([])
  })
  test('never stays never', () => {
    const never = parseCron('', 'treasuredata')
    expect(nextOccurrence(never, 'UTC', new Date('2026-01-01'))).toBeNull()
    expect([...occurrencesBetween(never, 'UTC', new Date('2026-01-01'), new Date('2027-01-01'))]).toEqual([])
  })
  test('leap days are found across 2100, which has none', () => {
    expect(next('0 0 29 2 *', '2092-03-01T00:00Z', 3)).toEqual([
      '2096-02-29T00:00Z',
      '2104-02-29T00:00Z',
      '2108-02-29T00:00Z',
    ])
  })
  test('leap days that are Sundays (standard, both fields have to fit) come every 28 years, once 40', () => {
    const expression = parseCron('0 0 29 2 */7', 'standard')
    const found = nextOccurrences(expression, { timezone: 'UTC', from: new Date('2060-01-01'), count: 3 })
    expect(found.map((at) => at.getUTCFullYear())).toEqual([2060, 2088, 2128])
    for (const at of found) expect([at.getUTCDate(), at.getUTCMonth(), at.getUTCDay()]).toEqual([29, 1, 0])
  })
  test('a year of minutes is walked without a pause that anyone would notice', () => {
    const started = process.cpuUsage()
    const year = occurrencesBetween(
      parseCron('* * * * *', 'treasuredata'),
      'Europe/Berlin',
      new Date('2025-12-31T23:00Z'),
      new Date('2026-12-31T23:00Z'),
    )
    let count = 0
    for (const at of year) count += at.getTime() % 60_000 === 0 ? 1 : 0
    expect(count).toBe(525_600)
    const { user, system } = process.cpuUsage(started)
    expect((user + system) / 1000).toBeLessThan(5000)
  })
})
