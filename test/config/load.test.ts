// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is how a configuration refers to a value
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadConfig, parseConfig } from '../../src/config/load.ts'
import type { ConfigInput } from '../../src/config/schema.ts'
import { ConfigError } from '../../src/errors.ts'

const warehouse = { type: 'duckdb', path: 'x.duckdb' } as const
const connections = { iterable: { api_key: 'k' } }

let directory = ''
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'config-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

describe('a configuration file', () => {
  test('gets all its defaults from the schema', async () => {
    const { config, env } = await load(JSON.stringify({ warehouse, connections }))
    expect(config).toEqual({
      warehouse: { type: 'duckdb', path: join(directory, 'x.duckdb') },
      schema: 'iterable',
      connections: {
        iterable: {
          type: 'iterable',
          api_key: 'k',
          region: 'us',
          project_type: 'email',
          base_url: null,
          rate_limits: {},
          timeouts: { headers: 15 * 60_000, body: 60_000, trickle: 300_000, wait: 900_000 },
          max_retries: 6,
        },
      },
      sync: {
        connection: 'iterable',
        start_date: new Date('2020-01-01T00:00:00Z'),
        window_in_days: 30,
        complete_dimensions: false,
        lookback: 24 * 3_600_000,
        settle: 5 * 60_000,
        export_route: 'auto',
        retention: {},
        quiet_streams: 'daily',
        sweep: { every: 7 * 24 * 3_600_000, days: 30 },
        streams: ['core'],
        max_reject_percent: 5,
        jobs: {},
      },
      ui: { users: {}, allowed_hosts: [], session: 43_200_000, queries: join(directory, 'sql/queries') },
      mcp: {
        allowed_hosts: [],
        personal_data: false,
        shown_fields: [],
        max_rows: 1_000,
        max_bytes: 100_000,
        timeout: 30_000,
      },
      marts: {
        enabled: true,
        attribution: { click: 5 * 24 * 3_600_000, open: 24 * 3_600_000 },
        materialize: [],
        compatibility: [],
        timezone: 'UTC',
      },
      lake: {
        maintenance: {
          schedule: {
            cron: '0 3 * * *',
            timezone: 'UTC',
            dialect: 'treasuredata',
            delay: 0,
            jitter: 0,
            overlap: 'skip',
            catchup: 'latest',
            catchup_window: 7 * 24 * 3_600_000,
          },
          keep_snapshots: 7 * 24 * 3_600_000,
          keep_files: 24 * 3_600_000,
        },
      },
      exports: { directory: join(directory, 'sql/exports'), allow_external_access: false },
      notifications: { webhooks: {} },
      worker: { concurrency: 4, disable_after_failures: 5 },
      spool_directory: undefined,
    })
    expect(env).toEqual({})
  })

  test('may hold comments, trailing commas and a byte order mark', async () => {
    const text = `\uFEFF// ours\n{ "warehouse": { "type": "duckdb", /* file */ "path": "/w.duckdb", }, }`
    expect((await load(text)).config.warehouse).toEqual({ type: 'duckdb', path: '/w.duckdb' })
  })

  test('a database in memory is no warehouse', async () => {
    const text = '{ "warehouse": { "type": "duckdb", "path": ":memory:" } }'
    await expect(load(text)).rejects.toThrow(/warehouse\.path.*in memory/s)
  })

  test('that is missing is a hint to init', async () => {
    await expect(loadConfig(join(directory, 'no.json'), { env: {} })).rejects.toThrow(
      /^there is no configuration at .*no\.json; run "iterable-elt init"/,
    )
  })

  test('that cannot be read says why', async () => {
    await mkdir(join(directory, 'folder.json'))
    await expect(loadConfig(join(directory, 'folder.json'), { env: {} })).rejects.toThrow(
      /cannot read .*EISDIR/,
    )
  })

  test.each([
    ['', /is empty/],
    ['{\n  "warehouse": nope\n}', /line 2, column 16: expected text in double quotes, a number/],
    ['{ "a": 1\n  "b": 2 }', /line 2, column 3: expected a comma between two entries/],
    ['{ "a": "sk-secret\n }', /line 1, column 8: a text has no closing double quote/],
    ['{ "a": "C:\\data" }', /backslash inside text is written twice/],
    ["{ 'a': 1 }", /line 1, column 3/],
    ['{ "a": 1 } }', /line 1, column 12: expected nothing more/],
    ['{ "a": {', /expected/],
  ])('that is not JSON (%j) gives line and column', async (text, message) => {
    const error = await faultOf(() => load(text))
    expect(error).toMatch(message)
    expect(error).not.toContain('sk-secret')
  })

  test('with the same key twice is refused', async () => {
    const error = await faultOf(() =>
      load(`{ "warehouse": ${JSON.stringify(warehouse)},\n "connections": {
      "a": { "api_key": "k" },
      "a": { "api_key": "l", "region": "eu", "region": "us" } } }`),
    )
    expect(error).toContain('connections.a: stands twice (again at line 4, column 7)')
    expect(error).toContain('connections.a.region: stands twice')
  })

  test('cannot hold a live database', async () => {
    const error = await faultOf(() => load('{ "warehouse": { "type": "postgres", "pool": {} } }'))
    expect(error).toContain('warehouse.pool: unknown key')
  })

  test.each(['5', 'null', '[]', '"text"'])('that is %s and no object is refused', async (text) => {
    expect(await faultOf(() => load(text))).toContain('(the whole): expected an object')
  })
})

describe('references', () => {
  const wanted = { warehouse, connections: { iterable: { api_key: '${KEY}' } } }

  test('take values from the environment, which outdoes the .env file', async () => {
    await writeFile(join(directory, '.env'), 'KEY=from-file\nOTHER=2\n')
    expect((await load(JSON.stringify(wanted))).config.connections.iterable?.api_key).toBe('from-file')
    const { config, env } = await load(JSON.stringify(wanted), { KEY: 'from-env' })
    expect(config.connections.iterable?.api_key).toBe('from-env')
    expect(env).toMatchObject({ KEY: 'from-env', OTHER: '2' })
  })

  test('take values from files that begin with a byte order mark', async () => {
    await writeFile(join(directory, '.env'), '\uFEFFKEY=first\r\nOTHER=2\r\n')
    await writeFile(join(directory, 'key'), '\uFEFFfrom-file\r\n')
    const keyOf = async (reference: string) => {
      const raw = { warehouse, connections: { iterable: { api_key: reference } } }
      return (await load(JSON.stringify(raw))).config.connections.iterable?.api_key
    }
    expect([await keyOf('${KEY}'), await keyOf('${file:key}')]).toEqual(['first', 'from-file'])
  })

  test('take values from files, without the line break at their end', async () => {
    await writeFile(join(directory, 'name'), ' sql dir \r\n\n')
    const from = async (file: string) => {
      const raw = { warehouse, exports: { directory: `/x/\${file:${file}}` } }
      return (await load(JSON.stringify(raw))).config.exports.directory
    }
    expect(await from('name')).toBe('/x/ sql dir ')
    expect(await from(join(directory, 'name'))).toBe('/x/ sql dir ')
  })

  test('may stand inside text, repeatedly, and their values are not read again', () => {
    const env = { A: '${B}', B: '$${' }
    const { warehouse } = parse({ warehouse: { type: 'duckdb', path: '/${A}-${B}-$${A}' } }, env)
    expect(warehouse).toMatchObject({ path: '/${B}-$${-${A}' })
  })

  test('that lead nowhere are told with the other faults, and not twice', async () => {
    const raw = {
      warehouse: { type: 'postgres', url: '${DATABASE_URL}' },
      connections: { a: { api_key: '${file:missing}' }, b: { api_key: '${A B}' }, c: { api_key: '${OPEN' } },
      sync: { window_in_days: 0, connection: 'a' },
    }
    const error = await faultOf(() => load(JSON.stringify(raw)))
    expect(error.split('\n')).toEqual([
      'config.json has 5 faults:',
      'warehouse.url: the environment variable DATABASE_URL is not set, and no .env beside the configuration sets it',
      expect.stringMatching(/^connections\.a\.api_key: cannot read the file of its value: ENOENT/),
      expect.stringMatching(/^connections\.b\.api_key: \$\{A B\} is neither/),
      expect.stringMatching(/^connections\.c\.api_key: \$\{OPEN is neither/),
      'sync.window_in_days: expected at least 1, met 0',
    ])
  })

  test('that are set but empty are named', () => {
    expect(parseFault(wanted, { KEY: '' })).toContain('met the value of ${KEY}, which is empty')
  })

  test('give text only', () => {
    const raw = { warehouse, sync: { window_in_days: '${DAYS}' } }
    expect(parseFault(raw, { DAYS: '30' })).toMatch(
      /sync\.window_in_days: expected "auto" or a number, met the value of \$\{DAYS\}; only texts can come from there/,
    )
  })
})

describe('a configuration made in code', () => {
  test('takes a live pool', async () => {
    const pool = new pg.Pool({ host: '${not read}' })
    expect(parse({ warehouse: { type: 'postgres', pool } }).warehouse).toEqual({ type: 'postgres', pool })
    const { warehouse: kept } = parse({ warehouse: { type: 'postgres', pool } })
    expect('pool' in kept && kept.pool).toBe(pool)
    await pool.end()
  })

  test('takes a live DuckDB instance', async () => {
    const instance = await DuckDBInstance.create()
    const { warehouse: kept } = parse({ warehouse: { type: 'duckdb', instance } })
    expect('instance' in kept && kept.instance).toBe(instance)
    instance.closeSync()
  })

  test('refuses another object in their place', () => {
    expect(parseFault({ warehouse: { type: 'postgres', pool: new Date() } })).toContain('expected a pg.Pool')
    expect(parseFault({ warehouse: { type: 'duckdb', instance: new Date() } })).toContain(
      'expected a DuckDBInstance',
    )
  })
})

test('relative paths become absolute against the folder of the file', () => {
  const config = parse({
    warehouse: { type: 'postgres', ssl: { ca: 'certs/ca.pem' } },
    exports: { directory: '../exports' },
    spool_directory: '/var/spool/elt',
  })
  expect(config.warehouse).toMatchObject({
    ssl: { ca: join(directory, 'certs/ca.pem'), reject_unauthorized: true },
  })
  expect(config.exports.directory).toBe(join(directory, '../exports'))
  expect(config.spool_directory).toBe('/var/spool/elt')
})

describe('the connection of the sync', () => {
  const two = { iterable: { api_key: 'k' }, other: { api_key: 'l' } }

  test('must be named when there are several', () => {
    expect(parseFault({ warehouse, connections: two, sync: {} })).toContain(
      'sync.connection: expected one of the connections iterable, other, but it is missing',
    )
    expect(parse({ warehouse, connections: two }).sync.connection).toBeUndefined()
  })

  test('must exist', () => {
    const fault = (connection: string, env = {}) =>
      parseFault({ warehouse, connections: two, sync: { connection } }, env)
    expect(fault('iterble')).toContain('there is no connection "iterble"; did you mean "iterable"?')
    expect(fault('zzz')).toContain('there is no connection "zzz"; known: iterable, other')
    expect(fault('${C}', { C: 'hidden' })).toContain('there is no connection ${C}; known')
    expect(parseFault({ warehouse, sync: { connection: 'a' } })).toContain('there are no connections')
  })
})

test('the example is complete: it loads without faults', async () => {
  const text = await readFile(new URL('../../config.example.json', import.meta.url), 'utf8')
  const env = {
    ITERABLE_API_KEY: 'k',
    SMTP_URL: 'smtp://user:pw@localhost:587',
    WEBHOOK_SECRET: 's',
    UI_TOKEN: 'a token of the page',
    MCP_TOKEN: 'a token of assistants',
    UI_PASSWORD_HASH: `scrypt:16384:8:1:${'s'.repeat(22)}:${'h'.repeat(43)}`,
  }
  const { config } = await load(text, env)
  expect(config.connections.iterable?.rate_limits).toEqual({
    export: { requests: 4, perMs: 60_000 },
    list_users: { requests: 5, perMs: 60_000 },
  })
  expect(config.notifications.webhook?.on).toEqual(['success', 'failure', 'held', 'recovery'])
})

async function load(text: string, env: Record<string, string> = {}) {
  await writeFile(join(directory, 'config.json'), text)
  return loadConfig(join(directory, 'config.json'), { env })
}

function parse(raw: ConfigInput, env: Record<string, string> = {}) {
  return parseConfig(raw, { baseDirectory: directory, env })
}

function parseFault(raw: unknown, env: Record<string, string> = {}): string {
  try {
    parse(raw as ConfigInput, env)
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  throw new Error('no fault was found')
}

async function faultOf(work: () => Promise<unknown>): Promise<string> {
  const error = await work().then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(ConfigError)
  return (error as ConfigError).message
}
