// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is how a configuration refers to a value
/** Targets: what differs between development and production. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { configJsonSchema } from '../../src/config/json-schema.ts'
import { parseConfig } from '../../src/config/load.ts'
import type { ConfigInput } from '../../src/config/schema.ts'
import { open } from '../../src/index.ts'
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts'
import { run, runJson, temporaryFolder, writeConfig } from '../cli/run.ts'

const duckdb = { type: 'duckdb', path: 'dev.duckdb', threads: 2 } as const
const postgres = { type: 'postgres', url: '${DATABASE_URL}' } as const
const raw = {
  connections: { shop: { api_key: 'k', region: 'eu' } },
  sync: { window_in_days: 7, streams: ['email', 'users'] },
  target: 'dev',
  targets: {
    dev: { warehouse: duckdb, sync: { streams: ['lists'] } },
    production: { warehouse: postgres, connections: { shop: { api_key: '${PROD_KEY}' } } },
  },
} as unknown as ConfigInput
const env = { DATABASE_URL: 'postgres://elt@db/warehouse', PROD_KEY: 'p' }
const parse = (given: unknown, target?: string, environment = env) =>
  parseConfig(given as ConfigInput, { baseDirectory: '/base', env: environment, target })

describe('a target', () => {
  test('is laid over what all share: objects key by key, lists and the warehouse as a whole', () => {
    const config = parse(raw)
    expect(config.warehouse).toEqual({ ...duckdb, path: '/base/dev.duckdb' })
    expect(config.sync).toMatchObject({ window_in_days: 7, streams: ['lists'] })
    const production = parse(raw, 'production')
    expect(production.warehouse).toEqual({ type: 'postgres', url: env.DATABASE_URL })
    expect(production.connections.shop).toMatchObject({ api_key: 'p', region: 'eu' })
    const shared = parse({ ...raw, warehouse: { ...duckdb, memory_limit: '1GB' } })
    expect(shared.warehouse).not.toHaveProperty('memory_limit')
    expect(config).not.toHaveProperty('targets')
  })

  test('needs nothing of the others, no secret above all', () => {
    expect(parse(raw, 'dev', {} as typeof env).warehouse.type).toBe('duckdb')
    expect(() => parse(raw, 'production', {} as typeof env)).toThrow(
      /targets\.production\.connections\.shop\.api_key: the environment variable PROD_KEY is not set[\s\S]*targets\.production\.warehouse\.url: the environment variable DATABASE_URL/,
    )
  })

  test('is the only one, the one of the configuration, or the one that is asked for', () => {
    const { target: _, ...unset } = raw
    expect(parse({ ...unset, targets: { dev: { warehouse: duckdb } } }).warehouse.type).toBe('duckdb')
    expect(() => parse(unset)).toThrow(
      /^the configuration has a fault:\ntarget: which of dev, production\? Name one here, with --target, or in ITERABLE_ELT_TARGET$/,
    )
    expect(() => parse(raw, 'prodution')).toThrow(
      'targets: there is no target "prodution"; did you mean "production"?',
    )
    expect(() => parse({ ...raw, target: 'x' })).toThrow(
      'target: there is no target "x"; known: dev, production',
    )
    expect(() => parse({ warehouse: duckdb }, 'dev')).toThrow(
      'there are no "targets", and "dev" is asked for',
    )
    expect(() => parse({ ...raw, target: 'constructor' })).toThrow('there is no target "constructor"')
    for (const given of [raw, { warehouse: duckdb }]) {
      // Not even the beginning of a password.
      expect(() => parse(given, 'postgres://elt:pa55@db/x')).toThrow(
        /^(?![\s\S]*pa55)[\s\S]*"…" \(an address is not a name; it belongs into "targets"\)/,
      )
    }
  })

  test.each([
    [
      { ...raw, targets: { dev: { warehouse: { ...duckdb, treads: 2 } } } },
      'targets.dev.warehouse.treads: unknown key; did you mean "threads"?',
    ],
    [
      { ...raw, targets: { dev: { warehouse: { type: 'duckdb' } } } },
      'targets.dev.warehouse.path: expected text, but it is missing',
    ],
    [
      { ...raw, warehouse: duckdb, targets: { dev: { sync: { settle: 'soon' } } } },
      'targets.dev.sync.settle: expected a duration',
    ],
    [
      {
        ...raw,
        connections: { shop: {} },
        warehouse: duckdb,
        targets: { dev: { connections: { shop: { region: 'us' } } } },
      },
      'connections.shop.api_key: expected text, but it is missing',
    ],
    [{ ...raw, schema: 7 }, 'schema: expected text, met 7'],
    [
      { ...raw, targets: { dev: raw.targets?.dev, other: { werehouse: {} } } },
      'targets.other.werehouse: unknown key; did you mean "warehouse"?',
    ],
    [
      { ...raw, targets: { dev: { targets: {} } } },
      'targets.dev.targets: a target has no targets of its own',
    ],
    [{ ...raw, targets: {} }, 'targets: expected an object {…} with settings by the name of a target'],
    [{ ...raw, targets: { dev: [] } }, 'targets.dev: expected an object {…} with settings'],
    [{ ...raw, target: 7 }, 'target: expected the name of a target'],
    [
      { ...raw, target: undefined, targets: { dev: {} } },
      'warehouse: expected an object {…}, but it is missing',
    ],
  ])('that is wrong is told where it stands: %#', (given, fault) => {
    expect(() => parse(given)).toThrow(fault)
  })
})

test('the JSON Schema takes targets, refuses unknown keys in them, and asks for a warehouse where there are none', () => {
  const isValid = new Ajv2020({ strict: false, validateFormats: false }).compile(configJsonSchema())
  expect([isValid(raw), isValid({ warehouse: duckdb }), isValid({})]).toEqual([true, true, false])
  expect(isValid({ targets: { dev: { sync: { setle: '5m' } } } })).toBe(false)
  expect(isValid({ targets: { dev: { warehouse: { type: 'duckdb' } } } })).toBe(false)
  expect(isValid(JSON.parse(readFileSync('config.example.json', 'utf8')))).toBe(true)
  expect(isValid({ targets: { dev: { connections: { shop: { region: 'eu' } } } } })).toBe(true)
})

describe('on the command line', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let sandbox: Sandbox
  beforeAll(async () => {
    folder = await temporaryFolder()
    sandbox = await startSandbox({ rateLimits: 'off', users: 5, lists: 1, eventsPerDay: 5, days: 2 })
    const connections = { shop: { api_key: sandbox.keys.server, base_url: sandbox.url, rate_limits: 'off' } }
    const file = (name: string) => ({ warehouse: { type: 'duckdb', path: `${name}.duckdb` } })
    const targets = { dev: { ...file('dev'), schema: 'iterable_dev' }, production: file('production') }
    await writeConfig(folder.path, {
      connections,
      sync: { streams: ['channels'] },
      target: 'dev',
      targets,
    } as unknown as ConfigInput)
  })
  afterAll(async () => {
    await sandbox.close()
    await folder[Symbol.asyncDispose]()
  })

  test('--target goes before ITERABLE_ELT_TARGET, and that before the configuration', async () => {
    const schemaOf = async (args: string[], given: Record<string, string> = {}) =>
      (await runJson(['status', ...args], { cwd: folder.path, env: given })).document.schema
    expect(await schemaOf([])).toBe('iterable_dev')
    expect(await schemaOf([], { ITERABLE_ELT_TARGET: 'production' })).toBe('iterable')
    expect(await schemaOf(['--target', 'dev'], { ITERABLE_ELT_TARGET: 'production' })).toBe('iterable_dev')
    const unknown = await run(['status', '--target', 'prod'], { cwd: folder.path })
    expect(unknown).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('there is no target "prod"'),
    })
  })

  test('each has a warehouse of its own; check and doctor say which one', async () => {
    const synced = await run(['sync', '--target', 'production'], { cwd: folder.path })
    expect(synced.exitCode).toBe(0)
    const rows = async (target: string) =>
      (await runJson(['streams', '--target', target], { cwd: folder.path })).document.streams.find(
        ({ stream }: { stream: string }) => stream === 'channels',
      ).rows
    expect([await rows('production'), await rows('dev')]).toEqual([5, null])
    const checked = await run(['check'], { cwd: folder.path })
    expect(checked.stdout).toMatch(/^ok +configuration +the configuration is complete \(target dev\)$/m)
    expect((await run(['doctor'], { cwd: folder.path })).stdout).toMatch(/config\.json \(dev, valid\)/)
    const proposed = await run(
      ['complete', 'bash', `iterable-elt --config ${join(folder.path, 'config.json')} sync --target `],
      { cwd: folder.path },
    )
    expect(proposed.stdout).toBe('dev\nproduction\n')
  })
})

test('the library picks a target too', async () => {
  await using folder = await temporaryFolder()
  const options = { target: 'dev', baseDirectory: folder.path }
  await using elt = await open({ ...raw, target: 'production' }, options)
  expect(elt.config.warehouse).toMatchObject({ type: 'duckdb', path: join(folder.path, 'dev.duckdb') })
})
