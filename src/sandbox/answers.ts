/** What the API says: answers as values, and the documented error bodies. */

export interface SandboxAnswer {
  readonly status: number
  readonly type: string
  /** Whole lines where the answer is a stream of lines. */
  readonly body: Iterable<Buffer>
  readonly headers?: Record<string, string>
  /** No Content-Length: the client cannot know whether it has all. */
  readonly chunked?: boolean
}

export const json = (value: unknown, status = 200, headers: Record<string, string> = {}): SandboxAnswer => ({
  status,
  type: 'application/json',
  body: [Buffer.from(JSON.stringify(value))],
  headers,
})

export const text = (value: string, status = 200, type = 'text/plain; charset=utf-8'): SandboxAnswer => ({
  status,
  type,
  body: [Buffer.from(value)],
})

export const lines = (body: Iterable<Buffer>, type: string): SandboxAnswer => ({
  status: 200,
  type,
  body,
  chunked: true,
})

export const success = (msg = '', params: unknown = null): SandboxAnswer =>
  json({ msg, code: 'Success', params })

/** `code` says Success in some real errors: the status decides. */
export const failure = (
  status: number,
  code: string,
  msg: string,
  params: unknown = null,
  headers: Record<string, string> = {},
): SandboxAnswer => json({ msg, code, params }, status, headers)

export const badApiKey = (endpoint: string): SandboxAnswer =>
  failure(401, 'BadApiKey', 'Invalid API key', { ip: '127.0.0.1', endpoint })

export const forbidden = (endpoint: string): SandboxAnswer =>
  failure(403, 'Forbidden', 'The API key does not have permission to call this endpoint', {
    ip: '127.0.0.1',
    endpoint,
  })

export const badParams = (msg: string): SandboxAnswer => failure(400, 'BadParams', msg)

export const invalidList = (listId: number): SandboxAnswer =>
  failure(400, 'Success', `error.lists.invalidListId(${listId})`, { projectId: 1, listId })

export const badJson = (endpoint: string, params: Record<string, string>): SandboxAnswer =>
  failure(400, 'BadJsonBody', `[${endpoint}] Invalid JSON body`, params)

export const tooManyRequests = (endpoint: string, retryAfterSeconds?: number): SandboxAnswer =>
  failure(
    429,
    'RateLimitExceeded',
    `Exceeded rate limit for endpoint: ${endpoint}, project: 1 `,
    {},
    retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) },
  )

/** As an object store says it. */
export const linkExpired: SandboxAnswer = {
  status: 403,
  type: 'application/xml',
  body: [Buffer.from('<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>')],
}

export const twoPermissions: SandboxAnswer = {
  status: 400,
  type: 'application/xml',
  body: [
    Buffer.from(
      '<Error><Code>InvalidArgument</Code><Message>Only one auth mechanism allowed: the link, or a key</Message></Error>',
    ),
  ],
}

export const genericErrorBody = {
  msg: 'An error occurred. Please try again later. If problem persists, please contact your CSM',
  code: 'GenericError',
  params: null,
}

export const notFound = (msg: string): SandboxAnswer => failure(404, 'NotFound', msg)

export const actionNotFound = (method: string, path: string): SandboxAnswer =>
  htmlAnswer(404, 'Action not found', `For request '${method} ${path.replaceAll('<', '&lt;')}'`)

export const htmlAnswer = (status: number, title: string, detail: string): SandboxAnswer =>
  text(
    `<!DOCTYPE html>\n<html lang="en">\n<head><title>${title}</title></head>\n<body><h1>${title}</h1><p>${detail}</p></body>\n</html>\n`,
    status,
    'text/html; charset=utf-8',
  )
