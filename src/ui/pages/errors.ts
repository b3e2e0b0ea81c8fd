/** Every code that a failure can carry, and what helps: where the pages send those who meet one. */
import { errorCodes, isErrorCode } from '../../error-codes.ts'
import { type Html, html } from '../html.ts'
import type { Page, View } from '../page.ts'
import { htmlTable } from '../parts.ts'

export const errorsView = (_page: Page): View => ({
  title: 'Errors',
  body: html`
    <p>A failure of the kind <em>config</em> needs a change by a person, and several in a row pause a schedule; one of the kind
      <em>transient</em> may have passed by the next try; one of the kind <em>run</em> concerns its run only.
      <code>unexpected</code> is a fault that nobody foresaw, and is tried again.</p>
    ${htmlTable(
      'Errors',
      ['code', 'kind', 'what has happened', 'what helps'],
      Object.entries(errorCodes).map(([code, { kind, means, cure }]) => [
        html`<code id="${code}">${code}</code>`,
        ...[kind, means, cure],
      ]),
    )}`,
})

/** What helps against a code; null for one that nobody foresaw. */
export const cureOf = (code: string | null): string | null =>
  isErrorCode(code) ? errorCodes[code].cure : null

/** A code as the way to what helps; null for one that nobody foresaw. */
export const codeLink = (code: string | null): Html | null =>
  isErrorCode(code) ? html`<a href="/errors#${code}"><code>${code}</code></a>` : null
