import { expect, test } from 'vitest'
import { InterruptedError } from '../../src/errors.ts'
import type { Wait } from '../../src/iterable/client.ts'
import { systemClock } from '../../src/iterable/clock.ts'
import { TransferError } from '../../src/iterable/errors.ts'
import { parseRetryAfter } from '../../src/iterable/retry.ts'
import { type Answer, clientOf, failure, json, serve, text, virtualClock } from './server.ts'

const ok = json({ lists: [] })
const tooMany = json({ msg: 'Exceeded', code: 'RateLimitExceeded', params: {} }, 429)
const broken = json({ msg: 'An error occurred.', code: 'GenericError', params: null }, 500)
const hangUp: Answer = (response) => response.destroy()

test('a server fault is retried with delays that double up to the cap, and then it surfaces', async () => {
  await using server = await serve(broken)
  const clock = virtualClock()
  await using client = clientOf(server, { max_retries: 8 }, { clock })
  const error = await failure(client.request('lists'))
  expect(error).toMatchObject({ status: 500, code: 'server_error', retryable: true })
  expect(clock.slept).toEqual([1, 2, 4, 8, 16, 32, 60, 60].map((seconds) => seconds * 1000))
  expect(client.calls).toBe(9)
})

test('the delay is drawn from the whole range', async () => {
  await using server = await serve(broken, broken, ok)
  const clock = virtualClock()
  await using client = clientOf(server, {}, { clock, random: () => 0.25 })
  await client.json('lists')
  expect(clock.slept).toEqual([250, 500])
})

test.each([408, 500, 502, 503, 504])('status %i is retried', async (status) => {
  await using server = await serve(text('busy', status), ok)
  await using client = clientOf(server)
  expect(await client.json('lists')).toEqual({ lists: [] })
})

test.each([301, 400, 401, 403, 404, 409, 413, 414])('status %i is not retried', async (status) => {
  await using server = await serve(text('no', status, { location: '/elsewhere' }))
  await using client = clientOf(server)
  expect(await failure(client.request('lists'))).toMatchObject({ status, retryable: false })
  expect(server.requests).toHaveLength(1)
})

test('Retry-After in seconds and as a date is honoured in full', async () => {
  const date = new Date('2026-01-01T00:10:00Z').toUTCString()
  await using server = await serve(
    text('Too Many Requests', 429, { 'retry-after': '100' }),
    text('later', 503, { 'retry-after': date, date: new Date('2026-01-01T00:01:40Z').toUTCString() }),
    ok,
  )
  const clock = virtualClock('2026-01-01T00:00:00Z')
  await using client = clientOf(server, {}, { clock })
  const waits: Wait[] = []
  await client.json('lists', { onWait: (wait) => waits.push(wait) })
  expect(clock.slept).toEqual([100_000, 500_000])
  expect(waits).toEqual([
    {
      endpoint: 'lists',
      reason: 'rate_limit',
      until: new Date('2026-01-01T00:01:40Z'),
      attempt: 1,
      status: 429,
    },
    {
      endpoint: 'lists',
      reason: 'server_error',
      until: new Date('2026-01-01T00:10:00Z'),
      attempt: 2,
      status: 503,
    },
  ])
})

test('Retry-After that says nothing usable is ignored, and an absurd one stays a time', () => {
  const now = new Date('2026-01-01T00:00:00Z')
  expect(parseRetryAfter(undefined, now)).toBeUndefined()
  expect(parseRetryAfter('soon', now)).toBeUndefined()
  expect(parseRetryAfter('-5', now)).toBeUndefined()
  expect(parseRetryAfter('0', now)).toBe(0)
  expect(parseRetryAfter('Wed, 31 Dec 2025 00:00:00 GMT', now)).toBe(0)
  const farthest = new Date(now.getTime() + parseRetryAfter('9'.repeat(40), now)!)
  expect(farthest.getUTCFullYear()).toBe(2027)
})

test('Retry-After as a date is about the clock of the server, whatever ours says', async () => {
  const headers = {
    'retry-after': new Date('2026-01-01T03:00:30Z').toUTCString(),
    date: new Date('2026-01-01T03:00:00Z').toUTCString(),
  }
  await using server = await serve(text('Too Many Requests', 429, headers), ok)
  const clock = virtualClock('2026-01-01T00:00:00Z')
  await using client = clientOf(server, {}, { clock })
  await client.json('lists')
  expect(clock.slept).toEqual([30_000])
})

test('Retry-After that asks for no wait leaves us to our own', async () => {
  const none = text('Too Many Requests', 429, { 'retry-after': '0' })
  await using server = await serve(none, none, none, ok)
  const clock = virtualClock()
  await using client = clientOf(server, { rate_limits: 'off' }, { clock })
  await client.json('lists')
  expect(clock.slept).toEqual([1000, 2000, 4000])
})

test('a 429 without Retry-After waits for a slot of the pace, unless pacing is off', async () => {
  for (const [rate_limits, firstWaitMs] of [
    [{}, 15_000],
    [{ export: 'off' }, 1000],
    ['off', 1000],
  ] as const) {
    await using server = await serve(tooMany, ok)
    const clock = virtualClock()
    await using client = clientOf(server, { rate_limits }, { clock })
    await client.json('export')
    expect(clock.slept).toEqual([firstWaitMs])
  }
})

test('answers 429 do not use up the retries, and have an end of their own', async () => {
  await using patientServer = await serve(...Array<Answer>(15).fill(tooMany), broken, ok)
  await using patient = clientOf(patientServer, { max_retries: 1 })
  expect(await patient.json('lists')).toEqual({ lists: [] })
  await using hopelessServer = await serve(tooMany)
  await using hopeless = clientOf(hopelessServer, { max_retries: 1 })
  expect(await failure(hopeless.json('lists'))).toMatchObject({ status: 429, code: 'rate_limited' })
  expect(hopeless.calls).toBe(21)
})

test('a connection that breaks before the answer is retried', async () => {
  await using server = await serve(hangUp, hangUp, ok)
  await using client = clientOf(server)
  const reasons: string[] = []
  expect(await client.json('lists', { onWait: ({ reason }) => reasons.push(reason) })).toEqual({ lists: [] })
  expect(reasons).toEqual(['connection', 'connection'])
})

test('making a list is not repeated when it may have been made, but is after a 429', async () => {
  await using unsure = await serve(hangUp)
  await using first = clientOf(unsure)
  expect(await failure(first.json('list_create', { body: { name: 'x' } }))).toBeInstanceOf(TransferError)
  expect(unsure.requests).toHaveLength(1)
  await using limited = await serve(tooMany, json({ listId: 7 }))
  await using second = clientOf(limited)
  expect(await second.json('list_create', { body: { name: 'x' } })).toEqual({ listId: 7 })
})

test('retry: false leaves every failure to the caller, with the wait that the server asked for', async () => {
  await using server = await serve(text('Too Many Requests', 429, { 'retry-after': '7' }))
  await using client = clientOf(server)
  const error = await failure(client.json('subscribe', { body: {}, retry: false }))
  expect(error).toMatchObject({ status: 429, retryable: true, retryAfterMs: 7000 })
  expect(server.requests).toHaveLength(1)
})

test('a wait ends at once when the signal is aborted', async () => {
  await using server = await serve(text('Too Many Requests', 429, { 'retry-after': '600' }))
  await using client = clientOf(server, {}, { clock: systemClock })
  const stop = new AbortController()
  const request = client.json('lists', { signal: stop.signal, onWait: () => stop.abort() })
  expect(await failure(request)).toBeInstanceOf(InterruptedError)
})

test('a request in flight ends at once when the signal is aborted', async () => {
  const stop = new AbortController()
  await using server = await serve(() => stop.abort())
  await using client = clientOf(server)
  expect(await failure(client.json('lists', { signal: stop.signal }))).toBeInstanceOf(InterruptedError)
  expect(await failure(client.json('lists', { signal: stop.signal }))).toBeInstanceOf(InterruptedError)
  expect(server.requests).toHaveLength(1)
})

test('who is told to wait holds back whoever else uses the endpoint, and nobody else', async () => {
  await using server = await serve(text('Too Many Requests', 429, { 'retry-after': '100' }), ok)
  const clock = virtualClock()
  const waiting: (() => void)[] = []
  // Time stands still until everybody sleeps.
  const patient = {
    ...clock,
    async sleep(ms: number) {
      clock.slept.push(ms)
      await new Promise<void>((resolve) => waiting.push(resolve))
      clock.advance(ms)
    },
  }
  await using client = clientOf(
    server,
    { rate_limits: { lists: 'off', channels: 'off' } },
    { clock: patient },
  )
  const first = client.json('lists')
  await expect.poll(() => waiting.length).toBe(1)
  const second = client.json('lists')
  await client.json('channels')
  await expect.poll(() => waiting.length).toBe(2)
  expect(server.requests.map(({ url }) => url)).toEqual(['/api/lists', '/api/channels'])
  expect(clock.slept).toEqual([100_000, expect.closeTo(100_000, -2)])
  for (const wake of waiting) wake()
  await Promise.all([first, second])
})

test('a wait that nobody wants to sit through is a failure, at once', async () => {
  await using server = await serve(text('Too Many Requests', 429, { 'retry-after': '31536000' }))
  const clock = virtualClock()
  await using client = clientOf(server, { timeouts: { wait: 60_000 } }, { clock })
  const error = await failure(client.request('lists'))
  expect(error).toMatchObject({ code: 'rate_limited', kind: 'transient' })
  expect(error.message).toMatch(/asks to wait 31536000 s, and "timeouts\.wait" allows 60 s/)
  expect(clock.slept).toEqual([])
})

test('an answer that trickles for ever is broken off', async () => {
  await using server = await serve((response) => {
    response.writeHead(200, { 'content-type': 'application/x-json-stream' })
    const timer = setInterval(() => response.write('\n'), 20)
    response.once('close', () => clearInterval(timer))
  })
  const options = { max_retries: 0, timeouts: { trickle: 300 } }
  await using client = clientOf(server, options, { clock: systemClock })
  const { body } = await client.request('export')
  const error = await failure(
    (async () => {
      for await (const _ of body);
    })(),
  )
  expect(error).toBeInstanceOf(TransferError)
  expect(error.message).toContain('and does not end')
})
