/** Webhooks: a POST with a JSON document, signed over its bytes. */
import { createHmac } from 'node:crypto'
import { EnvHttpProxyAgent, fetch } from 'undici'
import type { Message } from './message.ts'

const timeoutMs = 15_000

/** For HTTPS_PROXY and NO_PROXY. */
export type Environment = Readonly<Record<string, string | undefined>>

/**
 * Posts a message. The header `X-Iterable-Elt-Signature` is `sha256=` and the HMAC-SHA256 of the body in hex, keyed
 * with the secret. Rejects unless the answer is a success.
 */
export async function postWebhook(
  { url, secret }: { readonly url: string; readonly secret?: string | undefined },
  message: Message,
  { env, version }: { readonly env: Environment; readonly version: string },
): Promise<void> {
  const body = JSON.stringify(message)
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
    await answer.body?.cancel()
    if (!answer.ok) throw new Error(`the webhook answered ${answer.status}`)
  } catch (error) {
    const { cause } = error as Error
    throw cause instanceof Error
      ? new Error(`the webhook cannot be reached: ${cause.message}`, { cause })
      : error
  } finally {
    await dispatcher.destroy()
  }
}

const signatureOf = (body: string, secret: string): string =>
  `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`

function proxies(env: Environment): ConstructorParameters<typeof EnvHttpProxyAgent>[0] {
  const of = (name: string) => env[name.toLowerCase()] ?? env[name]
  const [http, https, no] = [of('HTTP_PROXY'), of('HTTPS_PROXY'), of('NO_PROXY')]
  return { httpProxy: http ?? '', httpsProxy: https ?? '', noProxy: no ?? '' }
}
