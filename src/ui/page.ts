/** What a page is made with, and the frame around all of them. */
import type { Config } from '../config/schema.ts'
import { oneLine } from '../words.ts'
import { type Html, html } from './html.ts'
import type { UiSession } from './session.ts'
import { type Sight, sightOf } from './sight.ts'

/** What a page is made with. */
export interface Page {
  readonly session: UiSession
  /** For forms. */
  readonly formToken: string
  readonly now: Date
  readonly see: Sight
  readonly config: Config
  /** What was asked for. */
  readonly url: URL
}

/** What a page says. */
export interface View {
  readonly title: string
  readonly body: Html
}

export const pageOf = (page: Omit<Page, 'see'>): Page => ({ ...page, see: sightOf(page.session.role) })

const places: readonly (readonly [path: string, name: string])[] = [
  ['/', 'Overview'],
  ['/runs', 'Runs'],
  ['/exports', 'Exports'],
  ['/schedules', 'Schedules'],
  ['/person', 'Person'],
  ['/query', 'Query'],
  ['/marts', 'Marts'],
  ['/actions', 'Actions'],
]

/** The whole document. `held` says why it shows an older state, and `at` of when that is. */
export function documentOf(
  page: Page,
  { title, body }: View,
  {
    held = null,
    at,
    isPending = false,
  }: { readonly held?: string | null; readonly at?: Date; readonly isPending?: boolean } = {},
): Html {
  const { session, url, see } = page
  const isHere = (path: string) => (path === '/' ? url.pathname === '/' : url.pathname.startsWith(path))
  return frame({
    title,
    isPending,
    body: html`
      <header>
        <a class="skip" href="#main">Skip to the content</a>
        <a class="brand" href="/">iterable-elt</a>
        <nav aria-label="Pages">
          <ul>
            ${places.map(
              ([path, name]) =>
                html`<li><a href="${path}" ${isHere(path) && html`aria-current="page"`}>${name}</a></li>`,
            )}
          </ul>
        </nav>
        <form method="post" action="/sign-out" class="who">
          <span>${session.name} (${session.role})</span>
          ${
            !session.isLocal &&
            html`<input type="hidden" name="token" value="${page.formToken}"><button class="quiet">Sign out</button>`
          }
        </form>
      </header>
      <main id="main" data-live>
        ${isPending && html`<span data-pending hidden></span>`}
        ${
          held !== null &&
          html`<p class="notice" role="status">${see.text(oneLine(held, 300))}. This is the state of ${
            at
              ? html`<time datetime="${at.toISOString()}">${at.toISOString().slice(0, 19).replace('T', ' ')}Z</time>`
              : 'before'
          }.</p>`
        }
        <h1>${title}</h1>
        ${body}
      </main>`,
  })
}

/** A document for whoever has not signed in. */
export const bareDocument = ({ title, body }: View): Html =>
  frame({ title, body: html`<main id="main" class="narrow"><h1>${title}</h1>${body}</main>` })

const frame = ({
  title,
  body,
  isPending = false,
}: View & { readonly isPending?: boolean }): Html => html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    ${isPending && html`<noscript><meta http-equiv="refresh" content="1"></noscript>`}
    <title>${title} – iterable-elt</title>
    <link rel="icon" href="/assets/icon.svg" type="image/svg+xml">
    <link rel="stylesheet" href="/assets/uplot.css">
    <link rel="stylesheet" href="/assets/page.css">
    <script src="/assets/uplot.js" defer></script>
    <script src="/assets/page.js" defer></script>
  </head>
  <body>${body}</body>
</html>`
