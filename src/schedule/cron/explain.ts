/** `schedule explain` and `schedule next`: what an expression does, in words and as the coming runs. */

import { DateTime } from 'luxon'
import { messageOf } from '../../errors.ts'
import { type ClockChange, clockChanges } from './changes.ts'
import type { CronExpression, DialectName } from './dialect.ts'
import { dialects, parseCron } from './expression.ts'
import { nextOccurrences } from './occurrences.ts'
import { checkTimezone } from './timezone.ts'
import { describeCron } from './words.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs

/** One coming run. */
export interface ExplainedRun {
  /** The clock of the zone: `Mon 2026-01-05 06:00 +01:00`. */
  readonly local: string
  /** `2026-01-05T05:00:00Z` */
  readonly utc: string
  /**
   * On days on which the zone changes its clocks: what happens, and whether this run was moved; else null.
   */
  readonly transition: string | null
}

export interface CronExplanation {
  readonly expression: string
  readonly dialect: DialectName
  readonly timezone: string
  readonly ignored: 'day_of_month' | 'day_of_week' | null
  readonly warnings: readonly string[]
  /** UTC without milliseconds; empty if the expression never fires. */
  readonly next: readonly string[]
  readonly words: string
  /** How the other dialect reads the same text, or null if it reads it the same. */
  readonly differs: string | null
  readonly runs: readonly ExplainedRun[]
}

/**
 * Explains an expression and lists the `count` runs after `from`. Throws `ConfigError` as `parseCron`
 * does.
 */
export function explainCron(
  source: string | null,
  { dialect, timezone, from, count }: { dialect: DialectName; timezone: string; from: Date; count: number },
): CronExplanation {
  const zone = checkTimezone(timezone)
  const expression = parseCron(source, dialect)
  const runs = nextOccurrences(expression, { timezone: zone, from, count })
  return {
    expression: expression.source,
    dialect,
    timezone: zone,
    ignored: expression.ignored,
    warnings: expression.warnings,
    next: runs.map(utc),
    words: inOneSentence(expression, zone),
    differs: differsFrom(expression),
    runs: runs.map((at) => explainRun(at, expression, zone)),
  }
}

function inOneSentence(expression: CronExpression, timezone: string): string {
  if (expression.never) return `${describeCron(expression)}.`
  const [loser, winner] =
    expression.ignored === 'day_of_month' ? ['day of month', 'day of week'] : ['day of week', 'day of month']
  const ignored = expression.ignored
    ? ` The ${loser} is ignored because both day fields are restricted and the ${winner} is followed.`
    : ''
  return `${describeCron(expression)}, ${timezone} time.${ignored}`
}

function differsFrom(expression: CronExpression): string | null {
  if (expression.never) return null
  const other: DialectName = expression.dialect === 'treasuredata' ? 'standard' : 'treasuredata'
  const { label } = dialects[other]
  try {
    const reading = parseCron(expression.source, other)
    return meaningOf(reading) === meaningOf(expression)
      ? null
      : `${label} reads it as: ${describeCron(reading)}`
  } catch (error) {
    return `${label} refuses it: ${messageOf(error)}`
  }
}

/** Equal for expressions that fire alike; lists that the day rule does not ask are left out. */
function meaningOf({
  minutes,
  hours,
  hourIsWildcard,
  months,
  dayRule,
  days,
  weekdays,
}: CronExpression): string {
  const asked = {
    every: [],
    days: [days],
    weekdays: [weekdays],
    either: [days, weekdays],
    both: [days, weekdays],
  }[dayRule]
  return JSON.stringify([minutes, hours, hourIsWildcard, months, dayRule, asked])
}

function explainRun(at: Date, expression: CronExpression, timezone: string): ExplainedRun {
  const local = DateTime.fromJSDate(at, { zone: timezone }).setLocale('en')
  return {
    local: local.toFormat('ccc yyyy-MM-dd HH:mm ZZ'),
    utc: utc(at),
    transition: explainChange(local, expression, timezone),
  }
}

/** Instants lie within a day of the change on whose local day they fall; the longest gap was a whole day. */
function explainChange(local: DateTime, expression: CronExpression, timezone: string): string | null {
  const at = Math.floor(local.toMillis() / 1000) * 1000
  const day = dayOf(at + local.offset * 60_000)
  const { changes } = clockChanges(timezone, at - 2 * dayMs, at + 2 * dayMs)
  const change = changes.find((candidate) => daysTouched(candidate).includes(day))
  if (!change) return null
  const [from, to] = [change.at + change.beforeMs, change.at + change.afterMs]
  const withDate = dayOf(from) !== day || dayOf(to) !== day
  const show = (label: number) => clockTime(label, withDate)
  const direction = to > from ? 'forward' : 'back'
  const moved = movedFrom(local, expression, change)
  const thisRun = moved === null ? '' : `, this run moved from ${show(moved)}`
  return `clocks go ${direction} from ${show(from)} to ${show(to)}${thisRun}`
}

/** The first and the last local day that have a skipped or repeated label, and the day the gap ends on. */
function daysTouched({ at, beforeMs, afterMs }: ClockChange): number[] {
  const isGap = afterMs > beforeMs
  return isGap ? [dayOf(at + beforeMs), dayOf(at + afterMs)] : [dayOf(at + afterMs), dayOf(at + beforeMs - 1)]
}

/** The label in the gap whose run this is, unless the time on the clock is in the expression by itself. */
function movedFrom(
  local: DateTime,
  { minutes, hours, hourIsWildcard }: CronExpression,
  change: ClockChange,
): number | null {
  const gapMs = change.afterMs - change.beforeMs
  const sinceChange = local.toMillis() - change.at
  if (hourIsWildcard || sinceChange < 0 || sinceChange >= gapMs) return null
  const ownLabel = hours.includes(local.hour) && minutes.includes(local.minute) && gapMs < dayMs
  return ownLabel ? null : local.toMillis() + change.beforeMs
}

const dayOf = (labelMs: number) => Math.floor(labelMs / dayMs)
const clockTime = (labelMs: number, withDate: boolean) =>
  new Date(labelMs)
    .toISOString()
    .slice(withDate ? 0 : 11, 16)
    .replace('T', ' ')
const utc = (at: Date) => at.toISOString().replace(/\.\d{3}Z$/, 'Z')
