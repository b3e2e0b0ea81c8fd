/**
 * A cron expression as plain value lists. Parsing is ours in both dialects, because cron libraries read
 * several of the documented forms differently (`*\/5` days, two day fields, `""`, duplicates in a list).
 */

import { ConfigError } from '../../errors.ts'
import type { CronDialect, CronExpression, DayChoice, DialectName } from './dialect.ts'
import type { FieldReading } from './fields.ts'
import * as fields from './fields.ts'
import { countDays } from './frequency.ts'
import { standard } from './standard.ts'
import { treasuredata } from './treasuredata.ts'

export const dialects: Readonly<Record<DialectName, CronDialect>> = { treasuredata, standard }

/**
 * Parses an expression of five fields or a macro (`@hourly`, `@daily` …); `""`, `None` and null never fire.
 * Throws `ConfigError` naming the field, the value met, the values allowed and the cure; also for dates that
 * no year has (`0 0 31 2 *`).
 */
export function parseCron(source: string | null, dialect: DialectName): CronExpression {
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

function neverFires(source: string, dialect: DialectName): CronExpression {
  const lists = { minutes: [], hours: [], days: [], months: [], weekdays: [] }
  const flags = { never: true, ignored: null, warnings: [], hourIsWildcard: false, dayRule: 'every' } as const
  return { source, dialect, ...lists, ...flags }
}

type FiveTexts = [string, string, string, string, string]

function splitFields(source: string, dialect: DialectName, warnings: string[]): FiveTexts {
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

function expandMacro(text: string, dialect: DialectName): string {
  const { macros, label } = dialects[dialect]
  const name = text.toLowerCase()
  if (Object.hasOwn(macros, name)) return macros[name] as string
  const plain = Object.hasOwn(standard.macros, name) ? `, or write "${standard.macros[name]}"` : ''
  const cure = `use one of ${Object.keys(macros).join(', ')}${plain}`
  throw new ConfigError(`cron ${JSON.stringify(text)} is not a macro of ${label}; ${cure}`)
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
