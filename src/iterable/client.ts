import type { CallRecord, IterableResponse, Wait } from './call.ts'
import type { Clock } from './clock.ts'
import type { EndpointName } from './endpoints.ts'
import type { Pacer } from './pace.ts'

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
  readonly rate_limits?: Readonly<Record<string, string>> | 'off' | undefined
  /**
   * Milliseconds to wait for the head of an answer (default: 15 min where an endpoint is slow, 2 min elsewhere)
   * and for the next bytes of its body (default: 60 s).
   */
  readonly timeouts?:
    | { readonly headers?: number | undefined; readonly body?: number | undefined }
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
  /** An undefined value leaves its parameter out. */
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>> | undefined
  /** Anything is sent as JSON; a Buffer is JSON already and goes out byte for byte. */
  readonly body?: unknown
  readonly signal?: AbortSignal | undefined
  readonly onWait?: ((wait: Wait) => void) | undefined
  /** `false`: one paced attempt whose failure is thrown, whatever it is (default true). */
  readonly retry?: boolean | undefined
}

export interface IterableClient extends AsyncDisposable {
  /**
   * Sends one request of the endpoint table: paced, and retried until the head of the answer is a success; the
   * body streams. Throws IterableHttpError, UnreachableError, TransferError or InterruptedError.
   */
  request(endpoint: EndpointName, options?: RequestOptions): Promise<IterableResponse>
  /** The same with the whole body parsed (at most 64 MB); a body that breaks off is asked for again. */
  json<T>(endpoint: EndpointName, options?: RequestOptions): Promise<T>
  /** Requests sent so far, retries included. */
  readonly calls: number
}

export function createClient(_options: ClientOptions, _context: ClientContext = {}): IterableClient {
  throw new Error('being written')
}
