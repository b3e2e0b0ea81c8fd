/** All events of the export API in one shape: `{{all_events}}` of `sql/fivetran`. */
import { type ColumnType, catalogue } from '../catalog/index.ts'
import { ownColumns } from '../warehouse/names.ts'
import type { Session } from '../warehouse/session.ts'
import { literal, quoted } from '../warehouse/sql.ts'
import { snakeCase } from '../warehouse/views.ts'
import type { FoundColumn, FoundTables } from './render.ts'

/** Columns by their types; what no stream of the catalogue has may still appear as a field. */
const types: Readonly<Record<'text' | 'bigint' | 'boolean' | 'json' | 'timestamptz', string>> = {
  text: `email user_id itbl_user_id event_name message_bus_id message_id recipient_state status unsub_source user_agent
    user_agent_device badge canonical_url_id device email_id email_subject experiment_id link_id link_url locale
    platform_endpoint push_message region sms_message to_phone_number url workflow_name city clicked_url country
    error_code from_phone_number in_app_body message_status reason`,
  bigint: `campaign_id content_id message_type_id template_id catalog_collection_count catalog_lookup_count
    from_phone_number_id from_sms_sender_id workflow_id mms_send_count sms_send_count`,
  boolean: 'app_already_running content_available is_sms_estimation',
  json: 'transactional_data payload',
  timestamptz: 'created_at expires_at',
}

interface Column {
  readonly name: string
  readonly type: ColumnType
}

const columns: readonly Column[] = Object.entries(types).flatMap(([type, names]) =>
  names.split(/\s+/).map((name) => ({ name, type: type as ColumnType })),
)

/**
 * A subquery of every event of the streams that are replicated, with `data_type`, a hash of all its columns and, where
 * events are equal in all of them, the number of each among these.
 */
export function allEvents(
  { names, dialect: { analysis } }: Pick<Session, 'names' | 'dialect'>,
  tables: FoundTables,
): string {
  const selects = catalogue('email').flatMap(({ name, read, replication }) => {
    const found = tables.get(name)
    if (!found || read.kind !== 'export' || replication !== 'append') return []
    const bySnake = new Map([...found].map(([source, column]) => [snakeCase(source), column]))
    const own = columns.filter((column) => expressionOf(column, bySnake) !== undefined)
    const values = columns.map((column) => {
      const value = expressionOf(column, bySnake) ?? `cast(null as ${analysis.typeName[column.type]})`
      return `${value} as ${column.name}`
    })
    const row = [`${literal(read.dataType)} as data_type`, ...values, quoted(ownColumns.loadedAt)]
    const rows = `select ${row.join(', ')} from ${quoted(names.streams)}.${quoted(name)}`
    return [`select *, ${analysis.sha256(contentOf(own))} as event_hash from (${rows}) as ${quoted(name)}`]
  })
  const nothing = [
    'cast(null as varchar) as data_type',
    ...columns.map(({ name, type }) => `cast(null as ${analysis.typeName[type]}) as ${name}`),
  ]
  const union =
    selects.length > 0
      ? selects.join(' union all ')
      : `select ${nothing.join(', ')}, cast(null as timestamptz) as _loaded_at, cast(null as varchar) as event_hash where false`
  // Equal events are equal in time and type as well: who asks for some of these is not made to wait for all.
  return `(select *, row_number() over (partition by created_at, data_type, event_hash order by _loaded_at) as occurrence
  from (${union}) as hashed)`

  function expressionOf(
    { name, type }: Column,
    bySnake: ReadonlyMap<string, FoundColumn>,
  ): string | undefined {
    const own = bySnake.get(name)
    return own && typed(quoted(own.name), own.type, type)
  }

  function typed(column: string, from: ColumnType, to: ColumnType): string | undefined {
    if (to === 'text' && from !== 'text' && from !== 'json') return `cast(${column} as varchar)`
    if ((to === 'timestamptz' || to === 'json') && from !== to) return undefined
    return analysis.narrow(column, from, to, quoted(names.marts))
  }
}

/** All columns as one text, of which those that are not `own` are empty: none of these is worked out for each row. */
function contentOf(own: readonly Column[]): string {
  const parts = ['data_type']
  let separators = 0
  for (const column of columns) {
    separators += 1
    if (!own.includes(column)) continue
    parts.push(`repeat(chr(31), ${separators})`, textOf(column))
    separators = 0
  }
  if (separators > 0) parts.push(`repeat(chr(31), ${separators})`)
  return parts.join(' || ')
}

/** The same whatever the time zone of who asks. */
function textOf({ name, type }: Column): string {
  const text = type === 'timestamptz' ? `cast(round(extract(epoch from ${name}) * 1000) as bigint)` : name
  return `coalesce(cast(${text} as varchar), '')`
}
