/** HTTP connections that stay open between requests. */
import { EnvHttpProxyAgent, request } from 'undici'

export interface Connections {
  readonly request: typeof request
  readonly destroy: () => Promise<void>
}

/**
 * Connections that go through the proxy that the environment names. Plain HTTP is forwarded and HTTPS tunnelled, as other
 * programs do it.
 */
export function openConnections(env: Readonly<Record<string, string | undefined>>): Connections {
  const proxy = (name: string) => env[name.toLowerCase()] || env[name] || ''
  const dispatcher = new EnvHttpProxyAgent({
    // The empty text keeps undici from reading the environment itself.
    httpProxy: proxy('HTTP_PROXY'),
    httpsProxy: proxy('HTTPS_PROXY'),
    noProxy: proxy('NO_PROXY'),
    proxyTunnel: false,
    keepAliveTimeout: 30_000,
    connect: { timeout: 30_000 },
  })
  return {
    request: (url, options) => request(url, { ...options, dispatcher }),
    destroy: () => dispatcher.destroy(),
  }
}
