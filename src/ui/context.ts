/** What the routes work with, and how they answer. */
import type { Hono, Context as HonoContext } from 'hono'
import { redact } from '../config/secrets.ts'
import { messageOf, UserError } from '../errors.ts'
import type { Elt } from '../index.ts'
import type { ReportSource } from '../report/read.ts'
import type { Attempts } from './attempts.ts'
import type { Errands } from './errands.ts'
import { html } from './html.ts'
import type { KnownState, LastStates } from './last-states.ts'
import { documentOf, type Page, pageOf, type View } from './page.ts'
import type { Sessions, UiSession } from './session.ts'

/** What the page is opened with. */
export interface UiOptions {
  readonly now: () => Date
  /** Who sits at this machine. */
  readonly localName: string
  /** What no page may show, whatever the reports say. */
  readonly secrets: readonly string[]
}

/** The page at work. */
export interface Ui extends UiOptions {
  readonly elt: Elt
  readonly states: LastStates
  readonly sessions: Sessions
  readonly attempts: Attempts
  readonly errands: Errands
  /** Other sites of the same machine have cookies of their own names. */
  readonly cookie: string
  /** Aborted when the server stops. */
  readonly closing: AbortSignal
}

export interface Env {
  readonly Variables: { readonly session: UiSession }
}
export type App = Hono<Env>
export type RequestContext = HonoContext<Env>

export function pageFor(ui: Ui, c: RequestContext): Page {
  const session = c.get('session')
  const { config } = ui.elt
  const url = new URL(c.req.url)
  return pageOf({ session, formToken: ui.sessions.formToken(session), now: ui.now(), config, url })
}

/** Short secrets are words like others, and pages do not show what they are read from. */
const leastSecret = 8

/** Answers with a document. Secrets are taken out of it, wherever they came from. */
export async function answer(
  ui: Pick<Ui, 'secrets'>,
  c: RequestContext,
  document: ReturnType<typeof documentOf>,
  status: 200 | 400 | 401 | 403 | 404 | 409 | 421 | 429 | 500 | 503 = 200,
): Promise<Response> {
  const long = ui.secrets.filter((secret) => secret.length >= leastSecret)
  const escaped = await Promise.all(long.map(async (secret) => String(await html`${secret}`)))
  return c.html(redact(String(await document), [...new Set([...long, ...escaped])]), status)
}

/** What was read beside, and when that was. */
export interface Beside<B> {
  readonly value: B
  readonly at: Date
}

/** What takes a second to read is read again after two minutes, what takes three or more after five. */
const besideWish = { goodMs: 300_000, restFactor: 100 } as const

/** Shows a report; what was read last, while the warehouse cannot be read, or where it is no older than `goodMs`. */
export async function show<T, B = never>(
  ui: Ui,
  c: RequestContext,
  report: (source: ReportSource, page: Page) => Promise<T>,
  view: (page: Page, value: T, beside: Beside<B> | undefined) => View,
  {
    goodMs = 0,
    beside,
    besideOf,
  }: {
    readonly goodMs?: number
    /** What may take longer: the page is shown without it until it is there. */
    readonly beside?: (source: ReportSource, page: Page, value: T) => Promise<B>
    /** Where it is the same for several addresses: what it is about. */
    readonly besideOf?: string
  } = {},
): Promise<Response> {
  const page = pageFor(ui, c)
  const sinceMs = performance.now()
  try {
    // What is read for a viewer is less.
    const key = `${page.session.role} ${page.url.pathname}${page.url.search}`
    const wish = { goodMs, sinceMs }
    const reading = await ui.states.read(key, page.now, (source) => report(source, page), wish)
    if (!reading.isKnown) return await answer(ui, c, notYet(page, reading))
    const { value, at, held } = reading
    const besideKey = `${besideOf ? `${page.session.role} ${besideOf}` : key} beside`
    const more =
      beside &&
      (await ui.states.read(besideKey, page.now, (source) => beside(source, page, value), {
        ...besideWish,
        sinceMs,
      }))
    const isPending = reading.isPending || (more?.isPending ?? false)
    const said = view(page, value, more?.isKnown ? more : undefined)
    return await answer(ui, c, documentOf(page, said, { held, at, isPending }))
  } catch (error) {
    return refuse(ui, c, error)
  }
}

function notYet(page: Page, { held, isPending }: KnownState<never> & { readonly isKnown: false }) {
  const body = html`
    <p class="notice" role="status">${page.see.text(held)}.</p>
    <p>This page has not been read before; it shows itself as soon as it can be. <a href="${page.url.pathname}${page.url.search}">Try again</a></p>`
  const title = isPending ? 'One moment' : 'The warehouse is busy'
  return documentOf(page, { title, body }, { isPending })
}

/** Says what went wrong, and what helps. */
export function refuse(ui: Ui, c: RequestContext, error: unknown): Promise<Response> {
  const page = pageFor(ui, c)
  const isKnown = error instanceof UserError
  const message = isKnown ? error.message : `unexpected: ${messageOf(error).split('\n')[0]}`
  const status = !isKnown
    ? 500
    : error.code.startsWith('unknown_')
      ? 404
      : error.kind === 'transient'
        ? 503
        : 409
  return fail(ui, c, page.see.reason(message), status)
}

/** A page with one sentence. */
export function fail(
  ui: Ui,
  c: RequestContext,
  message: string,
  status: 400 | 403 | 404 | 409 | 500 | 503,
): Promise<Response> {
  const page = pageFor(ui, c)
  const title = status === 404 ? 'Not found' : status === 403 ? 'Not allowed' : 'That did not work'
  const body = html`<p class="notice failure" role="alert">${message}</p><p><a href="/">Overview</a></p>`
  return answer(ui, c, documentOf(page, { title, body }), status)
}
