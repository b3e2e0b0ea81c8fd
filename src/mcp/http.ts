/** The server over HTTP: one address, each request for itself. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { ConfigError, messageOf } from '../errors.ts'
import { isLoopback, isOurHost } from '../ui/hosts.ts'
import { isSameText } from '../ui/session.ts'
import type { McpOptions } from './context.ts'
import { serverOf } from './tools.ts'

export interface HttpRequest extends McpOptions {
  readonly port: number
  readonly host: string
  /** What clients must bring; undefined only on loopback. */
  readonly token: string | undefined
}

export interface HttpServer extends AsyncDisposable {
  readonly url: string
}

const mostBytes = 256 * 1024
const path = '/mcp'

/**
 * Serves until it is disposed.
 * @throws ConfigError where other machines could reach it without a token, or the port is taken.
 */
export async function serveHttp({ port, host, ...options }: HttpRequest): Promise<HttpServer> {
  if (!isLoopback(host) && options.token === undefined) {
    throw new ConfigError(
      `--host ${host} opens the warehouse to other machines: set "mcp.token" in the configuration or ITERABLE_ELT_MCP_TOKEN in the environment, or leave out --host`,
    )
  }
  const server = createAdaptorServer({ fetch: appOf(options).fetch })
  server.listen(port, host)
  await once(server, 'listening').catch((error: NodeJS.ErrnoException) => {
    const what =
      error.code === 'EADDRINUSE' ? `port ${port} is taken; name another with --port` : messageOf(error)
    throw new ConfigError(what, { code: 'port', cause: error })
  })
  const bound = (server.address() as AddressInfo).port
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}${path}`,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      if ('closeAllConnections' in server) server.closeAllConnections()
      await closed
    },
  }
}

/** No answer has a header that lets pages of other sites read it. */
function appOf(options: Omit<HttpRequest, 'port' | 'host'>): Hono {
  const { token, elt } = options
  const app = new Hono()
  app.use(async (c, next) => {
    c.header('Cache-Control', 'no-store')
    c.header('X-Content-Type-Options', 'nosniff')
    if (!isOurHost(c.req.header('Host'), elt.config.mcp.allowed_hosts)) {
      return c.text(
        'This server does not answer to that name. If it is right, add it to mcp.allowed_hosts.',
        421,
      )
    }
    if (c.req.header('Origin') !== undefined) return c.text('Pages of browsers have no access.', 403)
    const given = /^Bearer +(\S+)$/i.exec(c.req.header('Authorization') ?? '')?.[1]
    if (token !== undefined && !isSameText(given ?? '', token)) {
      c.header('WWW-Authenticate', 'Bearer')
      return c.text('The token (mcp.token) is missing or wrong.', 401)
    }
    return next()
  })
  app.use(bodyLimit({ maxSize: mostBytes }))
  app.post(path, async (c) => {
    const server = serverOf(options)
    const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true })
    await server.connect(transport)
    try {
      return await transport.handleRequest(c.req.raw)
    } finally {
      await server.close()
    }
  })
  app.all(path, (c) => {
    c.header('Allow', 'POST')
    return c.text('Only POST: there are no sessions.', 405)
  })
  return app
}
