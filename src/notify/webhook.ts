/** Webhooks: a POST with a JSON document in the form that the receiver reads, signed over its bytes. */
import { createHmac } from 'node:crypto'
import type { Response } from 'undici'
import type { Environment } from '../config/interpolate.ts'
import type { Message } from './message.ts'
import { slackOf } from './slack.ts'
import { teamsOf } from './teams.ts'

export interface WebhookTarget {
  readonly url: string
  readonly format?: Format | undefined
  readonly secret?: string | undefined
}

type Format = 'json' | 'slack' | 'teams'

/**
 * Posts a message. The header `X-Iterable-Elt-Signature` is `sha256=` and the HMAC-SHA256 of the body in hex, keyed
 * with the secret. Rejects unless the answer is a success.
 */
export async function postWebhook(
  { url, format = formatOf(url), secret }: WebhookTarget,
  message: Message,
  { env, version }: { readonly env: Environment; readonly version: string },
): Promise<void> {
  const body = JSON.stringify(forms[format](message))
  // Loaded for the first message: most commands send none.
  const { post } = await import('./post.ts')
  const headers = {
    'content-type': 'application/json',
    'user-agent': `iterable-elt/${version}`,
    'x-iterable-elt-event': message.event,
    'x-iterable-elt-delivery': message.id,
    ...(secret !== undefined && { 'x-iterable-elt-signature': signatureOf(body, secret) }),
  }
  try {
    await post(url, { body, headers, env }, async (answer) => {
      const said = await saidBy(answer)
      // Teams answers 200 and says in words that the message was not posted.
      const isRefused = !answer.ok || (format === 'teams' && /\b(failed|error)\b/i.test(said))
      if (isRefused) throw new Error(`the webhook answered ${answer.status}${said}`)
    })
  } catch (error) {
    const { cause } = error as Error
    throw cause instanceof Error
      ? new Error(`the webhook cannot be reached: ${cause.message}`, { cause })
      : error
  }
}

const forms: Readonly<Record<Format, (message: Message) => object>> = {
  json: (message) => message,
  slack: slackOf,
  teams: teamsOf,
}

/** Where the address alone tells: chats take their own form only. */
export function formatOf(url: string): Format {
  const { hostname, pathname } = new URL(url)
  if (/^hooks\.slack(-gov)?\.com$/.test(hostname) && pathname.startsWith('/services/')) return 'slack'
  const isTeams =
    /\.webhook\.office\.com$/.test(hostname) ||
    (/\.(logic\.azure\.(com|us)|powerplatform\.com)$/.test(hostname) && pathname.includes('/workflows/'))
  return isTeams ? 'teams' : 'json'
}

const longestAnswer = 200

/** The beginning of a refusal says what is missing. */
async function saidBy({ body }: Response): Promise<string> {
  if (!body) return ''
  let text = ''
  const decoder = new TextDecoder()
  for await (const piece of body) {
    text += decoder.decode(piece as Uint8Array, { stream: true })
    if (text.length >= longestAnswer) break
  }
  const line = text.replaceAll(/[\p{Cc}\s]+/gu, ' ').trim()
  return line === '' ? '' : `: ${line.slice(0, longestAnswer)}`
}

const signatureOf = (body: string, secret: string): string =>
  `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`
