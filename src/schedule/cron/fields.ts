/**
 * The five fields of a cron expression and how one of them is read. What the dialects read differently
 * (`*\/n`, stepped ranges, `*` inside a list) is a member of `FieldGrammar`.
 */

import { ConfigError } from '../../errors.ts'

/** One of the five fields: its limits, and the three-letter names of its values, the first for `min`. */
export interface CronField {
  readonly key: 'minute' | 'hour' | 'day_of_month' | 'month' | 'day_of_week'
  readonly label: string
  readonly min: number
  readonly max: number
  readonly names: readonly string[]
}

const monthNames = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const weekdayNames = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']

export const minute: CronField = { key: 'minute', label: 'minute', min: 0, max: 59, names: [] }
export const hour: CronField = { key: 'hour', label: 'hour', min: 0, max: 23, names: [] }
export const dayOfMonth: CronField = {
  key: 'day_of_month',
  label: 'day of month',
  min: 1,
  max: 31,
  names: [],
}
export const month: CronField = { key: 'month', label: 'month', min: 1, max: 12, names: monthNames }
export const dayOfWeek: CronField = {
  key: 'day_of_week',
  label: 'day of week',
  min: 0,
  max: 6,
  names: weekdayNames,
}

/** What the dialects read differently inside a field. */
export interface FieldGrammar {
  /** Values that `*\/step` selects, notes for the user, or a refusal (`ConfigError` by `fail`). */
  readonly everyNth: (step: number, field: CronField, remarks: FieldRemarks) => readonly number[]
  /** `a-b/n` and `a/n` are allowed. */
  readonly steppedRanges: boolean
  /** `*` may be one item of a list among others. */
  readonly starInLists: boolean
}

/** Where a field's reader leaves notes and how it refuses. */
interface FieldRemarks {
  readonly note: (text: string) => void
  /** Throws a `ConfigError` that names the expression and the field. */
  readonly fail: (complaint: string, cure: string) => never
}

/** One field as read: its text, and the sorted, unique values it selects (7 of day of week is 0). */
export interface FieldReading {
  readonly field: CronField
  readonly text: string
  readonly values: readonly number[]
}

/** Reads one field; throws `ConfigError` with the field, the value met, the values allowed and the cure. */
export function readField(
  text: string,
  field: CronField,
  { grammar, source, warnings }: { grammar: FieldGrammar; source: string; warnings: string[] },
): FieldReading {
  const remarks: FieldRemarks = {
    note: (note) => warnings.push(`${field.label} ${JSON.stringify(text)}: ${note}`),
    fail: (complaint, cure) => {
      throw new ConfigError(`cron ${JSON.stringify(source)}: ${field.label} ${complaint}; ${cure}`)
    },
  }
  const items = text.split(',')
  const values = items.flatMap((item) => readItem(item, items.length > 1, field, grammar, remarks))
  return {
    field,
    text,
    values: sortedUnique(field === dayOfWeek ? values.map((value) => value % 7) : values),
  }
}

/** True when the field leaves nothing out (`*`, `*\/1`, `1-31`, `0-6`). */
export function selectsAll({ field, values }: FieldReading): boolean {
  return values.length === field.max - field.min + 1
}

/** `from`, `from + step` … up to `to`. */
export function valuesFrom(from: number, to: number, step = 1): number[] {
  return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, index) => from + index * step)
}

/** The values a field allows, in words: `1-12 or jan-dec`. */
export function allowedValues({ min, max, names }: CronField): string {
  return names.length === 0 ? `${min}-${max}` : `${min}-${max} or ${names.at(0)}-${names.at(-1)}`
}

function readItem(
  item: string,
  inList: boolean,
  field: CronField,
  grammar: FieldGrammar,
  remarks: FieldRemarks,
): readonly number[] {
  const [span = '', stepText, ...rest] = item.split('/')
  if (item === '') return remarks.fail('has an empty list item', 'take the surplus comma out')
  if (rest.length > 0) return remarks.fail(`has ${JSON.stringify(item)}, two steps`, 'write one, such as */5')
  if (span === '*') {
    if (stepText !== undefined) return grammar.everyNth(readStep(stepText, item, remarks), field, remarks)
    if (inList && !grammar.starInLists) {
      return remarks.fail('has * inside a list', `write * alone, or list values of ${allowedValues(field)}`)
    }
    return valuesFrom(field.min, field.max)
  }
  if (stepText !== undefined && !grammar.steppedRanges) {
    const cure = `write */${stepText} or a list of values, or set "dialect": "standard"`
    return remarks.fail(`has ${JSON.stringify(item)}, a step that does not follow *`, cure)
  }
  const step = stepText === undefined ? 1 : readStep(stepText, item, remarks)
  const { from, to } = readSpan(span, field, remarks)
  return valuesFrom(from, to ?? (stepText === undefined ? from : highest(field)), step)
}

/** `a` or `a-b`; `to` is absent for a single value. */
function readSpan(span: string, field: CronField, remarks: FieldRemarks): { from: number; to?: number } {
  const [fromText = '', toText, ...rest] = span.split('-')
  if (rest.length > 0 || fromText === '' || toText === '') {
    const cure = `write one of ${allowedValues(field)}, or a range such as ${field.min}-${field.min + 3}`
    return remarks.fail(`has ${JSON.stringify(span)}, which is neither a value nor a range`, cure)
  }
  const from = readValue(fromText, field, remarks)
  if (toText === undefined) return { from }
  const to = readValue(toText, field, remarks)
  if (from <= to) return { from, to }
  const [first, last] = [field.names[0] ?? field.min, field.names.at(-1) ?? field.max]
  const wrapped = `${fromText}-${last},${first}${to > field.min ? `-${toText}` : ''}`
  return remarks.fail(`has the range ${span}, which runs backwards`, `write it in two parts: ${wrapped}`)
}

function readValue(word: string, field: CronField, { note, fail }: FieldRemarks): number {
  const named = field.names.indexOf(word.toLowerCase())
  if (named >= 0) return named + field.min
  const value = /^\d+$/.test(word) ? Number(word) : Number.NaN
  if (field === dayOfWeek && value === 7) {
    note('7 is read as Sunday, which is 0')
    return 7
  }
  if (value >= field.min && value <= field.max) return value
  return fail(`has ${JSON.stringify(word)}`, `allowed are ${allowedValues(field)}${hint(word, field)}`)
}

function readStep(text: string, item: string, { fail }: FieldRemarks): number {
  if (/^\d+$/.test(text) && Number(text) > 0) return Number(text)
  return fail(`has ${JSON.stringify(item)}`, 'the step after / is a whole number above 0, such as */5')
}

/** What someone may have meant who wrote `monday`, `?` or `L`. */
function hint(word: string, field: CronField): string {
  const short = word.slice(0, 3).toLowerCase()
  if (/^[a-z]{4,}$/i.test(word) && field.names.includes(short)) return ` (write ${short})`
  if (word === '?') return ' (write * for "any")'
  return /^[LW]$|#|\d[LW]$/i.test(word) ? ' (L, W and # belong to Quartz, not to cron)' : ''
}

/**
 * Vixie cron counts the days of the week from 0 to 7, both ends Sunday; a step reaches the 7 (`1/2` is
 * 1,3,5,7).
 */
export function highest(field: CronField): number {
  return field === dayOfWeek ? 7 : field.max
}

function sortedUnique(values: readonly number[]): number[] {
  return [...new Set(values)].sort((a, b) => a - b)
}
