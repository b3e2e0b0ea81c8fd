/** A warehouse that assistants ask: a small project with one person whose every value would be recognized. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { afterAll, beforeAll, test } from 'vitest'
import type { Config } from '../../src/config/schema.ts'
import { type Elt, open } from '../../src/index.ts'
import { serveHttp } from '../../src/mcp/http.ts'
import type { Sandbox } from '../../src/sandbox/index.ts'
import { ago, configFor, hours, quickClock, startProject } from '../support/sync.ts'
import { createTestWarehouse, type TestWarehouse, type WarehouseKind } from '../support/warehouse.ts'

/** What nobody may see of her. */
export const zora = {
  email: 'zora.quaglio@corp-mail.test',
  userId: 'zq-7788-id',
  firstName: 'Zoradiene',
  phoneNumber: '+15557654321',
  loyaltyNumber: 987_654_321,
  address: { street: 'Hidden Lane 7' },
} as const

export const traces: readonly string[] = [
  ...[zora.email, zora.userId, zora.firstName, zora.phoneNumber, '5557654321', '987654321', 'Hidden Lane'],
  ...['corp-mail', 'tset.liam-proc'],
]

const streams = [
  ...[
    'campaigns',
    'custom_event',
    'email_bounce',
    'email_click',
    'email_open',
    'email_send',
    'email_unsubscribe',
  ],
  ...['list_users', 'lists', 'users'],
]

export interface World {
  readonly elt: Elt
  readonly sandbox: Sandbox
  readonly warehouse: TestWarehouse
}

export interface Answer {
  readonly isError: boolean
  readonly text: string
  readonly document: Readonly<Record<string, unknown>>
}

/** Syncs a world for each warehouse before the tests of the file; declares tests on both. */
export function worlds() {
  const kinds: readonly WarehouseKind[] = ['duckdb', 'postgres']
  const made = new Map<WarehouseKind, World>()
  const left: AsyncDisposable[] = []
  beforeAll(async () => {
    for (const kind of kinds) {
      const sandbox = await startProject({ eventsPerDay: 150, users: 20 })
      plant(sandbox)
      const warehouse = await createTestWarehouse(kind)
      const directory = join(warehouse.tempDir, 'exports')
      await mkdir(directory)
      await writeFile(
        join(directory, 'vip.sql'),
        `/*\n{"action": "add", "list_id": ${sandbox.data.lists[0]?.id}, "new_fields": "create"}\n*/\nselect email, "firstName", 'x' as email_2 from iterable.users where email is not null\n`,
      )
      const config = {
        ...configFor(sandbox, warehouse, { sync: { streams, window_in_days: 30 }, marts: {} }),
        exports: { directory },
      }
      const elt = await open(config, { clock: quickClock(sandbox) })
      left.push(warehouse, sandbox, elt)
      await elt.sync()
      await elt.exports()
      made.set(kind, { elt, sandbox, warehouse })
    }
  })
  afterAll(async () => {
    for (const one of left.toReversed()) await one[Symbol.asyncDispose]()
  })
  return (name: string, body: (world: World) => Promise<void>) => {
    for (const kind of kinds) test(`${name} [${kind}]`, () => body(made.get(kind) as World))
  }
}

function plant({ data }: Sandbox): void {
  const at = ago(hours(5)).toISOString().replace('T', ' ').replace('.000Z', ' +00:00')
  data.users.put({ ...zora, profileUpdatedAt: at, signupDate: at, signupSource: 'API', plan: 'gold' })
  const { email, userId } = zora
  const bounce = `550 ${email} is unknown here`
  data.events('emailBounce').push({ email, userId, createdAt: at, messageId: 'm-zora', status: bounce })
  data
    .events('customEvent')
    .push({ email, userId, createdAt: at, eventName: 'cart', phone: 5557654321, note: zora.firstName })
  data.events('emailClick').push({
    email,
    createdAt: at,
    messageId: 'm-zora',
    url: `https://example.com/u/${encodeURIComponent(email)}/x?who=${email}`,
  })
}

/** A client of a server in this process, over a real socket. */
export async function clientOf(
  { elt }: Pick<World, 'elt'>,
  mcp: Partial<Config['mcp']> = {},
): Promise<
  AsyncDisposable & { readonly client: Client; ask(name: string, given?: object): Promise<Answer> }
> {
  const config = { ...elt.config, mcp: { ...elt.config.mcp, ...mcp } }
  const closing = new AbortController()
  const server = await serveHttp({
    elt: { ...elt, config },
    secrets: ['not-to-be-shown'],
    key: 'only-for-tests-0123456789',
    closing: closing.signal,
    version: '0.0.0',
    port: 0,
    host: '127.0.0.1',
    token: mcp.token,
  })
  const client = new Client({ name: 'test', version: '0.0.0' })
  const headers = mcp.token === undefined ? {} : { Authorization: `Bearer ${mcp.token}` }
  await client.connect(
    new StreamableHTTPClientTransport(new URL(server.url), { requestInit: { headers } }) as never,
  )
  return {
    client,
    ask: (name, given) => ask(client, name, given),
    async [Symbol.asyncDispose]() {
      await client.close()
      closing.abort()
      await server[Symbol.asyncDispose]()
    },
  }
}

/** Calls a tool. */
export async function ask(client: Client, name: string, given: object = {}): Promise<Answer> {
  const answer = await client.callTool({ name, arguments: { ...given } })
  const [{ text }] = answer.content as [{ text: string }]
  // What the SDK says of wrong arguments is a sentence.
  const document = text.startsWith('{') ? JSON.parse(text) : {}
  return { isError: answer.isError === true, text, document }
}
