/**
 * What must never be shown, and how it is taken out of texts.
 */
import type { Config } from './schema.ts'

/**
 * The secrets of a configuration: API keys, passwords in addresses, the webhook's secret and its address
 * (whose path is the key, with Slack for one), and what opens the operations page and the warehouse to assistants, as they stand and as they look inside URLs and JSON.
 * `env` adds the password that Postgres takes from there, and the token of assistants.
 */
export function secretsOf(config: Config, env: Readonly<Record<string, string | undefined>> = {}): string[] {
  const { warehouse, notifications, connections, ui, mcp } = config
  const { email } = notifications
  const webhooks = [notifications.webhook, ...Object.values(notifications.webhooks)]
  const plain = [
    ...Object.values(connections).flatMap(({ api_key, base_url }) => [api_key, ...secretsOfUrl(base_url)]),
    ...('url' in warehouse ? secretsOfUrl(warehouse.url) : []),
    ...('catalog' in warehouse
      ? [
          ...secretsOfUrl(warehouse.catalog),
          ...[warehouse.storage.secret, warehouse.storage.session_token],
          ...secretsOfConnection(warehouse.storage.connection_string),
        ]
      : []),
    ...('pool' in warehouse ? [warehouse.pool.options?.password] : []),
    ...secretsOfUrl(email?.smtp_url),
    ...webhooks.flatMap((webhook) =>
      webhook ? [...secretsOfUrl(webhook.url), pathOf(webhook.url), webhook.secret] : [],
    ),
    ui.token,
    mcp.token,
    env.ITERABLE_ELT_MCP_TOKEN,
    ...Object.values(ui.users).map(({ password }) => password),
    env.PGPASSWORD,
  ]
  const secrets = plain.filter((secret): secret is string => typeof secret === 'string' && secret !== '')
  return [...new Set(secrets.flatMap(spellings))]
}

const mask = '***'

/** `text` with every secret in it replaced. Short secrets count only where they stand alone, not within words. */
export function redact(text: string, secrets: readonly string[]): string {
  if (secrets.length === 0) return text
  const longestFirst = [...secrets].sort((a, b) => b.length - a.length)
  return text.replace(new RegExp(longestFirst.map(patternOf).join('|'), 'gu'), mask)
}

function patternOf(secret: string): string {
  const literal = secret.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
  return secret.length < 8 ? `(?<![\\p{L}\\p{N}])${literal}(?![\\p{L}\\p{N}])` : literal
}

function secretsOfUrl(url: string | null | undefined): (string | undefined)[] {
  if (!url || !URL.canParse(url)) return []
  const { username, password, searchParams } = new URL(url)
  const login = [decoded(username), decoded(password)]
  // As logins are sent, to a mail server or over HTTP: whoever refuses one may repeat it.
  const sent =
    password === '' ? [] : [`\0${login.join('\0')}`, login.join(':'), ...login.slice(1)].map(base64)
  return [password, login[1], ...sent, searchParams.get('password') ?? undefined]
}

/** The whole of what reaches a storage of Azure, and the key in it. */
function secretsOfConnection(connection: string | undefined): (string | undefined)[] {
  const parts = connection?.matchAll(/(?:AccountKey|SharedAccessSignature)=([^;]+)/gi) ?? []
  return [connection, ...[...parts].map(([, key]) => key)]
}

/** Only long paths: a short one such as /hook is not a key, and occurs in many texts. */
function pathOf(url: string): string | undefined {
  const { pathname, search } = new URL(url)
  return pathname.length + search.length < 20 ? undefined : `${pathname}${search}`
}

function spellings(secret: string): string[] {
  // Half a surrogate pair, which JSON may hold, has no spelling in a URL.
  const wellFormed = secret.toWellFormed()
  return [secret, encodeURIComponent(wellFormed), JSON.stringify(secret).slice(1, -1)]
}

const base64 = (text: string): string => Buffer.from(text).toString('base64')

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
