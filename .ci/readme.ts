/**
 * The generated parts of the documentation: the references in README.md from the catalogue and the schema of the
 * configuration, and docs/errors.md from the table of codes. `npm run readme` writes them; a test refuses documents
 * that lag behind.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { catalogue, replicationLabel, type Stream, storedType, streamGroups } from '../src/catalog/index.ts'
import { configReference } from '../src/config/reference.ts'
import { type ErrorKind, errorCodes } from '../src/error-codes.ts'
import { readViewFiles } from '../src/marts/files.ts'

const root = new URL('../', import.meta.url)

/** Every generated document as it should be, by its path. */
export async function renderedDocuments(): Promise<ReadonlyMap<string, string>> {
  const readme = await readFile(new URL('README.md', root), 'utf8')
  return new Map([
    ['README.md', renderedReadme(readme)],
    ['docs/errors.md', errorReference()],
    ['docs/tables.md', tableReference()],
    ['docs/marts.md', await viewReference()],
  ])
}

function renderedReadme(text: string): string {
  const parts = { tables: streamList(), configuration: configReference() }
  return Object.entries(parts).reduce(
    (document, [name, part]) =>
      document.replace(
        new RegExp(`(<!-- ${name} -->\n)[^]*?(<!-- /${name} -->)`),
        (_, open: string, close: string) => `${open}\n${part.trim()}\n\n${close}`,
      ),
    text,
  )
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

/** The streams by their groups, for the README. */
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
    ...overview,
    '',
    ...streams.map(columnsOf),
  ].join('\n')
}

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
    '| view | one row is |',
    '|---|---|',
    ...files.map(({ name, grain }) => `| [${name}](#${name}) | ${grain} |`),
    '',
    ...files.flatMap(({ name, about, grain, needs, optional, columns }) => [
      `<a id="${name}"></a>`,
      `## ${name}`,
      '',
      about,
      '',
      `One row: ${grain}. Needs ${list(needs)}; reads, where replicated: ${list(optional)}.`,
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
