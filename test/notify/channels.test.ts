/** What channels answer: to `notify test`, and to messages of runs; told by `status` and `check`. */
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { open } from '../../src/index.ts'
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts'
import { configFor, run, runJson, temporaryFolder } from '../cli/run.ts'
import { eachWarehouse } from '../support/warehouse.ts'

let sandbox: Sandbox
beforeAll(async () => {
  sandbox = await startSandbox({ rateLimits: false, users: 5, lists: 1, eventsPerDay: 5, days: 2 })
})
afterAll(() => sandbox.close())

/** A server that wants a `text` as Slack does, until it is told to take anything. */
async function startChat() {
  const events: string[] = []
  const chat = { takesAll: false }
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const part of request) body += part
    const message = JSON.parse(body)
    events.push(message.event)
    const isTaken = chat.takesAll || 'text' in message
    response.writeHead(isTaken ? 200 : 400).end(isTaken ? 'ok' : 'no_text\n')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return Object.assign(chat, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks/s3cret-path`,
    events,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
    },
  })
}

eachWarehouse('a refused message is told by status and check until one is taken', async (warehouse) => {
  await using chat = await startChat()
  const { tempDir } = warehouse
  const config = {
    ...configFor(sandbox, warehouse.config, { days: 1 }),
    exports: { directory: join(tempDir, 'none') },
    notifications: { webhooks: { chat: { url: chat.url } }, webhook: { url: chat.url } },
  }
  await writeFile(join(tempDir, 'config.json'), JSON.stringify(config))
  const notifications = async () => {
    await using elt = await open(config)
    return (await elt.check()).items.filter(({ item }) => item === 'notifications')
  }
  expect((await run(['sync', 'lists'], { cwd: tempDir })).exitCode).toBe(0)
  expect(await notifications()).toMatchObject([
    {
      state: 'ok',
      message: expect.stringContaining('"iterable-elt notify test" tries webhook, webhook:chat'),
    },
  ])
  // A run whose message is refused.
  await run(['schedule', 'run', 'sync'], { cwd: tempDir })
  expect(chat.events).toEqual(['success'])
  expect(await notifications()).toMatchObject([
    {
      state: 'failed',
      message: expect.stringMatching(/^webhook has refused .*Z\): the webhook answered 400: no_text$/),
    },
  ])
  const tested = await run(['notify', 'test'], { cwd: tempDir })
  expect(tested.exitCode).toBe(1)
  expect(tested.stdout).toMatch(
    /^refused {2}webhook {7}127\.0\.0\.1:\d+: the webhook answered 400: no_text\nrefused {2}webhook:chat {2}127/,
  )
  expect(tested.stdout + tested.stderr).not.toContain('s3cret-path')
  expect((await run(['status'], { cwd: tempDir })).stdout).toMatch(
    /notifications: webhook refused a message .* ago, the first .* ago: the webhook answered 400: no_text/,
  )
  expect(chat.events).toEqual(['success', 'test', 'test'])
  chat.takesAll = true
  const { document, exitCode } = await runJson(['notify', 'test'], { cwd: tempDir })
  expect([exitCode, document.channels.map(({ ok }: { ok: boolean }) => ok)]).toEqual([0, [true, true]])
  expect(await notifications()).toEqual([
    { item: 'notifications', state: 'ok', message: 'no channel has refused a message', cure: null },
  ])
  const { document: status } = await runJson(['status'], { cwd: tempDir })
  expect(status.channels).toMatchObject([
    { channel: 'webhook', error: null, refusing_since: null },
    { channel: 'webhook:chat', error: null, refusing_since: null },
  ])
})

test('notify test makes no warehouse, and without a channel says what to add', async () => {
  await using folder = await temporaryFolder()
  await using chat = await startChat()
  const path = join(folder.path, 'config.json')
  const config = configFor(sandbox, { type: 'duckdb', path: 'warehouse.duckdb' })
  await writeFile(path, JSON.stringify({ ...config, notifications: { webhook: { url: chat.url } } }))
  expect((await run(['notify', 'test'], { cwd: folder.path })).exitCode).toBe(1)
  expect((await run(['status'], { cwd: folder.path })).stdout).toContain('never synced')
  await writeFile(path, JSON.stringify(config))
  const none = await run(['notify', 'test'], { cwd: folder.path })
  expect(none).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('add "email" or "webhook"') })
})
