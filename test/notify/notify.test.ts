import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SMTPServer } from 'smtp-server'
import { expect, test } from 'vitest'
import { configSchema, type NotificationsConfig } from '../../src/config/schema.ts'
import { open } from '../../src/index.ts'
import { withoutPeople } from '../../src/notify/message.ts'
import {
  deliverMessages,
  type JobRecipients,
  type NotifyContext,
  recordHappening,
} from '../../src/notify/outbox.ts'
import type { Happening } from '../../src/state/schedules.ts'
import { migrate } from '../../src/warehouse/migrations.ts'
import type { Warehouse } from '../../src/warehouse/session.ts'
import { openWarehouse } from '../schedule/simulation.ts'
import { eachWarehouse, type Row } from '../support/warehouse.ts'

interface Mail {
  readonly to: readonly string[]
  readonly text: string
}

/** A mail server that keeps what it gets; `user` and `password` have to be right. */
async function startMailServer(): Promise<
  AsyncDisposable & { url: string; mails: Mail[]; refuse(count: number): void }
> {
  const mails: Mail[] = []
  let refusals = 0
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS'],
    authOptional: false,
    onAuth: ({ username, password }, _session, callback) =>
      username === 'me' && password === 's3cret-password'
        ? callback(null, { user: username })
        : callback(new Error('wrong password')),
    onData(stream, session, callback) {
      let text = ''
      stream.setEncoding('utf8').on('data', (part: string) => {
        text += part
      })
      stream.on('end', () => {
        if (refusals > 0) {
          refusals -= 1
          return callback(Object.assign(new Error('try s3cret-password later'), { responseCode: 451 }))
        }
        mails.push({ to: session.envelope.rcptTo.map(({ address }) => address), text })
        callback()
      })
    },
  })
  server.on('error', () => {})
  server.listen(0, '127.0.0.1')
  await once(server.server, 'listening')
  const { port } = server.server.address() as AddressInfo
  return {
    url: `smtp://me:s3cret-password@127.0.0.1:${port}`,
    mails,
    refuse(count) {
      refusals = count
    },
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(resolve)),
  }
}

interface Post {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** Answers with the given statuses, then with 200. */
async function startReceiver(
  ...statuses: number[]
): Promise<AsyncDisposable & { url: string; posts: Post[] }> {
  const posts: Post[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const part of request) body += part
    posts.push({ headers: request.headers, body })
    response.writeHead(statuses.shift() ?? 200).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    posts,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
    },
  }
}

const at = new Date('2026-03-01T06:00:05Z')
const failure: Happening = {
  event: 'failure',
  job: 'export:vip',
  runId: null,
  state: 'failed',
  nominalAt: new Date('2026-03-01T06:00:00Z'),
  code: 'unknown_list',
  text: 'list 12 of ada@example.com, key s3cret-key is unknown',
  at,
  since: at,
  failures: 1,
}

const notifications = (input: unknown): NotificationsConfig =>
  configSchema.shape.notifications.parse(input) as NotificationsConfig

async function record(
  warehouse: Warehouse,
  context: NotifyContext,
  happening: Happening,
  ofJob?: JobRecipients,
) {
  await warehouse.use(async (session) => {
    await migrate(session)
    await recordHappening(session.db, happening, ofJob, context)
  })
}

const contextOf = (input: unknown, secrets: readonly string[] = []): NotifyContext => ({
  notifications: notifications(input),
  secrets,
  env: {},
  version: '0',
})

eachWarehouse(
  'a failure reaches people and the webhook, without secrets and without people of the list',
  async (test) => {
    await using mail = await startMailServer()
    await using receiver = await startReceiver()
    await using warehouse = await openWarehouse(test)
    const context = contextOf(
      {
        email: { smtp_url: mail.url, from: 'elt@example.com', to: ['ops@example.com'] },
        webhook: { url: receiver.url, secret: 'shared' },
      },
      ['s3cret-key', 's3cret-password'],
    )
    await record(warehouse, context, failure, {
      email: ['crm@example.com', 'ops@example.com'],
      on: ['failure'],
    })
    await deliverMessages({ ...context, warehouse, time: async () => at })
    await deliverMessages({ ...context, warehouse, time: async () => new Date(at.getTime() + 86_400_000) })

    expect(mail.mails).toHaveLength(1)
    expect(mail.mails[0]?.to).toEqual(['ops@example.com', 'crm@example.com'])
    expect(mail.mails[0]?.text).toMatch(/Subject: \[iterable-elt\] The export vip failed \(unknown_list\)/)
    expect(mail.mails[0]?.text).not.toMatch(/ada@|s3cret/)

    expect(receiver.posts).toHaveLength(1)
    const [post] = receiver.posts as [Post]
    const signature = createHmac('sha256', 'shared').update(post.body).digest('hex')
    expect(post.headers['x-iterable-elt-signature']).toBe(`sha256=${signature}`)
    expect(JSON.parse(post.body)).toEqual({
      id: post.headers['x-iterable-elt-delivery'],
      event: 'failure',
      job: 'export:vip',
      run_id: null,
      state: 'failed',
      nominal_at: '2026-03-01T06:00:00.000Z',
      at: '2026-03-01T06:00:05.000Z',
      since: '2026-03-01T06:00:05.000Z',
      failures: 1,
      rows: null,
      error: { code: 'unknown_list', text: 'list 12 of [address], key *** is unknown' },
    })
  },
)

eachWarehouse('only what somebody asked for is told', async (test) => {
  await using receiver = await startReceiver()
  await using warehouse = await openWarehouse(test)
  const context = contextOf({ webhook: { url: receiver.url, on: ['failure', 'held'] } })
  const events = ['success', 'failure', 'held', 'recovery', 'paused'] as const
  for (const event of events) await record(warehouse, context, { ...failure, event })
  await deliverMessages({ ...context, warehouse, time: async () => at })
  expect(receiver.posts.map(({ headers }) => headers['x-iterable-elt-event']).sort()).toEqual([
    'failure',
    'held',
    'paused',
  ])
  expect(receiver.posts.every(({ headers }) => headers['x-iterable-elt-signature'] === undefined)).toBe(true)
})

eachWarehouse(
  'a webhook and a mail server that refuse are tried again, with the same message',
  async (test) => {
    await using mail = await startMailServer()
    await using receiver = await startReceiver(500, 302)
    await using warehouse = await openWarehouse(test)
    const context = contextOf(
      {
        email: { smtp_url: mail.url, from: 'elt@example.com', to: ['ops@example.com'] },
        webhook: { url: receiver.url },
      },
      ['s3cret-password'],
    )
    mail.refuse(1)
    await record(warehouse, context, failure)
    let now = at
    const states = async () => {
      await deliverMessages({ ...context, warehouse, time: async () => now })
      const rows = await test.query(
        'select channel, state, attempts, error_text from iterable_sync.notifications order by channel',
      )
      return rows.map(
        ({ channel, state, attempts, error_text }) => `${channel} ${state} ${attempts} ${error_text}`,
      )
    }
    const first = await states()
    expect(first[0]).toMatch(/^email waiting 1 .*try \*\*\* later/)
    expect(first[1]).toBe('webhook waiting 1 the webhook answered 500')
    expect(await states()).toEqual(first)
    now = new Date(now.getTime() + 5_000)
    expect(await states()).toEqual(['email sent 2 null', 'webhook waiting 2 the webhook answered 302'])
    now = new Date(now.getTime() + 30_000)
    expect(await states()).toEqual(['email sent 2 null', 'webhook sent 3 null'])
    expect(mail.mails).toHaveLength(1)
    expect(new Set(receiver.posts.map(({ body }) => body)).size).toBe(1)
  },
)

eachWarehouse('a receiver that is gone is given up after a day', async (test) => {
  await using warehouse = await openWarehouse(test)
  const context = contextOf({ webhook: { url: 'http://127.0.0.1:9/' } })
  await record(warehouse, context, failure)
  let attempts = 0
  for (let hour = 0; hour < 40; hour += 1) {
    const now = new Date(at.getTime() + hour * 3_600_000)
    await deliverMessages({ ...context, warehouse, time: async () => now, onAttempt: () => (attempts += 1) })
  }
  expect(attempts).toBe(11)
  const rows = await test.query('select state, error_text from iterable_sync.notifications')
  expect(rows).toMatchObject([
    { state: 'given_up', error_text: expect.stringContaining('cannot be reached') },
  ])
})

test('rows and values of people are left out of what is told', () => {
  expect(withoutPeople('row 3: "a.b+c@d.example" (<x@y.z>), ü@ö.example; not an address: @ or a @ b')).toBe(
    'row 3: "[address]" (<[address]>), [address]; not an address: @ or a @ b',
  )
  expect(
    withoutPeople('2 rows cannot be sent\n  no identifier: {"user_id":"u-17"}\nall of them: rejects'),
  ).toBe('2 rows cannot be sent\nall of them: rejects')
  expect(withoutPeople('got {"name": "Ada"} and invalid input syntax for type bigint: "Ada L"')).toBe(
    'got {…} and invalid input syntax for type bigint: "…"',
  )
  expect(withoutPeople('Could not convert string \'Ada\' to INT32; column "email" is missing')).toBe(
    'Could not convert string \'…\' to INT32; column "email" is missing',
  )
  expect(withoutPeople('x'.repeat(5000))).toHaveLength(1001)
})

eachWarehouse('an export tells nobody that the configuration does not know', async (test) => {
  await using elt = await open(
    {
      warehouse: test.config,
      exports: { directory: test.tempDir },
      notifications: {
        email: { smtp_url: 'smtp://127.0.0.1:9', from: 'elt@example.com', to: ['ops@Example.com'] },
        webhook: { url: 'https://hooks.example.com/x', secret: `\${SECRET}` },
        webhooks: { crm: { url: 'https://hooks.example.com/crm' } },
      },
    },
    { env: { SECRET: 'shared' } },
  )
  await elt.exports()
  const allowed = [{ email: 'crm@example.com' }, { email: ['a@EXAMPLE.com'] }, { webhook: 'crm' }]
  const attacks: readonly object[] = [
    { email: 'evil@evil.example' },
    { email: ['crm@example.com', 'evil@evil.example'] },
    { email: 'crm@example.com, evil@evil.example' },
    { email: 'evil@evil.example <crm@example.com>' },
    { email: '<evil@evil.example> crm@example.com' },
    { email: 'crm@example.com\nBcc: evil@evil.example' },
    { email: 'evil@sub.example.com' },
    { email: 'evil@evil.example@example.com' },
    { email: '"evil@evil.example"@example.com' },
    { email: 'all:evil@evil.example;@example.com' },
    { email: 'evil@example.com.evil.example' },
    { email: '' },
    { webhook: 'https://evil.example/hook' },
    { webhook: 'http://169.254.169.254/latest/meta-data' },
    { webhook: '../crm' },
    { webhook: 'crm/../x' },
    { webhook: `\${SECRET}` },
    { webhook: `\${file:/etc/passwd}` },
    { webhook: 'constructor' },
    { webhook: '__proto__' },
    { webhook: '' },
  ]
  const settings: Row[] = [...allowed, ...attacks].map((notify) => ({ notify }))
  for (const other of [
    { base_url: 'https://evil.example' },
    { api_key: `\${SECRET}` },
    { notify: { webhook: 'crm', secret: 'x' } },
    { notify: { webhook: 'crm', url: 'https://evil.example' } },
  ]) {
    settings.push(other)
  }
  await elt.warehouse.use(async ({ db }) => {
    const rows = settings.map((one, index) => ({
      name: `e${index + 100}`,
      query: 'select 1',
      settings: JSON.stringify({ action: 'add', list_id: 1, ...one }),
    }))
    await db.insertInto('exports').values(rows).execute()
  })
  const exports = await elt.exports()
  const aboutRecipients = /allowed_recipients|there is no webhook|unknown setting/
  // There is no connection, which is told of the allowed ones.
  for (const { error } of exports.slice(0, allowed.length)) expect(error).not.toMatch(aboutRecipients)
  for (const { error } of exports.slice(allowed.length)) {
    expect.soft(error).toMatch(aboutRecipients)
    expect.soft(error).not.toContain('shared')
  }
})

eachWarehouse('what was recorded for a stranger goes to nobody', async (test) => {
  await using mail = await startMailServer()
  await using receiver = await startReceiver()
  await using warehouse = await openWarehouse(test)
  const context = contextOf({
    email: { smtp_url: mail.url, from: 'elt@example.com', to: ['ops@example.com'], on: ['held'] },
    webhook: { url: 'http://127.0.0.1:9/', secret: 'shared', on: ['held'] },
    allowed_recipients: ['partner@other.example'],
  })
  const strangers = { email: ['evil@evil.example', 'ops@example.com'], webhook: receiver.url }
  await record(warehouse, context, failure, { ...strangers, on: ['failure'] })
  await record(
    warehouse,
    context,
    { ...failure, job: 'export:x\r\nBcc: evil@evil.example' },
    {
      email: ['partner@other.example'],
      on: ['failure'],
    },
  )
  // A message of before: its recipients were allowed then.
  await warehouse.use(({ db }) =>
    db
      .updateTable('notifications')
      .set({ recipients: JSON.stringify(['evil@evil.example', 'partner@other.example']) })
      .where('channel', '=', 'email')
      .execute(),
  )
  await deliverMessages({ ...context, warehouse, time: async () => at })
  expect(receiver.posts).toEqual([])
  expect(mail.mails.map(({ to }) => to)).toEqual([['partner@other.example']])
  const [headers = ''] = (mail.mails[0]?.text ?? '').split('\r\n\r\n')
  expect(headers).not.toMatch(/^Bcc:/m)
  expect(
    await test.query("select error_text from iterable_sync.notifications where channel = 'webhook'"),
  ).toEqual([{ error_text: expect.stringContaining('has no webhook') }])
})

eachWarehouse("an export reaches a webhook by its name, signed with that one's own secret", async (test) => {
  await using receiver = await startReceiver()
  await using warehouse = await openWarehouse(test)
  const context = contextOf({ webhooks: { crm: { url: receiver.url, secret: 'of crm' } } })
  await record(warehouse, context, failure, { webhook: 'crm', on: ['failure'] })
  await deliverMessages({ ...context, warehouse, time: async () => at })
  const [post] = receiver.posts as [Post]
  const signature = createHmac('sha256', 'of crm').update(post.body).digest('hex')
  expect(post.headers['x-iterable-elt-signature']).toBe(`sha256=${signature}`)
})
