/** The tables and views that masked queries can read, each as a select of what it may show. */
import { sql } from 'kysely'
import { catalogue } from '../../catalog/index.ts'
import { readViewFiles } from '../../marts/files.ts'
import { customEvents } from '../../warehouse/custom-events.ts'
import { ownColumns } from '../../warehouse/names.ts'
import type { Session } from '../../warehouse/session.ts'
import { literal, quoted } from '../../warehouse/sql.ts'
import { snakeCase } from '../../warehouse/views.ts'
import { hiddenText, type MaskedColumn, type Showing, showingOf } from './columns.ts'

export interface Relation {
  readonly schema: string
  readonly name: string
  readonly isView: boolean
  readonly columns: readonly (MaskedColumn & { readonly showing: Showing })[]
}

/** All relations of the schemas that are for reading, in the order of their names. */
export async function readRelations(
  { tables, names }: Pick<Session, 'tables' | 'names'>,
  shownFields: readonly string[],
): Promise<readonly Relation[]> {
  const schemas = readableSchemas(names)
  const { rows } = await sql<{
    schema: string
    name: string
    kind: string
    column: string
    type: string
  }>`
    select c.table_schema as schema, c.table_name as name, t.table_type as kind, c.column_name as "column",
      c.data_type as type
    from information_schema.columns c
      join information_schema.tables t on t.table_catalog = c.table_catalog and t.table_schema = c.table_schema
        and t.table_name = c.table_name
    where c.table_catalog = current_database() and c.table_schema in (${sql.join(schemas)})
    order by c.table_schema, c.table_name, c.ordinal_position`.execute(tables)
  const known = await knownColumns(names)
  const named = new Set(shownFields)
  const relations = new Map<string, Relation & { columns: (MaskedColumn & { showing: Showing })[] }>()
  for (const { schema, name, kind, column, type } of rows) {
    const key = JSON.stringify([schema, name])
    const relation = relations.get(key) ?? { schema, name, isView: kind === 'VIEW', columns: [] }
    relations.set(key, relation)
    const isKnown = known(schema, name)?.has(snakeCase(column)) ?? false
    const showing = showingOf({ name: column, type }, { isKnown, named })
    relation.columns.push({ name: column, type, showing })
  }
  // What stands in our schemas and is not ours (a table of the user's, a view that is kept as a table) stays unread.
  return [...relations.values()].filter(({ schema, name }) => known(schema, name) !== undefined)
}

export const readableSchemas = ({ streams, views, marts, fivetran }: Session['names']): readonly string[] => [
  ...[streams, views, marts, fivetran],
]

/** The columns of a relation that the product itself has named, in snake_case; undefined for what is not ours. */
async function knownColumns(
  names: Session['names'],
): Promise<(schema: string, relation: string) => ReadonlySet<string> | undefined> {
  const own = [ownColumns.runId, ownColumns.loadedAt]
  const streams = new Map(
    catalogue('email').map(({ name, columns }) => [
      name,
      new Set([...Object.keys(columns), ...own].map(snakeCase)),
    ]),
  )
  const columnsOf = async (folder: 'views' | 'fivetran') =>
    new Map(
      (await readViewFiles(folder)).map(({ name, columns }) => [
        name,
        new Set(columns.map((one) => one.name)),
      ]),
    )
  const marts = await columnsOf('views')
  const fivetran = await columnsOf('fivetran')
  return (schema, relation) => {
    if (schema === names.marts) return marts.get(relation)
    if (schema === names.fivetran) return fivetran.get(relation)
    return (
      streams.get(relation) ??
      (relation.startsWith(`${customEvents}_`) ? streams.get(customEvents) : undefined)
    )
  }
}

/** The relation as far as it may be seen. `key` makes pseudonyms that nobody can find by trying addresses. */
export function maskedSelect(
  { schema, name, columns }: Relation,
  { dialect }: Pick<Session, 'dialect'>,
  key: string,
): string {
  const list = columns.map((column) => seen(column, dialect, key))
  return `select ${list.join(', ')} from ${quoted(schema)}.${quoted(name)}`
}

function seen(
  { name, type, showing }: Relation['columns'][number],
  { analysis }: Session['dialect'],
  key: string,
) {
  const own = quoted(name)
  switch (showing) {
    case 'shown':
      return isText(type) && !/_ids?$/.test(snakeCase(name)) ? `${withoutMail(own)} as ${own}` : own
    case 'pseudonym': {
      const hash = analysis.sha256(`${literal(key)} || lower(cast(${own} as varchar))`)
      return `case when ${own} is not null then 'p_' || substr(${hash}, 1, 16) end as ${own}`
    }
    case 'address':
      return `${withoutMail(`split_part(split_part(cast(${own} as varchar), '?', 1), '#', 1)`)} as ${own}`
    case 'hidden':
      return isText(type)
        ? `case when ${own} is not null then ${literal(hiddenText)} end as ${own}`
        : `case when false then ${own} end as ${own}`
  }
}

/** Also a harmless text may quote an address: before anything else is done with it, that is gone. */
const withoutMail = (text: string): string =>
  `case when ${text} like '%@%' or ${text} like '%\\%40%' escape '\\' then regexp_replace(${text}, '[^\\s"<>,;:()/]+(@|%40)[^\\s"<>,;:()/]+', ${literal(hiddenText)}, 'g') else ${text} end`

const isText = (type: string): boolean => /^(text|varchar|character)/i.test(type)
