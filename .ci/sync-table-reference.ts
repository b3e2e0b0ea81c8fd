/** docs/sync-tables.md: our own tables as the migrations make them, with what they are for. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { open } from '../src/index.ts'
import { type Described, syncTables } from './sync-tables.ts'

interface Column {
  readonly table_name: string
  readonly column_name: string
  readonly data_type: string
}

export async function syncTableReference(): Promise<string> {
  const columns = await columnsOfOurs()
  const names = [...new Set(columns.map(({ table_name }) => table_name))]
  const unknown = [...syncTables.keys()].filter((name) => !names.includes(name))
  if (unknown.length > 0)
    throw new Error(`.ci/sync-tables.ts describes tables that no migration makes: ${unknown}`)
  const described = names.map((name) => {
    const text = syncTables.get(name)
    if (!text) throw new Error(`say in .ci/sync-tables.ts what the table ${name} is for`)
    return [name, text] as const
  })
  const order = [...syncTables.keys()]
  described.sort(([a], [b]) => order.indexOf(a) - order.indexOf(b))
  return [
    '# Our own tables',
    '',
    'Generated from `migrations/` by `npm run readme`. They stand in `iterable_sync` (`<schema>_sync`). Read them as you like; the',
    'statements below that write are the ones that are meant to be written. Types are those of DuckDB; on Postgres `JSON` is `json`.',
    '',
    '| table | what it holds |',
    '|---|---|',
    ...described.map(([name, { about }]) => `| [${name}](#${name}) | ${about} |`),
    '',
    ...described.flatMap(([name, text]) => section(name, text, columns)),
  ].join('\n')
}

function section(
  name: string,
  { about, columns: notes = {}, example }: Described,
  columns: readonly Column[],
): string[] {
  const own = columns.filter(({ table_name }) => table_name === name)
  const stray = Object.keys(notes).filter((column) => !own.some(({ column_name }) => column_name === column))
  if (stray.length > 0) throw new Error(`.ci/sync-tables.ts: ${name} has no ${stray}`)
  return [
    `## ${name}`,
    '',
    `${about}.`,
    '',
    '| column | type | meaning |',
    '|---|---|---|',
    ...own.map(
      ({ column_name, data_type }) =>
        `| \`${column_name}\` | ${typeOf(data_type)} | ${notes[column_name] ?? ''} |`,
    ),
    '',
    ...(example
      ? [...(example.writes ? ['<!-- test: writes -->'] : []), '```sql', example.sql, '```', '']
      : []),
  ]
}

const typeOf = (type: string): string =>
  type.toLowerCase().replace('timestamp with time zone', 'timestamptz').replace('varchar', 'text')

async function columnsOfOurs(): Promise<readonly Column[]> {
  const folder = await mkdtemp(join(tmpdir(), 'elt-reference-'))
  try {
    await using elt = await open({ warehouse: { type: 'duckdb', path: join(folder, 'warehouse.duckdb') } })
    await elt.warehouse.use(async () => {})
    const rows: Column[] = []
    const query = `select table_name, column_name, data_type from information_schema.columns
      where table_schema = 'iterable_sync' order by table_name, ordinal_position`
    for await (const row of elt.query(query)) rows.push(row as unknown as Column)
    return rows
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
