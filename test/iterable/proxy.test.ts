import { createServer, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { apiKey, clientOf, failure, json, listen, nobody, readText, serve, text } from './server.ts'

interface Proxy extends AsyncDisposable {
  readonly url: string
  readonly seen: string[]
}

/** A proxy that forwards plain requests and tunnels the others, when the right password comes along. */
async function serveProxy(expectedAuth?: string): Promise<Proxy> {
  const seen: string[] = []
  const sockets = new Set<Socket>()
  const isAllowed = (given: string | undefined) => !expectedAuth || given === `Basic ${btoa(expectedAuth)}`
  const server = createServer((incoming, response) => {
    seen.push(`${incoming.method} ${incoming.url}`)
    if (!isAllowed(incoming.headers['proxy-authorization'])) return void response.writeHead(407).end()
    const { method, headers } = incoming
    const onward = request(incoming.url ?? '', { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    incoming.pipe(onward)
  })
  server.on('connection', (socket) => sockets.add(socket))
  server.on('connect', (incoming, socket: Socket) => {
    seen.push(`CONNECT ${incoming.url}`)
    if (!isAllowed(incoming.headers['proxy-authorization'])) {
      return void socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')
    }
    const [host, port] = (incoming.url ?? '').split(':')
    const onward = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      onward.pipe(socket).pipe(onward)
    })
    onward.on('error', () => socket.destroy())
    socket.on('error', () => onward.destroy())
  })
  const port = await listen(server)
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

test.each(['HTTP_PROXY', 'http_proxy'])('plain requests are forwarded by the proxy of %s', async (name) => {
  const lines = 'x\n'.repeat(500_000)
  await using server = await serve(json({ successCount: 1 }), text(lines))
  await using proxy = await serveProxy()
  await using client = clientOf(server, {}, { proxyEnv: { [name]: proxy.url } })
  expect(await client.json('subscribe', { body: { listId: 1 } })).toEqual({ successCount: 1 })
  expect(await readText((await client.request('export')).body)).toBe(lines)
  expect(proxy.seen).toEqual([
    `POST ${server.url}/api/lists/subscribe`,
    `GET ${server.url}/api/export/data.json`,
  ])
  expect(server.requests[0]).toMatchObject({ body: '{"listId":1}', headers: { 'api-key': apiKey } })
})

test('HTTPS goes through a tunnel, so the proxy sees the host only', async () => {
  await using server = await serve(text(''))
  await using proxy = await serveProxy()
  const base_url = server.url.replace('http:', 'https:')
  await using client = clientOf(server, { base_url }, { proxyEnv: { HTTPS_PROXY: proxy.url } })
  // The server behind speaks no TLS: that this is noticed shows that the tunnel led there.
  expect(await failure(client.request('lists'))).toMatchObject({ code: 'unreachable', retryable: false })
  expect(proxy.seen).toEqual([`CONNECT ${new URL(server.url).host}`])
})

test('NO_PROXY and an empty environment lead straight to the host', async () => {
  await using server = await serve(json([]))
  await using proxy = await serveProxy()
  for (const proxyEnv of [{ HTTP_PROXY: proxy.url, NO_PROXY: 'example.com,127.0.0.1' }, {}]) {
    await using client = clientOf(server, {}, { proxyEnv })
    await client.json('lists')
  }
  expect(server.requests).toHaveLength(2)
  expect(proxy.seen).toEqual([])
})

test('a proxy gets its password, and one that refuses is named without showing it', async () => {
  await using server = await serve(json([]))
  await using proxy = await serveProxy('ann:s3cret pass')
  const withPassword = proxy.url.replace('//', '//ann:s3cret%20pass@')
  await using client = clientOf(server, {}, { proxyEnv: { HTTP_PROXY: withPassword } })
  expect(await client.json('lists')).toEqual([])
  const base_url = server.url.replace('http:', 'https:')
  const wrongPassword = proxy.url.replace('//', '//ann:wr0ng@')
  await using refused = clientOf(server, { base_url }, { proxyEnv: { HTTPS_PROXY: wrongPassword } })
  const error = await failure(refused.request('lists'))
  expect(error).toMatchObject({ code: 'unreachable', retryable: false })
  expect(error.message).toContain('407')
  expect(error.message).toContain('check HTTPS_PROXY')
  expect(error.message).not.toContain('wr0ng')
})

test('a proxy that is not there is reported, not waited for', async () => {
  await using server = await serve(json([]))
  for (const base_url of [server.url, server.url.replace('http:', 'https:')]) {
    const proxyEnv = { HTTP_PROXY: nobody, HTTPS_PROXY: nobody }
    await using client = clientOf(server, { base_url, max_retries: 0 }, { proxyEnv })
    const error = await failure(client.request('lists'))
    expect(error).toMatchObject({ code: 'unreachable' })
    expect(error.message).toContain('HTTPS_PROXY')
  }
})
