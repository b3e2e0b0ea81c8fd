/** How tools answer: one JSON document of bounded size and time, without secrets and personal data; errors as such. */
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js'
import { redact } from '../config/secrets.ts'
import { errorCodes } from '../error-codes.ts'
import { codeOf, firstOf, messageOf, TransientError, UserError } from '../errors.ts'
import type { ReportSource } from '../report/read.ts'
import type { McpOptions } from './context.ts'
import { maskedDocument, maskedMessage } from './mask.ts'

/** What a tool has found. */
export interface Finding {
  readonly document: Readonly<Record<string, unknown>>
  /** The list in it that is cut where the whole is too long. */
  readonly list?: string
}

/** What a tool may use: both end when the time of the answer is over. */
export interface Asking {
  readonly source: ReportSource
  readonly signal: AbortSignal
}

/** Does the work of a tool, and makes an answer of what it finds or throws. */
export async function answerTool(
  options: McpOptions,
  asked: AbortSignal,
  work: (asking: Asking) => Promise<Finding>,
): Promise<CallToolResult> {
  const { elt, closing, secrets, key } = options
  const { timeout, personal_data, max_bytes } = elt.config.mcp
  const timeLimit = AbortSignal.timeout(timeout)
  const signal = AbortSignal.any([asked, closing, timeLimit])
  const clean = (document: unknown) =>
    redact(JSON.stringify(maskedDocument(document, personal_data), null, 1), [...secrets, key])
  try {
    const finding = await work({ source: sourceUntil(elt, signal), signal })
    return { content: [{ type: 'text', text: fitted(finding, max_bytes, clean) }] }
  } catch (caught) {
    const error = timeLimit.aborted ? tooSlow(timeout, caught) : firstOf(caught)
    return {
      isError: true,
      content: [{ type: 'text', text: clean({ error: errorOf(error, personal_data) }) }],
    }
  }
}

const tooSlow = (timeoutMs: number, cause: unknown) =>
  new TransientError('answer_timeout', `the answer took longer than ${timeoutMs / 1000} s (mcp.timeout)`, {
    cause,
  })

function errorOf(error: unknown, seesPersons: boolean): Readonly<Record<string, unknown>> {
  const code = codeOf(error)
  const isKnown = error instanceof UserError
  const [line = ''] = isKnown
    ? // What DuckDB says goes on with the statement that it has run, which is not the one that was written.
      error.message.split(/\n+LINE \d/)
    : [`unexpected: ${messageOf(error).split('\n')[0]}`]
  const cure = isKnown ? errorCodes[error.code].cure : 'Look at the log of the server'
  return { code, message: maskedMessage(line, code, seesPersons), cure: `${cure}.` }
}

/** The same warehouse for as long as somebody waits for the answer. */
function sourceUntil({ config, warehouse }: McpOptions['elt'], signal: AbortSignal): ReportSource {
  return {
    config,
    warehouse: { ...warehouse, use: (work, given) => warehouse.use(work, { ...given, signal }) },
  }
}

/** The document as text; with fewer entries in its list, and a word about it, where it is too long. */
function fitted({ document, list }: Finding, maxBytes: number, clean: (document: unknown) => string): string {
  const whole = clean(document)
  if (Buffer.byteLength(whole) <= maxBytes) return whole
  const entries = list === undefined ? undefined : (document[list] as readonly unknown[])
  const shortened = (length: number) =>
    clean({
      ...document,
      ...(list !== undefined && { [list]: entries?.slice(0, length) }),
      cut: `Only ${length} of ${entries?.length ?? 0} entries of "${list}" fit into ${maxBytes} bytes (mcp.max_bytes). Ask for less.`,
    })
  let [fitting, beyond] = [-1, entries?.length ?? 0]
  while (beyond - fitting > 1) {
    const middle = Math.floor((fitting + beyond) / 2)
    if (Buffer.byteLength(shortened(middle)) <= maxBytes) fitting = middle
    else beyond = middle
  }
  if (fitting >= 0) return shortened(fitting)
  return JSON.stringify({
    cut: `The answer has ${Buffer.byteLength(whole)} bytes, and ${maxBytes} are allowed (mcp.max_bytes). Its beginning is in "beginning".`,
    beginning: Buffer.from(whole)
      .subarray(0, Math.max(0, Math.floor(maxBytes / 2) - 300))
      .toString('utf8'),
  })
}
