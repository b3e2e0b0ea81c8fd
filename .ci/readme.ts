/**
 * The generated pages of the documentation: from the catalogue, the configuration's schema, the commands, the tables
 * of codes and the views. `npm run readme` writes them; a test refuses pages that lag behind.
 */
import { writeFile } from 'node:fs/promises'
import { catalogue, replicationLabel, type Stream, storedType, streamGroups } from '../src/catalog/index.ts'
import { type ErrorKind, errorCodes } from '../src/error-codes.ts'
import { endpoints } from '../src/iterable/endpoints.ts'
import { readViewFiles } from '../src/marts/files.ts'
import { walkEndpoints } from '../src/sync/walks.ts'
import { commandReference } from './command-reference.ts'
import { configurationReference } from './configuration-reference.ts'
import { metricReference } from './metric-reference.ts'
import { roomPages } from './room-reference.ts'
import { syncTableReference } from './sync-table-reference.ts'

const root = new URL('../', import.meta.url)

/** Every generated page as it should be, by its path. */
export async function renderedDocuments(): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ['docs/commands.md', commandReference()],
    ['docs/configuration.md', configurationReference()],
    ['docs/errors.md', errorReference()],
    ['docs/tables.md', tableReference()],
    ['docs/sync-tables.md', await syncTableReference()],
    ['docs/marts.md', await viewReference()],
    ['docs/fivetran.md', await fivetranReference()],
    ['docs/metrics.md', await metricReference()],
    ...(await roomPages()),
  ])
}

const kinds: Readonly<Record<ErrorKind, string>> = {
  config: 'a person must change something; several in a row pause a schedule',
  transient: 'may have passed by the next try; a schedule tries again, later each time',
  run: 'concerns this run only; the next tick comes as planned',
}

function errorReference(): string {
  return [
    '# Errors',
    '',
    'Generated from `src/error-codes.ts` by `npm run readme`. The code stands in `iterable_sync.runs.error_code` and in the',
    'documents of `--json`; `unexpected` is a fault that nobody foresaw, and is tried again.',
    '',
    '| kind | what it calls for |',
    '|---|---|',
    ...Object.entries(kinds).map(([kind, text]) => `| ${kind} | ${text} |`),
    '',
    '| code | kind | what has happened | what helps |',
    '|---|---|---|---|',
    ...Object.entries(errorCodes).map(
      ([code, { kind, means, cure }]) => `| <a id="${code}"></a>\`${code}\` | ${kind} | ${means} | ${cure} |`,
    ),
    '',
  ].join('\n')
}

/** The streams by their groups. */
function streamList(): string {
  const streams = catalogue('email')
  const names = (fits: (stream: Stream) => boolean) =>
    streams
      .filter(fits)
      .map(({ name }) => `\`${name}\``)
      .join(', ')
  return [
    '| group | streams |',
    '|---|---|',
    ...streamGroups
      .filter((group) => group !== 'events')
      .map((group) => `| \`${group}\` | ${names(({ groups }) => groups.includes(group))} |`),
    `| in no group but \`events\` and \`all\` | ${names(({ groups }) => groups.length === 1 && groups[0] === 'events')} |`,
  ].join('\n')
}

/** Every table with its columns. */
function tableReference(): string {
  const streams = catalogue('email')
  const overview = [
    '| table | groups | read from | replication | primary key | bookmark column |',
    '|---|---|---|---|---|---|',
    ...streams.map(
      (stream) =>
        `| [${stream.name}](#${stream.name}) | ${stream.groups.join(', ')} | ${sourceOf(stream)} | ${replicationLabel(
          stream,
        )} | ${stream.key.join(', ') || '–'} | ${stream.bookmark ?? '–'} |`,
    ),
  ]
  return [
    '# Tables',
    '',
    'Generated from the catalogue (`src/catalog`) by `npm run readme`. Known fields have typed columns; any other field finds',
    'its column when it first appears. With `project_type` `userId` or `hybrid` the key of `users` is `itblUserId`.',
    '',
    '## Groups',
    '',
    '`sync.streams` takes the names of streams, patterns (`email_*`), exclusions (`!metadata`) and these groups; `all` is every stream,',
    '`events` every stream of events. Without the setting it is `core`.',
    '',
    streamList(),
    '',
    '## Streams',
    '',
    ...overview,
    '',
    '## Columns',
    '',
    ...streams.map(columnsOf),
  ].join('\n')
}

async function fivetranReference(): Promise<string> {
  const files = [...(await readViewFiles('fivetran'))].sort((a, b) => (a.name < b.name ? -1 : 1))
  return [
    '# Tables as Fivetran has them',
    '',
    'Generated from `sql/fivetran` by `npm run readme`.',
    '',
    '```json',
    '"marts": { "compatibility": ["fivetran"] }',
    '```',
    '',
    'With this setting each sync makes, and keeps, views in `iterable_fivetran` (`<schema>_fivetran`) with the names and columns of',
    "Fivetran's schema for Iterable (as the public macros of `dbt_iterable` list them), so that SQL that was written for it goes on as it",
    'is. They read the stream tables; nothing is stored twice. A view whose stream is not replicated is not made. When the setting goes, so do',
    'the views; on Postgres one that a view of yours reads stays, and the sync says so. On DuckDB, which does not know who reads a view, yours',
    'stays and says that its source is gone. A role that may not create schemas needs `iterable_fivetran` made for it, as its other schemas.',
    '',
    'What is not the same:',
    '',
    '- **No history.** `campaign_history`, `template_history`, `user_history` and the like hold the present state, one row each.',
    '- **No event collapses.** `_fivetran_id` of an event is a hash of all that `event` and `event_extension` say of it; events that are equal in',
    '  that are told apart by a number at its end. It is the same after every reload. The two views number all events for it: filter by',
    '  `created_at` in a table of your own where there are millions.',
    '- **`_fivetran_user_id`**, and `_fivetran_id` of people, is the SHA-256 of itblUserId, else userId, else the lower-case e-mail address: not',
    "  the value that Fivetran's own tables have.",
    '- **`_fivetran_synced`** is when the sync began that loaded the row (`_loaded_at`); `_fivetran_deleted` is false.',
    '- Values of lists and objects are JSON texts; `email_list_ids` and `labels` are sorted.',
    '- **No view** has `campaign_metrics_weekly`, `experiment_metrics`, `user_device` (see `user_device_history`), `list_user_history` (see',
    '  `iterable_marts.list_membership_history`), and the addresses for copies and parameters of links of templates.',
    '- `additional_properties` has the name of a custom event and nothing else. Its fields are in `iterable_views.custom_event_NAME`.',
    '- A snapshot leaves these views out.',
    '',
    ...files.flatMap(({ name, about, grain, key, needs, optional, columns }) => [
      `## ${name}`,
      '',
      `${about.replaceAll('\n', ' ')} One row: ${grain}.${key.length > 0 ? ` Key: ${listOf(key)}.` : ''}${needs.length > 0 ? ` Needs ${listOf(needs)}.` : ''}${optional.length > 0 ? ` Reads, where replicated: ${listOf(optional)}.` : ''}`,
      '',
      '| column | what it has |',
      '|---|---|',
      ...columns.map((column) => `| \`${column.name}\` | ${column.about} |`),
      '',
    ]),
  ].join('\n')
}

const listOf = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ')

/** Every view with its grain and columns. */
async function viewReference(): Promise<string> {
  const files = [...(await readViewFiles())].sort((a, b) => (a.name < b.name ? -1 : 1))
  const list = (names: readonly string[]) => names.map((name) => `\`${name}\``).join(', ') || 'nothing'
  return [
    '# Views for analysts',
    '',
    'Generated from `sql/views` by `npm run readme`. The sync makes these views in `iterable_marts` (`<schema>_marts`) at its end',
    'and keeps them: a text that has changed replaces the old one, views of yours upon them stay. A view whose needed streams',
    'are not replicated is not made (`iterable-elt status` says so); what it would read besides is NULL or 0 until it is',
    'replicated. `iterable-elt views` lists them, `views --sql NAME` prints their SQL. Days are UTC days; rates are fractions.',
    '',
    '`marts` of the configuration has the windows of attribution, the time zone of `send_time_heatmap`, and `materialize`: views',
    'that are kept as tables. Such a view stays a view under its name, and reads its table, which the end of each sync brings up to',
    'date in one transaction. `sent_messages`, `engagement_events` and `message_facts` are brought up to date message by message:',
    'whatever the new rows name, however long ago it was sent; every other view is filled anew when a sync has written rows, and so',
    'are these when rules of bots or the text of a view have changed. An event that Iterable takes back is noticed when the table is',
    'filled anew: `views --materialize NAME`. Most views read these three, so that keeping them as tables makes most views fast:',
    '`"materialize": ["sent_messages", "engagement_events", "message_facts"]`. Ten million sends take minutes to fill at first; the figures of',
    'campaigns are there within a second then, where the views take four ([speed](performance.md#views-for-analysts)).',
    '',
    '| view | one row is |',
    '|---|---|',
    ...files.map(({ name, grain }) => `| [${name}](#${name}) | ${grain} |`),
    '',
    ...files.flatMap(({ name, about, grain, key, needs, optional, columns }) => [
      `<a id="${name}"></a>`,
      `## ${name}`,
      '',
      about,
      '',
      `One row: ${grain}. Key: ${key.length > 0 ? listOf(key) : 'none, rows may be equal'}. Needs ${list(needs)}; reads, where replicated: ${list(optional)}.`,
      '',
      '| column | meaning |',
      '|---|---|',
      ...columns.map((column) => `| \`${column.name}\` | ${column.about} |`),
      '',
    ]),
  ].join('\n')
}

function sourceOf({ read }: Stream): string {
  switch (read.kind) {
    case 'export':
      return `export \`${read.dataType}\``
    case 'documents':
      return `\`${read.endpoint}\`${read.variants ? ', every type × medium' : ''}${read.paged ? ', all pages' : ''}`
    case 'members':
      return '`lists/getUsers`, per list'
    case 'walk':
      return `\`${endpoints[walkEndpoints[read.walk]].path.replace('/api/', '')}\``
    case 'metadata':
      return '`metadata`: tables → keys → values'
  }
}

function columnsOf({ name, columns }: Stream): string {
  const fields = Object.entries(columns).map(([field, type]) => `\`${field}\` ${storedType(type)}`)
  return `<a id="${name}"></a>**${name}**: ${fields.join(', ')}\n`
}

if (process.argv[1]?.endsWith('readme.ts')) {
  for (const [path, text] of await renderedDocuments()) await writeFile(new URL(path, root), text)
}
