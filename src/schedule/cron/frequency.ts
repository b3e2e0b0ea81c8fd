/**
 * How many days a field selects in the 400 years after which the Gregorian calendar repeats (146,097
 * days).
 */

/** Counts days that lie in `months` (1-12) and, where given, fit `days` (1-31) or `weekdays` (0-6). */
export function countDays({
  months,
  days,
  weekdays,
}: {
  months: readonly number[]
  days?: readonly number[]
  weekdays?: readonly number[]
}): number {
  let count = 0
  for (let year = 2000; year < 2400; year += 1) {
    for (const month of months) {
      const length = new Date(Date.UTC(year, month, 0)).getUTCDate()
      if (days) count += days.filter((day) => day <= length).length
      if (weekdays) count += countWeekdays(weekdays, new Date(Date.UTC(year, month - 1)).getUTCDay(), length)
    }
  }
  return count
}

/** Each weekday comes four times in a month; those of the days 29 to 31 come once more. */
function countWeekdays(weekdays: readonly number[], first: number, length: number): number {
  return weekdays.reduce((sum, weekday) => sum + 4 + ((weekday - first + 7) % 7 < length - 28 ? 1 : 0), 0)
}
