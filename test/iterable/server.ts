import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type ClientContext, type ClientOptions, createClient } from '../../src/iterable/client.ts'
import type { Clock } from '../../src/iterable/clock.ts'

export const apiKey = '0123456789abcdef0123456789abcdef'

/** Where no server ever is: a port that is free now may be somebody's in a moment. */
export const nobody = 'http://127.0.0.1:1'

export type Answer = (response: ServerResponse, request: IncomingMessage, body: string) => void

export interface FakeServer extends AsyncDisposable {
  readonly url: string
  readonly requests: { method: string; url: string; headers: IncomingMessage['headers']; body: string }[]
}

/** A server on a free port that gives the answers in turn, the last one for ever. */
export async function serve(...answers: Answer[]): Promise<FakeServer> {
  const requests: FakeServer['requests'] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks).toString('utf8')
    const answer = answers[Math.min(requests.length, answers.length - 1)]
    requests.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body })
    answer?.(response, request, body)
  })
  const port = await listen(server)
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

export const json =
  (value: unknown, status = 200, headers: Record<string, string> = {}): Answer =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(JSON.stringify(value))
  }

export const text =
  (body: string, status = 200, headers: Record<string, string> = {}): Answer =>
  (response) => {
    response.writeHead(status, { 'content-type': 'text/plain', ...headers })
    response.end(body)
  }

export interface VirtualClock extends Clock {
  readonly slept: number[]
  advance(ms: number): void
}

/** A clock that stands still except while somebody sleeps, which takes no real time. */
export function virtualClock(start = '2026-01-01T00:00:00Z'): VirtualClock {
  let nowMs = new Date(start).getTime()
  const slept: number[] = []
  return {
    slept,
    now: () => new Date(nowMs),
    advance(ms) {
      nowMs += ms
    },
    async sleep(ms, signal) {
      signal?.throwIfAborted()
      slept.push(ms)
      nowMs += ms
    },
  }
}

/** A client of the server that sleeps in virtual time and always draws the longest backoff. */
export function clientOf(
  server: { url: string },
  options: Partial<ClientOptions> = {},
  context: ClientContext = {},
) {
  return createClient(
    { api_key: apiKey, region: 'us', base_url: server.url, ...options },
    { clock: virtualClock(), random: () => 1, ...context },
  )
}

export async function readText(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

/** The error that a promise is rejected with. */
export async function failure(promise: Promise<unknown>): Promise<Error> {
  const error = await promise.then(
    (value) => new Error(`expected a failure, got ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  )
  return error as Error
}
