/**
 * Treasure Data's reading of cron, as its documentation describes it (the cron-spec Ruby gem stands behind that
 * text). Where the text is silent, `*\/n` is refused outside of the field's limits.
 */

import type { CronDialect } from './dialect.ts'
import { allowedValues, type FieldReading, selectsAll, valuesFrom } from './fields.ts'
import { countDays } from './frequency.ts'

export const treasuredata: CronDialect = {
  label: "Treasure Data's dialect",
  anyWhiteSpace: false,
  macros: {
    '@hourly': '0 * * * *',
    '@daily': '0 0 * * *',
    '@midnight': '0 0 * * *',
    '@monthly': '0 0 1 * *',
  },
  grammar: {
    starInLists: false,
    steppedRanges: false,
    /** Values *divisible by* the step: `*\/5` of the days is 5,10,…,30; of the months `*\/3` is 3,6,9,12. */
    everyNth(step, field, { fail }) {
      if (step > field.max) {
        return fail(
          `has "*/${step}"`,
          `the step is at most ${field.max} (values are ${allowedValues(field)})`,
        )
      }
      return valuesFrom(field.min, field.max).filter((value) => value % step === 0)
    },
  },
  /**
   * Of two restricted day fields the one that fires more often is followed, counted over the 400 years after
   * which the calendar repeats, in the months selected; in a tie the day of the week.
   */
  chooseDays(days, months, weekdays) {
    if (selectsAll(weekdays))
      return { dayRule: selectsAll(days) ? 'every' : 'days', ignored: null, warnings: [] }
    if (selectsAll(days)) return { dayRule: 'weekdays', ignored: null, warnings: [] }
    const byDay = countDays({ months: months.values, days: days.values })
    const byWeekday = countDays({ months: months.values, weekdays: weekdays.values })
    return byDay > byWeekday
      ? { dayRule: 'days', ignored: 'day_of_week', warnings: [ignoring(weekdays, byWeekday, days, byDay)] }
      : {
          dayRule: 'weekdays',
          ignored: 'day_of_month',
          warnings: [ignoring(days, byDay, weekdays, byWeekday)],
        }
  },
}

function ignoring(loser: FieldReading, lost: number, winner: FieldReading, won: number): string {
  const reason = lost === won ? 'fires just as often, and wins a tie' : 'fires more often'
  const counts = `${won} against ${lost} days in 400 years`
  return (
    `the ${loser.field.label} ${JSON.stringify(loser.text)} is ignored: the ${winner.field.label} ` +
    `${JSON.stringify(winner.text)} ${reason} (${counts})`
  )
}
