import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CronExpression, DialectName } from '../../../src/schedule/cron/dialect.ts'
import { parseCron } from '../../../src/schedule/cron/expression.ts'
import { countDays } from '../../../src/schedule/cron/frequency.ts'
import { nextOccurrences, occurrencesBetween } from '../../../src/schedule/cron/occurrences.ts'
import {
  countOf400Years,
  type Day,
  midnight,
  type Sample,
  samples,
  walkDays,
  walkOccurrences,
  walkStretch,
} from './oracle.ts'

const dialects: DialectName[] = ['treasuredata', 'standard']

/** Clock changes of every kind; each stretch holds one, or none in zones that have none. */
const stretches = (
  [
    ['UTC', '2026-03-07'],
    ['Asia/Kathmandu', '2026-03-07'],
    ['America/New_York', '2026-03-07'],
    ['America/New_York', '2026-10-31'],
    ['Europe/Berlin', '2026-10-24'],
    ['Australia/Lord_Howe', '2026-10-03'],
    ['Australia/Lord_Howe', '2026-04-04'],
    ['America/Sao_Paulo', '2018-11-03'],
    ['America/Sao_Paulo', '2018-02-17'],
    ['Antarctica/Troll', '2026-03-28'],
    ['Antarctica/Troll', '2026-10-24'],
    ['America/Nuuk', '2025-03-29'],
    ['Africa/Casablanca', '2024-04-13'],
    ['Pacific/Apia', '2011-12-29'],
  ] as const
).map(([timezone, day]) => {
  const from = new Date(`${day}T00:00Z`)
  return walkStretch(timezone, from, new Date(from.getTime() + 3 * 86_400_000))
})

describe.each(dialects)('random expressions of the %s dialect', (dialect) => {
  test('fire on the days that a walk over the calendar finds', () => {
    const years = fc.constantFrom(1999, 2024, 2026, 2099)
    fc.assert(
      fc.property(samples(dialect, midnight), years, (sample, year) => {
        const [from, to] = [new Date(Date.UTC(year, 1, 15)), new Date(Date.UTC(year + 1, 6, 15))]
        const expression = parsePossible(sample)
        expect(times(occurrencesBetween(expression, 'UTC', from, to))).toEqual(walkDays(sample, from, to))
      }),
      { numRuns: 25 },
    )
  })

  test('fire at the minutes that a walk over a clock change finds', () => {
    fc.assert(
      fc.property(samples(dialect), fc.constantFrom(...stretches), (sample, stretch) => {
        const { timezone, from, to } = stretch
        const found = times(occurrencesBetween(parsePossible(sample), timezone, from, to))
        expect(found).toEqual(walkOccurrences(sample, stretch))
      }),
      { numRuns: 200 },
    )
  })

  test('fire at the same instants whether asked one by one or in one go', () => {
    const start = fc.integer({ min: 0, max: 3 * 1440 * 60 })
    fc.assert(
      fc.property(
        samples(dialect),
        fc.constantFrom(...stretches),
        start,
        (sample, { timezone, from }, seconds) => {
          const expression = parsePossible(sample)
          const after = new Date(from.getTime() + seconds * 1000)
          const inOneGo = nextOccurrences(expression, { timezone, from: after, count: 8 })
          let last = after
          for (const at of inOneGo) {
            expect(at.getTime()).toBeGreaterThan(last.getTime())
            expect(nextOccurrences(expression, { timezone, from: last, count: 1 })).toEqual([at])
            last = at
          }
          expect(inOneGo).toHaveLength(8)
        },
      ),
      { numRuns: 40 },
    )
  })
})

test('all stretches but those of UTC and Kathmandu hold a clock change', () => {
  const changing = stretches.filter(({ minutes }) =>
    minutes.some(({ at, shown }) => shown - at !== (minutes[0]?.shown ?? 0) - (minutes[0]?.at ?? 0)),
  )
  expect(changing).toHaveLength(stretches.length - 2)
})

describe('counting days over 400 years', () => {
  const subset = (min: number, max: number) =>
    fc.uniqueArray(fc.integer({ min, max }), { minLength: 1, maxLength: max - min + 1 })

  test('agrees with a walk over 146,097 days', () => {
    fc.assert(
      fc.property(subset(1, 12), subset(1, 31), subset(0, 6), (months, days, weekdays) => {
        const countOf = (fits: (day: Day) => boolean) =>
          countOf400Years((day) => months.includes(day.month) && fits(day))
        expect(countDays({ months, days })).toBe(countOf(({ day }) => days.includes(day)))
        expect(countDays({ months, weekdays })).toBe(countOf(({ weekday }) => weekdays.includes(weekday)))
      }),
      { numRuns: 40 },
    )
  })

  test('gives the known counts for all months', () => {
    const months = Array.from({ length: 12 }, (_, index) => index + 1)
    const counts = [1, 28, 29, 30, 31].map((day) => countDays({ months, days: [day] }))
    expect(counts).toEqual([4800, 4800, 4497, 4400, 2800])
    for (let weekday = 0; weekday < 7; weekday += 1) {
      expect(countDays({ months, weekdays: [weekday] })).toBe(20871)
    }
  })
})

const times = (instants: Iterable<Date>) => [...instants].map((at) => at.toISOString())

/** Skips samples that no calendar can meet, after making sure that no day of 400 years fits them. */
function parsePossible(sample: Sample): CronExpression {
  try {
    return parseCron(sample.source, sample.dialect)
  } catch (error) {
    expect(String(error)).toContain('can never run')
    expect(countOf400Years(sample.fitsDay)).toBe(0)
    return fc.pre(false) as never
  }
}
