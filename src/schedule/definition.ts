/** A schedule as its row says it, read and checked; and the instants that follow from it. Pure. */
import { createHash } from 'node:crypto'
import { ConfigError } from '../errors.ts'
import type { ScheduleRow } from '../state/schedules.ts'
import { isInstant } from '../state/sound.ts'
import type { CronExpression, DialectName } from './cron/dialect.ts'
import { parseCron } from './cron/expression.ts'
import { nextOccurrence, occurrencesBetween } from './cron/occurrences.ts'
import { checkTimezone } from './cron/timezone.ts'

const overlaps = ['skip', 'queue_one'] as const
const catchups = ['latest', 'all', 'none'] as const

/** What a schedule means. */
export interface Schedule {
  /** `sync` or `export:NAME`. */
  readonly job: string
  readonly cron: CronExpression
  readonly timezone: string
  /** A run is due this much after its nominal time: the delay and the schedule's own share of the jitter. */
  readonly offsetMs: number
  /** Half-open bounds of nominal times. */
  readonly start: Date | null
  readonly end: Date | null
  readonly overlap: (typeof overlaps)[number]
  readonly catchup: (typeof catchups)[number]
  /** Missed runs older than this are not made up for. */
  readonly catchupWindowMs: number
  /** A run that takes longer is stopped. */
  readonly timeoutMs: number | null
}

/** A century, as in the configuration. */
const longestSeconds = 36_500 * 86_400
const longestText = {
  name: 200,
  cron: 1_000,
  timezone: 100,
  dialect: 100,
  overlap: 100,
  catchup: 100,
} as const

/** Anybody may have inserted the row. @throws ConfigError naming the column, the value met and the values expected. */
export function readSchedule(row: ScheduleRow): Schedule {
  for (const [column, most] of Object.entries(longestText)) {
    const { length } = row[column as keyof typeof longestText]
    if (length > most) throw wrongValue(row, column, 'too long', `at most ${most} characters`)
  }
  const dialect = oneOf(row.name, 'dialect', row.dialect, ['treasuredata', 'standard'] as const)
  return {
    job: row.name,
    cron: parsedCron(row.cron, dialect),
    timezone: knownTimezone(row.timezone),
    offsetMs:
      readMs(row, 'delay_seconds', -longestSeconds) + jitterShareMs(row.name, readMs(row, 'jitter_seconds')),
    start: readInstant(row, 'start_at'),
    end: readInstant(row, 'end_at'),
    overlap: oneOf(row.name, 'overlap', row.overlap, overlaps),
    catchup: oneOf(row.name, 'catchup', row.catchup, catchups),
    catchupWindowMs: readMs(row, 'catchup_window_seconds'),
    timeoutMs: row.timeout_seconds === null ? null : readMs(row, 'timeout_seconds'),
  }
}

function readMs(
  row: ScheduleRow,
  column: 'delay_seconds' | 'jitter_seconds' | 'catchup_window_seconds' | 'timeout_seconds',
  least = 0,
): number {
  const seconds = Number(row[column])
  if (seconds >= least && seconds <= longestSeconds) return seconds * 1000
  throw wrongValue(row, column, String(row[column]), `${least} to ${longestSeconds}`)
}

function readInstant(row: ScheduleRow, column: 'start_at' | 'end_at'): Date | null {
  const value = row[column]
  if (value === null || isInstant(value)) return value
  throw wrongValue(row, column, String(value), 'a time in the years 1 to 9999, or null')
}

const wrongValue = ({ name }: ScheduleRow, column: string, met: string, expected: string) =>
  new ConfigError(`schedule "${name.slice(0, 200)}": ${column} is ${met}; expected ${expected}`)

/** Changes with everything that decides about the coming run times. */
export function fingerprint(row: ScheduleRow): string {
  const { cron, dialect, timezone, delay_seconds, start_at, end_at, jitter_seconds } = row
  const parts = [cron, dialect, timezone, Number(delay_seconds), start_at, end_at, Number(jitter_seconds)]
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16)
}

export const dueAt = ({ offsetMs }: Schedule, nominalAt: Date): Date =>
  new Date(nominalAt.getTime() + offsetMs)

/** The first nominal time whose run is due after `now`; null when there is none any more. */
export function nextTick(schedule: Schedule, now: Date): Date | null {
  const { cron, timezone, offsetMs, start, end } = schedule
  const after = Math.max(now.getTime() - offsetMs, start ? start.getTime() - 1 : Number.NEGATIVE_INFINITY)
  const at = nextOccurrence(cron, timezone, new Date(after))
  // After the year 9999 it is never.
  if (!at || !isInstant(at) || !isInstant(dueAt(schedule, at))) return null
  return end && at >= end ? null : at
}

/** Nominal times from `from` on (inclusive) whose runs are due by `now`, in order. */
export const dueTicks = (schedule: Schedule, from: Date, now: Date): Generator<Date> =>
  nominalTimes(schedule, from, new Date(now.getTime() - schedule.offsetMs + 1))

/** Nominal times in `[from, to)` that the schedule allows, in order. */
export function* nominalTimes(
  { cron, timezone, start, end }: Schedule,
  from: Date,
  to: Date,
): Generator<Date> {
  const first = start && start > from ? start : from
  const last = end && end < to ? end : to
  yield* occurrencesBetween(cron, timezone, first, last)
}

/** The last nominal time before another one; null when there was none in the nine years before. */
export function previousTick(schedule: Schedule, nominalAt: Date): Date | null {
  const hourMs = 3_600_000
  for (const reachMs of [2, 48, 24 * 70, 24 * 366 * 9].map((hours) => hours * hourMs)) {
    let last: Date | null = null
    for (const at of nominalTimes(schedule, new Date(nominalAt.getTime() - reachMs), nominalAt)) last = at
    if (last) return last
  }
  return null
}

/** Spreads schedules with equal expressions; the same for a name in every process, so that previews stay true. */
function jitterShareMs(name: string, jitterMs: number): number {
  if (jitterMs <= 0) return 0
  const share = createHash('sha256').update(name).digest().readUInt32BE() / 2 ** 32
  return Math.floor((share * jitterMs) / 1000) * 1000
}

/** Reading an expression counts days of 400 years; a worker asks every few seconds. */
const readExpressions = new Map<string, CronExpression>()
const readTimezones = new Map<string, string>()

function parsedCron(source: string, dialect: DialectName): CronExpression {
  return remembered(readExpressions, `${dialect} ${source}`, () => parseCron(source, dialect))
}

function knownTimezone(name: string): string {
  return remembered(readTimezones, name, () => checkTimezone(name))
}

function remembered<T>(memory: Map<string, T>, key: string, make: () => T): T {
  const known = memory.get(key)
  if (known !== undefined) return known
  if (memory.size > 10_000) memory.clear()
  const made = make()
  memory.set(key, made)
  return made
}

function oneOf<const T extends string>(name: string, column: string, value: string, known: readonly T[]): T {
  const found = known.find((one) => one === value)
  if (found) return found
  throw new ConfigError(
    `schedule "${name}": ${column} is ${JSON.stringify(value)}; expected ${known.join(' or ')}`,
  )
}
