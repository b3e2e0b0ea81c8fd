/** Vixie cron, the cron of Linux distributions (crontab(5), `entry.c` of cron 3.0). */

import type { CronDialect } from './dialect.ts'
import { highest, selectsAll, valuesFrom } from './fields.ts'

export const standard: CronDialect = {
  label: 'standard cron',
  anyWhiteSpace: true,
  macros: {
    '@hourly': '0 * * * *',
    '@daily': '0 0 * * *',
    '@midnight': '0 0 * * *',
    '@weekly': '0 0 * * 0',
    '@monthly': '0 0 1 * *',
    '@yearly': '0 0 1 1 *',
    '@annually': '0 0 1 1 *',
  },
  grammar: {
    starInLists: true,
    steppedRanges: true,
    /** Steps from the field's minimum: `*\/5` of the days is 1,6,11,…,31. */
    everyNth(step, field, { note }) {
      if (step > highest(field) - field.min)
        note(`the step is wider than the field, only ${field.min} is left`)
      return valuesFrom(field.min, highest(field), step)
    },
  },
  /**
   * Two restricted day fields: a day that fits either. As in Vixie cron a field that begins with `*` counts as
   * unrestricted even with a step, and both have to fit: `0 0 *\/2 * mon` means Mondays on odd dates.
   */
  chooseDays(days, _months, weekdays) {
    const either = !days.text.startsWith('*') && !weekdays.text.startsWith('*')
    if (either) {
      return {
        dayRule: selectsAll(days) || selectsAll(weekdays) ? 'every' : 'either',
        ignored: null,
        warnings: [],
      }
    }
    if (selectsAll(weekdays))
      return { dayRule: selectsAll(days) ? 'every' : 'days', ignored: null, warnings: [] }
    if (selectsAll(days)) return { dayRule: 'weekdays', ignored: null, warnings: [] }
    const warning =
      `a day must fit the day of month ${JSON.stringify(days.text)} and the day of week ` +
      `${JSON.stringify(weekdays.text)} (Vixie cron takes either only if neither field begins with *)`
    return { dayRule: 'both', ignored: null, warnings: [warning] }
  },
}
