import fc from 'fast-check'
import { DateTime } from 'luxon'
import { describe, expect, test } from 'vitest'
import {
  anyCase,
  duration,
  httpUrl,
  instantSetting,
  rateLimit,
  signedDuration,
  timezone,
} from '../../src/config/values.ts'

describe('durations become milliseconds', () => {
  test.each([
    ['0s', 0],
    ['250ms', 250],
    ['30s', 30_000],
    ['5m', 300_000],
    ['1.5h', 5_400_000],
    ['1d', 86_400_000],
    ['1w', 604_800_000],
  ])('%s', (given, lengthMs) => {
    expect(duration.parse(given)).toBe(lengthMs)
  })

  test('of any whole number of any unit', () => {
    const unitsMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }
    const units = fc.constantFrom(...(Object.keys(unitsMs) as (keyof typeof unitsMs)[]))
    fc.assert(
      fc.property(fc.nat({ max: 36_500 }), units, fc.boolean(), (count, unit, back) => {
        expect(signedDuration.parse(`${back ? '-' : ''}${count}${unit}`)).toBe(
          (back ? -count : count) * unitsMs[unit],
        )
      }),
    )
  })

  test.each(['', '30', 'd', '1 d', '1y', '1month', 's30', '1e3s', '-1s', '36501d'])('not %j', (given) => {
    expect(duration.safeParse(given).success).toBe(false)
  })
})

describe('dates become instants, in UTC unless they name a zone', () => {
  test.each([
    ['01/31/2025', '2025-01-31T00:00:00.000Z'],
    ['1/2/2025', '2025-01-02T00:00:00.000Z'],
    ['2025-01-31', '2025-01-31T00:00:00.000Z'],
    ['2025-01-31T10:20:30', '2025-01-31T10:20:30.000Z'],
    ['2025-01-31 10:20', '2025-01-31T10:20:00.000Z'],
    ['2025-01-31T10:20:30.5Z', '2025-01-31T10:20:30.500Z'],
    ['2025-01-31T10:20:30+02:00', '2025-01-31T08:20:30.000Z'],
    ['2024-02-29', '2024-02-29T00:00:00.000Z'],
  ])('%s', (given, iso) => {
    expect(instantSetting.parse(given).toISOString()).toBe(iso)
  })

  test('both spellings of a day are the same instant', () => {
    const day = fc.date({ min: new Date('2000-01-01'), max: new Date('2099-12-31'), noInvalidDate: true })
    fc.assert(
      fc.property(day, (date) => {
        const utc = DateTime.fromJSDate(date, { zone: 'utc' }).startOf('day')
        expect(instantSetting.parse(utc.toFormat('MM/dd/yyyy'))).toEqual(utc.toJSDate())
        expect(instantSetting.parse(utc.toISODate())).toEqual(utc.toJSDate())
      }),
    )
  })

  test.each(['', '31/12/2025', '02/30/2025', '2025-02-29', '2025', '20250131', 'soon', '10:00', '1/2/25'])(
    'not %j',
    (given) => {
      expect(instantSetting.safeParse(given).success).toBe(false)
    },
  )
})

test('rates become requests per milliseconds', () => {
  expect(rateLimit.parse('4/min')).toEqual({ requests: 4, perMs: 60_000 })
  expect(rateLimit.parse('10/s')).toEqual({ requests: 10, perMs: 1_000 })
  expect(rateLimit.parse('300/h')).toEqual({ requests: 300, perMs: 3_600_000 })
  expect(rateLimit.parse('off')).toBe('off')
})

test('words in any case become the word as we spell it', () => {
  const kind = anyCase(['email', 'userId'])
  expect(['email', 'EMAIL', 'userid', 'UserID'].map((given) => kind.parse(given))).toEqual([
    'email',
    'email',
    'userId',
    'userId',
  ])
  expect(kind.safeParse('user_id').success).toBe(false)
})

test('time zones are full names of places, or UTC', () => {
  const accepted = ['UTC', 'Europe/Berlin', 'Asia/Tokyo', 'Etc/GMT+5', 'America/Argentina/Buenos_Aires']
  expect(accepted.filter((zone) => !timezone.safeParse(zone).success)).toEqual([])
  const refused = ['', 'PST', 'EST', 'CET', 'GMT+2', '+02:00', 'utc+9', 'local', 'system', 'Mars/Base']
  expect(refused.filter((zone) => timezone.safeParse(zone).success)).toEqual([])
})

test('a base address loses the slash at its end and keeps its path', () => {
  expect(httpUrl.parse('https://proxy.example/iterable//')).toBe('https://proxy.example/iterable')
  expect(httpUrl.parse('http://127.0.0.1:4000')).toBe('http://127.0.0.1:4000')
  expect(httpUrl.safeParse('https://x.example/?a=1').success).toBe(false)
  expect(httpUrl.safeParse('x.example').success).toBe(false)
})
