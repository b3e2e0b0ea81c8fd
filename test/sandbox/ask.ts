import { type Sandbox, type SandboxOptions, startSandbox } from '../../src/sandbox/index.ts'

/** Replies are checked field by field; a missing field is undefined. */
export type Json = { [name: string]: Json } & Json[]

export interface Reply {
  readonly status: number
  readonly text: string
  readonly headers: Headers
  readonly json: () => Json
}

/** Runs a test against a fresh sandbox without rate limits. */
export async function withSandbox(
  options: SandboxOptions,
  test: (sandbox: Sandbox) => Promise<void>,
): Promise<void> {
  const sandbox = await startSandbox({ rateLimits: 'off', ...options })
  try {
    await test(sandbox)
  } finally {
    await sandbox.close()
  }
}

export async function ask(
  sandbox: Sandbox,
  path: string,
  { key = sandbox.keys.server, body, method }: { key?: string; body?: unknown; method?: string } = {},
): Promise<Reply> {
  const response = await fetch(sandbox.url + path, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: { 'Api-Key': key, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, text, headers: response.headers, json: () => JSON.parse(text) as Json }
}

export const january = 'startDateTime=2026-01-01%2000:00:00&endDateTime=2026-02-01%2000:00:00'

export const exportPath = (dataType: string, window = january) =>
  `/api/export/data.json?dataTypeName=${dataType}&${window}`

export const rowsOf = (text: string): unknown[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
