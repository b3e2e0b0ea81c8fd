/** What is there to be read, in words: tables and views with their columns, and what is not there and why. */
import { catalogue, describeField, describeStream } from '../catalog/index.ts'
import { describeViews, type ViewStatus } from '../marts/describe.ts'
import { describeLackingStreams } from '../state/lacking-streams.ts'
import type { Session } from '../warehouse/session.ts'
import { snakeCase } from '../warehouse/views.ts'
import type { Showing } from './masked/columns.ts'
import { type Relation, readRelations } from './masked/relations.ts'
import { type ExistingTables, type ReportSource, readState } from './read.ts'
import { describeStreams, readStreamState, type StreamStatus } from './streams.ts'

/** A table or view. */
export interface CatalogueEntry {
  /** With its schema. */
  readonly name: string
  readonly kind: 'table' | 'view'
  readonly about: string
  /** Rows of a stream's table; null for a view. */
  readonly rows: number | null
  readonly columns: readonly CatalogueColumn[]
}

export interface CatalogueColumn {
  readonly name: string
  readonly type: string
  readonly about: string | null
  /** What it shows where personal data is masked. */
  readonly showing: Showing
}

export interface Catalogue {
  readonly entries: readonly CatalogueEntry[]
  /** Streams and views that are not there. */
  readonly absent: readonly { readonly name: string; readonly why: string }[]
}

/** Everything that can be read. `shownFields`: what is shown although personal data is masked. */
export async function readCatalogue(
  source: ReportSource,
  { shownFields }: { readonly shownFields: readonly string[] },
): Promise<Catalogue> {
  const found = await readState(source, async (session, tables) => {
    const streams = describeStreams(source.config, await readStreamState(session, tables))
    const views = await describeViews(session, source.config.marts)
    const relations = await readRelations(session, shownFields)
    const rows = new Map(streams.map((stream) => [stream.table, stream.rows]))
    const about = aboutOf(session, views)
    return {
      entries: relations.map((relation) => entryOf(relation, about, rows)),
      absent: [
        ...absentStreams(streams, await lackingOf(session, tables)),
        ...views
          .filter(({ state }) => state !== 'made')
          .map(({ view, state, missing_streams, problem }) => ({
            name: `${session.names.marts}.${view}`,
            why: whyAbsent({ state, missing_streams, problem }),
          })),
      ],
    }
  })
  return found ?? { entries: [], absent: absentStreams(describeStreams(source.config, undefined), new Map()) }
}

function whyAbsent({
  state,
  missing_streams,
  problem,
}: Pick<ViewStatus, 'state' | 'missing_streams' | 'problem'>): string {
  if (state === 'off') return 'marts.enabled is false'
  if (state === 'missing_streams')
    return `needs streams that are not replicated: ${missing_streams.join(', ')}`
  return problem ?? 'the next sync makes it'
}

/** What is known of a relation and its columns. */
interface About {
  readonly text: string
  readonly column: (name: string) => string | undefined
}
type AboutOf = (relation: Relation) => About

function aboutOf({ names }: Session, views: readonly ViewStatus[]): AboutOf {
  const streams = new Map(catalogue('email').map((stream) => [stream.name, stream]))
  const marts = new Map(views.map((view) => [view.view, view]))
  return ({ schema, name }) => {
    const mart = schema === names.marts ? marts.get(name) : undefined
    if (mart) {
      const columns = new Map(mart.columns.map((column) => [column.name, column.about]))
      const key = mart.key.length > 0 ? ` Key: ${mart.key.join(', ')}.` : ''
      const text = `${mart.about.replaceAll('\n', ' ')} One row: ${mart.grain}.${key}`
      return { text, column: (column) => columns.get(column) }
    }
    if (schema === names.fivetran) {
      return { text: `What Fivetran's table ${name} has, of the same columns.`, column: () => undefined }
    }
    const stream = streams.get(name)
    const fields = new Map(
      Object.keys(stream?.columns ?? {}).map((field) => [snakeCase(field), describeField(field)]),
    )
    const text = stream ? describeStream(stream) : 'Custom events of one name, with their own fields.'
    return {
      text: schema === names.views ? `${text} Names in snake_case.` : text,
      column: (column) => fields.get(snakeCase(column)),
    }
  }
}

function entryOf(
  relation: Relation,
  aboutOf: AboutOf,
  rows: ReadonlyMap<string, number | null>,
): CatalogueEntry {
  const name = `${relation.schema}.${relation.name}`
  const about = aboutOf(relation)
  return {
    name,
    kind: relation.isView ? 'view' : 'table',
    about: about.text,
    rows: rows.get(name) ?? null,
    columns: relation.columns.map((column) => ({
      name: column.name,
      type: column.type,
      showing: column.showing,
      about: about.column(column.name) ?? null,
    })),
  }
}

function absentStreams(
  streams: readonly StreamStatus[],
  lacking: ReadonlyMap<string, string>,
): Catalogue['absent'] {
  return streams
    .filter(({ rows }) => rows === null)
    .map(({ table, stream, selected }) => ({
      name: table,
      why:
        lacking.get(stream) ??
        (selected
          ? 'selected; no sync has read a row of it yet'
          : 'not replicated: sync.streams does not select it'),
    }))
}

async function lackingOf(
  { db, names }: Session,
  tables: ExistingTables,
): Promise<ReadonlyMap<string, string>> {
  if (!tables.has(`${names.sync}.lacking_streams`)) return new Map()
  return new Map((await describeLackingStreams(db)).map(({ stream, answer }) => [stream, answer]))
}
