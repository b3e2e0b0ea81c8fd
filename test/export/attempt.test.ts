/** What follows when a request with rows fails. */
import { expect, test } from 'vitest'
import { InterruptedError } from '../../src/errors.ts'
import { type Attempt, type Next, nextAttempt } from '../../src/export/send/attempt.ts'
import { IterableHttpError, TransferError } from '../../src/iterable/errors.ts'
import { maxRateLimited } from '../../src/iterable/retry.ts'

const attempt: Attempt = { rows: 100, failures: 0, limited: 0, maxRetries: 3, taken: 0, poisoned: 0 }
const alone = { ...attempt, rows: 1 }

const answered = (status: number, iterableCode?: string) =>
  new IterableHttpError({
    ...({
      endpoint: 'subscribe',
      method: 'POST',
      path: '/api/lists/subscribe',
      host: 'api.iterable.com',
    } as const),
    status,
    iterableCode,
    iterableMsg: '',
    params: undefined,
    retryAfterMs: undefined,
  })
const lost = new TransferError('subscribe', 'the connection was reset', 0)
const giveUp = (mayHaveHappened: boolean): Next => ({ kind: 'giveUp', mayHaveHappened })
const anyRows = Number.POSITIVE_INFINITY

test.each<[string, Attempt, unknown, Next]>([
  [
    '429: the same again, nothing has happened',
    attempt,
    answered(429),
    { kind: 'repeat', counts: 'limited', mayHaveHappened: false },
  ],
  [
    '429 has an allowance of its own',
    { ...attempt, failures: 3 },
    answered(429),
    { kind: 'repeat', counts: 'limited', mayHaveHappened: false },
  ],
  ['429 without end', { ...attempt, limited: maxRateLimited }, answered(429), giveUp(false)],
  [
    '500: the same again, and it may have happened',
    attempt,
    answered(500),
    { kind: 'repeat', counts: 'failures', mayHaveHappened: true },
  ],
  [
    'an answer that was lost: the same',
    attempt,
    lost,
    { kind: 'repeat', counts: 'failures', mayHaveHappened: true },
  ],
  ['no more retries', { ...attempt, failures: 3 }, lost, giveUp(true)],
  [
    '413: smaller requests from now on',
    attempt,
    answered(413),
    { kind: 'halve', maxRows: 99, mayHaveHappened: false },
  ],
  [
    '400: one of the rows is bad',
    attempt,
    answered(400),
    { kind: 'halve', maxRows: anyRows, mayHaveHappened: false },
  ],
  ['400 to one row: that one', alone, answered(400), { kind: 'refuse', mayHaveHappened: true }],
  ['413 to one row: that one', alone, answered(413), { kind: 'refuse', mayHaveHappened: true }],
  [
    'the twentieth row alone, and none was taken: it is not the rows',
    { ...alone, poisoned: 19 },
    answered(400),
    giveUp(false),
  ],
  [
    'the twentieth of which others were taken',
    { ...alone, poisoned: 19, taken: 5 },
    answered(400),
    { kind: 'refuse', mayHaveHappened: true },
  ],
  ['401: nobody is asked again', attempt, answered(401), giveUp(false)],
  ['the user wants to stop', attempt, new InterruptedError(), giveUp(true)],
  ['a fault of ours', attempt, new TypeError('x'), giveUp(false)],
])('%s', (_name, given, error, expected) => {
  expect(nextAttempt(given, error)).toEqual(expected)
})
