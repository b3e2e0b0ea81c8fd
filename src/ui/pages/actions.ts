/** What people did on this page, and what became of it. */
import type { ActionStatus } from '../../report/actions.ts'
import { type Html, html } from '../html.ts'
import type { Page, View } from '../page.ts'
import { badge, brief, htmlTable, timeElement } from '../parts.ts'

export const actionsView = (page: Page, actions: readonly ActionStatus[]): View => ({
  title: 'Actions',
  body: html`
    <p>Everything that was done on this page, and who did it; the table is <code>actions</code>.</p>
    ${actionsTable(page, actions)}`,
})

export const actionsTable = (page: Page, actions: readonly ActionStatus[]): Html =>
  htmlTable(
    'Actions',
    ['when', 'who', 'what', 'of what', 'note', 'outcome'],
    actions.map(({ at, actor, role, action, subject, note, outcome }) => [
      ...[timeElement(at), `${actor} (${role})`, action, subject, brief(note, page)],
      /^[a-z_]+$/.test(outcome ?? 'running') ? badge(outcome ?? 'running') : brief(outcome, page, 300),
    ]),
  )
