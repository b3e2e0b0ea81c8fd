/** The server: what its tools tell, what they cannot do, and who may ask. */
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { DuckDBInstance } from '@duckdb/node-api'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { expect, test } from 'vitest'
import { serveHttp } from '../../src/mcp/http.ts'
import { programPath, startProgram } from '../support/programs.ts'
import { configFor } from '../support/sync.ts'
import { createTestWarehouse } from '../support/warehouse.ts'
import { ask, clientOf, traces, type World, worlds, zora } from './support.ts'

const eachWorld = worlds()
const token = 'a-token-of-some-length'

eachWorld('no tool writes: not to Iterable, and not to the warehouse', async (world) => {
  const { sandbox, elt, warehouse } = world
  await using asked = await clientOf(world)
  const { tools } = await asked.client.listTools()
  expect(tools.map(({ name }) => name)).toEqual([
    ...['list_tables', 'describe_table', 'query', 'status', 'list_runs', 'get_run', 'rejected_rows'],
    ...['list_exports', 'get_export', 'plan_export'],
  ])
  expect(
    tools.filter(({ annotations }) => !annotations?.readOnlyHint || annotations.destructiveHint),
  ).toEqual([])
  const count = async () => {
    const tables = ['runs', 'export_runs', 'batches', 'members', 'approvals', 'actions', 'rejected_rows']
    const counts = tables.map((table) => `(select count(*) from iterable_sync.${table}) as ${table}`)
    return await warehouse.query(`select ${counts.join(', ')}`)
  }
  const before = [await count(), sandbox.writes.length]
  const asks = sandbox.requests.length
  const [run] = await elt.runs({ limit: 1 })
  const all: Readonly<Record<string, object>> = {
    list_tables: {},
    describe_table: { name: 'iterable.users' },
    query: { sql: 'select 1 as one' },
    status: {},
    list_runs: { job: 'sync' },
    get_run: { run_id: run?.run_id },
    rejected_rows: {},
    list_exports: {},
    get_export: { name: 'vip' },
    plan_export: { name: 'vip' },
  }
  expect(Object.keys(all)).toEqual(tools.map(({ name }) => name))
  for (const [name, given] of Object.entries(all)) {
    const { isError, text: said } = await asked.ask(name, given)
    expect(isError, `${name}: ${said}`).toBe(false)
    expect(
      traces.filter((trace) => said.includes(trace)),
      name,
    ).toEqual([])
  }
  expect([await count(), sandbox.writes.length]).toEqual(before)
  const requests = sandbox.requests.slice(asks)
  expect(
    requests.filter(({ method, path }) => method !== 'GET' || /subscribe|update|delete/i.test(path)),
  ).toEqual([])
})

eachWorld('the catalogue and the plan say what they have to', async (world) => {
  await using asked = await clientOf(world)
  const { document } = await asked.ask('list_tables')
  expect(document.tables).toContainEqual(
    expect.objectContaining({
      name: 'iterable_marts.campaign_performance',
      kind: 'view',
      about: expect.stringContaining('How each campaign did'),
    }),
  )
  expect(document.absent).toContainEqual({
    name: 'iterable.purchase',
    why: 'not replicated: sync.streams does not select it',
  })
  const table = await asked.ask('describe_table', { name: 'iterable.users' })
  expect(table.document.columns).toContainEqual({
    name: 'email',
    about: 'E-mail address of the person',
    values: 'pseudonym',
    type: expect.stringMatching(/varchar|text/i),
  })
  expect(table.document.columns).toContainEqual(
    expect.objectContaining({ name: 'loyaltyNumber', values: 'hidden' }),
  )
  const plan = await asked.ask('plan_export', { name: 'vip' })
  expect(plan.document).toMatchObject({ export: 'vip', dry_run: true, changes: expect.any(Array) })
  const [change] = plan.document.changes as [Readonly<Record<string, unknown>>]
  expect(change).toMatchObject({ action: 'add', identifier: expect.stringMatching(/^.•••@.•••$/u) })
  await using open = await clientOf(world, { personal_data: true })
  expect((await open.ask('plan_export', { name: 'vip' })).text).toContain('@')
})

eachWorld('answers are bounded in rows, bytes and time, and say so', async (world) => {
  await using asked = await clientOf(world, { max_rows: 50, max_bytes: 3_000 })
  const few = await asked.ask('query', { sql: 'select * from generate_series(1, 1000)', limit: 3 })
  expect(few.document).toMatchObject({ rows: [[1], [2], [3]], cut: expect.stringContaining('first 3 rows') })
  expect(await asked.ask('query', { sql: 'select 1', limit: 51 })).toMatchObject({
    isError: true,
    text: expect.stringContaining('limit'),
  })
  const wide = await asked.ask('query', {
    sql: `select repeat('x', 200) from generate_series(1, 40)`,
    limit: 50,
  })
  expect(Buffer.byteLength(wide.text)).toBeLessThanOrEqual(3_000)
  expect(wide.document.cut).toContain('mcp.max_bytes')
  await using hasty = await clientOf(world, { timeout: 300 })
  const slow = await hasty.ask('query', {
    sql: 'select count(*) from generate_series(1, 100000) as a(n), generate_series(1, 100000) as b(m) where n * m % 7 = 3',
  })
  expect(slow.document.error).toMatchObject({
    code: 'answer_timeout',
    cure: expect.stringContaining('mcp.timeout'),
  })
  const wrong = await asked.ask('get_export', { name: 'vipp' })
  expect(wrong.document.error).toMatchObject({
    code: 'unknown_export',
    message: expect.stringContaining('vip'),
  })
  const leak = await asked.ask('query', { sql: `select 'not-to-be-' || 'shown'` })
  expect(leak.text).not.toContain('not-to-be-shown')
})

eachWorld(
  'over HTTP only who has the token is answered, under our own name, and no page of a browser',
  async (world) => {
    const server = await serve(world)
    await using _ = server
    const post = (headers: Readonly<Record<string, string>> = {}) => visit(server.url, 'POST', headers)
    const authorized = { Authorization: `Bearer ${token}` }
    expect((await post()).status).toBe(401)
    expect((await post({ Authorization: 'Bearer wrong' })).status).toBe(401)
    expect((await post({ ...authorized, Host: 'evil.example' })).status).toBe(421)
    expect((await post({ ...authorized, Origin: 'http://evil.example' })).status).toBe(403)
    const answered = await post(authorized)
    expect(answered.status).toBe(200)
    expect(Object.keys(answered.headers).filter((name) => name.startsWith('access-control'))).toEqual([])
    expect((await visit(server.url, 'OPTIONS', authorized)).status).toBe(405)
    expect((await visit(server.url, 'GET', authorized)).status).toBe(405)
    await using asked = await clientOf(world, { token })
    expect((await asked.client.listTools()).tools.length).toBeGreaterThan(5)
  },
)

eachWorld('other machines get in only where there is a token', async ({ elt }) => {
  await expect(
    serveHttp({
      elt,
      secrets: [],
      key: '',
      closing: new AbortController().signal,
      version: '0',
      port: 0,
      host: '0.0.0.0',
      token: undefined,
    }),
  ).rejects.toThrow(/mcp\.token/)
})

eachWorld(
  'the command speaks the protocol and nothing else on standard output, and lets go of the file',
  async (world) => {
    const config = await configFile(world)
    const client = new Client({ name: 'test', version: '0.0.0' })
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [programPath('src/cli/main.ts'), 'mcp', '--config', config],
      stderr: 'pipe',
      env: { PATH: String(process.env.PATH) },
    })
    await client.connect(transport)
    const { document } = await ask(client, 'query', { sql: 'select count(*) from iterable.users' })
    expect((document.rows as number[][])[0]?.[0]).toBeGreaterThan(5)
    // A program that writes has the file while the server runs.
    const { config: at } = world.warehouse
    if ('path' in at) (await DuckDBInstance.create(at.path)).closeSync()
    expect((await ask(client, 'query', { sql: `select email from iterable.users` })).text).not.toContain(
      zora.email,
    )
    await client.close()
  },
)

test.each(['close', 'SIGTERM'] as const)('the command ends on %s', async (how) => {
  await using warehouse = await createTestWarehouse('duckdb')
  const config = join(warehouse.tempDir, 'config.json')
  await writeFile(config, JSON.stringify({ warehouse: warehouse.config }))
  const child = startProgram('src/cli/main.ts', ['mcp', '--config', config], { stdio: 'pipe' })
  const hello = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 't', version: '1' } }
  child.stdin?.write(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: hello })}\n`)
  const [line] = await once(child.stdout as NodeJS.ReadableStream, 'data')
  expect(JSON.parse(String(line))).toMatchObject({ id: 1, result: { serverInfo: { name: 'iterable-elt' } } })
  if (how === 'close') child.stdin?.end()
  else child.kill(how)
  expect(await once(child, 'close')).toEqual([0, null])
})

async function configFile({ sandbox, warehouse }: World): Promise<string> {
  const config = join(warehouse.tempDir, 'config.json')
  await writeFile(config, JSON.stringify(configFor(sandbox, warehouse, { marts: {} })))
  return config
}

const serve = ({ elt }: World) =>
  serveHttp({
    elt,
    secrets: [],
    key: 'k',
    closing: new AbortController().signal,
    version: '0',
    port: 0,
    host: '127.0.0.1',
    token,
  })

async function visit(url: string, method: string, headers: Readonly<Record<string, string>>) {
  const asked = request(url, {
    method,
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      ...headers,
    },
  })
  asked.end(method === 'POST' ? JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' }) : undefined)
  const [response] = (await once(asked, 'response')) as [import('node:http').IncomingMessage]
  return { status: response.statusCode, headers: response.headers, body: await text(response) }
}
