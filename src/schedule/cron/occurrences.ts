/**
 * The instants at which an expression fires.
 *
 * cron-parser walks the calendar: it is given plain lists of days, months or weekdays, in UTC, and names the
 * days. The times of a day are laid onto the zone's clock here, because cron-parser 5.10.5 loses ticks whose gap
 * ends on another day (Nuuk 2025-03-29 23:30, Apia 2011-12-30), moves `*\/2` hours out of a gap, and needs
 * 0.1 ms a tick.
 *
 * Clock changes, for a *label* (what the clock on the wall shows):
 * - Hour `*`, `*\/n` or all 24 listed: each real minute whose label fits fires. A repeated hour so fires twice
 *   (`*\/30 * * * *` is every real half hour), and labels in a gap do not exist: `0 *\/2 * * *` has no 02:00 on
 *   the day New York goes from 02:00 to 03:00, and goes on at 04:00. (Debian's cron does the same.)
 * - Any other hour: each label fires once. In a gap it is moved by the gap's length (02:30 -> 03:30); of a
 *   repeated label the first counts. Both are the label read with the offset in force *before* the change.
 * - Labels that meet at one instant (02:30 moved onto a listed 03:30) fire once.
 */

import { CronExpressionParser } from 'cron-parser'
import { type ClockChange, clockChanges, offsetAt } from './changes.ts'
import type { CronExpression } from './dialect.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

/** The next `count` instants after `from` (exclusive), in order; empty if the expression never fires. */
export function nextOccurrences(
  expression: CronExpression,
  { timezone, from, count }: { timezone: string; from: Date; count: number },
): Date[] {
  const found: Date[] = []
  if (count < 1) return found
  for (const at of instantsAfter(expression, timezone, from.getTime())) {
    found.push(new Date(at))
    if (found.length >= count) break
  }
  return found
}

/** The next instant after `after` (exclusive), or null if the expression never fires. */
export function nextOccurrence(expression: CronExpression, timezone: string, after: Date): Date | null {
  return nextOccurrences(expression, { timezone, from: after, count: 1 })[0] ?? null
}

/** All instants of the half-open interval `from <= at < to`, one after another: for catch-up and backfill. */
export function* occurrencesBetween(
  expression: CronExpression,
  timezone: string,
  from: Date,
  to: Date,
): Generator<Date, void, undefined> {
  if (from >= to) return
  for (const at of instantsAfter(expression, timezone, from.getTime() - 1)) {
    if (at >= to.getTime()) return
    yield new Date(at)
  }
}

/** Ascending instants after `afterMs`, each once. */
function* instantsAfter(expression: CronExpression, timezone: string, afterMs: number): Generator<number> {
  let last = afterMs
  for (const at of instantsFrom(localDay(timezone, afterMs) - dayMs, expression, timezone)) {
    if (at <= last) continue
    last = at
    yield at
  }
}

/** A merge of two ascending rows: labels on time, and those that wait their turn (moved or repeated ones). */
function* instantsFrom(firstDay: number, expression: CronExpression, timezone: string): Generator<number> {
  if (expression.never) return
  const waiting: number[] = []
  for (const day of matchingDays(expression, firstDay)) {
    const { onTime, late } = placeDay(day, expression, timezone)
    waiting.push(...late)
    for (const at of onTime) {
      while (waiting[0] !== undefined && waiting[0] < at) yield waiting.shift() as number
      yield at
    }
  }
}

/** Midnight (as if in UTC) of the day that the zone's calendar shows. */
function localDay(timezone: string, atMs: number): number {
  return Math.floor((atMs + offsetAt(timezone, atMs)) / dayMs) * dayMs
}

/**
 * The instants of one day's labels; `late` ones may come after labels of the day that follow them, or of
 * the next.
 */
function placeDay(day: number, { minutes, hours, hourIsWildcard }: CronExpression, timezone: string) {
  // Offsets lie between -12 and +14 hours: every instant that could carry one of the day's labels is in here.
  const { offsetMs, changes } = clockChanges(timezone, day - 15 * hourMs, day + 37 * hourMs)
  const onTime: number[] = []
  const late: number[] = []
  for (const hour of hours) {
    for (const minute of minutes) {
      const label = day + hour * hourMs + minute * minuteMs
      if (changes.length === 0) onTime.push(label - offsetMs)
      else placeLabel(label, { offsetMs, changes, hourIsWildcard, onTime, late })
    }
  }
  return { onTime, late }
}

function placeLabel(
  label: number,
  {
    offsetMs,
    changes,
    hourIsWildcard,
    onTime,
    late,
  }: {
    offsetMs: number
    changes: readonly ClockChange[]
    hourIsWildcard: boolean
    onTime: number[]
    late: number[]
  },
): void {
  let offset = offsetMs
  for (const { at, beforeMs, afterMs } of changes) {
    if (label < at + Math.min(beforeMs, afterMs)) break
    if (label < at + Math.max(beforeMs, afterMs)) {
      const inGap = afterMs > beforeMs
      if (!inGap) onTime.push(label - beforeMs)
      if (inGap !== hourIsWildcard) late.push(label - (inGap ? beforeMs : afterMs))
      return
    }
    offset = afterMs
  }
  onTime.push(label - offset)
}

/** The days from `from` on that fit the month and the day rule, as midnights in UTC. */
function matchingDays(expression: CronExpression, from: number): Generator<number> {
  const { dayRule, days, weekdays } = expression
  const months = listed(expression.months, 12)
  const byDay = () => calendar(`0 0 ${listed(days, 31)} ${months} *`, from)
  const byWeekday = () => calendar(`0 0 * ${months} ${listed(weekdays, 7)}`, from)
  switch (dayRule) {
    case 'every':
      return calendar(`0 0 * ${months} *`, from)
    case 'days':
      return byDay()
    case 'weekdays':
      return byWeekday()
    case 'either':
      return union(byDay(), byWeekday())
    case 'both':
      return onWeekdays(byDay(), weekdays)
  }
}

const listed = (values: readonly number[], all: number) => (values.length === all ? '*' : values.join(','))

function* calendar(plainLists: string, from: number): Generator<number> {
  const days = CronExpressionParser.parse(plainLists, { currentDate: new Date(from - 1000), tz: 'UTC' })
  while (true) yield days.next().getTime()
}

function* onWeekdays(days: Generator<number>, weekdays: readonly number[]): Generator<number> {
  for (const day of days) if (weekdays.includes(new Date(day).getUTCDay())) yield day
}

/** Two endless ascending rows as one, without what both have. */
function* union(left: Generator<number>, right: Generator<number>): Generator<number> {
  let [a, b] = [left.next().value as number, right.next().value as number]
  while (true) {
    yield Math.min(a, b)
    const passed = Math.min(a, b)
    if (a === passed) a = left.next().value as number
    if (b === passed) b = right.next().value as number
  }
}
