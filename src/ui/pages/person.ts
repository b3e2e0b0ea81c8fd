/** Everything known of one person, and why they are, or are not, on a list. */
import type { Person, PersonExport } from '../../report/person.ts'
import { eventDays, type PersonEvent } from '../../report/person-events.ts'
import type { Beside } from '../context.ts'
import { type Html, html } from '../html.ts'
import type { Page, View } from '../page.ts'
import { badge, facts, htmlTable, runLink, streamLink, timeElement } from '../parts.ts'

type Events = Beside<readonly PersonEvent[]> | undefined

export function personView(
  page: Page,
  {
    who,
    person,
    events,
  }: { readonly who: string; readonly person: Person | undefined; readonly events: Events },
): View {
  return {
    title: 'Person',
    body: html`
      <div data-still></div>
      <form class="filter" method="get" action="/person" role="search">
        <label>E-mail or userId <input name="who" value="${who}" required autocomplete="off"></label>
        <button>Find</button>
      </form>
      ${who !== '' && (person ? found(page, person, events) : html`<p>Nothing has been synced into this warehouse yet.</p>`)}`,
  }
}

function found(page: Page, person: Person, events: Events): Html {
  const { see } = page
  const { profile, email, user_id, lists, exports } = person
  return html`
    ${facts([
      ['e-mail', email && see.person(email)],
      ['userId', user_id && see.person(user_id)],
      ['profile', profile ? 'in users' : 'none in users'],
    ])}
    ${!profile && lists.length === 0 && events?.value.length === 0 && html`<p class="notice">Nobody of this name is in the warehouse: the name may be misspelt, unknown to Iterable, or not synced yet.</p>`}
    <h2>Exports: why are they, or are they not, on a list?</h2>
    ${htmlTable(
      'Exports',
      ['export', 'list', 'state', 'since', 'why'],
      exports.map((one) => [
        html`<a href="/exports/${encodeURIComponent(one.export)}">${one.export}</a>`,
        one.list_id === null ? null : String(one.list_id),
        ...[badge(one.state), timeElement(one.since), reasonOf(page, one, lists)],
      ]),
    )}
    <h2>Lists in Iterable</h2>
    ${htmlTable(
      'Lists',
      ['list', 'name', 'on it since', 'as of'],
      lists.map(({ id, name, joined_at, first_read_at, updated_at }) => [
        ...[id, name],
        joined_at ? timeElement(joined_at) : first_read_at && html`before ${timeElement(first_read_at)}`,
        timeElement(updated_at),
      ]),
    )}
    <h2>Events</h2>
    ${eventsPart(events)}
    ${
      profile &&
      html`<h2>Profile</h2>
        ${htmlTable(
          'Profile',
          ['field', 'value'],
          Object.entries(profile)
            .filter(([, value]) => value !== null)
            .map(([field, value]) => [field, see.value(value?.slice(0, 2_000) ?? null)]),
        )}`
    }`
}

function eventsPart(events: Events): Html {
  if (!events) return html`<p class="soft">They are being looked for.</p>`
  return html`
    <p class="soft">The last 100 of ${eventDays} days, as of ${timeElement(events.at.toISOString())}.</p>
    ${htmlTable(
      'Events',
      ['when', 'stream', 'campaign'],
      events.value.map(({ at, stream, campaign_id }) => [timeElement(at), streamLink(stream), campaign_id]),
    )}`
}

function reasonOf(
  { see }: Page,
  { state, reason, list_id, last_run }: PersonExport,
  lists: Person['lists'],
): Html {
  const run =
    last_run && html` (last run ${runLink(last_run.run_id)}: ${last_run.state.replaceAll('_', ' ')})`
  switch (state) {
    case 'member':
      return html`Iterable has acknowledged them${run}`
    case 'removed':
      return html`Iterable has acknowledged their removal${run}`
    case 'unsure':
      return html`the outcome of the last request is unknown; the next run sends them again${run}`
    case 'rejected':
      return html`refused: ${see.reason(reason ?? '')}${run}`
    case 'waiting':
      return html`${reason}${run}`
    case 'absent':
      return html`the query of the export has not returned them${run}`
    case 'untracked': {
      const isOnIt = lists.some(({ id }) => id === String(list_id))
      return html`the export sends, and does not keep whom: only mirrors and <code>send: changes</code> do${isOnIt && '; they are on its list, as that was last read'}${run}`
    }
    case 'never':
      return html`the export has never run`
  }
}
