/**
 * A cron expression as plain value lists. Parsing is ours in both dialects, because cron libraries read
 * several of the documented forms differently (`*\/5` days, two day fields, `""`, duplicates in a list).
 */

import { ConfigError } from '../../errors.ts'
import type { FieldGrammar, FieldReading } from './fields.ts'
import * as fields from './fields.ts'
import { countDays } from './frequency.ts'
import { standard } from './standard.ts'
import { treasuredata } from './treasuredata.ts'

/** `treasuredata` is the default of schedules; `standard` is Vixie cron. */
export type Dialect = 'treasuredata' | 'standard'

/**
 * Which days of the selected months fire: all, by one of the two day fields, by either, or by both at
 * once.
 */
type DayRule = 'every' | 'days' | 'weekdays' | 'either' | 'both'

/** A parsed expression; all lists are sorted and without duplicates, and empty if it is `never`. */
export interface CronExpression {
  /** The text as given (`""` for null). */
  readonly source: string
  readonly dialect: Dialect
  /** `""`, `None` or null: a saved schedule that never fires. */
  readonly never: boolean
  readonly minutes: readonly number[]
  readonly hours: readonly number[]
  readonly days: readonly number[]
  readonly months: readonly number[]
  /** 0 = Sunday … 6 = Saturday. */
  readonly weekdays: readonly number[]
  /** The day field that was overruled by the other one (`treasuredata` only). */
  readonly ignored: 'day_of_month' | 'day_of_week' | null
  /** Sentences for the user: what was ignored, tolerated or may surprise. */
  readonly warnings: readonly string[]
  /** The hour is `*`, `*\/n` or lists every hour: the rhythm goes on through clock changes. */
  readonly hourIsWildcard: boolean
  readonly dayRule: DayRule
}

/** What the two dialects do differently. */
export interface CronDialect {
  readonly label: string
  /** Any white space separates fields without a warning. */
  readonly anyWhiteSpace: boolean
  readonly macros: Readonly<Record<string, string>>
  readonly grammar: FieldGrammar
  readonly chooseDays: (days: FieldReading, months: FieldReading, weekdays: FieldReading) => DayChoice
}

interface DayChoice {
  readonly dayRule: DayRule
  readonly ignored: CronExpression['ignored']
  readonly warnings: readonly string[]
}

export const dialects: Readonly<Record<Dialect, CronDialect>> = { treasuredata, standard }

/**
 * Parses an expression of five fields or a macro (`@hourly`, `@daily` …); `""`, `None` and null never fire.
 * Throws `ConfigError` naming the field, the value met, the values allowed and the cure; also for dates that
 * no year has (`0 0 31 2 *`).
 */
export function parseCron(source: string | null, dialect: Dialect): CronExpression {
  const text = (source ?? '').trim()
  if (text === '' || /^none$/i.test(text)) return neverFires(source ?? '', dialect)
  const { grammar, chooseDays } = dialects[dialect]
  const warnings: string[] = []
  const context = { grammar, source: text, warnings }
  const [m, h, d, mo, w] = splitFields(source ?? '', dialect, warnings)

  const minutes = fields.readField(m, fields.minute, context)
  const hours = fields.readField(h, fields.hour, context)
  const days = fields.readField(d, fields.dayOfMonth, context)
  const months = fields.readField(mo, fields.month, context)
  const weekdays = fields.readField(w, fields.dayOfWeek, context)
  const choice = onlyPossibleDates(chooseDays(days, months, weekdays), days, months, text)
  return {
    source: source ?? '',
    dialect,
    never: false,
    minutes: minutes.values,
    hours: hours.values,
    days: days.values,
    months: months.values,
    weekdays: weekdays.values,
    ignored: choice.ignored,
    warnings: [...new Set([...warnings, ...choice.warnings])],
    hourIsWildcard: /^\*(\/\d+)?$/.test(h) || fields.selectsAll(hours),
    dayRule: choice.dayRule,
  }
}

function neverFires(source: string, dialect: Dialect): CronExpression {
  const lists = { minutes: [], hours: [], days: [], months: [], weekdays: [] }
  const flags = { never: true, ignored: null, warnings: [], hourIsWildcard: false, dayRule: 'every' } as const
  return { source, dialect, ...lists, ...flags }
}

type FiveTexts = [string, string, string, string, string]

function splitFields(source: string, dialect: Dialect, warnings: string[]): FiveTexts {
  const { anyWhiteSpace } = dialects[dialect]
  const text = source.trim()
  const parts = (text.startsWith('@') ? expandMacro(text, dialect) : text).split(/\s+/)
  if (parts.length !== 5) {
    const cure =
      parts.length === 6
        ? 'there is no field for seconds or years, take the sixth out'
        : 'write minute, hour, day of month, month and day of week, such as "0 6 * * *"'
    throw new ConfigError(`cron ${JSON.stringify(text)} has ${countOf(parts)} where five are needed; ${cure}`)
  }
  if (!anyWhiteSpace && (text !== source || /\s\s|[^\S ]/.test(text))) {
    warnings.push(
      'fields should be separated by a single space and nothing else; other white space was tolerated',
    )
  }
  return parts as FiveTexts
}

const countOf = (parts: readonly string[]) => `${parts.length} field${parts.length === 1 ? '' : 's'}`

function expandMacro(text: string, dialect: Dialect): string {
  const { macros, label } = dialects[dialect]
  const name = text.toLowerCase()
  if (Object.hasOwn(macros, name)) return macros[name] as string
  const plain = Object.hasOwn(standard.macros, name) ? `, or write "${standard.macros[name]}"` : ''
  const cure = `use one of ${Object.keys(macros).join(', ')}${plain}`
  throw new ConfigError(`cron ${JSON.stringify(text)} is no macro of ${label}; ${cure}`)
}

/** Refuses days that none of the months has, as long as nothing else makes the schedule fire. */
function onlyPossibleDates(
  choice: DayChoice,
  days: FieldReading,
  months: FieldReading,
  source: string,
): DayChoice {
  const byDay = choice.dayRule === 'days' || choice.dayRule === 'either' || choice.dayRule === 'both'
  if (!byDay || countDays({ months: months.values, days: days.values }) > 0) return choice
  const date = `day of month ${JSON.stringify(days.text)} never comes in month ${JSON.stringify(months.text)}`
  if (choice.dayRule === 'either') {
    return { ...choice, dayRule: 'weekdays', warnings: [...choice.warnings, `${date}; only weekdays count`] }
  }
  throw new ConfigError(
    `cron ${JSON.stringify(source)} can never run: ${date}; choose a day that one of the months has, ` +
      'or "" for a schedule that never runs',
  )
}
