import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { InterruptedError } from '../../src/errors.ts'
import { TransferError } from '../../src/iterable/errors.ts'
import { type Answer, clientOf, failure, json, readText, serve } from './server.ts'

const chunk = '{"email":"a@example.com"}\n'

/** Sends the head and one chunk, then does as told. */
const begun =
  (headers: Record<string, string>, then: (response: Parameters<Answer>[0]) => void): Answer =>
  (response) => {
    response.writeHead(200, headers)
    response.write(chunk, () => setTimeout(then, 20, response))
  }

const cuts: [string, Answer][] = [
  ['a chunked body closed before its last chunk', begun({}, (response) => response.socket?.end())],
  ['a chunked body reset', begun({}, (response) => response.socket?.resetAndDestroy())],
  [
    'a body shorter than its Content-Length',
    begun({ 'content-length': '1000' }, (response) => response.socket?.end()),
  ],
  ['a body that falls silent', begun({}, () => undefined)],
  ['a chunk that is no chunk', begun({}, (response) => response.socket?.write('nonsense\r\n'))],
]

test.each(cuts)('%s throws while it is read', async (_, answer) => {
  await using server = await serve(answer)
  await using client = clientOf(server, { timeouts: { body: 200 } })
  const response = await client.request('export')
  const error = await failure(readText(response.body))
  expect(error).toBeInstanceOf(TransferError)
  expect(error).toMatchObject({
    code: 'transfer',
    retryable: true,
    endpoint: 'export',
    bytesReceived: chunk.length,
  })
  expect(error.message).toContain('GET /api/export/data.json')
})

test.each(cuts)('%s is asked for again where the whole answer is wanted', async (_, answer) => {
  await using server = await serve(answer, json([1, 2]))
  await using client = clientOf(server, { timeouts: { body: 200 } })
  expect(await client.json('lists')).toEqual([1, 2])
})

test('a body that breaks before anybody reads it waits for its reader', async () => {
  await using server = await serve(begun({}, (response) => response.socket?.resetAndDestroy()))
  await using client = clientOf(server)
  const response = await client.request('export')
  await delay(100)
  expect(await failure(readText(response.body))).toBeInstanceOf(TransferError)
})

test('a slow reader is not taken for a silent server', async () => {
  const whole = 'x'.repeat(4 * 1024 * 1024)
  await using server = await serve((response) => response.end(whole))
  await using client = clientOf(server, { timeouts: { body: 600 } })
  let bytes = 0
  let isFirst = true
  for await (const part of (await client.request('export')).body) {
    bytes += part.length
    if (isFirst) await delay(2000)
    isFirst = false
  }
  expect(bytes).toBe(whole.length)
})

test('a server that never answers is given up after the headers timeout', async () => {
  await using server = await serve(() => undefined)
  await using client = clientOf(server, { timeouts: { headers: 100 }, max_retries: 1 })
  const error = await failure(client.request('export'))
  expect(error).toBeInstanceOf(TransferError)
  expect(error.message).toContain('no answer to GET /api/export/data.json')
  expect(client.calls).toBe(2)
})

test('the signal ends a body that is being read', async () => {
  await using server = await serve(begun({}, () => undefined))
  await using client = clientOf(server)
  const stop = new AbortController()
  const response = await client.request('export', { signal: stop.signal })
  setTimeout(() => stop.abort(), 20)
  expect(await failure(readText(response.body))).toBeInstanceOf(InterruptedError)
})

test('leaving a body early closes its connection', async () => {
  let gone = false
  await using server = await serve((response) => {
    response.on('close', () => {
      gone = true
    })
    response.write(chunk)
  })
  await using client = clientOf(server)
  for await (const _ of (await client.request('export')).body) break
  await expect.poll(() => gone).toBe(true)
})
