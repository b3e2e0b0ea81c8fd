/** One POST, through the proxy that the environment names. */
import { EnvHttpProxyAgent, fetch, type Response } from 'undici'
import type { Environment } from '../config/interpolate.ts'

const timeoutMs = 15_000

/** Posts once, and hands the answer to `read` while the connection stands. */
export async function post(
  url: string,
  {
    body,
    headers,
    env,
  }: { readonly body: string; readonly headers: Record<string, string>; readonly env: Environment },
  read: (answer: Response) => Promise<void>,
): Promise<void> {
  const dispatcher = new EnvHttpProxyAgent(proxies(env))
  try {
    const answer = await fetch(url, {
      method: 'POST',
      body,
      headers,
      // Whoever moves sends the signed message to a place that nobody configured.
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
      dispatcher,
    })
    await read(answer)
  } finally {
    await dispatcher.destroy()
  }
}

function proxies(env: Environment): ConstructorParameters<typeof EnvHttpProxyAgent>[0] {
  const of = (name: string) => env[name.toLowerCase()] ?? env[name]
  const [http, https, no] = [of('HTTP_PROXY'), of('HTTPS_PROXY'), of('NO_PROXY')]
  return { httpProxy: http ?? '', httpsProxy: https ?? '', noProxy: no ?? '' }
}
