/**
 * The generated parts of README.md: the table reference from the catalogue, the configuration reference from its
 * schema. `npm run readme` writes them between their markers; a test refuses a README that lags behind.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { catalogue, replicationLabel, type Stream, storedType } from '../src/catalog/index.ts'
import { configReference } from '../src/config/reference.ts'

const readme = new URL('../README.md', import.meta.url)

/** README.md as it should be. */
export async function renderedReadme(): Promise<string> {
  const text = await readFile(readme, 'utf8')
  const parts = { tables: tableReference(), configuration: configReference() }
  return Object.entries(parts).reduce(
    (document, [name, part]) =>
      document.replace(
        new RegExp(`(<!-- ${name} -->\n)[^]*?(<!-- /${name} -->)`),
        (_, open: string, close: string) => `${open}\n${part.trim()}\n\n${close}`,
      ),
    text,
  )
}

function tableReference(): string {
  const streams = catalogue('email')
  const overview = [
    '| table | read from | replication | primary key | bookmark column |',
    '|---|---|---|---|---|',
    ...streams.map(
      (stream) =>
        `| [${stream.name}](#${stream.name}) | ${sourceOf(stream)} | ${replicationLabel(stream)} | ${
          stream.key.join(', ') || '–'
        } | ${stream.bookmark ?? '–'} |`,
    ),
  ]
  return [...overview, '', ...streams.map(columnsOf)].join('\n')
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

if (process.argv[1]?.endsWith('readme.ts')) await writeFile(readme, await renderedReadme())
