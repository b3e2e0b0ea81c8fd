/** What an answer says about each row: Iterable tells failures by identifier, in ten arrays. */
import { shown } from '../../iterable/forms.ts'
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
  /** Of what comes in place of all this, and says nothing of the rows. */
  readonly msg?: unknown
  readonly code?: unknown
}

/** What stands there in place of an answer: one that counts no rows says nothing of them. Undefined for one that does. */
export function errorIn({ successCount, failCount, msg, code }: ListAnswer): string | undefined {
  if (successCount !== undefined || failCount !== undefined) return undefined
  return typeof msg === 'string' && typeof code === 'string'
    ? shown(`${code}: ${msg}`)
    : 'an object that counts no rows'
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

/** Of a row that is named twice the first counts: who was forgotten is not tried again. */
const kinds: readonly (Refused & { readonly array: string })[] = [
  {
    array: 'forgotten',
    code: 'forgotten',
    reason: 'the person was forgotten (GDPR) and is not taken back',
    permanent: true,
  },
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

/** What became of a row that was sent alone. */
export interface LoneOutcome {
  readonly refused: Refused | undefined
  /** The answer contradicts itself: it may have been carried out all the same. */
  readonly isDoubtful: boolean
}

/** A row sent alone needs no name to be told apart, and whoever is named is meant, in whatever spelling. */
export function readLone(answer: ListAnswer): LoneOutcome {
  const { successCount, failCount = 0 } = answer
  const why = kinds.find(({ array }) => namedKeys(answer, array).length > 0)
  if (successCount === 1 && failCount === 0 && !why) return { refused: undefined, isDoubtful: false }
  const isDoubtful = successCount !== 0 || failCount !== 1
  return { refused: why ?? unattributed, isDoubtful }
}

const unattributed: Refused = {
  code: 'unattributed',
  reason: 'Iterable counted the row as failed without saying why',
  permanent: false,
}
