/** All events of the export API in one shape: `{{all_events}}` of `sql/fivetran`. */
import { type ColumnType, catalogue } from '../catalog/index.ts'
import { ownColumns } from '../warehouse/names.ts'
import type { Session } from '../warehouse/session.ts'
import { literal, quoted } from '../warehouse/sql.ts'
import { snakeCase } from '../warehouse/views.ts'
import type { FoundTables } from './render.ts'

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

const columns = Object.entries(types).flatMap(([type, names]) =>
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
    const values = columns.map((column) => {
      const own = bySnake.get(column.name)
      const value = own && typed(quoted(own.name), own.type, column.type)
      return `${value ?? `cast(null as ${analysis.typeName[column.type]})`} as ${column.name}`
    })
    const row = [`${literal(read.dataType)} as data_type`, ...values, quoted(ownColumns.loadedAt)]
    return [`select ${row.join(', ')} from ${quoted(names.streams)}.${quoted(name)}`]
  })
  const nothing = [
    'cast(null as varchar) as data_type',
    ...columns.map(({ name, type }) => `cast(null as ${analysis.typeName[type]}) as ${name}`),
  ]
  const union =
    selects.length > 0
      ? selects.join(' union all ')
      : `select ${nothing.join(', ')}, cast(null as timestamptz) as _loaded_at where false`
  const hash = analysis.sha256(['data_type', ...columns.map(textOf)].join(` || chr(31) || `))
  return `(select *, row_number() over (partition by event_hash order by _loaded_at) as occurrence
  from (select *, ${hash} as event_hash from (${union}) as rows) as hashed)`

  function typed(column: string, from: ColumnType, to: ColumnType): string | undefined {
    if (to === 'text' && from !== 'text' && from !== 'json') return `cast(${column} as varchar)`
    if ((to === 'timestamptz' || to === 'json') && from !== to) return undefined
    return analysis.narrow(column, from, to, quoted(names.marts))
  }
}

/** The same whatever the time zone of who asks. */
function textOf({ name, type }: { readonly name: string; readonly type: ColumnType }): string {
  const text = type === 'timestamptz' ? `cast(round(extract(epoch from ${name}) * 1000) as bigint)` : name
  return `coalesce(cast(${text} as varchar), '')`
}
