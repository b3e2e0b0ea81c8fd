/** What stands before every page: headers, the name of the host, who is looking, and where a form comes from. */
import { getConnInfo } from '@hono/node-server/conninfo'
import { bodyLimit } from 'hono/body-limit'
import { getCookie, setCookie } from 'hono/cookie'
import { secureHeaders } from 'hono/secure-headers'
import { readAsset } from './assets.ts'
import { type App, answer, fail, type RequestContext, type Ui } from './context.ts'
import { isOurHost } from './hosts.ts'
import { html } from './html.ts'
import { bareDocument } from './page.ts'
import { isPassword } from './passwords.ts'
import { isSameText, type UiSession } from './session.ts'

const mostBytes = 256 * 1024

export function addGate(app: App, ui: Ui): void {
  app.use(
    secureHeaders({
      contentSecurityPolicy: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'"],
        connectSrc: ["'self'"],
        formAction: ["'self'"],
        baseUri: ["'none'"],
        frameAncestors: ["'none'"],
      },
      xFrameOptions: 'DENY',
      // Forms must tell where they come from: `no-referrer` would hide it from us, too.
      referrerPolicy: 'same-origin',
      // Whoever serves it over TLS says so himself.
      strictTransportSecurity: false,
    }),
  )
  app.use(async (c, next) => {
    c.header('Cache-Control', 'no-store')
    const { allowed_hosts } = ui.elt.config.ui
    if (isOurHost(c.req.header('Host'), allowed_hosts)) return next()
    const body = html`<p>This page does not answer to the name that the browser asked for. If it is right, add it to <code>ui.allowed_hosts</code>.</p>`
    return answer(ui, c, bareDocument({ title: 'Wrong host', body }), 421)
  })
  app.use(bodyLimit({ maxSize: mostBytes }))
  app.get('/assets/:name', async (c) => {
    const asset = await readAsset(c.req.param('name'))
    // Nobody need have signed in yet.
    if (!asset)
      return answer(
        ui,
        c,
        bareDocument({ title: 'Not found', body: html`<p>There is no such file.</p>` }),
        404,
      )
    c.header('Cache-Control', 'max-age=300')
    return c.body(asset.text, 200, { 'Content-Type': asset.type })
  })
  app.use(async (c, next) => {
    if (c.req.method === 'GET' || (c.req.method === 'POST' && isSameOrigin(c))) return next()
    const body = html`<p>The form came from another site, so nothing was done.</p>`
    return answer(ui, c, bareDocument({ title: 'Not allowed', body }), 403)
  })
  addSignIn(app, ui)
  app.use(async (c, next) => {
    const session = ui.sessions.open(getCookie(c, ui.cookie), ui.now()) ?? localSession(ui, c)
    if (!session) return askToSignIn(ui, c)
    c.set('session', session)
    if (c.req.method !== 'POST') return next()
    const { token } = await c.req.parseBody()
    if (!ui.sessions.isFormToken(session, token)) {
      return fail(ui, c, 'The form belongs to an older session, so nothing was done. Reload the page.', 403)
    }
    return next()
  })
  app.post('/sign-out', (c) => {
    ui.sessions.end(c.get('session'), ui.now())
    return c.redirect('/sign-in', 303)
  })
}

/** Browsers say where a form comes from; anything but a browser has the form's token to show. */
function isSameOrigin(c: RequestContext): boolean {
  const site = c.req.header('Sec-Fetch-Site')
  const origin = c.req.header('Origin')
  if (site !== undefined && site !== 'same-origin') return false
  return origin === undefined || (URL.canParse(origin) && new URL(origin).host === c.req.header('Host'))
}

export const needsSignIn = ({ elt: { config } }: Pick<Ui, 'elt'>): boolean =>
  config.ui.token !== undefined || Object.keys(config.ui.users).length > 0

/** On loopback, without users: whoever is at this machine may do what its command line does. */
function localSession(ui: Ui, c: RequestContext): UiSession | undefined {
  if (needsSignIn(ui) || c.req.method !== 'GET') return undefined
  const session = ui.sessions.begin({ name: ui.localName, role: 'operator', isLocal: true }, ui.now())
  keep(ui, c, session)
  return session
}

/** Where somebody serves the page over TLS, the cookie goes no other way. */
function keep(ui: Ui, c: RequestContext, session: UiSession): void {
  const secure = c.req.header('Origin')?.startsWith('https:') ?? false
  setCookie(c, ui.cookie, ui.sessions.seal(session), { httpOnly: true, sameSite: 'Lax', path: '/', secure })
}

function askToSignIn(ui: Ui, c: RequestContext): Response | Promise<Response> {
  const { pathname, search } = new URL(c.req.url)
  if (c.req.method === 'GET' && needsSignIn(ui) && pathname !== '/live') {
    return c.redirect(`/sign-in?${new URLSearchParams({ next: `${pathname}${search}` })}`, 303)
  }
  const body = html`<p>The session has ended, so nothing was done. <a href="/">Begin a new one</a></p>`
  return answer(ui, c, bareDocument({ title: 'The session has ended', body }), 401)
}

function addSignIn(app: App, ui: Ui): void {
  app.get('/sign-in', async (c) => {
    if (!needsSignIn(ui)) return c.redirect('/', 303)
    return answer(ui, c, signInPage(ui, { next: c.req.query('next') ?? '/' }))
  })
  app.post('/sign-in', async (c) => {
    const form = await c.req.parseBody()
    const [name, password, next] = ['name', 'password', 'next'].map((key) => String(form[key] ?? '')) as [
      string,
      string,
      string,
    ]
    const address = getConnInfo(c).remote.address ?? 'unknown'
    const wait = ui.attempts.waitSeconds(address, ui.now())
    if (wait > 0) {
      const problem = `Signing in has failed too often. Try again in ${wait} s.`
      return answer(ui, c, signInPage(ui, { next, problem }), 429)
    }
    ui.attempts.begin(address, ui.now())
    const person = await personOf(ui, name, password)
    if (!person) return answer(ui, c, signInPage(ui, { next, problem: 'That is not right.' }), 401)
    ui.attempts.succeed(address)
    keep(ui, c, ui.sessions.begin({ ...person, isLocal: false }, ui.now()))
    return c.redirect(localPath(next), 303)
  })
}

/** A user with their password, or anybody with the token, who says who they are. */
async function personOf(
  { elt: { config } }: Ui,
  name: string,
  password: string,
): Promise<Pick<UiSession, 'name' | 'role'> | undefined> {
  const { users, token } = config.ui
  const user = Object.hasOwn(users, name) ? users[name] : undefined
  if (await isPassword(password, user?.password)) return { name, role: user?.role ?? 'viewer' }
  // A name that has a password cannot be taken by whoever knows the token.
  if (token === undefined || user || name.trim() === '' || !isSameText(password, token)) return undefined
  return { name: name.trim().slice(0, 100), role: 'operator' }
}

/** Only a way within this site. */
const localPath = (next: string): string => (/^\/(?![/\\])/.test(next) ? next : '/')

function signInPage(
  { elt: { config } }: Ui,
  { next, problem }: { readonly next: string; readonly problem?: string },
) {
  const secret = config.ui.token === undefined ? 'Password' : 'Password, or the token of this page'
  return bareDocument({
    title: 'Sign in',
    body: html`
      ${problem !== undefined && html`<p class="notice failure" role="alert">${problem}</p>`}
      <form method="post" action="/sign-in">
        <input type="hidden" name="next" value="${next}">
        <label for="name">Your name</label>
        <input id="name" name="name" autocomplete="username" required maxlength="100">
        <label for="password">${secret}</label>
        <input id="password" name="password" type="password" autocomplete="current-password" required>
        <button class="main">Sign in</button>
      </form>`,
  })
}
