import { describe, expect, test } from 'vitest'
import { ConfigError } from '../../../src/errors.ts'
import type { DialectName } from '../../../src/schedule/cron/dialect.ts'
import { explainCron } from '../../../src/schedule/cron/explain.ts'

const explain = (
  source: string | null,
  timezone = 'UTC',
  from = '2026-01-01T00:00Z',
  dialect: DialectName = 'treasuredata',
) => explainCron(source, { dialect, timezone, from: new Date(from), count: 3 })

test('all there is to say about the documented example', () => {
  expect(explain('0 6 1 * 1', 'europe/berlin')).toEqual({
    expression: '0 6 1 * 1',
    dialect: 'treasuredata',
    timezone: 'Europe/Berlin',
    ignored: 'day_of_month',
    warnings: [
      'the day of month "1" is ignored: the day of week "1" fires more often (20871 against 4800 days in 400 years)',
    ],
    next: ['2026-01-05T05:00:00Z', '2026-01-12T05:00:00Z', '2026-01-19T05:00:00Z'],
    words:
      'At 06:00 on Mondays, Europe/Berlin time. ' +
      'The day of month is ignored because both day fields are restricted and the day of week is followed.',
    differs: 'standard cron reads it as: At 06:00 on day 1 of the month, and also on Mondays',
    runs: [
      { local: 'Mon 2026-01-05 06:00 +01:00', utc: '2026-01-05T05:00:00Z', transition: null },
      { local: 'Mon 2026-01-12 06:00 +01:00', utc: '2026-01-12T05:00:00Z', transition: null },
      { local: 'Mon 2026-01-19 06:00 +01:00', utc: '2026-01-19T05:00:00Z', transition: null },
    ],
  })
})

test('never has no runs', () => {
  expect(explain('')).toMatchObject({
    words: 'Never runs.',
    next: [],
    runs: [],
    differs: null,
    ignored: null,
  })
  expect(explain(null).expression).toBe('')
})

describe('words', () => {
  test.each<[string, string, DialectName?]>([
    ['* * * * *', 'At every minute of every hour every day, UTC time.'],
    ['@hourly', 'At the start of every hour every day, UTC time.'],
    ['*/15 * * * *', 'At minutes 0, 15, 30 and 45 of every hour every day, UTC time.'],
    ['* 2 * * *', 'At every minute of the hour 2 every day, UTC time.'],
    ['0,30 6,18 * * *', 'At 06:00, 06:30, 18:00 and 18:30 every day, UTC time.'],
    ['0 0 */10 jan,mar *', 'At 00:00 on days 10, 20 and 30 of the month in January and March, UTC time.'],
    ['0 0 * * sat,sun', 'At 00:00 on Sundays and Saturdays, UTC time.'],
    ['0 0 1 * 1', 'At 00:00 on day 1 of the month, and also on Mondays, UTC time.', 'standard'],
    [
      '0 0 */15 * 1',
      'At 00:00 on Mondays, if they fall on days 1, 16 and 31 of the month, UTC time.',
      'standard',
    ],
  ])('%s', (source, words, dialect) => {
    expect(explain(source, 'UTC', '2026-01-01', dialect).words).toBe(words)
  })
})

describe('where the other dialect differs', () => {
  test.each<[string, string | null, DialectName?]>([
    ['0 6 * * *', null],
    ['*/5 * * * *', null],
    ['0 0 * * 7', null],
    ['0 0 */5 * *', 'standard cron reads it as: At 00:00 on days 1, 6, 11, 16, 21, 26 and 31 of the month'],
    [
      '0 0 1 */3 *',
      'standard cron reads it as: At 00:00 on day 1 of the month in January, April, July and October',
    ],
    [
      '0 0 */5 * *',
      "Treasure Data's dialect reads it as: At 00:00 on days 5, 10, 15, 20, 25 and 30 of the month",
      'standard',
    ],
    ['0 0 1 * 0-6', 'standard cron reads it as: At 00:00 every day'],
    ['0 0 1-31 * *', null],
  ])('%s', (source, differs, dialect) => {
    expect(explain(source, 'UTC', '2026-01-01', dialect).differs).toBe(differs)
  })

  test('a refusal is quoted', () => {
    expect(explain('5/10 * * * *', 'UTC', '2026-01-01', 'standard').differs).toContain(
      `Treasure Data's dialect refuses it: cron "5/10 * * * *": minute has "5/10"`,
    )
  })
})

describe('days on which the clocks change are marked', () => {
  const marks = (source: string, timezone: string, from: string) =>
    explain(source, timezone, from).runs.map(({ local, transition }) => [local, transition])

  test('forward, with the run that was moved', () => {
    expect(marks('30 2 * * *', 'America/New_York', '2026-03-07T00:00Z')).toEqual([
      ['Sat 2026-03-07 02:30 -05:00', null],
      ['Sun 2026-03-08 03:30 -04:00', 'clocks go forward from 02:00 to 03:00, this run moved from 02:30'],
      ['Mon 2026-03-09 02:30 -04:00', null],
    ])
  })
  test('forward, with runs at their own time', () => {
    expect(marks('0 3,12 * * *', 'America/New_York', '2026-03-08T06:00Z')).toEqual([
      ['Sun 2026-03-08 03:00 -04:00', 'clocks go forward from 02:00 to 03:00'],
      ['Sun 2026-03-08 12:00 -04:00', 'clocks go forward from 02:00 to 03:00'],
      ['Mon 2026-03-09 03:00 -04:00', null],
    ])
  })
  test('back, with both passes of a wildcard hour', () => {
    expect(marks('30 * * * *', 'America/New_York', '2026-11-01T05:00Z')).toEqual([
      ['Sun 2026-11-01 01:30 -04:00', 'clocks go back from 02:00 to 01:00'],
      ['Sun 2026-11-01 01:30 -05:00', 'clocks go back from 02:00 to 01:00'],
      ['Sun 2026-11-01 02:30 -05:00', 'clocks go back from 02:00 to 01:00'],
    ])
  })
  test('a midnight that is repeated belongs to the day before', () => {
    expect(marks('30 23 * * *', 'America/Sao_Paulo', '2018-02-16T12:00Z')).toEqual([
      ['Fri 2018-02-16 23:30 -02:00', null],
      ['Sat 2018-02-17 23:30 -02:00', 'clocks go back from 2018-02-18 00:00 to 2018-02-17 23:00'],
      ['Sun 2018-02-18 23:30 -03:00', null],
    ])
  })
  test('a run that is moved into the next day', () => {
    expect(marks('30 23 * * *', 'America/Nuuk', '2025-03-29T02:00Z')[0]).toEqual([
      'Sun 2025-03-30 00:30 -01:00',
      'clocks go forward from 2025-03-29 23:00 to 2025-03-30 00:00, this run moved from 2025-03-29 23:30',
    ])
  })
  test('a day that was skipped as a whole', () => {
    expect(marks('0 6 30 12 *', 'Pacific/Apia', '2011-12-01T00:00Z')[0]).toEqual([
      'Sat 2011-12-31 06:00 +14:00',
      'clocks go forward from 2011-12-30 00:00 to 2011-12-31 00:00, this run moved from 2011-12-30 06:00',
    ])
  })
})

test('a wrong zone or expression is a configuration error', () => {
  expect(() => explain('0 6 * * *', 'PST')).toThrow(ConfigError)
  expect(() => explain('0 6 * *')).toThrow(ConfigError)
})
