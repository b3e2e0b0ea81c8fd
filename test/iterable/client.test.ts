import { expect, test } from 'vitest'
import { createClient } from '../../src/iterable/client.ts'
import { baseUrlOf, urlOf } from '../../src/iterable/url.ts'
import { apiKey, clientOf, failure, json, readText, serve, text } from './server.ts'

test('a request carries the key in its header, names the tool and asks for encodings that are decoded', async () => {
  await using server = await serve(json({ lists: [] }))
  await using client = clientOf(server, { api_key: ` ${apiKey}\n` }, { version: '1.2.3' })
  expect(await client.json('lists')).toEqual({ lists: [] })
  const { method, url, headers } = server.requests[0]!
  expect([method, url]).toEqual(['GET', '/api/lists'])
  expect(headers['api-key']).toBe(apiKey)
  expect(headers['user-agent']).toBe('iterable-elt/1.2.3')
  expect(headers['accept-encoding']).toBe('gzip, br')
})

test('path values and query values are percent-encoded, undefined ones left out', () => {
  const base = new URL('http://127.0.0.1:1/prefix/')
  const url = urlOf(base, 'metadata_value', { table: 'a/b', key: 'c d?' })
  expect(url.href).toBe('http://127.0.0.1:1/prefix/api/metadata/a%2Fb/c%20d%3F')
  const time = urlOf(
    base,
    'export',
    {},
    { startDateTime: '2026-01-01 00:00:00 +00:00', campaignId: undefined },
  )
  expect(time.search).toBe('?startDateTime=2026-01-01%2000%3A00%3A00%20%2B00%3A00')
  expect(() => urlOf(base, 'list_size')).toThrow('endpoint list_size needs path.listId')
})

test('each region has its host and base_url replaces it', () => {
  expect(baseUrlOf({ region: 'us' }).host).toBe('api.iterable.com')
  expect(baseUrlOf({ region: 'eu', base_url: null }).host).toBe('api.eu.iterable.com')
  expect(baseUrlOf({ region: 'eu', base_url: 'http://localhost:1' }).host).toBe('localhost:1')
  expect(() => baseUrlOf({ region: 'us', base_url: 'ftp://x' })).toThrow('not "ftp://x"')
})

test('a body goes out as JSON, and a Buffer byte for byte', async () => {
  await using server = await serve(json({ successCount: 1 }))
  await using client = clientOf(server)
  await client.json('subscribe', { body: { listId: 1, subscribers: [{ email: 'ü@example.com' }] } })
  await client.json('subscribe', { body: Buffer.from('{"listId":  90071992547409931}') })
  expect(server.requests.map(({ body }) => body)).toEqual([
    '{"listId":1,"subscribers":[{"email":"ü@example.com"}]}',
    '{"listId":  90071992547409931}',
  ])
  expect(server.requests[0]!.headers['content-type']).toBe('application/json')
})

test('a streamed body arrives whole and the calls are counted', async () => {
  const lines = '{"a":1}\n'.repeat(100_000)
  const seen: (number | undefined)[] = []
  await using server = await serve(text(lines))
  await using client = clientOf(server, {}, { onCall: ({ status }) => seen.push(status) })
  const response = await client.request('export', { query: { dataTypeName: 'emailSend' } })
  expect(response.status).toBe(200)
  expect(await readText(response.body)).toBe(lines)
  await (await client.request('export')).dump()
  expect(client.calls).toBe(2)
  expect(seen).toEqual([200, 200])
})

test('a plain number is an answer too, and an answer that is not JSON is named', async () => {
  await using server = await serve(text('4711'), text('<html>sign in</html>'))
  await using client = clientOf(server, { max_retries: 0 })
  expect(await client.json('list_size', { path: { listId: 1 } })).toBe(4711)
  const error = await failure(client.json('lists'))
  expect(error).toMatchObject({ code: 'malformed_response', retryable: true })
  expect(error.message).toContain('<html>sign in')
})

test('a key that cannot be one is refused before anything is sent', () => {
  expect(() => createClient({ api_key: ' ', region: 'us' })).toThrow('api_key is empty')
  expect(() => createClient({ api_key: 'a\nb', region: 'us' })).toThrow('characters that no API key has')
})
