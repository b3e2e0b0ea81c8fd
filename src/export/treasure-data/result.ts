/** Treasure Data's `--result` settings: every spelling that its page shows. */
import { createHash } from 'node:crypto'
import { faultsOf } from '../../config/faults.ts'
import { type ConnectionConfig, configSchema } from '../../config/schema.ts'
import { ConfigError } from '../../errors.ts'
import { suggestion } from '../../nearest.ts'
import { checkDefinition, type StatedDefinition } from '../definition/definition.ts'
import { parseLooseObject } from './loose-json.ts'

/** Our name of each setting, by any spelling in lower case. */
const spellings = new Map<string, string>(
  Object.entries({
    type: 'type',
    api_key: 'api_key',
    apikey: 'api_key',
    region: 'region',
    base_url: 'base_url',
    project_type: 'project_type',
    action: 'action',
    mode: 'action',
    list_id: 'list_id',
    listid: 'list_id',
    campaign_id: 'campaign_id',
    campaignid: 'campaign_id',
    channel_unsubscribe: 'channel_unsubscribe',
    channel_unsubcribe: 'channel_unsubscribe',
    channelunsubscribe: 'channel_unsubscribe',
    skip_invalid_data: 'skip_invalid_data',
    skip_on_invalid_records: 'skip_invalid_data',
    skip_on_invalid_record: 'skip_invalid_data',
    skip_invalid_records: 'skip_invalid_data',
    update_existing_users_only: 'update_existing_users_only',
  }),
)

const connectionKeys = ['api_key', 'region', 'base_url', 'project_type'] as const

export interface ResultSettings {
  /** Settings of the export, as in a file. */
  readonly settings: Readonly<Record<string, unknown>>
  /** What belongs to the connection. */
  readonly connection: Readonly<Partial<Record<(typeof connectionKeys)[number], unknown>>>
}

/** A setting that cannot be taken over, and why. */
export interface ResultFault {
  readonly setting: string
  readonly value: unknown
  readonly reason: string
}

/** Reads result settings. @throws ConfigError for unknown settings and types. */
export function readResult(given: string | object): ResultSettings {
  const { faults, ...read } = sortResult(given)
  const [fault] = faults
  if (fault) throw new ConfigError(`result: ${fault.reason}`, { code: 'usage' })
  return read
}

/** Reads result settings as far as they can be taken over. @throws ConfigError for a text that is not an object. */
export function sortResult(
  given: string | object,
): ResultSettings & { readonly faults: readonly ResultFault[] } {
  const raw =
    typeof given === 'string' ? parseLooseObject(given) : (given as Readonly<Record<string, unknown>>)
  const named = new Map<string, unknown>()
  const faults: ResultFault[] = []
  const refuse = (setting: string, value: unknown, reason: string) => faults.push({ setting, value, reason })
  for (const [key, value] of Object.entries(raw)) {
    const name = spellings.get(key.trim().toLowerCase().replaceAll('-', '_'))
    if (name === undefined) {
      const cure = suggestion(key, [...new Set(spellings.values())])
      refuse(key, value, `unknown setting ${JSON.stringify(key)}${cure}`)
    } else if (named.has(name)) refuse(key, value, `${name} is given twice, under two spellings`)
    else if (value !== null && value !== '') named.set(name, value)
  }
  const { type, action, ...rest } = Object.fromEntries(named)
  if (type !== undefined && String(type).toLowerCase() !== 'iterable') {
    refuse('type', type, `the type is ${JSON.stringify(type)}, only "iterable" is known here`)
  }
  const settings = Object.fromEntries(Object.entries(rest).filter(([key]) => !isConnectionKey(key)))
  return {
    settings: { ...settings, action: typeof action === 'string' ? actionWord(action) : action },
    connection: Object.fromEntries(Object.entries(rest).filter(([key]) => isConnectionKey(key))),
    faults,
  }
}

const isConnectionKey = (key: string): boolean => (connectionKeys as readonly string[]).includes(key)

/** "Add or removed", says the page. */
const actionWord = (action: string): string =>
  action
    .trim()
    .toLowerCase()
    .replace(/^(add|remove)e?d$/, '$1')

/**
 * The definition of a query with result settings; its name is a function of both, so that a repetition finds its run.
 * As in Treasure Data, columns go under their own names: new fields and likenesses are told, and hold nothing.
 */
export function adhocDefinition(query: string, { settings }: ResultSettings): StatedDefinition {
  const hash = createHash('sha256')
    .update(JSON.stringify([query, settings]))
    .digest('hex')
  const definition = checkDefinition(`adhoc-${hash.slice(0, 8)}`, {
    query: query.trim(),
    settings: { new_fields: 'create', brakes: { field_names: 'warn' }, ...settings },
    placeOf: () => 'result',
  })
  return { ...definition, keepsNames: true }
}

/** The connection that result settings describe, upon the named one of the configuration if there is one. */
export function adhocConnection(
  { connection }: ResultSettings,
  named: ConnectionConfig | undefined,
): ConnectionConfig {
  if (named && Object.keys(connection).length === 0) return named
  if (!named && connection.api_key === undefined) {
    throw new ConfigError(
      'result: api_key is missing; give it there, or name a connection with --connection',
      {
        code: 'usage',
      },
    )
  }
  const parsed = configSchema.shape.connections.safeParse({
    result: {
      type: 'iterable',
      ...connection,
      ...(named && { api_key: connection.api_key ?? named.api_key }),
    },
  })
  if (!parsed.success) {
    const met = { value: { result: connection }, sources: new Map<string, string>() }
    const lines = faultsOf(parsed.error.issues, met).map(
      ({ path, message }) => `result: ${String(path.at(-1))}: ${message}`,
    )
    throw new ConfigError(lines.join('\n'), { code: 'usage' })
  }
  const result = parsed.data.result as ConnectionConfig
  if (!named) return result
  const given = Object.fromEntries(
    Object.keys(connection).map((key) => [key, result[key as keyof ConnectionConfig]]),
  )
  return { ...named, ...given }
}
