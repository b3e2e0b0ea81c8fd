import { type ErrorCode, TransientError, UserError } from '../errors.ts'
import type { EndpointName } from './endpoints.ts'
import { regionHosts } from './url.ts'

/** What Iterable (or something in between) said when it refused a request. */
export interface Refusal {
  readonly endpoint: EndpointName
  readonly method: string
  /** Without the query. */
  readonly path: string
  readonly host: string
  readonly status: number
  /** `code` of Iterable's error body; it may say `Success`, so the status alone decides. */
  readonly iterableCode: string | undefined
  /** `msg` of Iterable's error body, or a summary of a body of another kind. */
  readonly iterableMsg: string
  readonly params: unknown
  /** What the header Retry-After asks for. */
  readonly retryAfterMs: number | undefined
}

/**
 * Iterable answered with something other than a success. `code` is one of `unauthorized`, `forbidden`,
 * `not_found`, `unknown_list`, `field_type_mismatch`, `batch_too_large`, `bad_request`, `rate_limited`,
 * `server_error`, `unexpected_answer`.
 */
export class IterableHttpError extends UserError implements Refusal {
  override readonly name = 'IterableHttpError'
  readonly endpoint: EndpointName
  readonly method: string
  readonly path: string
  readonly host: string
  readonly status: number
  readonly iterableCode: string | undefined
  readonly iterableMsg: string
  readonly params: unknown
  readonly retryAfterMs: number | undefined

  constructor(refusal: Refusal) {
    const { code, cure } = diagnose(refusal)
    const { method, path, host, status, iterableCode, iterableMsg } = refusal
    const said = [iterableCode === 'Success' ? undefined : iterableCode, iterableMsg]
      .filter(Boolean)
      .join(': ')
    super(code, `Iterable answered ${status} to ${method} ${path} at ${host}${said && ` (${said})`}${cure}`)
    this.endpoint = refusal.endpoint
    this.method = method
    this.path = path
    this.host = host
    this.status = status
    this.iterableCode = iterableCode
    this.iterableMsg = iterableMsg
    this.params = refusal.params
    this.retryAfterMs = refusal.retryAfterMs
  }

  /** Whether the same request may succeed later. */
  get retryable(): boolean {
    const isPartOfAnswer = this.status > 200 && this.status < 300
    return this.code === 'rate_limited' || this.code === 'server_error' || isPartOfAnswer
  }
}

/** An answer that broke off: cut, reset, silent for too long, or never begun. `code` is `transfer`. */
export class TransferError extends TransientError {
  override readonly name = 'TransferError'
  readonly retryable = true
  readonly endpoint: EndpointName
  /** Bytes of the body that had come. */
  readonly bytesReceived: number

  constructor(endpoint: EndpointName, what: string, bytesReceived: number, options?: ErrorOptions) {
    super('transfer', `${what}; nothing of it has been used, and asking again may help`, options)
    this.endpoint = endpoint
    this.bytesReceived = bytesReceived
  }
}

/** No connection to the host could be made: name, network, proxy or TLS. `code` is `unreachable`. */
export class UnreachableError extends UserError {
  override readonly name = 'UnreachableError'
  readonly host: string
  readonly retryable: boolean

  constructor(host: string, message: string, options: ErrorOptions & { retryable: boolean }) {
    super('unreachable', message, options)
    this.host = host
    this.retryable = options.retryable
  }
}

/** A successful answer whose body is not the JSON that the endpoint documents. `code` is `malformed_response`. */
export class MalformedResponseError extends TransientError {
  override readonly name = 'MalformedResponseError'
  readonly retryable = true
  readonly endpoint: string

  constructor(endpoint: string, what: string, options?: ErrorOptions) {
    super('malformed_response', `the answer to ${endpoint} is not what Iterable documents: ${what}`, options)
    this.endpoint = endpoint
  }
}

/** Whether Iterable does not know the list: it was deleted, belongs to another project, or is seconds old. */
export const isUnknownList = (error: unknown): error is IterableHttpError =>
  error instanceof IterableHttpError && error.code === 'unknown_list'

/** Whether trying again may help, for any error of the client. */
export const isRetryable = (error: unknown): boolean =>
  error instanceof Error && 'retryable' in error && error.retryable === true

interface Diagnosis {
  readonly code: ErrorCode
  readonly cure: string
}

function diagnose(refusal: Refusal): Diagnosis {
  const { status, host, iterableCode, iterableMsg } = refusal
  // Seen under 400 and, in another client, under 500 (error.lists.invalidListId).
  if (/invalidListId/i.test(iterableMsg)) {
    return {
      code: 'unknown_list',
      cure: ': this project has no such list; check list_id and that the API key belongs to the project of the list',
    }
  }
  if (status === 401) {
    return { code: 'unauthorized', cure: `: ${isJwtKey(refusal) ? jwtKey : wrongKey(host)}` }
  }
  if (status === 403) {
    return {
      code: 'forbidden',
      cure:
        ': this API key may not do that; use a server-side key (not a mobile, JavaScript or read-only one, nor ' +
        'one restricted to other endpoints), made in Iterable under Integrations > API Keys',
    }
  }
  if (status === 404) {
    const cure =
      ': no such id, or the feature is switched off in this project; if every request ends so, base_url is wrong'
    return { code: 'not_found', cure }
  }
  if (status === 413 || iterableCode === 'BatchTooLarge') {
    return { code: 'batch_too_large', cure: ': send fewer rows in one request' }
  }
  if (iterableCode === 'RequestFieldsTypesMismatched') {
    const fields = mismatches(refusal.params)
    return { code: 'field_type_mismatch', cure: `: cast ${fields || 'the fields'} in the query` }
  }
  if (status === 429)
    return { code: 'rate_limited', cure: ': the project has used up its rate limit for now' }
  if (status === 408 || status >= 500) return { code: 'server_error', cure: ': try again later' }
  if (refusedStatuses.includes(status)) return { code: 'bad_request', cure: '' }
  return {
    code: 'unexpected_answer',
    cure: ': a plain success was expected; check base_url and any proxy on the way',
  }
}

/** Of those that Iterable documents, the ones that are about what was asked. Others come from something in between. */
const refusedStatuses: readonly number[] = [400, 409, 414, 422]

/** A JWT-enabled key is known, and works only together with a token for each person: 401 says what is missing. */
export const isJwtKey = ({ status, iterableCode }: Pick<Refusal, 'status' | 'iterableCode'>): boolean =>
  status === 401 && /^(BadAuthorizationHeader|InvalidJwtPayload)$/i.test(iterableCode ?? '')

export const jwtKey =
  'the key is JWT-enabled, which is for apps; use a server-side key without JWT, made in Iterable under Integrations > API Keys'

function wrongKey(host: string): string {
  const asked = `https://${host}`
  const other = asked === regionHosts.us ? 'eu' : asked === regionHosts.eu ? 'us' : undefined
  const unknown = `${host} does not know this API key: it is wrong or disabled`
  if (!other) {
    return `${unknown}, or belongs to a project of the other data center than base_url leads to; check api_key and base_url`
  }
  return `${unknown}, or its project is in the other data center; check api_key, or set "region": "${other}"`
}

/** `age (expects long, came as string: "abc")` for the first fields of a refused request. */
function mismatches(params: unknown): string {
  const errors = recordOf(recordOf(params).validationErrors)
  const texts = Object.entries(errors).map(([field, value]) => {
    const { expectedType, incomingTypes, offendingValue } = recordOf(value)
    // The key may read `project:::field`.
    const name = field.split(':::').at(-1)
    const came = Array.isArray(incomingTypes) ? incomingTypes.join(' or ') : 'another type'
    return `${name} (expects ${expectedType}, came as ${came}: ${JSON.stringify(offendingValue)?.slice(0, 80)})`
  })
  return texts.slice(0, 5).join(', ') + (texts.length > 5 ? ` and ${texts.length - 5} more` : '')
}

const recordOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
