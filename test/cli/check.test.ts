import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CheckItem } from '../../src/check/item.ts'
import { checkIterable } from '../../src/check/iterable.ts'
import { open } from '../../src/index.ts'
import { clientsOf } from '../../src/iterable/clients.ts'
import { systemClock } from '../../src/iterable/clock.ts'
import { type Sandbox, type SandboxKeys, startSandbox } from '../../src/sandbox/index.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { eachWarehouse } from '../support/warehouse.ts'
import { configFor, run, runJson, temporaryFolder, writeConfig } from './run.ts'

let us: Sandbox
let eu: Sandbox
beforeAll(async () => {
  us = await startSandbox({ rateLimits: false, users: 20, eventsPerDay: 10, days: 3 })
  eu = await startSandbox({ rateLimits: false, users: 20, eventsPerDay: 10, days: 3, region: 'eu' })
})
afterAll(async () => {
  await us.close()
  await eu.close()
})

/** Asks the sandboxes in place of the two data centres. */
async function itemsFor(
  key: string,
  { base_url = null, aheadMs = 0 }: { base_url?: string | null; aheadMs?: number } = {},
): Promise<Record<string, CheckItem>> {
  const folder = await temporaryFolder()
  const config = configFor(us, { type: 'duckdb', path: join(folder.path, 'w.duckdb') }, { key })
  const elt = await open(config)
  const connection = { ...elt.config.connections.iterable!, rate_limits: {}, base_url }
  const clock = { ...systemClock, now: () => new Date(Date.now() + aheadMs) }
  const items = await checkIterable({
    connection,
    clock,
    clientFor: clientsOf({}),
    hosts: { us: us.url, eu: eu.url },
  })
  await elt[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
  return Object.fromEntries(items.map((item) => [item.item, item]))
}

const states = (items: Record<string, CheckItem>) =>
  Object.fromEntries(Object.values(items).map(({ item, state }) => [item, state]))

describe('a key', () => {
  const able = {
    host: 'ok',
    api_key: 'ok',
    resources: 'ok',
    lists: 'ok',
    profile_fields: 'ok',
    metadata: 'ok',
  }
  test.each<[keyof SandboxKeys, Record<string, string>]>([
    ['server', { ...able, clock: 'ok', export: 'ok', list_members: 'ok' }],
    ['readOnly', { ...able, clock: 'ok', export: 'failed', list_members: 'failed' }],
    [
      'mobile',
      {
        host: 'ok',
        api_key: 'ok',
        resources: 'failed',
        lists: 'failed',
        export: 'failed',
        profile_fields: 'warning',
        metadata: 'warning',
      },
    ],
    ['disabled', { host: 'ok', api_key: 'failed' }],
    ['euServer', { host: 'ok', api_key: 'failed' }],
  ])('of kind %s is told what it can do', async (kind, expected) => {
    expect(states(await itemsFor(us.keys[kind]))).toEqual(expected)
  })

  test('of the other region is told from one that nobody knows', async () => {
    const [foreign, unknown] = [await itemsFor(us.keys.euServer), await itemsFor(us.keys.disabled)]
    expect(foreign.api_key).toMatchObject({
      message: expect.stringContaining('wrong region'),
      cure: 'set "region" to "eu"',
    })
    expect(unknown.api_key).toMatchObject({
      message: expect.stringContaining('neither data centre knows the key'),
      cure: expect.stringContaining('server-side key'),
    })
  })

  test('goes nowhere but to base_url, where one is set', async () => {
    const before = eu.requests.length
    const { api_key } = await itemsFor(us.keys.euServer, { base_url: us.url })
    expect(api_key).toMatchObject({
      state: 'failed',
      message: expect.stringContaining('does not know the key'),
    })
    expect(eu.requests.length).toBe(before)
  })

  test.each(['BadAuthorizationHeader', 'InvalidJwtPayload'])(
    'that wants a JWT (%s) is called so',
    async (code) => {
      us.faults.next({ fault: { status: 401, body: { code, msg: 'no JWT' } }, times: 2 })
      const { api_key } = await itemsFor(us.keys.server)
      expect(api_key).toMatchObject({
        state: 'failed',
        message: expect.stringContaining('JWT-enabled'),
        cure: expect.stringContaining('without JWT'),
      })
      us.faults.clear()
    },
  )

  test('that a host of its own does not know may be of the other data centre', async () => {
    const { api_key } = await itemsFor(us.keys.euServer, { base_url: us.url })
    expect(api_key?.message).toMatch(/does not know the key.*in the eu data centre/)
    expect(api_key?.cure).toContain('correct base_url')
  })

  test('that Iterable calls disabled is called so', async () => {
    us.faults.next({ fault: { status: 401, body: { code: 'BadApiKey', msg: 'This key is disabled' } } })
    const { api_key } = await itemsFor(us.keys.server)
    expect(api_key?.message).toBe('the key is disabled (This key is disabled)')
  })

  test('whose rate limit is used up is not called unable', async () => {
    us.faults.next({ fault: '429', path: '/api/export' })
    const items = await itemsFor(us.keys.server)
    expect(items.export).toMatchObject({ state: 'warning', message: expect.stringContaining('429') })
  })
})

test('channels of the project that are not replicated are named, those of one of its syncs are', async () => {
  await using folder = await temporaryFolder()
  const config = configFor(us, { type: 'duckdb', path: join(folder.path, 'w.duckdb') })
  const channels = async (streams: string[], jobs = {}) => {
    await using elt = await open({ ...config, sync: { streams, jobs } })
    return (await elt.check()).items.find(({ item }) => item === 'channels')
  }
  expect(
    await channels(['core'], { texts: { streams: ['sms_send'], schedule: { cron: '0 5 * * *' } } }),
  ).toMatchObject({
    state: 'ok',
    message: 'the project also uses push, in_app: to replicate these, add them to sync.streams',
  })
  expect(await channels(['all', '!rcs'])).toMatchObject({
    message: 'every channel of the project is replicated',
  })
})

test('a clock that is wrong is a warning', async () => {
  const { clock } = await itemsFor(us.keys.server, { aheadMs: 7_200_000 })
  expect(clock).toMatchObject({
    state: 'warning',
    message: expect.stringMatching(/7(19\d|20\d) s ahead of Iterable's/),
  })
})

test('a host that refuses, and one that is not Iterable, end the questions', async () => {
  const refused = await itemsFor(us.keys.server, { base_url: 'http://127.0.0.1:1' })
  expect(refused).toEqual({
    host: expect.objectContaining({ state: 'failed', message: expect.stringContaining('refused') }),
  })
  const server = createServer((_request, response) => response.writeHead(404).end('not here')).listen(0)
  await once(server, 'listening')
  const other = await itemsFor(us.keys.server, {
    base_url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  })
  server.close()
  expect(other).toEqual({
    host: expect.objectContaining({ state: 'failed', cure: expect.stringContaining('base_url') }),
  })
})

test('an answer without an end is given up', async () => {
  const block = Buffer.alloc(2 ** 20, ' ')
  const server = createServer((_request, response) => {
    const more = () => {
      while (response.write(block));
    }
    response.writeHead(200, { 'content-type': 'application/json' }).on('drain', more)
    more()
  }).listen(0)
  await once(server, 'listening')
  const items = await itemsFor(us.keys.server, {
    base_url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  })
  server.closeAllConnections()
  server.close()
  expect(Object.values(items)[0]).toMatchObject({
    state: 'failed',
    message: expect.stringContaining('the answer to channels is over 64 MB'),
  })
})

describe('the warehouse', () => {
  eachWarehouse('can be written, and nothing stays', async (warehouse) => {
    await using elt = await open({ ...configFor(us, warehouse.config), schema: 'fresh' })
    if (warehouse.kind === 'duckdb') await elt.warehouse.use(async () => {}, { isAsFound: true })
    const { items } = await elt.check()
    const found = Object.fromEntries(items.map(({ item, state, message }) => [item, { state, message }]))
    expect(found.warehouse?.state).toBe('ok')
    expect(found.warehouse_write).toMatchObject({
      state: 'ok',
      message: expect.stringContaining('fresh_sync'),
    })
    expect(found.versions).toMatchObject({ state: 'ok', message: 'nothing was ever written here' })
    expect(found.disk).toMatchObject({ message: expect.stringMatching(/\d GB are free/) })
    expect(
      await warehouse.query(`select 1 from information_schema.schemata where schema_name like 'fresh%'`),
    ).toEqual([])
  })

  eachWarehouse('of a newer version is not touched', async (warehouse) => {
    await using elt = await open(configFor(us, warehouse.config))
    await elt.sync({ streams: ['lists'] })
    const versions = async () => (await elt.check()).items.find(({ item }) => item === 'versions')
    expect(await versions()).toMatchObject({ state: 'ok', message: 'the warehouse is up to date' })
    await elt.warehouse.use(({ db }) =>
      // @ts-expect-error Kysely's own table is not among ours.
      db.insertInto('migrations').values({ name: '9999_future', timestamp: 'later' }).execute(),
    )
    expect(await versions()).toMatchObject({
      state: 'failed',
      message: expect.stringContaining('9999_future'),
    })
  })

  eachWarehouse('that cannot be reached, or opened, is told with the cure', async (warehouse) => {
    const path = join(warehouse.tempDir, 'not-a-database.duckdb')
    await writeFile(path, 'a text '.repeat(1000))
    const wrong =
      warehouse.kind === 'duckdb'
        ? { type: 'duckdb' as const, path }
        : { type: 'postgres' as const, url: 'postgres://nobody:nothing@127.0.0.1:1/none' }
    await using elt = await open(configFor(us, wrong))
    const item = (await elt.check()).items.find((found) => found.item === 'warehouse')
    expect(item).toMatchObject({ state: 'failed', cure: expect.stringMatching(/warehouse\.(path|url)/) })
  })

  test('in which the role may make nothing is told with the cure', async () => {
    const database = await createTestDatabase()
    const admin = new pg.Client({ connectionString: database.url })
    await admin.connect()
    const role = `reader_${Date.now()}`
    await admin.query(`create role ${role} login password 'secret-of-reader'`)
    const url = new URL(database.url)
    url.username = role
    url.password = 'secret-of-reader'
    const elt = await open(configFor(us, { type: 'postgres', url: url.href }))
    const { ok, items } = await elt.check()
    await elt[Symbol.asyncDispose]()
    await admin.query(`drop role ${role}`)
    await admin.end()
    await database.drop()
    expect(ok).toBe(false)
    expect(items.find(({ item }) => item === 'warehouse_write')).toMatchObject({
      state: 'failed',
      cure: expect.stringContaining(`authorization ${role}`),
    })
    expect(JSON.stringify(items)).not.toContain('secret-of-reader')
  })

  test('whose file is called like its schema is refused when new, and a warning when old', async () => {
    await using folder = await temporaryFolder()
    for (const name of ['iterable.duckdb', 'Iterable_Views.db']) {
      const path = join(folder.path, name)
      const config = configFor(us, { type: 'duckdb', path })
      await expect(open(config)).rejects.toThrow(/called like the schema.*e\.g\. warehouse\.duckdb/)
      expect(existsSync(path)).toBe(false)
      ;(await DuckDBInstance.create(path)).closeSync()
      await using elt = await open(config)
      const { items } = await elt.check()
      expect(items.find(({ item }) => item === 'warehouse_name')).toMatchObject({
        state: 'warning',
        cure: expect.stringContaining('warehouse.duckdb'),
      })
    }
  })
})

describe('the command', () => {
  test('prints items and exits with 0 when all is well', async () => {
    await using folder = await temporaryFolder()
    await writeConfig(folder.path, configFor(us, { type: 'duckdb', path: 'warehouse.duckdb' }))
    const { document, exitCode } = await runJson(['check'], { cwd: folder.path })
    expect(exitCode).toBe(0)
    expect(document.ok).toBe(true)
    expect(document.items.length).toBeGreaterThan(9)
    for (const item of document.items) {
      expect(item).toMatchObject({
        item: expect.any(String),
        state: 'ok',
        message: expect.any(String),
        cure: null,
      })
    }
    const people = await run(['check'], { cwd: folder.path })
    expect(people.stdout).toMatch(/^ok +configuration.*\n[\s\S]*ready to sync\n$/)
  })

  test('exits with 1 when something failed, and with 2 for the configuration', async () => {
    await using folder = await temporaryFolder()
    const config = configFor(us, { type: 'duckdb', path: 'warehouse.duckdb' }, { key: us.keys.readOnly })
    await writeConfig(folder.path, config)
    const failed = await run(['check'], { cwd: folder.path })
    expect(failed.exitCode).toBe(1)
    expect(failed.stdout).toMatch(/failed +export .*read-only key[\s\S]*→ use a server-side key/)
    const none = await runJson(['check', '--config', join(folder.path, 'none.json')], { cwd: folder.path })
    expect(none.exitCode).toBe(2)
    expect(none.document).toMatchObject({ ok: false, items: [{ item: 'configuration', state: 'failed' }] })
  })
})
