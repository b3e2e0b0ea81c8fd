/** Schedules of digdag workflows, as cron expressions. */
import { suggestion } from '../../nearest.ts'

type Note = (setting: string, value: unknown, became: string) => void

export interface TdSchedule {
  readonly cron: string
  readonly timezone: string
  readonly dialect: 'standard'
  readonly overlap?: 'skip'
  readonly catchup_window?: string
  readonly start?: string
  readonly end?: string
}

/** digdag's session time of such a schedule is the beginning of this, and the run comes later. */
const sessionUnits = new Map([
  ['daily>', 'day'],
  ['hourly>', 'hour'],
  ['weekly>', 'day'],
  ['monthly>', 'day'],
])

function sessionNote(unit: string, zone: string): string {
  const time = zone === 'UTC' ? '$nominal_time' : `$nominal_time at time zone '${zone}'`
  return `the session time was the beginning of the ${unit}, $nominal_time is the time of the run: where a query needs the former, write date_trunc('${unit}', ${time})`
}

const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']

/** `daily>: 07:00:00`, `hourly>`, `weekly>`, `monthly>`, `minutes_interval>`, `cron>` and their options. */
export function scheduleOf(
  block: Readonly<Record<string, unknown>>,
  timezone: unknown,
  note: Note,
): TdSchedule | undefined {
  const zone = timezone === undefined ? 'UTC' : String(timezone)
  let cron: string | undefined
  const options: { overlap?: 'skip'; catchup_window?: string; start?: string; end?: string } = {}
  for (const [key, value] of Object.entries(block)) {
    const made = cronOf(key, String(value))
    if (made !== undefined) {
      cron = made
      note(`schedule.${key}`, value, `schedule: ${made}`)
      const unit = sessionUnits.get(key)
      if (unit !== undefined) note(`schedule.${key}`, value, sessionNote(unit, zone))
      if (/:\d\d:(?!00)\d\d/.test(String(value))) note(`schedule.${key}`, value, 'the seconds are dropped')
    } else if (key === 'skip_on_overtime') {
      if (value === true) options.overlap = 'skip'
      note(`schedule.${key}`, value, 'overlap: skip')
    } else if (key === 'skip_delayed_by') {
      const window = /^(\d+)\s*(s|m|h|d)/.exec(String(value))
      if (window) options.catchup_window = `${window[1]}${window[2]}`
      note(
        `schedule.${key}`,
        value,
        window ? `catchup_window: ${window[1]}${window[2]}` : 'ignored: not understood',
      )
    } else if (key === 'start' || key === 'end') {
      options[key] = String(value)
      note(`schedule.${key}`, value, `schedule: ${key}`)
    } else
      note(
        `schedule.${key}`,
        value,
        `ignored${suggestion(key, ['daily>', 'hourly>', 'weekly>', 'monthly>', 'cron>'])}`,
      )
  }
  if (cron === undefined) return undefined
  if (timezone !== undefined) note('timezone', timezone, `schedule: timezone ${zone}`)
  // digdag's cron is not the one of Treasure Data's console: */n steps from the start of the field.
  return { cron, timezone: zone, dialect: 'standard', ...options }
}

function cronOf(key: string, value: string): string | undefined {
  const clock = (text: string) => daySchedule(text)
  const [head = '', rest = ''] = value.split(',').map((part) => part.trim())
  switch (key) {
    case 'cron>':
      return value.trim()
    case 'daily>':
      return clock(value) && `${clock(value)} * * *`
    case 'hourly>':
      return /^\d+/.test(value) ? `${Number.parseInt(value, 10)} * * * *` : undefined
    case 'weekly>': {
      const day = days.indexOf(head.slice(0, 3).toLowerCase())
      return day >= 0 && clock(rest) ? `${clock(rest)} * * ${day}` : undefined
    }
    case 'monthly>':
      return clock(rest) && `${clock(rest)} ${Number(head)} * *`
    case 'minutes_interval>':
      return `*/${Number(value)} * * * *`
    default:
      return undefined
  }
}

/** `07:30:00` → `30 7`. YAML 1.1 reads such times as numbers to the base of 60, and so may have been written. */
function daySchedule(text: string): string | undefined {
  const [, hour, minute] = /^(\d{1,2}):(\d{2})(?::\d{2})?$/.exec(text.trim()) ?? []
  return hour === undefined ? undefined : `${Number(minute)} ${Number(hour)}`
}
