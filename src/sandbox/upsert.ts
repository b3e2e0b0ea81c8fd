/** One row of a list or user write: who is meant, may it be, and what it does to the profile. */

import { hash32 } from './data/random.ts'
import { judge, type Mismatch } from './fields.ts'
import type { Row, RowFailure, SandboxProjectType } from './options.ts'
import type { Project } from './project.ts'
import type { People } from './store.ts'
import { systemTime } from './times.ts'

export interface SandboxSubscriber {
  readonly email?: string
  readonly userId?: string
  readonly preferUserId?: boolean
  readonly mergeNestedObjects?: boolean
  readonly dataFields?: Row
}

export interface Rules {
  readonly existingOnly: boolean
  /** The profile `row-failures`: one identifier in twenty fails, in every way there is. */
  readonly unlucky: boolean
}

/** Why the row fails, or the identifier that the store knows the person by. */
export type Outcome =
  | { readonly failure: RowFailure; readonly mismatches?: Record<string, Mismatch> }
  | { readonly name: string; readonly created: boolean; readonly createdFields: string[] }

const emailForm = /^[^\s@"(),:;<>[\\\]]+@([\p{L}\p{N}-]+\.)+[\p{L}]{2,}$/u
const unluckyWays: readonly RowFailure[] = [
  'invalid',
  'invalidData',
  'notFound',
  'conflict',
  'forgotten',
  'unattributed',
]

/** Looks the person up without changing anything. */
export function identify(
  project: Project,
  subscriber: SandboxSubscriber,
  rules: Rules,
): { failure: RowFailure } | { name: string; isNew: boolean } {
  const { users, projectType, forgotten, rowFailures } = project
  const { userId } = subscriber
  const email = subscriber.email?.toLowerCase()
  const identifier = projectType === 'userId' ? (userId ?? email) : (email ?? userId)
  if (identifier === undefined) return { failure: 'unattributed' }
  const told = rowFailures.get(identifier) ?? (rules.unlucky ? unluckOf(identifier) : undefined)
  if (told) return { failure: told }
  if (email !== undefined && !isEmail(email)) return { failure: 'invalid' }
  if (userId !== undefined && !isUserId(userId)) return { failure: 'invalid' }
  if ((email && forgotten.has(email)) || (userId && forgotten.has(userId))) return { failure: 'forgotten' }
  if (projectType === 'userId' && userId === undefined) return { failure: 'invalid' }
  if (projectType === 'hybrid' && email && userId && differ(users, email, userId))
    return { failure: 'conflict' }
  if (users.get(identifier)) return { name: identifier, isNew: false }
  const other = projectType === 'hybrid' && userId !== undefined && users.get(userId)
  if (other) return { name: userId, isNew: false }
  return mayCreate(projectType, email, subscriber, rules)
    ? { name: identifier, isNew: true }
    : { failure: 'notFound' }
}

/** Writes the profile. A type conflict leaves everything as it was. */
export function upsert(project: Project, subscriber: SandboxSubscriber, rules: Rules): Outcome {
  const found = identify(project, subscriber, rules)
  if ('failure' in found) return found
  const { mismatches, createdFields, values } = checkFields(project, subscriber.dataFields ?? {})
  if (Object.keys(mismatches).length > 0) return { failure: 'invalidData', mismatches }
  const now = systemTime(project.now().getTime())
  const before = found.isNew ? newProfile(project, found.name, now) : project.users.get(found.name)!
  const { email, userId } = subscriber
  const profile: Row = {
    ...before,
    ...(email ? { email: email.toLowerCase() } : {}),
    ...(userId ? { userId } : {}),
  }
  for (const [field, value] of Object.entries(values)) {
    if (value === null) delete profile[field]
    else profile[field] = subscriber.mergeNestedObjects ? merged(profile[field], value) : value
  }
  project.users.put({ ...profile, profileUpdatedAt: now })
  for (const [field, type] of createdFields) project.fields[field] = type
  return { name: found.name, created: found.isNew, createdFields: createdFields.map(([field]) => field) }
}

export function checkFields({ fields }: Project, dataFields: Row) {
  const mismatches: Record<string, Mismatch> = {}
  const createdFields: [string, string][] = []
  const values: Row = {}
  for (const [field, value] of Object.entries(dataFields)) {
    const verdict = judge(value, Object.hasOwn(fields, field) ? fields[field] : undefined)
    if (verdict === 'drop') continue
    if (verdict !== 'ok' && '_type' in verdict) mismatches[field] = verdict
    else {
      if (verdict !== 'ok') createdFields.push([field, verdict.declare])
      values[field] = value
    }
  }
  return { mismatches, createdFields, values }
}

const isEmail = (text: string): boolean => text.length <= 254 && emailForm.test(text)

const isUserId = (text: string): boolean => /^[\x20-\x7e]{1,52}$/.test(text) && text.trim() !== ''

function unluckOf(identifier: string): RowFailure | undefined {
  const dice = hash32(`unlucky:${identifier}`)
  return dice % 20 === 0 ? unluckyWays[(dice >>> 8) % unluckyWays.length] : undefined
}

function differ(users: People, email: string, userId: string): boolean {
  const byEmail = users.get(email)
  const byUserId = users.get(userId)
  if (byEmail && byUserId) return byEmail.userId !== userId
  if (byEmail) return byEmail.userId !== undefined
  return byUserId?.email !== undefined
}

function mayCreate(
  projectType: SandboxProjectType,
  email: string | undefined,
  { preferUserId }: SandboxSubscriber,
  rules: Rules,
): boolean {
  // The documentation limits updateExistingUsersOnly to the other two types.
  if (projectType === 'email') return email !== undefined || preferUserId === true
  return !rules.existingOnly
}

function newProfile({ projectType }: Project, name: string, now: string): Row {
  const itblUserId = hash32(name).toString(16).padStart(8, '0').repeat(4)
  const system = {
    signupDate: now,
    signupSource: 'ListAPI',
    ...(projectType === 'email' ? {} : { itblUserId }),
  }
  if (name.includes('@')) return { email: name, ...system }
  return projectType === 'email'
    ? { email: `${name.toLowerCase()}@placeholder.email`, userId: name, ...system }
    : { userId: name, ...system }
}

function merged(before: unknown, value: unknown): unknown {
  const isObject = (item: unknown) => item !== null && typeof item === 'object' && !Array.isArray(item)
  return isObject(before) && isObject(value) ? { ...(before as Row), ...(value as Row) } : value
}
