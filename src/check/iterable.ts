/** What the API key of a connection can do: asked of Iterable, one small request per capability. */
import type { Stream } from '../catalog/index.ts'
import type { ConnectionConfig } from '../config/schema.ts'
import { messageOf } from '../errors.ts'
import { type EndpointName, type IterableClient, type RequestOptions, readText } from '../iterable/client.ts'
import type { NamedClientOptions } from '../iterable/clients.ts'
import type { Clock } from '../iterable/clock.ts'
import { IterableHttpError, isJwtKey, jwtKey, UnreachableError } from '../iterable/errors.ts'
import { listsForm } from '../iterable/forms.ts'
import { baseUrlOf, regionHosts } from '../iterable/url.ts'
import { channelsItems } from './channels.ts'
import { type CheckItem, failed, failedWith, ok, warning } from './item.ts'

export interface IterableCheck {
  readonly connection: ConnectionConfig & { readonly name?: string }
  /** Streams that are replicated from the project; undefined where none are, or nobody knows which. */
  readonly replicated?: readonly Stream[] | undefined
  /** Makes clients that keep the pace of all others: what is asked here counts for the sync that follows. */
  readonly clientFor: (options: NamedClientOptions) => IterableClient
  /** Hears when a request must wait for its turn. */
  readonly onWait?: ((message: string) => void) | undefined
  readonly clock: Clock
  readonly signal?: AbortSignal | undefined
  /** The hosts of the two data centres. */
  readonly hosts?: typeof regionHosts | Readonly<Record<'us' | 'eu', string>> | undefined
}

/** Looks at host, clock, key and each capability; stops where the rest cannot be asked. */
export async function checkIterable(check: IterableCheck): Promise<readonly CheckItem[]> {
  const { connection, clock } = check
  await using client = clientOf(check, connection.region)
  const first = await ask(client, 'channels', check)
  const host = hostItem(hostOf(check), first)
  if (host.state === 'failed') return [host]
  const items = [host, ...clockItems(first, clock.now()), ...projectItems(connection)]
  const isUnknown = statusOf(first) === 401
  if (isUnknown) return [...items, await unknownKey(check, first)]
  return [
    ...items,
    ok('api_key', `the key is known in the ${connection.region} data centre (${hostOf(check)})`),
    readItem(first),
    ...('text' in first && check.replicated ? channelsItems(first.text, check.replicated) : []),
    ...(await capabilities(client, check)),
  ]
}

/** Shorter waits are not worth a line. */
const toldFromMs = 2_000

/** What came of one request. */
type Asked = { readonly date: string | undefined; readonly text: string } | { readonly error: unknown }

async function ask(
  client: IterableClient,
  endpoint: EndpointName,
  { signal, onWait, clock }: IterableCheck,
  options: RequestOptions = {},
): Promise<Asked> {
  const tell = ({ until }: { readonly until: Date }) => {
    const waitMs = until.getTime() - clock.now().getTime()
    if (waitMs > toldFromMs)
      onWait?.(`${endpoint}: waiting ${Math.ceil(waitMs / 1000)} s, the rate limit is used up`)
  }
  try {
    const response = await client.request(endpoint, { ...options, signal, retry: false, onWait: tell })
    // Only of channels more is asked than whether the key may ask; they are few.
    const text = endpoint === 'channels' ? await readText(response, endpoint) : ''
    if (endpoint !== 'channels') await response.dump()
    const { date } = response.headers
    return { date: Array.isArray(date) ? date[0] : date, text }
  } catch (error) {
    if (signal?.aborted) throw error
    return { error }
  }
}

const statusOf = (outcome: Asked): number | undefined =>
  'error' in outcome ? (outcome.error instanceof IterableHttpError ? outcome.error.status : undefined) : 200

function hostItem(host: string, outcome: Asked): CheckItem {
  const status = statusOf(outcome)
  if (status === 404) {
    return failed('host', `${host} answers, but not as Iterable does (404)`, 'correct or remove base_url')
  }
  if ('error' in outcome && (status === undefined || status >= 500)) {
    const cure =
      outcome.error instanceof UnreachableError
        ? 'check the network, HTTPS_PROXY and base_url'
        : 'try again later'
    return failedWith('host', outcome.error, cure)
  }
  return ok('host', `${host} answers`)
}

const toleratedSkewMs = 60_000

/** The clock decides where windows end; only an answer to a known key tells the time of the server. */
function clockItems(outcome: Asked, now: Date): CheckItem[] {
  const serverMs = 'date' in outcome && outcome.date ? Date.parse(outcome.date) : Number.NaN
  if (Number.isNaN(serverMs)) return []
  const skewMs = now.getTime() - serverMs
  const skew = `${Math.abs(Math.round(skewMs / 1000))} s ${skewMs > 0 ? 'ahead of' : 'behind'} Iterable's`
  if (Math.abs(skewMs) <= toleratedSkewMs) return [ok('clock', "the clock agrees with Iterable's")]
  const cure = 'set the clock of this machine (NTP): the last window of a sync would end at the wrong time'
  return [warning('clock', `the clock of this machine is ${skew}`, cure)]
}

function projectItems({ region, project_type }: ConnectionConfig): CheckItem[] {
  if (region !== 'eu' || project_type !== 'email') return []
  return [
    warning(
      'project_type',
      'project_type is email, and the EU data centre has no email-based projects',
      'set "project_type" to "hybrid" or "userId", as the project settings in Iterable say',
    ),
  ]
}

const makeKey = 'make a server-side key in Iterable under Integrations > API Keys and put it into api_key'

async function unknownKey(check: IterableCheck, outcome: Asked): Promise<CheckItem> {
  const { region, base_url } = check.connection
  const refusal = 'error' in outcome && outcome.error instanceof IterableHttpError ? outcome.error : undefined
  const said = refusal?.iterableMsg ?? ''
  if (refusal && isJwtKey(refusal)) {
    return failed('api_key', `the key is JWT-enabled, which is for apps (401 ${said})`, jwtKey)
  }
  if (/disabled|deactivated|revoked/i.test(said))
    return failed('api_key', `the key is disabled (${said})`, makeKey)
  const other = region === 'us' ? 'eu' : 'us'
  // A host of one's own says nothing about regions, and the key must go nowhere else.
  if (!base_url && (await isKnownIn(check, other))) {
    return failed(
      'api_key',
      `wrong region: the key belongs to the ${other} data centre, the configuration says ${region}`,
      `set "region" to "${other}"`,
    )
  }
  const where = base_url ? hostOf(check) : 'neither data centre'
  const message = base_url
    ? `${where} does not know the key (401 ${said}): it is wrong or disabled, or its project is in the ${other} data centre while base_url leads to another`
    : `${where} knows the key (401 ${said}): it is wrong or disabled`
  return failed('api_key', message, base_url ? `${makeKey}, or correct base_url` : makeKey)
}

async function isKnownIn(check: IterableCheck, region: 'us' | 'eu'): Promise<boolean> {
  await using client = clientOf(check, region)
  const status = statusOf(await ask(client, 'channels', check))
  return status === 200 || status === 403
}

const serverSideKey =
  'use a server-side key, not a mobile or JavaScript one; they are made under Integrations > API Keys'

const readItem = (outcome: Asked): CheckItem =>
  judged('resources', outcome, {
    able: 'may read campaigns, channels, templates and the like',
    unable:
      'the key may not read campaigns, channels, templates and the like: it is a mobile or JavaScript key',
    cure: serverSideKey,
  })

/** One small request for each thing that a sync does. Members of a list are only counted: reading them takes minutes. */
async function capabilities(client: IterableClient, check: IterableCheck): Promise<CheckItem[]> {
  const lists = await readListIds(client, check)
  const listItem = judged('lists', lists, {
    able: `may read lists; the project has ${'ids' in lists ? lists.ids.length : 0}`,
    unable: 'the key may not read lists',
    cure: serverSideKey,
  })
  const exported = judged(
    'export',
    await ask(client, 'export', check, { query: tinyWindow(check.clock.now()) }),
    {
      able: 'may export events and users',
      unable:
        'the key may not use the export API: it is a read-only key, or one restricted to other endpoints',
      cure: 'use a server-side key of full rights; without it no event and no user can be read',
    },
  )
  const [listId] = 'ids' in lists ? lists.ids : []
  const members =
    listId === undefined
      ? []
      : [
          judged('list_members', await ask(client, 'list_size', check, { path: { listId } }), {
            able: 'may read members of lists',
            unable: 'the key may not read members of lists: it is a read-only key, or a restricted one',
            cure: 'use a server-side key of full rights, or leave list_users out ("streams": ["*", "!list_users"])',
          }),
        ]
  const fields = judged('profile_fields', await ask(client, 'user_fields', check), {
    able: 'may read the types of profile fields',
    unable: 'the key may not read the types of profile fields; they are taken from the values seen',
    cure: serverSideKey,
    isOptional: true,
  })
  const metadata = judged('metadata', await ask(client, 'metadata', check), {
    able: 'may read metadata tables',
    unable: 'metadata tables cannot be read: the feature is switched off in this project, or the key may not',
    cure: 'leave the stream out ("streams": ["*", "!metadata"]), or use a server-side key',
    isOptional: true,
  })
  return [listItem, exported, ...members, fields, metadata]
}

interface Wording {
  readonly able: string
  readonly unable: string
  readonly cure: string
  /** The sync goes on without it. */
  readonly isOptional?: boolean
}

function judged(
  item: string,
  outcome: Asked | { readonly ids: readonly number[] },
  wording: Wording,
): CheckItem {
  if (!('error' in outcome)) return ok(item, wording.able)
  const status = statusOf(outcome)
  if (status === 403 || (status === 404 && wording.isOptional)) {
    return (wording.isOptional ? warning : failed)(item, `${wording.unable} (${status})`, wording.cure)
  }
  // A limit used up elsewhere says that the key is allowed: others are refused before they are counted.
  if (status === 429)
    return warning(item, 'the rate limit is used up for now (429)', 'check again in a minute')
  const tryLater = `${messageOf(outcome.error)}`
  return failed(item, tryLater, 'check again later; if it stays, ask Iterable with this message')
}

async function readListIds(
  client: IterableClient,
  { signal }: IterableCheck,
): Promise<{ readonly ids: readonly number[] } | { readonly error: unknown }> {
  try {
    const { lists } = await client.json('lists', { form: listsForm, signal, retry: false })
    return { ids: lists.map(({ id }) => id) }
  } catch (error) {
    if (signal?.aborted) throw error
    return { error }
  }
}

/** A minute of one event type, and one field of it. */
function tinyWindow(now: Date): Readonly<Record<string, string>> {
  const time = (at: number) => `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} +00:00`
  const end = now.getTime() - 600_000
  return {
    dataTypeName: 'emailSend',
    startDateTime: time(end - 60_000),
    endDateTime: time(end),
    onlyFields: 'createdAt',
  }
}

function clientOf(
  { connection, clientFor, hosts = regionHosts }: IterableCheck,
  region: 'us' | 'eu',
): IterableClient {
  return clientFor({ ...connection, region, base_url: connection.base_url ?? hosts[region] })
}

const hostOf = ({ connection, hosts = regionHosts }: IterableCheck): string =>
  baseUrlOf({ ...connection, base_url: connection.base_url ?? hosts[connection.region] }).host
