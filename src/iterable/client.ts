import type * as z from 'zod'
import { ConfigError, UserError } from '../errors.ts'
import { createAgent } from './agent.ts'
import type { Call, CallRecord, IterableResponse, Wait } from './call.ts'
import { type Clock, systemClock } from './clock.ts'
import { type EndpointName, endpoints } from './endpoints.ts'
import { MalformedResponseError } from './errors.ts'
import { checked, shown } from './forms.ts'
import { fileUrl } from './jobs.ts'
import { createPacer, type Pacer, type RateLimits, withPace } from './pace.ts'
import { withRetry } from './retry.ts'
import { overHttp } from './send.ts'
import { withSpan } from './span.ts'
import { baseUrlOf, type Query, urlOf } from './url.ts'

export type { CallRecord, IterableResponse, Wait } from './call.ts'
export type { Clock } from './clock.ts'
export type { EndpointName } from './endpoints.ts'
export type { Pacer } from './pace.ts'

/** Where and how to reach a project; the `connections` entry of the configuration fits. */
export interface ClientOptions {
  readonly api_key: string
  readonly region: 'us' | 'eu'
  /** Replaces the host of the region (sandbox, proxy). */
  readonly base_url?: string | null | undefined
  /** Limits that replace the documented ones, by endpoint, such as `{ export: '8/min' }`; `off` = not paced. */
  readonly rate_limits?: RateLimits | undefined
  /**
   * Milliseconds to wait for the head of an answer (default 15 min; 2 min at most where an endpoint is not slow)
   * and for the next bytes of its body (default 60 s); in which at least a kilobyte of a body must come (default 5 min);
   * that an answer may ask to wait for (default 15 min).
   */
  readonly timeouts?:
    | {
        readonly headers?: number | undefined
        readonly body?: number | undefined
        readonly trickle?: number | undefined
        readonly wait?: number | undefined
      }
    | undefined
  /** How often a failed request is sent again (default 6); answers 429 are counted apart. */
  readonly max_retries?: number | undefined
}

/** What surrounds the client; everything has a default. */
export interface ClientContext {
  readonly clock?: Clock | undefined
  /** A number in [0, 1), for the jitter. */
  readonly random?: (() => number) | undefined
  /** The environment whose HTTPS_PROXY, HTTP_PROXY and NO_PROXY (in either case) are honoured. */
  readonly proxyEnv?: Readonly<Record<string, string | undefined>> | undefined
  /** Replaces the pacer of this process, for instance with one shared by several. */
  readonly pacer?: Pacer | undefined
  readonly onCall?: ((call: CallRecord) => void) | undefined
  readonly logger?:
    | { debug(facts: object, text: string): void; warn(facts: object, text: string): void }
    | undefined
  /** Of iterable-elt, for the User-Agent. */
  readonly version?: string | undefined
}

export interface RequestOptions {
  /** Values for the `{name}`s of the path. */
  readonly path?: Readonly<Record<string, string | number>> | undefined
  /** An undefined value leaves its parameter out, an array repeats it. */
  readonly query?: Query | undefined
  /** Anything is sent as JSON; a Buffer is JSON already and goes out byte for byte. */
  readonly body?: unknown
  readonly signal?: AbortSignal | undefined
  readonly onWait?: ((wait: Wait) => void) | undefined
  /** `false`: one paced attempt whose failure is thrown, whatever it is (default true). */
  readonly retry?: boolean | undefined
}

export interface JsonOptions<T> extends RequestOptions {
  /** What the answer must be like; without it anything that is JSON is taken, as `unknown`. */
  readonly form?: z.ZodType<T> | undefined
}

export interface IterableClient extends AsyncDisposable {
  /**
   * Sends one request of the endpoint table: paced, and retried until the head of the answer is a success; the
   * body streams. Throws IterableHttpError, UnreachableError, TransferError or InterruptedError.
   */
  request(endpoint: EndpointName, options?: RequestOptions): Promise<IterableResponse>
  /**
   * The same with an answer that is of use only as a whole: where its body breaks off, or `use` refuses it with a
   * MalformedResponseError, it is asked for again, and `use` begins anew.
   */
  whole<T>(
    endpoint: EndpointName,
    use: (answer: IterableResponse) => Promise<T>,
    options?: RequestOptions,
  ): Promise<T>
  /** The same with the whole body parsed (at most 64 MB) and known to be of a form; what is not is asked for again. */
  json<T = unknown>(endpoint: EndpointName, options?: JsonOptions<T>): Promise<T>
  /**
   * One try to fetch a file of an asynchronous export from the address that Iterable gave for it. The address is the
   * permission: the API key does not go along. Throws as `request` does, and MalformedResponseError for an address that
   * no file can be at.
   */
  file(address: string, options?: Pick<RequestOptions, 'signal'>): Promise<IterableResponse>
  /** Requests sent so far, retries included. */
  readonly calls: number
  /** Seconds that the pace makes of so many requests to an endpoint. */
  secondsFor(endpoint: EndpointName, requests: number): number
  /** Seconds until the last of so many further requests may be sent. */
  secondsUntil(endpoint: EndpointName, requests: number): number
}

/** A client for one project. Throws ConfigError when the options cannot be right. */
export function createClient(options: ClientOptions, context: ClientContext = {}): IterableClient {
  const { clock = systemClock, random = Math.random, logger } = context
  const base = baseUrlOf(options)
  const pacer = context.pacer ?? createPacer(options.rate_limits ?? {}, clock)
  const agent = createAgent(context.proxyEnv)
  let calls = 0
  const wire = {
    agent,
    userAgent: `iterable-elt/${context.version ?? 'dev'}`,
    headersTimeoutMs: options.timeouts?.headers ?? 900_000,
    bodyTimeoutMs: options.timeouts?.body ?? 60_000,
    trickleTimeoutMs: options.timeouts?.trickle ?? 300_000,
    clock,
    onCall(call: CallRecord) {
      calls += 1
      logger?.debug(call, `${call.method} ${call.path}: ${call.status ?? 'no answer'}`)
      context.onCall?.(call)
    },
  }
  const send = withSpan(overHttp({ ...wire, apiKey: readKey(options.api_key) }))
  const fetchFile = withSpan(overHttp({ ...wire, apiKey: undefined }))
  const paced = withPace(send, pacer)
  const maxRetries = options.max_retries ?? 6
  const maxWaitMs = options.timeouts?.wait ?? 900_000
  const patience = {
    maxRetries,
    maxWaitMs,
    clock,
    random,
    slotMs: (endpoint: EndpointName) => pacer.slotMs(endpoint),
  }
  const request = withRetry(paced, patience)
  const callOf = (endpoint: EndpointName, given: RequestOptions = {}): Call => ({
    endpoint,
    method: endpoints[endpoint].method,
    url: urlOf(base, endpoint, given.path, given.query),
    body: encode(given.body),
    retry: given.retry ?? true,
    signal: given.signal,
    onWait(wait) {
      if (wait.reason !== 'pace')
        logger?.warn(wait, `waiting until ${wait.until.toISOString()}: ${wait.reason}`)
      given.onWait?.(wait)
    },
  })
  const whole = <T>(
    endpoint: EndpointName,
    use: (answer: IterableResponse) => Promise<T>,
    given: RequestOptions | undefined,
  ): Promise<T> => withRetry(async (call) => use(await paced(call)), patience)(callOf(endpoint, given))
  return {
    get calls() {
      return calls
    },
    secondsFor: (endpoint, requests) => pacer.secondsFor(endpoint, requests),
    secondsUntil: (endpoint, requests) => pacer.secondsUntil(endpoint, requests),
    request: async (endpoint, given) => request(callOf(endpoint, given)),
    whole: async (endpoint, use, given) => whole(endpoint, use, given),
    async json<T>(endpoint: EndpointName, { form, ...given }: JsonOptions<T> = {}) {
      const use = async (answer: IterableResponse) => {
        const value = await readJson(answer, endpoint)
        return form ? checked(form, value, endpoint) : (value as T)
      }
      return whole(endpoint, use, given)
    },
    async file(address, { signal } = {}) {
      const url = fileUrl(address, base)
      return fetchFile({
        endpoint: 'export_files',
        method: 'GET',
        url,
        body: undefined,
        retry: false,
        signal,
        onWait: undefined,
      })
    },
    [Symbol.asyncDispose]: () => agent.destroy(),
  }
}

const largestJsonBytes = 64 * 1024 * 1024

/**
 * The whole body of an answer.
 * @throws UserError `answer_too_large` beyond 64 MB.
 */
export async function readText({ body }: IterableResponse, endpoint: EndpointName): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of body) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes > largestJsonBytes)
      throw new UserError('answer_too_large', `the answer to ${endpoint} is over 64 MB`)
  }
  return Buffer.concat(chunks).toString('utf8')
}

async function readJson(response: IterableResponse, endpoint: EndpointName): Promise<unknown> {
  const text = await readText(response, endpoint)
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new MalformedResponseError(endpoint, `JSON was expected, it begins with ${shown(text)}`, {
      cause: error,
    })
  }
}

function encode(body: unknown): Buffer | undefined {
  if (body === undefined || Buffer.isBuffer(body)) return body
  return Buffer.from(JSON.stringify(body))
}

/** Keys come from environments and files, where a blank or a newline at the end goes unseen. */
function readKey(text: string): string {
  const key = text.trim()
  if (/^[\x21-\x7e]+$/.test(key)) return key
  throw new ConfigError(key ? 'api_key holds characters that no API key has' : 'api_key is empty; set it')
}
