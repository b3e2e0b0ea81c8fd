// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is how a configuration refers to a value
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { pacedEndpoints } from '../../src/config/endpoints.ts'
import { parseConfig } from '../../src/config/load.ts'
import type { ConfigInput } from '../../src/config/schema.ts'
import { ConfigError, exitCodes } from '../../src/errors.ts'

const warehouse = { type: 'duckdb', path: 'x.duckdb' }
const lake = (data_path: string, storage: object = {}) => ({
  warehouse: { type: 'ducklake', catalog: 'postgres://db/elt', data_path, storage },
})
const schedule = { cron: '@daily' }

test.each<[part: object, fault: string]>([
  [{ warehouse: undefined }, 'warehouse: expected an object {…}, but it is missing'],
  [{ warehouse: 'x.duckdb' }, 'warehouse: expected an object {…}, met text'],
  [{ warehouse: {} }, 'warehouse.type: expected "duckdb", "postgres" or "ducklake", but it is missing'],
  [
    { warehouse: { type: 'postgress' } },
    'warehouse.type: expected "duckdb", "postgres" or "ducklake", met "postgress"; did you mean "postgres"?',
  ],
  [{ warehouse: { type: 'duckdb' } }, 'warehouse.path: expected text, but it is missing'],
  [
    { warehouse, ui: { token: 'short' } },
    'ui.token: expected at least 16 characters, met text that is not shown',
  ],
  [{ warehouse: { ...warehouse, path: '' } }, 'warehouse.path: expected text that is not empty, met ""'],
  [
    { warehouse: { ...warehouse, memory_limit: '1 lot' } },
    'warehouse.memory_limit: expected a size such as "512MB" or "1GB", met "1 lot"',
  ],
  [{ warehouse: { ...warehouse, threads: 0 } }, 'warehouse.threads: expected at least 1, met 0'],
  [{ warehouse: { ...warehouse, threads: 1.5 } }, 'warehouse.threads: expected a whole number, met 1.5'],
  [{ warehouse: { ...warehouse, treads: 1 } }, 'warehouse.treads: unknown key; did you mean "threads"?'],
  [
    { warehouse: { type: 'postgres', path: 'x' } },
    'warehouse.path: unknown key; known: type, url, ssl, statement_timeout, lock_timeout, partition, readers, indexes',
  ],
  [
    { warehouse: { type: 'postgres', ssl: 'yes' } },
    'warehouse.ssl: expected true or false or an object {…}, met "yes"',
  ],
  [
    { warehouse: { type: 'postgres', ssl: { cat: 'x' } } },
    'warehouse.ssl.cat: unknown key; did you mean "ca"?',
  ],
  [
    { warehouse: { type: 'postgres', lock_timeout: '25d' } },
    'warehouse.lock_timeout: expected a duration up to "24d", such as "30s" or "15m", met "25d"',
  ],
  [
    lake('gs://lake/x', { secret: 's' }),
    'warehouse.storage.key_id: expected the id of an HMAC key, the only way into gs://, but it is missing',
  ],
  [
    lake('r2://lake/x', { key_id: 'k', secret: 's' }),
    'warehouse.storage.account_id: expected the id of the account at Cloudflare, or `endpoint`, but it is missing',
  ],
  [
    lake('s3://lake/x', { key_id: 'k' }),
    'warehouse.storage.secret: expected the secret of a key, but it is missing',
  ],
  [
    lake('s3://lake/x', { account_name: 'elt' }),
    'warehouse.storage.account_name: expected no such setting, as s3:// takes key_id, secret, region, endpoint, url_style, use_ssl, session_token, met "elt"',
  ],
  [
    lake('az://lake/x'),
    'warehouse.storage.connection_string: expected how to reach the storage account, or `account_name`, but it is missing',
  ],
  [
    lake('az://lake/x', { connection_string: 'AccountName=elt', account_name: 'elt' }),
    'warehouse.storage.account_name: expected either this or `connection_string`, which names the account, met "elt"',
  ],
  [
    lake('lake', { region: 'eu-central-1' }),
    'warehouse.storage.region: expected no such setting, as `data_path` is a folder, met "eu-central-1"',
  ],
  [
    lake('https://lake.example.com/x'),
    'warehouse.data_path: expected a folder, or an address that begins with s3://, gs://, r2:// or az://, met "https://lake.example.com/x"',
  ],
  [
    { schema: 'my schema' },
    'schema: expected letters, digits and _ (no digit first, not pg_…), met "my schema"',
  ],
  [{ schema: 'pg_mine' }, 'schema: expected letters, digits and _ (no digit first, not pg_…), met "pg_mine"'],
  [{ schema: 'x'.repeat(51) }, `schema: expected at most 50 characters, met "${'x'.repeat(51)}"`],
  [{ conections: {} }, 'conections: unknown key; did you mean "connections"?'],
  [{ connections: { a: {} } }, 'connections.a.api_key: expected text, but it is missing'],
  [
    { connections: { 'my project': { api_key: 'k', regoin: 'us' } } },
    'connections["my project"].regoin: unknown key; did you mean "region"?',
  ],
  [{ connections: { '': { api_key: 'k' } } }, 'connections[""]: expected a name before the colon'],
  [
    { sync: { jobs: { 'x y': { streams: ['users'], schedule: { cron: '0 * * * *' } } } } },
    'sync.jobs["x y"]: expected a name of letters, digits, "-" and "_"',
  ],
  [
    { marts: { enabled: false, materialize: ['message_facts'] } },
    'marts.enabled: expected true where `materialize` or `compatibility` names views, met false',
  ],
  [connection({ type: 'braze' }), 'connections.a.type: expected "iterable", met "braze"'],
  [connection({ region: 'mars' }), 'connections.a.region: expected one of us, eu (in any case), met "mars"'],
  [
    connection({ project_type: 'mail' }),
    'connections.a.project_type: expected one of email, userId, hybrid (in any case), met "mail"',
  ],
  [connection({ rate_limits: 5 }), 'connections.a.rate_limits: expected "off" or an object {…}, met 5'],
  [
    connection({ rate_limits: { exprt: '4/min' } }),
    'connections.a.rate_limits.exprt: unknown key; did you mean "export"?',
  ],
  [
    connection({ rate_limits: { export: '4/week' } }),
    'connections.a.rate_limits.export: expected a rate such as "4/min", "10/s", "300/h" or "off", met "4/week"',
  ],
  [
    connection({ rate_limits: { export: '0/min' } }),
    'connections.a.rate_limits.export: expected a rate such as "4/min", "10/s", "300/h" or "off", met "0/min"',
  ],
  [
    connection({ timeouts: { header: '1s' } }),
    'connections.a.timeouts.header: unknown key; did you mean "headers"?',
  ],
  [connection({ max_retries: -1 }), 'connections.a.max_retries: expected at least 0, met -1'],
  [sync({ window_in_dayz: 3 }), 'sync.window_in_dayz: unknown key; did you mean "window_in_days"?'],
  [sync({ windowInDays: 3 }), 'sync.windowInDays: unknown key; did you mean "window_in_days"?'],
  [sync({ window_in_days: '30' }), 'sync.window_in_days: expected "auto" or a number, met "30"'],
  [sync({ window_in_days: 367 }), 'sync.window_in_days: expected at most 366, met 367'],
  [sync({ lookback: 86400 }), 'sync.lookback: expected text or an object {…}, met 86400'],
  [
    sync({ lookback: '1 day' }),
    'sync.lookback: expected a duration such as "30s", "5m", "1h" or "1d", met "1 day"',
  ],
  [
    sync({ lookback: '-1d' }),
    'sync.lookback: expected a duration such as "30s", "5m", "1h" or "1d", met "-1d"',
  ],
  [sync({ lookback: { defualt: '1d' } }), 'sync.lookback.defualt: unknown key; did you mean "default"?'],
  [
    sync({ lookback: { default: '1d', purchases: '7d' } }),
    'sync.lookback.purchases: unknown key; did you mean "purchase"?',
  ],
  [
    sync({ lookback: { purchase: '7 days' } }),
    'sync.lookback.purchase: expected a duration such as "30s", "5m", "1h" or "1d", met "7 days"',
  ],
  [
    sync({ start_date: '31/12/2025' }),
    'sync.start_date: expected a date as MM/DD/YYYY or in ISO 8601, e.g. "01/31/2025" or "2025-01-31", met "31/12/2025"',
  ],
  [sync({ streams: [] }), 'sync.streams: expected a list with entries, met an empty list'],
  [sync({ streams: 'users' }), 'sync.streams: expected a list […], met text'],
  [sync({ streams: ['users', 5] }), 'sync.streams[1]: expected text, met 5'],
  [sync({ max_reject_percent: 101 }), 'sync.max_reject_percent: expected at most 100, met 101'],
  [sync({ schedule: {} }), 'sync.schedule.cron: expected text, but it is missing'],
  [
    sync({ schedule: { ...schedule, timezone: 'PST' } }),
    'sync.schedule.timezone: expected an IANA time zone such as "America/Los_Angeles" or "UTC", met "PST"',
  ],
  [
    sync({ schedule: { ...schedule, timezone: 'Europe/Berlim' } }),
    'sync.schedule.timezone: expected an IANA time zone such as "Europe/Berlin" or "UTC", met "Europe/Berlim"',
  ],
  [
    sync({ schedule: { ...schedule, dialect: 'vixie' } }),
    'sync.schedule.dialect: expected "treasuredata" or "standard", met "vixie"',
  ],
  [
    sync({ schedule: { ...schedule, overlap: 'que_one' } }),
    'sync.schedule.overlap: expected "skip" or "queue_one", met "que_one"; did you mean "queue_one"?',
  ],
  [
    sync({ schedule: { ...schedule, catchup: true } }),
    'sync.schedule.catchup: expected "latest", "all" or "none", met true',
  ],
  [
    sync({ schedule: { ...schedule, start: '2025-02-01', end: '2025-02-01' } }),
    'sync.schedule: expected an end after the start, met an object {…}',
  ],
  [{ exports: { directory: 5 } }, 'exports.directory: expected text, met 5'],
  [{ notifications: { mail: {} } }, 'notifications.mail: unknown key; did you mean "email"?'],
  [
    { notifications: { webhook: { url: 'https://x', on: ['fail'] } } },
    'notifications.webhook.on[0]: expected "success", "failure", "held" or "recovery", met "fail"',
  ],
  [{ worker: { concurrency: 0 } }, 'worker.concurrency: expected at least 1, met 0'],
  [
    { worker: { disable_after_failures: null } },
    'worker.disable_after_failures: expected a number, met null',
  ],
  [{ spool_directory: false }, 'spool_directory: expected text, met false'],
])('%j is refused with its path, what is expected and what was met', (part, fault) => {
  expect(faultsOf({ warehouse, ...part })).toEqual([fault])
})

test('all faults of all sections are told at once, each on its line, with exit code 2', () => {
  const raw = {
    warehouse: { type: 'duckdb' },
    connections: {
      a: { api_key: '${NOPE}', region: 'mars', rate_limits: { exprt: '4/min', lists: 'x' } },
      b: 'text',
    },
    sync: { connection: 'c', window_in_dayz: 3, start_date: 'soon' },
    worker: { concurrency: 'four' },
    wroker: {},
  }
  expect(faultsOf(raw).map((line) => line.split(':')[0])).toEqual([
    'connections.a.api_key',
    'warehouse.path',
    'connections.a.region',
    'connections.a.rate_limits.lists',
    'connections.a.rate_limits.exprt',
    'connections.b',
    'sync.start_date',
    'sync.window_in_dayz',
    'worker.concurrency',
    'wroker',
    'sync.connection',
  ])
  expect(() => parseConfig(raw as unknown as ConfigInput, { baseDirectory: '/' })).toThrow(
    expect.objectContaining({
      exitCode: exitCodes.usage,
      message: expect.stringMatching(/has 11 faults:\n/),
    }),
  )
})

describe('secrets are never shown', () => {
  const secret = 'sEcReT-0123456789'

  test.each<[string, object]>([
    ['an API key with a blank', connection({ api_key: `${secret} ${secret}` })],
    ['an API key in a list', connection({ api_key: [secret] })],
    ['a key in place of its connection', { connections: { a: secret } }],
    ['a key in place of all connections', { connections: secret }],
    ['a wrong base_url', connection({ base_url: `ftp://u:${secret}@x` })],
    ['a wrong database address', { warehouse: { type: 'postgres', url: `mysql://u:${secret}@x` } }],
    [
      'a wrong catalogue',
      { warehouse: { type: 'ducklake', catalog: `mysql://u:${secret}@x`, data_path: 'x' } },
    ],
    ['a key of Azure for S3', lake('s3://lake', { connection_string: `AccountKey=${secret}` })],
    ['an address in place of the warehouse', { warehouse: `postgres://u:${secret}@x` }],
    [
      'a wrong mail server',
      { notifications: { email: { smtp_url: `http://u:${secret}@x`, from: 'a@b', to: ['a@b'] } } },
    ],
    ['a wrong webhook', { notifications: { webhook: { url: secret } } }],
    ['a list for a webhook secret', { notifications: { webhook: { url: 'https://x', secret: [secret] } } }],
    ['an interpolated region', connection({ region: '${S}' })],
    ['an interpolated part of a date', sync({ start_date: 'on ${S}' })],
    ['an interpolated stream', sync({ streams: ['*'], schedule: { cron: '', timezone: '${S}' } })],
    ['an interpolated enum', sync({ schedule: { cron: '', overlap: '${S}' } })],
    ['an interpolated number', { worker: { concurrency: '${S}' } }],
    ['an interpolated type', { warehouse: { type: '${S}' } }],
    ['an interpolated connection name', { ...connection({}), sync: { connection: '${S}' } }],
  ])('not %s', (_, part) => {
    const lines = faultsOf({ warehouse, ...part }, { S: secret })
    expect(lines).toHaveLength(1)
    expect(lines.join()).not.toContain(secret)
  })
})

test('any JSON in place of a configuration gives a ConfigError or a configuration, nothing else', () => {
  const keys = fc.constantFrom(
    'warehouse',
    'type',
    'path',
    'connections',
    'a',
    'api_key',
    'sync',
    'streams',
    'x',
    '__proto__',
  )
  const json = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom('duckdb', 'postgres', '${', '1d'),
      fc.jsonValue({ maxDepth: 1 }),
      tie('object'),
    ),
    object: fc.dictionary(keys, tie('value')),
  }))
  fc.assert(
    fc.property(json.object, (raw) => {
      try {
        const config = parseConfig(raw as ConfigInput, { baseDirectory: '/base' })
        expect(config.warehouse.type).toMatch(/duckdb|postgres/)
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigError)
        expect((error as Error).message).not.toMatch(/undefined|\[object/)
      }
    }),
    { numRuns: 100 },
  )
})

test('every endpoint of the list may have a rate, and all may be off', () => {
  const rate_limits = Object.fromEntries(pacedEndpoints.map((name) => [name, 'off'] as const))
  expect(faultsOf({ warehouse, ...connection({ rate_limits }) })).toEqual([])
  expect(faultsOf({ warehouse, ...connection({ rate_limits: 'off' }) })).toEqual([])
})

function connection(part: object): object {
  return { connections: { a: { api_key: 'k', ...part } } }
}

function sync(part: object): object {
  return { sync: part }
}

function faultsOf(raw: object, env: Record<string, string> = {}): string[] {
  try {
    parseConfig(raw as ConfigInput, { baseDirectory: '/base', env })
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return (error as ConfigError).message.split('\n').slice(1)
  }
  return []
}
