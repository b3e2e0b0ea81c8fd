/** From a row of the query to the subscriber that Iterable is sent. */
import { hash } from 'node:crypto'
import type { StatedSettings } from '../definition/settings.ts'
import { BadValue } from './bad-value.ts'
import type { Field, Mapping, Reserved } from './mapping.ts'
import { canonical, timestampText } from './values.ts'

/** A row that may be sent. */
export interface Subscriber {
  /** `e:` and the e-mail in lower case, or `u:` and the userId: two rows with one key are one person. */
  readonly key: string
  /** Canonical JSON, as it is sent. */
  readonly payload: string
  /** Of what it says, apart from the spelling of the e-mail and the time of the run. */
  readonly hash: string
}

/** What a payload says. */
export interface PayloadJson {
  readonly email?: string
  readonly userId?: string
  readonly dataFields?: Readonly<Record<string, unknown>>
}

/** A row that may not. */
export interface Invalid {
  /** Of the person, where the row says so much. */
  readonly key?: string | undefined
  readonly code: string
  readonly reason: string
}

/** No profile is this large; with it, batches stay below Iterable's 4 MB. */
export const maxRowBytes = 1_500_000

type Row = readonly unknown[]

/** A function from rows to subscribers. `onField` hears of every value that is sent. */
export function payloadBuilder(
  mapping: Mapping,
  { identifier, nulls }: Pick<StatedSettings, 'identifier' | 'nulls'>,
  onField: (name: string, value: unknown) => void = () => {},
): (row: Row) => Subscriber | Invalid {
  const parts = payloadParts(mapping)
  const { reserved } = mapping
  const at = (row: Row, name: Reserved) => (reserved[name] === undefined ? null : row[reserved[name]])

  function dataOf(row: Row, withVolatile: boolean): string {
    let data = ''
    for (const part of parts) {
      if ('text' in part) {
        if (withVolatile || !part.isVolatile) data += (data && ',') + part.text
        continue
      }
      const { field, prefix } = part
      const value = fieldValue(field, row)
      if (value === undefined && nulls === 'omit') continue
      if (withVolatile) onField(field.name, value)
      data += (data && ',') + prefix + canonical(value ?? null)
    }
    return data
  }

  return (row) => {
    let key: string | undefined
    try {
      const person = personOf(at(row, 'email'), at(row, 'user_id'), identifier, mapping)
      key = person.key
      const merge = flagText('mergeNestedObjects', at(row, 'merge_nested_objects'))
      const flags = merge + flagText('preferUserId', at(row, 'prefer_user_id'))
      const data = dataOf(row, true)
      const member = `"${person.field}":${JSON.stringify(person.value)}`
      const body = person.field === 'email' ? `,${member}${flags}` : `${flags},${member}`
      const dataFields = data === '' ? '' : `,"dataFields":{${data}}`
      const payload = `{${(dataFields + body).slice(1)}}`
      if (Buffer.byteLength(payload) > maxRowBytes) {
        return { key, code: 'row_too_large', reason: `the row has over ${maxRowBytes / 1_000_000} MB` }
      }
      const said = hasVolatile(parts) ? dataOf(row, false) : data
      return { key: person.key, payload, hash: hash('md5', `${person.key}${flags}{${said}}`, 'base64') }
    } catch (error) {
      if (error instanceof BadValue) return { key, code: error.code, reason: error.message }
      throw error
    }
  }
}

/** A field or a constant, as it stands in `dataFields`. */
export type PayloadPart =
  | { readonly text: string; readonly isVolatile: boolean; readonly name: string }
  | { readonly field: Field; readonly prefix: string; readonly name: string }

/** Fields and constants in the order of their names, with what does not change written already. */
export function payloadParts({ fields, constants }: Mapping): readonly PayloadPart[] {
  return [
    ...fields.map((field) => ({ field, name: field.name, prefix: `${JSON.stringify(field.name)}:` })),
    ...constants.map(({ name, value, isVolatile }) => ({
      name,
      isVolatile,
      text: `${JSON.stringify(name)}:${JSON.stringify(value)}`,
    })),
  ].sort((a, b) => (a.name < b.name ? -1 : 1))
}

const hasVolatile = (parts: readonly PayloadPart[]): boolean =>
  parts.some((part) => 'text' in part && part.isVolatile)

function fieldValue({ convert, index, column }: Field, row: Row): unknown {
  const value = row[index]
  if (value === null || value === undefined) return undefined
  try {
    return convert(value)
  } catch (error) {
    if (error instanceof BadValue) throw new BadValue(error.code, `column ${column.name}: ${error.message}`)
    throw error
  }
}

interface Person {
  readonly field: 'email' | 'userId'
  readonly value: string
  readonly key: string
}

/** Which identifier is sent (the API takes one), by the project's type unless told otherwise. */
function personOf(
  givenEmail: unknown,
  givenUserId: unknown,
  identifier: StatedSettings['identifier'],
  { projectType }: Mapping,
): Person {
  const email = typeof givenEmail === 'string' ? givenEmail.trim() : givenEmail
  const hasEmail = email !== null && email !== undefined && email !== ''
  const hasUserId = givenUserId !== null && givenUserId !== undefined && givenUserId !== ''
  const prefersUserId = identifier === 'user_id' || (identifier === 'auto' && projectType === 'userId')
  if (hasUserId && (prefersUserId || !hasEmail)) return byUserId(givenUserId)
  if (hasEmail && projectType === 'userId') {
    throw new BadValue(
      'no_identifier',
      'user_id is empty, and an e-mail identifies nobody in a userId project',
    )
  }
  if (hasEmail) return byEmail(email)
  throw new BadValue('no_identifier', 'neither email nor user_id has a value')
}

function byEmail(email: unknown): Person {
  const isAddress =
    typeof email === 'string' &&
    email.length <= 254 &&
    /^[^\s@\p{Cc}]+@[^\s@\p{Cc}.]+(\.[^\s@\p{Cc}.]+)+$/u.test(email)
  if (!isAddress) throw new BadValue('invalid_email', `${shown(email)} is not an e-mail address`)
  const value = email.toWellFormed()
  return { field: 'email', value, key: `e:${value.toLowerCase()}` }
}

function byUserId(given: unknown): Person {
  const value =
    typeof given === 'bigint' || (typeof given === 'number' && Number.isSafeInteger(given))
      ? String(given)
      : typeof given === 'string' && /^-?\d+\.0*$/.test(given)
        ? given.replace(/\.0*$/, '')
        : given
  const isId = typeof value === 'string' && /^[\x20-\x7e]{1,52}$/.test(value) && value.trim() === value
  if (!isId) {
    throw new BadValue(
      'invalid_user_id',
      `${shown(given)} is not a userId: 1 to 52 printable ASCII characters, no blanks around them`,
    )
  }
  return { field: 'userId', value, key: `u:${value}` }
}

/** `true`, `"true"`, 1 and their opposites; nothing for NULL. */
function flagText(name: string, value: unknown): string {
  if (value === null || value === undefined || value === '') return ''
  const word = String(value).toLowerCase()
  if (word === 'true' || word === '1') return `,"${name}":true`
  if (word === 'false' || word === '0') return `,"${name}":false`
  throw new BadValue('invalid_flag', `${shown(value)} is neither true nor false`)
}

const shown = (value: unknown): string => {
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}

/** A row as it came from the query, as a JSON object: what `rejected_rows` keeps. */
export function rowText({ columns }: Pick<Mapping, 'columns'>, row: Row): string {
  const entries = columns.map(({ name, type }, index): [string, unknown] => {
    const value = row[index]
    if (typeof value === 'number' && (type.kind === 'timestamp' || type.kind === 'date')) {
      return [name, tryText(value)]
    }
    if (typeof value === 'number' && !Number.isFinite(value)) return [name, String(value)]
    return [name, plain(value)]
  })
  return canonical(Object.fromEntries(entries))
}

function tryText(ms: number): string {
  try {
    return timestampText(ms)
  } catch {
    return String(ms)
  }
}

/** Any value without what JSON cannot hold. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (value === null || value === undefined) return null
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object')
    return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return String(value)
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]))
}
