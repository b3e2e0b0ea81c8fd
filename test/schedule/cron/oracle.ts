/**
 * An independent reading of cron for property tests: expressions are made together with the predicate they stand
 * for, and occurrences are found by walking every real minute of a stretch of time.
 */

import fc from 'fast-check'
import { DateTime } from 'luxon'
import type { DialectName } from '../../../src/schedule/cron/dialect.ts'

export interface Day {
  day: number
  month: number
  weekday: number
}
interface Label extends Day {
  minute: number
  hour: number
}
interface Piece {
  text: string
  fits: (value: number) => boolean
}
export interface Sample {
  source: string
  dialect: DialectName
  hourIsWildcard: boolean
  fits: (label: Label) => boolean
  /** Month and day fields only. */
  fitsDay: (day: Day) => boolean
}

interface Limits {
  min: number
  max: number
  names?: string[]
}
const limits = {
  minute: { min: 0, max: 59 },
  hour: { min: 0, max: 23 },
  day: { min: 1, max: 31 },
  month: { min: 1, max: 12, names: 'JAN feb Mar apr may jun jul aug sep oct nov dec'.split(' ') },
  weekday: { min: 0, max: 6, names: 'sun Mon TUE wed thu fri sat'.split(' ') },
} satisfies Record<string, Limits>

const value = ({ min, max }: Limits) => fc.integer({ min, max })
const star: Piece = { text: '*', fits: () => true }

function single(field: Limits): fc.Arbitrary<Piece> {
  return fc.tuple(value(field), fc.boolean()).map(([n, named]) => ({
    text: named && field.names ? (field.names[n - field.min] as string) : String(n),
    fits: (other) => other === n,
  }))
}

function range(field: Limits): fc.Arbitrary<Piece> {
  return fc.tuple(value(field), value(field)).map(([a, b]) => {
    const [from, to] = a < b ? [a, b] : [b, a]
    return { text: `${from}-${to}`, fits: (other) => other >= from && other <= to }
  })
}

function everyNth(field: Limits, dialect: DialectName): fc.Arbitrary<Piece> {
  return fc.integer({ min: 1, max: field.max }).map((n) => ({
    text: `*/${n}`,
    fits: (other) => (dialect === 'treasuredata' ? other % n === 0 : (other - field.min) % n === 0),
  }))
}

function steppedRange(field: Limits): fc.Arbitrary<Piece> {
  return fc.tuple(range(field), fc.integer({ min: 1, max: field.max })).map(([{ text }, n]) => {
    const [from, to] = text.split('-').map(Number) as [number, number]
    return { text: `${text}/${n}`, fits: (other) => other >= from && other <= to && (other - from) % n === 0 }
  })
}

function list(field: Limits, dialect: DialectName): fc.Arbitrary<Piece> {
  const items = [single(field), range(field), everyNth(field, dialect)]
  if (dialect === 'standard') items.push(steppedRange(field))
  return fc.array(fc.oneof(...items), { minLength: 1, maxLength: 4 }).map((pieces) => ({
    text: pieces.map(({ text }) => text).join(','),
    fits: (other) => pieces.some(({ fits }) => fits(other)),
  }))
}

const field = (name: keyof typeof limits, dialect: DialectName) =>
  fc.oneof({ weight: 1, arbitrary: fc.constant(star) }, { weight: 2, arbitrary: list(limits[name], dialect) })

const allOf = ({ min, max }: Limits) => Array.from({ length: max - min + 1 }, (_, index) => min + index)
const selectsAll = (piece: Piece, field: Limits) => allOf(field).every(piece.fits)

/** Random expressions of a dialect; some of them name dates that never come. */
export function samples(dialect: DialectName, fixedTime?: { minute: Piece; hour: Piece }) {
  const time = fixedTime
    ? fc.constant(fixedTime)
    : fc.record({ minute: field('minute', dialect), hour: field('hour', dialect) })
  const parts = [time, field('day', dialect), field('month', dialect), field('weekday', dialect)] as const
  return fc.tuple(...parts).map(([{ minute, hour }, day, month, weekday]): Sample => {
    const rule = dayRule(dialect, day, month, weekday)
    const fitsDay = (label: Day) => month.fits(label.month) && rule(label)
    return {
      source: [minute, hour, day, month, weekday].map(({ text }) => text).join(' '),
      dialect,
      hourIsWildcard: /^\*(\/\d+)?$/.test(hour.text) || selectsAll(hour, limits.hour),
      fits: (label) => minute.fits(label.minute) && hour.fits(label.hour) && fitsDay(label),
      fitsDay,
    }
  })
}

export const midnight = {
  minute: { text: '0', fits: (minute: number) => minute === 0 },
  hour: { text: '0', fits: (hour: number) => hour === 0 },
}

function dayRule(dialect: DialectName, day: Piece, month: Piece, weekday: Piece): (label: Day) => boolean {
  const byDay = (label: Day) => day.fits(label.day)
  const byWeekday = (label: Day) => weekday.fits(label.weekday)
  if (dialect === 'standard') {
    // entry.c of Vixie cron: DOM_STAR and DOW_STAR are set by the first character of the field.
    return day.text.startsWith('*') || weekday.text.startsWith('*')
      ? (label) => byDay(label) && byWeekday(label)
      : (label) => byDay(label) || byWeekday(label)
  }
  if (selectsAll(day, limits.day)) return byWeekday
  if (selectsAll(weekday, limits.weekday)) return byDay
  const count = (fits: (label: Day) => boolean) =>
    countOf400Years((label) => month.fits(label.month) && fits(label))
  return count(byDay) > count(byWeekday) ? byDay : byWeekday
}

const asLabel = (at: Date): Label => ({
  minute: at.getUTCMinutes(),
  hour: at.getUTCHours(),
  day: at.getUTCDate(),
  month: at.getUTCMonth() + 1,
  weekday: at.getUTCDay(),
})

/** The days of one whole cycle of the calendar, from an arbitrary day on; equal ones are counted together. */
const cycle = new Map<string, { day: Day; times: number }>()
for (let index = 0; index < 146_097; index += 1) {
  const { day, month, weekday } = asLabel(new Date(Date.UTC(1970, 4, 17 + index)))
  const key = `${month}-${day}-${weekday}`
  cycle.set(key, { day: { day, month, weekday }, times: (cycle.get(key)?.times ?? 0) + 1 })
}

export function countOf400Years(fits: (day: Day) => boolean): number {
  let count = 0
  for (const { day, times } of cycle.values()) if (fits(day)) count += times
  return count
}

/** A stretch of real time, minute by minute, with what the zone's clock showed. */
export interface Stretch {
  timezone: string
  from: Date
  to: Date
  minutes: { at: number; shown: number }[]
}

const minuteMs = 60_000
const dayMs = 86_400_000

export function walkStretch(timezone: string, from: Date, to: Date): Stretch {
  const minutes: Stretch['minutes'] = []
  for (let at = from.getTime() - 2 * dayMs; at < to.getTime() + 2 * dayMs; at += minuteMs) {
    const local = DateTime.fromMillis(at, { zone: timezone })
    minutes.push({ at, shown: Date.UTC(local.year, local.month - 1, local.day, local.hour, local.minute) })
  }
  return { timezone, from, to, minutes }
}

/**
 * The rule in plain words: wildcard hours by what the clock shows, others once per label, moved out of
 * gaps.
 */
export function walkOccurrences(sample: Sample, { from, to, minutes }: Stretch): string[] {
  const found = new Set<number>()
  if (sample.hourIsWildcard) {
    for (const { at, shown } of minutes) if (sample.fits(asLabel(new Date(shown)))) found.add(at)
  } else {
    const firstAt = new Map<number, number>()
    const lastAt = new Map<number, number>()
    for (const { at, shown } of minutes) {
      if (!firstAt.has(shown)) firstAt.set(shown, at)
      lastAt.set(shown, at)
    }
    const first = minutes[0]?.shown as number
    const last = minutes.at(-1)?.shown as number
    let before = { shown: first, at: lastAt.get(first) as number }
    for (let shown = first; shown <= last; shown += minuteMs) {
      const real = lastAt.get(shown)
      if (real !== undefined) before = { shown, at: real }
      const at = firstAt.get(shown) ?? before.at + (shown - before.shown)
      if (sample.fits(asLabel(new Date(shown)))) found.add(at)
    }
  }
  return [...found]
    .filter((at) => at >= from.getTime() && at < to.getTime())
    .sort((a, b) => a - b)
    .map((at) => new Date(at).toISOString())
}

/** Midnights in UTC that fit, found by walking the days. */
export function walkDays(sample: Sample, from: Date, to: Date): string[] {
  const found: string[] = []
  for (let at = from.getTime(); at < to.getTime(); at += dayMs) {
    const day = new Date(at)
    if (sample.fits(asLabel(day))) found.push(day.toISOString())
  }
  return found
}
