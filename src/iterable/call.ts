import type { Endpoint, EndpointName } from './endpoints.ts'

/** One HTTP request on its way through the wrappers. */
export interface Call {
  readonly endpoint: EndpointName
  readonly method: Endpoint['method']
  readonly url: URL
  readonly body: Buffer | undefined
  /** Whether a failed attempt may be repeated here; `false` leaves that to the caller. */
  readonly retry: boolean
  readonly signal: AbortSignal | undefined
  readonly onWait: ((wait: Wait) => void) | undefined
}

/** Carries out a call. The wrappers `withPace` and `withRetry` take one and return one. */
export type Send<Answer> = (call: Call) => Promise<Answer>

/** An answer whose head has come and whose body streams. */
export interface IterableResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /**
   * The bytes as they come; read them once. Throws TransferError when the body is cut, reset or idle too long,
   * InterruptedError when the signal of the request is aborted. Leaving the loop early closes the connection.
   */
  readonly body: AsyncIterable<Buffer>
  /** Throws the body away. */
  dump(): Promise<void>
}

/** A pause before a request is sent (again). */
export interface Wait {
  readonly endpoint: EndpointName
  readonly reason: 'pace' | 'rate_limit' | 'server_error' | 'connection'
  readonly until: Date
  /** The attempt that failed, from 1; 0 when nothing has failed and only the pace is kept. */
  readonly attempt: number
  /** The HTTP status that made us wait, when there was an answer. */
  readonly status?: number
}

/** What became of one request that was sent; for logs and counters. */
export interface CallRecord {
  readonly endpoint: EndpointName
  readonly method: Endpoint['method']
  /** Without the query. */
  readonly path: string
  readonly status: number | undefined
  readonly durationMs: number
}
