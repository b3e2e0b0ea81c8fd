import type { Dispatcher } from 'undici'
import type { Call } from './call.ts'
import type { Refusal } from './errors.ts'
import { decoded } from './forms.ts'
import { parseRetryAfter } from './retry.ts'

const largestBodyBytes = 64 * 1024

/** Reads an answer that is not a success, up to 64 KB of it, with the API key blotted out wherever it is echoed. */
export async function readRefusal(
  answer: Dispatcher.ResponseData,
  call: Call,
  apiKey: string,
  now: Date,
): Promise<Refusal> {
  const start = await readStart(plainBody(answer, call))
  // Anything shorter is not a key of Iterable's (they have 32 characters), and may be part of any word.
  const text = apiKey.length < 8 ? start : start.replaceAll(apiKey, '[API key]')
  return {
    endpoint: call.endpoint,
    method: call.method,
    path: call.url.pathname,
    host: call.url.host,
    status: answer.statusCode,
    ...readBody(text),
    retryAfterMs: parseRetryAfter(answer.headers['retry-after'], timeOf(answer, now)),
  }
}

/** The time by the clock of the server, which the dates that it names are about; by ours where it does not say. */
function timeOf({ headers }: Dispatcher.ResponseData, now: Date): Date {
  const said = new Date(String(headers.date))
  return Number.isNaN(said.getTime()) ? now : said
}

/** What is encoded in a way that we do not know is shown as it came. */
function plainBody({ body, headers }: Dispatcher.ResponseData, { endpoint }: Call): AsyncIterable<Buffer> {
  try {
    return decoded(body, headers, endpoint)
  } catch {
    return body
  }
}

/** The first bytes of a body, as far as they come: a refusal that breaks off is still a refusal. */
async function readStart(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of body) {
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes >= largestBodyBytes) break
    }
  } catch {
    // What came before the break is all there is to say.
  }
  return Buffer.concat(chunks).subarray(0, largestBodyBytes).toString('utf8')
}

/** Iterable answers errors as `{msg, code, params}`, also where a success is plain text; others answer HTML. */
function readBody(text: string): Pick<Refusal, 'iterableCode' | 'iterableMsg' | 'params'> {
  const json = parsed(text)
  if (json !== undefined) {
    const { msg, message, error, code, params } = json
    const said = [msg, message, error].find((value) => typeof value === 'string' && value !== '')
    return {
      iterableCode: typeof code === 'string' ? code : undefined,
      iterableMsg: shortened(said === undefined ? text : String(said)),
      params,
    }
  }
  const title = /<title[^>]*>([^<]*)/i.exec(text)?.[1]?.trim()
  const isHtml = title !== undefined || /^\s*<(!doctype|html)/i.test(text)
  const iterableMsg = isHtml ? `an HTML page${title ? ` titled "${shortened(title)}"` : ''}` : shortened(text)
  return { iterableCode: undefined, iterableMsg, params: undefined }
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

function shortened(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim()
  return line.length <= 300 ? line : `${line.slice(0, 300)}…`
}
