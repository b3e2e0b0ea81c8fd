/** A cron expression in English: `At 06:00 on Mondays in January and March`. */

import type { CronExpression } from './dialect.ts'

const weekdays = ['Sundays', 'Mondays', 'Tuesdays', 'Wednesdays', 'Thursdays', 'Fridays', 'Saturdays']
const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
]
/** Up to so many times of day are written out as 06:30; more read better as minutes and hours. */
const timesWrittenOut = 6

/** What the expression does, without zone and without a full stop. */
export function describeCron(expression: CronExpression): string {
  if (expression.never) return 'Never runs'
  return `${describeTimes(expression)} ${describeDays(expression)}${describeMonths(expression)}`
}

function describeTimes({ minutes, hours }: CronExpression): string {
  if (minutes.length * hours.length <= timesWrittenOut) {
    return `At ${inWords(hours.flatMap((hour) => minutes.map((minute) => clockTime(hour, minute))))}`
  }
  const ofHours = hours.length === 24 ? 'every hour' : `the hour${plural(hours)} ${inWords(hours)}`
  if (minutes.length === 60) return `At every minute of ${ofHours}`
  if (minutes.length === 1 && minutes[0] === 0 && hours.length === 24) return 'At the start of every hour'
  return `At minute${plural(minutes)} ${inWords(minutes)} of ${ofHours}`
}

function describeDays({ dayRule, days, weekdays: selected }: CronExpression): string {
  const onDays = `on day${plural(days)} ${inWords(days)} of the month`
  const onWeekdays = `on ${inWords(selected.map((weekday) => weekdays[weekday]))}`
  switch (dayRule) {
    case 'every':
      return 'every day'
    case 'days':
      return onDays
    case 'weekdays':
      return onWeekdays
    case 'either':
      return `${onDays}, and also ${onWeekdays}`
    case 'both':
      return `${onWeekdays}, if they fall ${onDays}`
  }
}

function describeMonths({ months: selected }: CronExpression): string {
  return selected.length === 12 ? '' : ` in ${inWords(selected.map((month) => months[month - 1]))}`
}

/** `1`, `1 and 2`, `1, 2 and 3`. */
function inWords(items: readonly unknown[]): string {
  if (items.length < 2) return items.join('')
  return `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`
}

const plural = (items: readonly unknown[]) => (items.length === 1 ? '' : 's')
const clockTime = (...parts: number[]) => parts.map((part) => String(part).padStart(2, '0')).join(':')
