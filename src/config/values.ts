/**
 * The kinds of values a configuration is made of: text in the file, numbers and dates inside.
 * Messages of failed checks say what is expected; what was met is added by faults.ts, which knows the secrets.
 */
import { DateTime, IANAZone } from 'luxon'
import ms from 'ms'
import * as z from 'zod'

/** Requests per time, e.g. "4/min" is `{ requests: 4, perMs: 60_000 }`. */
export type RateLimit = { readonly requests: number; readonly perMs: number }

/** A length of time such as `30s`, `5m`, `1h`, `1d`; milliseconds inside. */
export const duration = text(
  /^\d+(\.\d+)?(ms|s|m|h|d|w)$/,
  'a duration such as "30s", "5m", "1h" or "1d"',
  (given) => readDuration(given, '36500d'),
)

/** A duration that may also point backwards, e.g. `-10m`. */
export const signedDuration = text(
  /^-?\d+(\.\d+)?(ms|s|m|h|d|w)$/,
  'a duration such as "10m" or "-10m"',
  (given) => readDuration(given, '36500d'),
)

/** A duration that a timer keeps: Node and Postgres count milliseconds in 31 bits, 24.8 days. */
export const timeLimit = text(
  /^\d+(\.\d+)?(ms|s|m|h|d|w)$/,
  'a duration up to "24d", such as "30s" or "15m"',
  (given) => readDuration(given, '24d'),
)

/** How long something is kept, by the calendar. */
export type Age = { readonly days: number } | { readonly months: number }

/** Days, weeks, months or years: `90 days`, `25 months`, `2 years`. */
export const ageSetting = text(
  /^[1-9]\d{0,3} *(d|days?|w|weeks?|months?|y|years?)$/,
  'an age such as "90 days", "25 months" or "2 years"',
  readAge,
)

/** A day or an instant: MM/DD/YYYY (as in Qlik) or ISO 8601; without a zone it is UTC. */
export const instantSetting = checked(
  'a date as MM/DD/YYYY or in ISO 8601, e.g. "01/31/2025" or "2025-01-31"',
  readInstant,
)

/** How often an endpoint may be asked: "4/min", "10/s", "300/h" or "off" (as fast as it goes). */
export const rateLimit = text(
  /^(\d+\/(s|min|h)|off)$/,
  'a rate such as "4/min", "10/s", "300/h" or "off"',
  readRate,
)

/** An IANA time zone. Abbreviations such as PST are refused: they name an offset, not the rules of a place. */
export const timezone = z.string().superRefine((given, context) => {
  if (isTimezone(given)) return
  const example = placeOf.get(given.toUpperCase()) ?? 'Europe/Berlin'
  context.addIssue({ code: 'custom', message: `expected an IANA time zone such as "${example}" or "UTC"` })
})

/** A size in memory as DuckDB writes it, e.g. `512MB` or `1.5GiB`. */
export const byteSize = text(
  /^\d+(\.\d+)?\s*(KB|MB|GB|TB|KiB|MiB|GiB|TiB)$/,
  'a size such as "512MB" or "1GB"',
  (given) => given,
)

/** An http(s) address without the slash at its end. */
export const httpUrl = checked('an address that begins with http:// or https://, without ? or #', (given) => {
  const url = readUrl(given, ['http:', 'https:'])
  return url && !url.search && !url.hash ? given.trim().replace(/\/+$/, '') : undefined
})

/** Any http(s) address, as it stands. */
export const anyHttpUrl = checked('an address that begins with http:// or https://', (given) =>
  readUrl(given, ['http:', 'https:']) ? given : undefined,
)

/** What is wrong most often, and seen by nobody, since addresses are not shown. */
const spelling = ' (of a password / ? # @ % are written as %2F %3F %23 %40 %25)'

/** The address of a mail server. */
export const smtpUrl = checked(
  `an address such as smtp://user:password@host:587 or smtps://…${spelling}`,
  (given) => withLogin(given, ['smtp:', 'smtps:']),
)

/** The address of a Postgres database. */
export const postgresUrl = checked(
  `an address such as postgres://user:password@host:5432/database${spelling}`,
  (given) => withLogin(given, ['postgres:', 'postgresql:']),
)

/**
 * An address with user and password in it. An @ behind the host is of a password with a / ? or # that is not written as it
 * must be: its beginning was taken for a host or a port, which messages name.
 */
function withLogin(given: string, protocols: readonly string[]): string | undefined {
  const url = readUrl(given, protocols)
  if (!url) return undefined
  const behind = [url.pathname, url.hash, ...url.searchParams.keys()]
  return behind.some((part) => part.includes('@')) ? undefined : given
}

/** One of the words, written in any case; the given spelling of the word inside. */
export function anyCase<const Word extends string>(words: readonly Word[]) {
  const read = (given: string) => words.find((word) => word.toLowerCase() === given.toLowerCase())
  const pattern = `^(${words.map(inAnyCase).join('|')})$`
  return checked(`one of ${words.join(', ')} (in any case)`, read, { pattern, examples: words })
}

/** Text that `read` understands; `undefined` from it means that it does not. */
function checked<Value>(
  expected: string,
  read: (given: string) => Value | undefined,
  json: Readonly<Record<string, unknown>> = {},
) {
  return z
    .string()
    .meta(json)
    .transform((given, context): Value => {
      const value = read(given)
      if (value !== undefined) return value
      context.issues.push({ code: 'custom', message: `expected ${expected}`, input: given })
      return z.NEVER
    })
}

function text<Value>(pattern: RegExp, expected: string, read: (given: string) => Value | undefined) {
  return checked(expected, (given) => (pattern.test(given) ? read(given) : undefined), {
    pattern: pattern.source,
  })
}

function readDuration(given: string, longest: ms.StringValue): number | undefined {
  const lengthMs = Math.round(ms(given as ms.StringValue))
  return Math.abs(lengthMs) <= ms(longest) ? lengthMs : undefined
}

function readAge(given: string): Age {
  const count = Number.parseInt(given, 10)
  const unit = given.replace(/[\d ]/g, '')
  if (unit.startsWith('m')) return { months: count }
  if (unit.startsWith('y')) return { months: 12 * count }
  return { days: unit.startsWith('w') ? 7 * count : count }
}

function readInstant(given: string): Date | undefined {
  // To ask the system for its language takes 13 ms of every command.
  const place = { zone: 'utc', locale: 'en' }
  const american = DateTime.fromFormat(given, 'M/d/yyyy', place)
  const read = american.isValid ? american : DateTime.fromISO(given.replace(/^(\S+) (?=\d)/, '$1T'), place)
  return read.isValid && /^\d/.test(given) && /[-/]/.test(given) ? read.toJSDate() : undefined
}

function readRate(given: string): RateLimit | 'off' | undefined {
  if (given === 'off') return 'off'
  const [count = '', unit = ''] = given.split('/')
  const requests = Number(count)
  const perMs = { s: 1_000, min: 60_000, h: 3_600_000 }[unit]
  return requests > 0 && perMs ? { requests, perMs } : undefined
}

// Three-letter names such as EST are valid to Intl, yet they have no summer time: a trap, so only UTC stands alone.
function isTimezone(given: string): boolean {
  return (given.toUpperCase() === 'UTC' || given.includes('/')) && IANAZone.isValidZone(given)
}

const placeOf = new Map<string, string>(
  Object.entries({
    GMT: 'Europe/London',
    BST: 'Europe/London',
    CET: 'Europe/Berlin',
    CEST: 'Europe/Berlin',
    EET: 'Europe/Athens',
    EST: 'America/New_York',
    EDT: 'America/New_York',
    CST: 'America/Chicago',
    CDT: 'America/Chicago',
    MST: 'America/Denver',
    MDT: 'America/Denver',
    PST: 'America/Los_Angeles',
    PDT: 'America/Los_Angeles',
    JST: 'Asia/Tokyo',
    IST: 'Asia/Kolkata',
  }),
)

function readUrl(given: string, protocols: readonly string[]): URL | undefined {
  if (!URL.canParse(given)) return undefined
  const url = new URL(given)
  return protocols.includes(url.protocol) ? url : undefined
}

function inAnyCase(word: string): string {
  return word.replace(/[a-z]/gi, (letter) => `[${letter.toLowerCase()}${letter.toUpperCase()}]`)
}
