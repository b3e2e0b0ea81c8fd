import type { Dispatcher } from 'undici'
import { InterruptedError, messageOf, systemCodeOf } from '../errors.ts'
import type { Call, CallRecord, IterableResponse, Send } from './call.ts'
import type { Clock } from './clock.ts'
import type { Connections } from './connections.ts'
import { endpoints } from './endpoints.ts'
import { IterableHttpError, TransferError, UnreachableError } from './errors.ts'
import { acceptedEncodings, decoded, refuseForeignType, withoutMark } from './forms.ts'
import { readRefusal } from './refusal.ts'

/** What each request needs beside the call itself. */
export interface Wire {
  readonly agent: Connections
  /** Absent where the address itself is the permission: then no key goes along. */
  readonly apiKey: string | undefined
  readonly userAgent: string
  readonly headersTimeoutMs: number
  readonly bodyTimeoutMs: number
  /** In which at least a kilobyte of a body must come. */
  readonly trickleTimeoutMs: number
  readonly clock: Clock
  readonly onCall: (record: CallRecord) => void
}

/** Endpoints that are not slow answer within a second; more patience than this would only hide a dead line. */
const quickMs = 120_000

/** Puts calls on the wire, once each: any answer but a success, and any broken connection, is thrown. */
export function overHttp(wire: Wire): Send<IterableResponse> {
  return async (call) => {
    const { endpoint, method, url, signal } = call
    if (signal?.aborted) throw new InterruptedError(undefined, { cause: signal.reason })
    const startedAt = wire.clock.now().getTime()
    const record = (status: number | undefined) => {
      const durationMs = wire.clock.now().getTime() - startedAt
      wire.onCall({ endpoint, method, path: url.pathname, status, durationMs })
    }
    const patienceMs = endpoints[endpoint].slow ? Number.POSITIVE_INFINITY : quickMs
    let answer: Dispatcher.ResponseData
    try {
      answer = await wire.agent.request(url, {
        method,
        headers: {
          ...(wire.apiKey !== undefined && { 'api-key': wire.apiKey }),
          'user-agent': wire.userAgent,
          accept: '*/*',
          // Undocumented at Iterable; what comes encoded all the same is decoded, or refused.
          'accept-encoding': acceptedEncodings,
          ...(call.body && { 'content-type': 'application/json' }),
        },
        body: call.body ?? null,
        headersTimeout: Math.min(wire.headersTimeoutMs, patienceMs),
        bodyTimeout: wire.bodyTimeoutMs,
        ...(signal && { signal }),
      })
    } catch (error) {
      record(undefined)
      throw explain(error, call, 0)
    }
    record(answer.statusCode)
    // A body that breaks before anybody reads it must wait for its reader, not end the process.
    answer.body.on('error', () => undefined)
    if (isSuccess(answer.statusCode, call)) return responseOf(answer, call, wire)
    throw new IterableHttpError(await readRefusal(answer, call, wire.apiKey ?? '', wire.clock.now()))
  }
}

/** A read is answered whole, by 200: a part (206) or nothing (204) does not answer it. */
const isSuccess = (status: number, { method }: Call): boolean =>
  status === 200 || (method !== 'GET' && status > 200 && status < 300)

function responseOf(answer: Dispatcher.ResponseData, call: Call, wire: Wire): IterableResponse {
  const { statusCode: status, headers } = answer
  try {
    refuseForeignType(headers, call.endpoint)
    return { status, headers, ...bodyOf(answer, call, wire) }
  } catch (error) {
    answer.body.destroy()
    throw error
  }
}

function bodyOf(
  answer: Dispatcher.ResponseData,
  call: Call,
  wire: Wire,
): Pick<IterableResponse, 'body' | 'dump'> {
  return {
    body: withoutMark(guarded(decoded(answer.body, answer.headers, call.endpoint), call, wire)),
    async dump() {
      await answer.body.dump().catch(() => undefined)
    },
  }
}

/** An answer that brings less than this within the trickle timeout has stalled. */
const trickleBytes = 1024
/** No answer takes longer than this, however steadily it comes. */
const longestAnswerMs = 24 * 3_600_000

/** The bytes of a body; however it breaks off, or does not end, the error says so in our words. */
async function* guarded(
  body: AsyncIterable<Buffer>,
  call: Call,
  { clock, trickleTimeoutMs }: Wire,
): AsyncGenerator<Buffer> {
  let bytesReceived = 0
  const startedMs = clock.now().getTime()
  let span = { fromMs: startedMs, bytes: 0 }
  const refuseTrickle = () => {
    const nowMs = clock.now().getTime()
    const isTrickle = nowMs - span.fromMs > trickleTimeoutMs
    if ((isTrickle && bytesReceived - span.bytes < trickleBytes) || nowMs - startedMs > longestAnswerMs) {
      const request = `${call.method} ${call.url.pathname} at ${call.url.host}`
      const seconds = Math.round((nowMs - startedMs) / 1000)
      const what = `the answer to ${request} brought ${bytesReceived} bytes in ${seconds} s and does not end`
      throw new TransferError(call.endpoint, what, bytesReceived)
    }
    if (isTrickle) span = { fromMs: nowMs, bytes: bytesReceived }
  }
  const chunks = body[Symbol.asyncIterator]()
  let finished = false
  try {
    for (;;) {
      const next = await chunks.next().catch((error: unknown) => {
        throw explain(error, call, bytesReceived)
      })
      if (next.done) break
      bytesReceived += next.value.length
      refuseTrickle()
      yield next.value
    }
    finished = true
  } finally {
    if (!finished) await chunks.return?.()
  }
}

/** Turns an error of the network into one that names the host, what happened and what to do. */
function explain(error: unknown, call: Call, bytesReceived: number): Error {
  const { signal, url, endpoint, method } = call
  const options = { cause: error }
  if (signal?.aborted) return new InterruptedError(undefined, options)
  const code = systemCodeOf(error)
  const request = `${method} ${url.pathname} at ${url.host}`
  const unreachable = (why: string, retryable: boolean) =>
    new UnreachableError(url.host, `cannot reach ${url.host}: ${why}`, { ...options, retryable })
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return unreachable('its name cannot be resolved; check base_url, the network and HTTPS_PROXY', true)
  }
  if (code === 'ECONNREFUSED') {
    return unreachable('the connection was refused; check base_url, HTTPS_PROXY and that it is running', true)
  }
  if (['UND_ERR_CONNECT_TIMEOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL'].includes(code)) {
    return unreachable('no connection could be made; check the network, a firewall and HTTPS_PROXY', true)
  }
  // What undici calls aborted, though nobody asked for it, is a tunnel that the proxy did not make.
  if (code === 'UND_ERR_ABORTED' || code.startsWith('UND_ERR_PRX')) {
    return unreachable(
      `the proxy refused the way (${messageOf(error)}); check HTTPS_PROXY and NO_PROXY`,
      false,
    )
  }
  if (/CERT|SSL|TLS|SIGNATURE|ISSUER/.test(code)) {
    return unreachable(`TLS failed (${code}); a proxy's own certificate goes into NODE_EXTRA_CA_CERTS`, false)
  }
  if (code === 'UND_ERR_HEADERS_TIMEOUT')
    return new TransferError(endpoint, `no answer to ${request} in time`, 0, options)
  const why = code === 'UND_ERR_BODY_TIMEOUT' ? 'fell silent' : `broke off (${messageOf(error)})`
  return new TransferError(
    endpoint,
    `the answer to ${request} ${why} after ${bytesReceived} bytes`,
    bytesReceived,
    options,
  )
}
