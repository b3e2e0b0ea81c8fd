/** What dbt is told of the tables: columns, how fresh they ought to be, and what always holds. */
import { describeField, describeStream, type Stream } from '../catalog/index.ts'
import { ownColumns } from '../warehouse/names.ts'
import type { SchemaNames } from '../warehouse/schema-names.ts'
import type { Session } from '../warehouse/session.ts'
import { literal, quoted } from '../warehouse/sql.ts'
import type { ViewFile } from './file.ts'
import type { FoundTables } from './render.ts'

/** The test that `unique` of dbt is not: of several columns together. */
export const uniqueTogether = `{% test unique_together(model, expressions) %}
select {{ expressions | join(', ') }}, count(*) as copies
from {{ model }}
group by {{ expressions | join(', ') }}
having count(*) > 1
{% endtest %}
`

export interface SourcesInput {
  readonly session: Pick<Session, 'names' | 'dialect'>
  readonly streams: readonly Stream[]
  readonly found: FoundTables
  readonly files: readonly ViewFile[]
  /** False where our own tables are kept in another database than the streams. */
  readonly hasState: boolean
}

/** What `models/sources.yml` says. */
export function dbtSources({ session, streams, found, files, hasState }: SourcesInput): unknown {
  const { names } = session
  const replicated = streams.filter(({ name }) => found.has(name))
  const beside = files.flatMap(({ name, tables }) => tables.map((table) => ({ view: name, ...table })))
  return {
    version: 2,
    sources: [
      {
        name: names.streams,
        description: 'Iterable as it is: one table a stream, under its own names.',
        ...placeOf(names.streams),
        tables: replicated.map((stream) =>
          tableOf(stream, { ...session, streams: replicated, found, hasState }),
        ),
      },
      {
        name: names.marts,
        description: 'Rows of yours that the marts read.',
        ...placeOf(names.marts),
        tables: beside.map(({ name, view }) => ({ name, description: `Rows of yours for ${view}.` })),
      },
      ...(hasState
        ? [
            {
              name: names.sync,
              description:
                'What the sync keeps: who came to lists and who went, what it has read, and how far.',
              ...placeOf(names.sync),
              tables: stateTables.map((name) => ({ name })),
            },
          ]
        : []),
    ],
  }
}

/** What models read of our own tables. */
const stateTables = ['list_reads', 'list_changes', 'bookmarks', 'columns', 'run_steps', 'runs', 'sweeps']

/** A warehouse that is attached to the database of dbt is named by a variable. */
const placeOf = (schema: string) => ({ schema, database: "{{ var('iterable_database', target.database) }}" })

interface TableInput {
  readonly names: SchemaNames
  readonly streams: readonly Stream[]
  readonly found: FoundTables
  readonly hasState: boolean
}

function tableOf(stream: Stream, { names, streams, found, hasState }: TableInput): unknown {
  const { name, key, standIns, replication, bookmark = 'createdAt' } = stream
  const columns = found.get(name)
  const nameOf = (source: string) => columns?.get(source)?.name ?? source
  const isEvent = replication === 'append'
  const [only] = key
  const isAlone = key.length === 1
  const expressions = key.map((column) => {
    const other = standIns?.get(column)
    return other ? `coalesce(${quoted(nameOf(column))}, ${quoted(nameOf(other))})` : quoted(nameOf(column))
  })
  const testsOf = (source: string): readonly unknown[] => [
    ...(isAlone && source === only ? ['unique'] : []),
    ...(source === ownColumns.loadedAt ? ['not_null'] : []),
    ...((key.includes(source) && !standIns?.has(source)) || (isEvent && source === bookmark)
      ? ['not_null']
      : []),
    ...relationshipOf(stream, source, { names, streams, found }),
  ]
  return {
    name,
    description: describeStream(stream),
    config: { freshness: freshness, ...freshnessOf(stream, names, hasState) },
    ...(key.length > 1 && { data_tests: [{ unique_together: { arguments: { expressions } } }] }),
    columns: [...(columns ?? [])]
      .filter(([, column]) => !isTemplate(column.name))
      .map(([source, column]) => {
        const description = ownWords.get(source) ?? describeField(source)
        const tests = testsOf(source)
        return {
          name: column.name,
          // Names of columns are Iterable's own: case, blanks and all.
          quote: true,
          ...(description !== undefined && { description }),
          ...(tests.length > 0 && { data_tests: tests }),
        }
      }),
  }
}

/** dbt would take the name of such a field for a template of its own. */
const isTemplate = (name: string): boolean => /\{[{%#]/.test(name)

const ownWords: ReadonlyMap<string, string> = new Map([
  [ownColumns.runId, 'The run that loaded the row'],
  [ownColumns.loadedAt, 'When the row was loaded (UTC)'],
  [ownColumns.extra, 'Fields that have no column, and values that no column could hold'],
])

/** Once a day is seldom enough for anybody's schedule; whoever syncs each hour says less. */
const freshness = { warn_after: { count: 24, period: 'hour' } }

/** A stream that keeps a bookmark is as fresh as that: there may be days without any event. */
function freshnessOf({ name, replication }: Stream, { sync }: SchemaNames, hasState: boolean): object {
  if (!hasState || replication === 'full' || replication === 'daily')
    return { loaded_at_field: quoted(ownColumns.loadedAt) }
  const bookmarks = `{{ source('${sync}', 'bookmarks') }}`
  return { loaded_at_query: `select max(bookmark) from ${bookmarks} where stream = ${literal(name)}` }
}

/**
 * What refers to a table that is read whole by the same sync. It warns only: the two are read one after the other. Ids in
 * events are left out, because what they name may have been deleted.
 */
function relationshipOf(
  { name }: Stream,
  source: string,
  { names, streams, found }: Pick<TableInput, 'names' | 'streams' | 'found'>,
): readonly unknown[] {
  const to = relationships.get(`${name}.${source}`)
  if (!to || !streams.some((stream) => stream.name === to)) return []
  const field = found.get(to)?.get('id')?.name
  if (!field) return []
  return [
    {
      relationships: {
        arguments: { to: `source('${names.streams}', '${to}')`, field },
        config: { severity: 'warn' },
      },
    },
  ]
}

const relationships: ReadonlyMap<string, string> = new Map([
  ['message_types.channelId', 'channels'],
  ['list_users.listId', 'lists'],
])
