/** What a dialect of cron is, and what an expression comes to in each. */
import type { FieldGrammar, FieldReading } from './fields.ts'

/** `treasuredata` is the default of schedules; `standard` is Vixie cron. */
export type DialectName = 'treasuredata' | 'standard'

/**
 * Which days of the selected months fire: all, by one of the two day fields, by either, or by both at
 * once.
 */
export type DayRule = 'every' | 'days' | 'weekdays' | 'either' | 'both'

/** A parsed expression; all lists are sorted and without duplicates, and empty if it is `never`. */
export interface CronExpression {
  /** The text as given (`""` for null). */
  readonly source: string
  readonly dialect: DialectName
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

export interface DayChoice {
  readonly dayRule: DayRule
  readonly ignored: CronExpression['ignored']
  readonly warnings: readonly string[]
}
