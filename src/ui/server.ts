/** The operations page: a small server beside the commands, over the same warehouse. */
import { randomBytes } from 'node:crypto'
import { once, setMaxListeners } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { ConfigError, messageOf } from '../errors.ts'
import type { Elt } from '../index.ts'
import { Attempts } from './attempts.ts'
import { answer, type Env, fail, type Ui, type UiOptions } from './context.ts'
import { addActions } from './doing.ts'
import { Errands } from './errands.ts'
import { addGate, needsSignIn } from './gate.ts'
import { isLoopback } from './hosts.ts'
import { html } from './html.ts'
import { LastStates, type ReadPatience } from './last-states.ts'
import { bareDocument } from './page.ts'
import { addPages } from './reading.ts'
import { Sessions } from './session.ts'

export interface UiRequest extends UiOptions {
  readonly port: number
  /** An address or name of this machine; only loopback goes without sign-in. */
  readonly host: string
  /** How long a page waits for the warehouse, and for what somebody has begun; as people like to wait by default. */
  readonly patience?: Partial<ReadPatience> & { readonly settleMs?: number }
}

export interface UiServer extends AsyncDisposable {
  readonly url: string
  readonly port: number
}

/**
 * Opens the page; it is there until it is disposed. What people have begun by then is finished, or put back.
 * @throws ConfigError where other machines could reach it and nobody needs to sign in, or the port is taken.
 */
export async function serveUi(
  elt: Elt,
  { port, host, patience = {}, ...options }: UiRequest,
): Promise<UiServer> {
  const closing = new AbortController()
  // Everything that is under way listens.
  setMaxListeners(0, closing.signal)
  const ui: Ui = {
    ...options,
    elt,
    states: new LastStates(elt, closing.signal, patience),
    sessions: new Sessions(elt.config.ui.session),
    attempts: new Attempts(),
    errands: new Errands(elt.warehouse, options.now, patience.settleMs),
    cookie: `iterable_elt_${randomBytes(4).toString('hex')}`,
    closing: closing.signal,
  }
  if (!isLoopback(host) && !needsSignIn(ui)) {
    throw new ConfigError(
      `--host ${host} opens the page to other machines, so people have to sign in: set "ui.token" or "ui.users" in the configuration, or leave out --host`,
    )
  }
  const server = createAdaptorServer({ fetch: appOf(ui).fetch })
  server.listen(port, host)
  await once(server, 'listening').catch((error) => refusePort(error, port))
  const bound = (server.address() as AddressInfo).port
  return {
    port: bound,
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}/`,
    async [Symbol.asyncDispose]() {
      closing.abort()
      const closed = once(server, 'close')
      server.close()
      if ('closeAllConnections' in server) server.closeAllConnections()
      await closed
      await ui.states.settled()
      await ui.errands.settled()
    },
  }
}

function appOf(ui: Ui): Hono<Env> {
  const app = new Hono<Env>()
  addGate(app, ui)
  addPages(app, ui)
  addActions(app, ui)
  app.notFound((c) => fail(ui, c, 'There is no such page.', 404))
  app.onError((error, c) => {
    if (error instanceof HTTPException) return error.getResponse()
    const body = html`<p class="notice failure">unexpected: ${messageOf(error).split('\n')[0]}</p>`
    return answer(ui, c, bareDocument({ title: 'That did not work', body }), 500)
  })
  return app
}

function refusePort(error: NodeJS.ErrnoException, port: number): never {
  if (error.code === 'EADDRINUSE') {
    throw new ConfigError(`port ${port} is taken; name another with --port`, { code: 'port', cause: error })
  }
  throw new ConfigError(`the page cannot be opened: ${messageOf(error)}`, { code: 'port', cause: error })
}
