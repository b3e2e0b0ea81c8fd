import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { exitCodes, UserError } from '../../src/errors.ts'
import { createClient } from '../../src/iterable/client.ts'
import { IterableHttpError, isUnknownList } from '../../src/iterable/errors.ts'

import { listsForm } from '../../src/iterable/forms.ts'
import { type Answer, apiKey, clientOf, failure, json, nobody, serve, text } from './server.ts'

async function errorOf(answer: Answer): Promise<IterableHttpError> {
  await using server = await serve(answer)
  await using client = clientOf(server, { max_retries: 0 })
  const error = await failure(client.request('lists', { query: { secretish: 'x' } }))
  expect(error).toBeInstanceOf(IterableHttpError)
  return error as IterableHttpError
}

test('an unknown key names the host that was asked and what to change', async () => {
  const body = {
    msg: 'Invalid API key',
    code: 'BadApiKey',
    params: { ip: '203.0.113.7', endpoint: '/api/lists' },
  }
  const error = await errorOf(json(body, 401))
  expect(error).toBeInstanceOf(UserError)
  expect(error).toMatchObject({
    code: 'unauthorized',
    status: 401,
    method: 'GET',
    path: '/api/lists',
    endpoint: 'lists',
    iterableCode: 'BadApiKey',
    iterableMsg: 'Invalid API key',
    params: body.params,
    retryable: false,
  })
  expect(error.exitCode).toBe(exitCodes.failed)
  expect(error.message).toMatch(
    /^Iterable answered 401 to GET \/api\/lists at 127\.0\.0\.1:\d+ \(BadApiKey: Invalid API key\)/,
  )
  expect(error.message).toContain('check api_key and base_url')
  expect(error.message).not.toContain('secretish')
})

test.each([
  ['api.iterable.com', 'set "region": "eu"'],
  ['api.eu.iterable.com', 'set "region": "us"'],
])('at %s the other region is proposed', (host, cure) => {
  const refusal = {
    ...({ endpoint: 'lists', method: 'GET', path: '/api/lists', host, status: 401 } as const),
    iterableCode: 'Success',
    iterableMsg: '',
    params: null,
    retryAfterMs: undefined,
  }
  const { message } = new IterableHttpError(refusal)
  expect(message).toContain(cure)
  expect(message).not.toContain('Success')
})

test('a key of the wrong type is told to be replaced by a server-side one', async () => {
  const error = await errorOf(json({ msg: 'no', code: 'Forbidden', params: null }, 403))
  expect(error.code).toBe('forbidden')
  expect(error.message).toContain('use a server-side key')
})

test('an unknown list is recognised under any status, whatever its code claims', async () => {
  const body = {
    msg: 'error.lists.invalidListId(999)',
    code: 'Success',
    params: { projectId: 1, listId: 999 },
  }
  for (const status of [400, 500]) {
    const error = await errorOf(json(body, status))
    expect(isUnknownList(error)).toBe(true)
    expect(error).toMatchObject({ code: 'unknown_list', retryable: false, iterableCode: 'Success' })
    expect(error.message).toContain('check list_id')
  }
  expect(isUnknownList(await errorOf(json({ msg: 'x', code: 'BadParams' }, 400)))).toBe(false)
})

test('a type conflict names the field, the type it has and the value that came', async () => {
  const conflict = { incomingTypes: ['string', 'keyword'], expectedType: 'date', offendingValue: 'GGG' }
  const params = { validationErrors: { '1:::signup': conflict } }
  const error = await errorOf(json({ msg: 'types', code: 'RequestFieldsTypesMismatched', params }, 400))
  expect(error.code).toBe('field_type_mismatch')
  expect(error.message).toContain('cast signup (expects date, came as string or keyword: "GGG") in the query')
})

test.each([
  [413, 'too large'],
  [400, '{"msg":"too big","code":"BatchTooLarge"}'],
])('a batch that is too large is told apart (%i)', async (status, body) => {
  expect(await errorOf(text(body, status))).toMatchObject({ code: 'batch_too_large', retryable: false })
})

test('a page of HTML is summarised by its title', async () => {
  const page = '<!DOCTYPE html>\n<html><head><title>Action not found</title></head><body>…</body></html>'
  const error = await errorOf(text(page, 404, { 'content-type': 'text/html' }))
  expect(error.code).toBe('not_found')
  expect(error.message).toContain('(an HTML page titled "Action not found")')
})

test('plain text and other JSON are quoted, shortened, on one line', async () => {
  expect((await errorOf(text('Too Many\n Requests', 429))).iterableMsg).toBe('Too Many Requests')
  expect((await errorOf(json({ error: 'x', message: 'bad thing' }, 400))).iterableMsg).toBe('bad thing')
  expect((await errorOf(text('null', 400))).iterableMsg).toBe('null')
  expect((await errorOf(text('', 400))).message).toMatch(/at 127\.0\.0\.1:\d+$/)
  const long = await errorOf(text('long '.repeat(100_000), 400))
  expect(long.message.length).toBeLessThan(500)
})

test('an error whose body never ends is cut off after 64 KB', async () => {
  const endless: Answer = (response) => {
    response.writeHead(400)
    const more = () => {
      while (!response.destroyed && response.write('x'.repeat(16_384)));
    }
    response.on('drain', more)
    more()
  }
  expect((await errorOf(endless)).status).toBe(400)
})

test('an error whose body breaks off is still an error with its status', async () => {
  const cut: Answer = (response) => {
    response.writeHead(400, { 'content-length': '1000' })
    response.write('{"msg":"Inva', () => response.socket?.destroy())
  }
  expect(await errorOf(cut)).toMatchObject({ status: 400, code: 'bad_request' })
})

test('the key is in no error, also when the server sends it back', async () => {
  const echoes = [
    json({ msg: `bad key ${apiKey}`, code: apiKey, params: { key: [apiKey] } }, 401),
    text(`<title>${apiKey}</title>`, 404),
    text(apiKey, 500),
  ]
  for (const echo of echoes) {
    const error = await errorOf(echo)
    expect(inspect(error, { depth: 10 })).not.toContain(apiKey)
    expect(inspect(error)).toContain('[API key]')
  }
  await using broken = await serve((response) => response.destroy())
  await using client = clientOf(broken, { max_retries: 0 })
  expect(inspect(await failure(client.request('lists')), { depth: 20 })).not.toContain(apiKey)
})

test('a host that refuses the connection or has no name is named with the cure', async () => {
  for (const [base_url, why] of [
    [nobody, 'the connection was refused'],
    ['http://no-such-host.invalid', 'its name cannot be resolved'],
  ]) {
    await using client = createClient({ api_key: apiKey, region: 'us', base_url, max_retries: 0 })
    const error = await failure(client.request('lists'))
    expect(error).toMatchObject({
      name: 'UnreachableError',
      code: 'unreachable',
      exitCode: 1,
      retryable: true,
    })
    expect(error.message).toContain(`cannot reach ${new URL(base_url!).host}: ${why}`)
    expect(error.message).toContain('check base_url')
  }
})

test('an answer of another form names the place, and what was met there', async () => {
  for (const [answer, said] of [
    [null, 'Invalid input: expected object, received null'],
    [{ lists: [{ id: 'x' }] }, 'lists.0.id: Invalid input: expected number, received string'],
  ] as const) {
    await using server = await serve(json(answer))
    await using client = clientOf(server, { max_retries: 0 })
    const error = await failure(client.json('lists', { form: listsForm }))
    expect(error.message).toBe(`the answer to lists is not what Iterable documents: ${said}`)
  }
})

test('TLS to a server that speaks none is unreachable', async () => {
  await using server = await serve(text(''))
  const base_url = server.url.replace('http:', 'https:')
  await using client = createClient({ api_key: apiKey, region: 'us', base_url })
  const error = await failure(client.request('lists'))
  expect(error).toMatchObject({ code: 'unreachable', retryable: false })
  expect(error.message).toContain('TLS failed')
})

test('a refusal that Iterable does not document comes from something in between', async () => {
  for (const status of [407, 425, 451]) {
    expect(await errorOf(text('no', status))).toMatchObject({ code: 'unexpected_answer' })
  }
})
