/** What an answer says about each row: Iterable tells failures by identifier, in ten arrays. */
import type { PlannedRows } from '../../state/batches.ts'

/** `UserBulkUpdateListResponse` of Iterable's API; every part may be missing. */
export interface ListAnswer {
  readonly successCount?: unknown
  readonly failCount?: unknown
  readonly invalidEmails?: unknown
  readonly invalidUserIds?: unknown
  readonly failedUpdates?: unknown
  readonly createdFields?: unknown
  readonly filteredOutFields?: unknown
  /** Of an error in place of all this, which says nothing of the rows. */
  readonly msg?: unknown
  readonly code?: unknown
}

/** What an error says that came as a success; undefined for an answer that counts rows. */
export function errorIn({ successCount, failCount, msg, code }: ListAnswer): string | undefined {
  if (successCount !== undefined || failCount !== undefined || code === 'Success') return undefined
  return typeof msg === 'string' && typeof code === 'string' ? `${code}: ${msg}` : undefined
}

/** Why Iterable refused a row. */
export interface Refused {
  readonly code: string
  readonly reason: string
  /** Sending the same again is useless. */
  readonly permanent: boolean
}

/** `refused` by member key; `undefined` instead when the sums do not agree, so that nobody can be told apart. */
export type BatchOutcome = { readonly refused: ReadonlyMap<string, Refused> } | undefined

const kinds: readonly (Refused & { readonly array: string })[] = [
  {
    array: 'invalid',
    code: 'invalid',
    reason: 'Iterable says that the identifier is malformed',
    permanent: true,
  },
  {
    array: 'invalidData',
    code: 'invalid_data',
    reason: 'Iterable refused a value of dataFields (a type that differs from the declared one, or the like)',
    permanent: true,
  },
  { array: 'notFound', code: 'not_found', reason: 'Iterable knows no such person', permanent: false },
  {
    array: 'conflict',
    code: 'conflict',
    reason: 'email and userId belong to different people in Iterable',
    permanent: false,
  },
  {
    array: 'forgotten',
    code: 'forgotten',
    reason: 'the person was forgotten (GDPR) and is not taken back',
    permanent: true,
  },
]

/**
 * Reads an answer for the rows with these keys. Success is what was counted and not named otherwise: the counts must
 * agree with each other, with the rows, and with the identifiers that are named.
 */
export function readAnswer(answer: ListAnswer, rows: Pick<PlannedRows, 'count' | 'keys'>): BatchOutcome {
  const { successCount, failCount } = answer
  if (typeof successCount !== 'number' || typeof failCount !== 'number') return undefined
  if (successCount + failCount !== rows.count) return undefined
  let sent: ReadonlySet<string> | undefined
  const refused = new Map<string, Refused>()
  for (const { array, ...why } of kinds) {
    for (const key of namedKeys(answer, array)) {
      sent ??= new Set(rows.keys)
      if (!sent.has(key)) return undefined
      if (!refused.has(key)) refused.set(key, why)
    }
  }
  return refused.size === failCount ? { refused } : undefined
}

/** Identifiers of one kind of failure, as keys. The copies at the top level are deprecated and still sent. */
function namedKeys(answer: ListAnswer, kind: string): string[] {
  const places = [answer.failedUpdates, ...(kind === 'invalid' ? [answer] : [])]
  const texts = (name: string) =>
    places.flatMap((place) => {
      const list: unknown = typeof place === 'object' && place !== null ? Reflect.get(place, name) : undefined
      return Array.isArray(list) ? list.filter((item): item is string => typeof item === 'string') : []
    })
  return [
    ...texts(`${kind}Emails`).map((email) => `e:${email.trim().toLowerCase()}`),
    ...texts(`${kind}UserIds`).map((userId) => `u:${userId}`),
  ]
}

/** A row that was refused alone, without being named. */
export const unattributed: Refused = {
  code: 'unattributed',
  reason: 'Iterable counted the row as failed without saying why',
  permanent: false,
}
