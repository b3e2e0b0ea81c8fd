/** The vocabulary of the catalogue: what a stream is, how it is read and how it reaches its table. */

/** A type of a warehouse column; both warehouses have all of them. */
export type ColumnType = 'boolean' | 'bigint' | 'double' | 'timestamptz' | 'text' | 'json'

/**
 * A type as the catalogue knows it. `embedded_json` is a json column whose source is text that holds JSON
 * (Iterable's `transactionalData`): it is stored decoded, text that is not JSON stays a JSON string.
 */
export type SourceType = ColumnType | 'embedded_json'

/** Streams that are named together: `core` are the sixteen of every project, the others follow the channels. */
export const streamGroups = [
  'core',
  'events',
  'email',
  'push',
  'sms',
  'in_app',
  'web_push',
  'embedded',
  'whatsapp',
  'rcs',
  'contents',
  'metrics',
  'resources',
] as const
export type StreamGroup = (typeof streamGroups)[number]

/** How a stream is asked for. A new way of reading is a new variant, and the compiler shows every switch to extend. */
export type Read =
  /** `export/data.json`, one request a window. */
  | {
      readonly kind: 'export'
      readonly dataType: string
      /** Another name of the type, which answers where this one is refused. */
      readonly otherwise?: string
    }
  /** One array of a JSON document, all its pages, once for each variant of the query. */
  | {
      readonly kind: 'documents'
      readonly endpoint:
        | 'campaigns'
        | 'channels'
        | 'lists'
        | 'message_types'
        | 'templates'
        | 'journeys'
        | 'snippets'
        | 'webhooks'
      readonly property: string
      readonly paged: boolean
      /** Records of a page, where it may not be the usual thousand. */
      readonly pageSize?: number
      /** Queries to ask that leave the records as they are (journeys, whose archive is asked for apart). */
      readonly queries?: readonly Readonly<Record<string, string>>[]
      /** Queries to ask; their fields are also written into each record that answers (templates). */
      readonly variants?: readonly Readonly<Record<string, string>>[]
    }
  /** `lists/getUsers`, one request a list. */
  | { readonly kind: 'members' }
  /** metadata tables → keys → values. */
  | { readonly kind: 'metadata' }
  /** Many requests, each of which follows from the answers to those before: the sync knows the way by its name. */
  | { readonly kind: 'walk'; readonly walk: Walk }

/** The ways through several endpoints. */
export type Walk =
  | 'email_contents'
  | 'sms_contents'
  | 'push_contents'
  | 'in_app_contents'
  | 'embedded_contents'
  | 'campaign_metrics'
  | 'campaign_metrics_daily'
  | 'experiment_metrics'
  | 'experiments'
  | 'experiment_variants'
  | 'catalogs'
  | 'catalog_fields'
  | 'catalog_items'
  | 'user_fields'
  | 'forgotten_users'
  | 'list_sizes'

/**
 * How what was read replaces what the table holds.
 * - `append`: events; the rows of the window are replaced by those read (no key, genuine duplicates stay).
 * - `upsert`: the last record of each key replaces the row of that key; asked for by window.
 * - `filter`: like upsert, but everything is read and what is older than the bookmark is left out on our side.
 * - `changes`: like upsert; the bookmark tells what has changed since and is asked for.
 * - `daily`: one copy a day (UTC), beside those of the days before; the key has the day in it.
 * - `full`: the table (or the rows of one list) is what was read.
 */
export type Replication = 'append' | 'upsert' | 'filter' | 'changes' | 'daily' | 'full'

/** What tells a record from an error object at the end of a broken answer: it has one of these fields. */
export interface Mark {
  readonly fields: readonly string[]
  /** Why a line that has none of them is a rejected row. */
  readonly missing: 'missing_created_at' | 'missing_key'
}

/** A column that is filled from its own field, or from a member of another field's object. */
export interface Lifted {
  readonly source: string
  readonly parent: string
  readonly member: string
}

/** One table of the warehouse and where it comes from. */
export interface Stream {
  /** Name of the stream and of its table. */
  readonly name: string
  readonly groups: readonly StreamGroup[]
  readonly read: Read
  readonly replication: Replication
  /** Columns of the primary key; empty for events, which have none. */
  readonly key: readonly string[]
  /** Columns of the key that may be empty, and those that stand in for them: a list member has an email, else a userId. */
  readonly standIns?: ReadonlyMap<string, string>
  /** Absent where the answer is one document, whose form is checked as a whole. */
  readonly mark?: Mark
  /** Fields whose columns have other names than theirs, always, so that their twins keep theirs. */
  readonly renamed?: ReadonlyMap<string, string>
  readonly lifted?: Lifted
  /** The column whose time the bookmark speaks of. */
  readonly bookmark?: string
  /** Known fields by Iterable's own spelling; any other field gets a column when it first appears. */
  readonly columns: Readonly<Record<string, SourceType>>
  /** Fields that most projects have, and that no project need have: views for analysts read them where they are. */
  readonly usual?: Readonly<Record<string, ColumnType>>
  /** True where `users/getFields` declares the types of fields (profiles, and events that copy them). */
  readonly hasProfileFields: boolean
  /** It is among the largest of every project that has rows of it. */
  readonly isBulky?: boolean
}

/** What a replication method is called in listings. */
export function replicationLabel(stream: Stream): string {
  if (stream.read.kind === 'members') return 'full table, per list'
  const labels = {
    append: 'incremental, append-only',
    upsert: 'incremental, upsert',
    filter: 'incremental, client-side filter',
    changes: 'incremental, what changed',
    daily: 'one copy a day',
    full: 'full table',
  } as const satisfies Record<Replication, string>
  return labels[stream.replication]
}

/** True for the streams that keep a bookmark. */
export const isIncremental = (stream: Stream): boolean => stream.replication !== 'full'

/** The warehouse type of a catalogue type. */
export const storedType = (type: SourceType): ColumnType => (type === 'embedded_json' ? 'json' : type)
