/** Webhooks: a POST with a JSON document in the form that the receiver reads, signed over its bytes. */
import { createHmac } from 'node:crypto'
import { EnvHttpProxyAgent, fetch, type Response } from 'undici'
import type { Message } from './message.ts'
import { slackOf } from './slack.ts'
import { teamsOf } from './teams.ts'

const timeoutMs = 15_000

/** For HTTPS_PROXY and NO_PROXY. */
export type Environment = Readonly<Record<string, string | undefined>>

export interface Target {
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
  { url, format = formatOf(url), secret }: Target,
  message: Message,
  { env, version }: { readonly env: Environment; readonly version: string },
): Promise<void> {
  const body = JSON.stringify(forms[format](message))
  const dispatcher = new EnvHttpProxyAgent(proxies(env))
  try {
    const answer = await fetch(url, {
      method: 'POST',
      body,
      headers: {
        'content-type': 'application/json',
        'user-agent': `iterable-elt/${version}`,
        'x-iterable-elt-event': message.event,
        'x-iterable-elt-delivery': message.id,
        ...(secret !== undefined && { 'x-iterable-elt-signature': signatureOf(body, secret) }),
      },
      // Whoever moves sends the signed message to a place that nobody configured.
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
      dispatcher,
    })
    const said = await saidBy(answer)
    // Teams answers 200 and says in words that the message was not posted.
    const isRefused = !answer.ok || (format === 'teams' && /\b(failed|error)\b/i.test(said))
    if (isRefused) throw new Error(`the webhook answered ${answer.status}${said}`)
  } catch (error) {
    const { cause } = error as Error
    throw cause instanceof Error
      ? new Error(`the webhook cannot be reached: ${cause.message}`, { cause })
      : error
  } finally {
    await dispatcher.destroy()
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

function proxies(env: Environment): ConstructorParameters<typeof EnvHttpProxyAgent>[0] {
  const of = (name: string) => env[name.toLowerCase()] ?? env[name]
  const [http, https, no] = [of('HTTP_PROXY'), of('HTTPS_PROXY'), of('NO_PROXY')]
  return { httpProxy: http ?? '', httpsProxy: https ?? '', noProxy: no ?? '' }
}
