/** The days that a report of campaigns is about, in the time zone of the marts. */
import { DateTime } from 'luxon'
import { ConfigError } from '../errors.ts'

/** Days, both included: `2026-01-31`. */
export interface DayRange {
  readonly from: string
  readonly to: string
}

/** So many days, unless others are asked for. */
const usualDays = 28

/**
 * The days asked for; without a beginning the 28 that end with the last one, without an end those up to that of `now`.
 * @throws ConfigError `bad_range` for what is not a day, and for an end before its beginning.
 */
export function rangeOf(
  { from, to }: { readonly from?: string | undefined; readonly to?: string | undefined },
  { zone, now }: { readonly zone: string; readonly now: Date },
): DayRange {
  const last = to === undefined ? dayOf(now, zone) : dayNamed('to', to)
  const first = from === undefined ? moved(last, 1 - usualDays) : dayNamed('from', from)
  if (first > last) {
    throw new ConfigError(
      `the range begins on ${first} and ends before that, on ${last}: both days are included, the earlier one goes first`,
      { code: 'bad_range' },
    )
  }
  return { from: first, to: last }
}

/** As many days, right before. */
export const rangeBefore = (range: DayRange): DayRange => ({
  from: moved(range.from, -lengthOf(range)),
  to: moved(range.from, -1),
})

/** Every day of a range. */
export const daysWithin = (range: DayRange): readonly string[] =>
  Array.from({ length: lengthOf(range) }, (_, index) => moved(range.from, index))

/** The instants of a range: `from` included, `until` not. */
export const instantsOf = (
  { from, to }: DayRange,
  zone: string,
): { readonly from: Date; readonly until: Date } => ({
  from: DateTime.fromISO(from, { zone }).startOf('day').toJSDate(),
  until: DateTime.fromISO(to, { zone }).plus({ days: 1 }).startOf('day').toJSDate(),
})

/** The day of an instant. */
const dayOf = (at: Date, zone: string): string => DateTime.fromJSDate(at, { zone }).toFormat(dayFormat)

const dayFormat = 'yyyy-MM-dd'

const moved = (day: string, days: number): string =>
  DateTime.fromISO(day, { zone: 'UTC' }).plus({ days }).toFormat(dayFormat)

const lengthOf = ({ from, to }: DayRange): number =>
  Math.round((Date.parse(to) - Date.parse(from)) / 86_400_000) + 1

/** ISO 8601, or MM/DD/YYYY as everywhere else on the command line. */
function dayNamed(option: 'from' | 'to', text: string): string {
  const [, month, date, year] = /^(\d\d)\/(\d\d)\/(\d{4})$/.exec(text) ?? []
  const spelled = year === undefined ? text : `${year}-${month}-${date}`
  const isDay = /^\d{4}-\d\d-\d\d$/.test(spelled) && DateTime.fromISO(spelled, { zone: 'UTC' }).isValid
  if (isDay) return spelled
  throw new ConfigError(
    `${option} is ${JSON.stringify(text)}; expected a day such as "2026-01-31" or "01/31/2026"`,
    { code: 'bad_range' },
  )
}
