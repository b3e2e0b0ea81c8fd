/** What follows when a request with rows fails: once more, in halves, or not at all. Nothing is done here. */
import { InterruptedError } from '../../errors.ts'
import { IterableHttpError, isRetryable } from '../../iterable/errors.ts'
import { isRateLimit, maxRateLimited } from '../../iterable/retry.ts'

/** A request that failed, and what was tried before it. */
export interface Attempt {
  /** Rows of the request. */
  readonly rows: number
  /** How often the same request failed before, and how often it was only asked to wait. */
  readonly failures: number
  readonly limited: number
  /** How often a request whose outcome is unknown is sent again. */
  readonly maxRetries: number
  /** Rows of the run that were taken, and rows that were refused alone. */
  readonly taken: number
  readonly poisoned: number
}

export type Next = {
  /** The request may have been carried out. */
  readonly mayHaveHappened: boolean
} & (
  | { readonly kind: 'repeat'; readonly counts: 'failures' | 'limited' }
  /** From now on no request has more rows than `maxRows`. */
  | { readonly kind: 'halve'; readonly maxRows: number }
  /** The one row is refused. */
  | { readonly kind: 'refuse' }
  | { readonly kind: 'giveUp' }
)

/** So many rows refused alone, and none taken: it is not the rows. */
const poisonedInVain = 20

export function nextAttempt(attempt: Attempt, error: unknown): Next {
  const { rows, failures, limited, maxRetries, taken, poisoned } = attempt
  const untouched = { mayHaveHappened: false } as const
  const unknown = { mayHaveHappened: true } as const
  if (error instanceof InterruptedError) return { kind: 'giveUp', ...unknown }
  if (isRateLimit(error)) {
    return limited < maxRateLimited
      ? { kind: 'repeat', counts: 'limited', ...untouched }
      : { kind: 'giveUp', ...untouched }
  }
  const isTooLarge = hasCode(error, 'batch_too_large')
  if (isTooLarge || hasCode(error, 'bad_request') || hasCode(error, 'field_type_mismatch')) {
    if (rows > 1)
      return { kind: 'halve', maxRows: isTooLarge ? rows - 1 : Number.POSITIVE_INFINITY, ...untouched }
    const isInVain = taken === 0 && poisoned + 1 >= poisonedInVain
    return isInVain ? { kind: 'giveUp', ...untouched } : { kind: 'refuse', ...unknown }
  }
  if (!isRetryable(error)) return { kind: 'giveUp', ...untouched }
  return failures < maxRetries
    ? { kind: 'repeat', counts: 'failures', ...unknown }
    : { kind: 'giveUp', ...unknown }
}

const hasCode = (error: unknown, code: IterableHttpError['code']): boolean =>
  error instanceof IterableHttpError && error.code === code
