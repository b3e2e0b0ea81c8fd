import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isOurHost } from '../../src/ui/hosts.ts'
import { passwordHashOf } from '../../src/ui/passwords.ts'
import { serveUi } from '../../src/ui/server.ts'
import { type Fixture, makeFixture } from '../export/support.ts'
import { createTestWarehouse, type TestWarehouse } from '../support/warehouse.ts'
import { holdMirror, type PageOptions, pagesOf, servePage } from './support.ts'

/** One world for all attacks: a held run that none of them may set free. */
let warehouse: TestWarehouse
let f: Fixture
let held: string
let users: Readonly<Record<string, { readonly password: string; readonly role: 'viewer' | 'operator' }>>
beforeAll(async () => {
  warehouse = await createTestWarehouse('duckdb')
  f = await makeFixture(warehouse)
  held = await holdMirror(f)
  users = {
    reader: { password: await passwordHashOf('read only, please'), role: 'viewer' },
    doer: { password: await passwordHashOf('do what is needed'), role: 'operator' },
  }
})
afterAll(async () => {
  await f[Symbol.asyncDispose]()
  await warehouse[Symbol.asyncDispose]()
})

const stateOfHeld = async () => (await f.elt.run(held)).state
const pageWithUsers = (more: PageOptions = {}) => servePage(f.elt, { ...more, ui: { users } })

test.each([
  ['localhost:9465', true],
  ['127.0.0.1:1', true],
  ['[::1]:9465', true],
  ['192.168.1.5:9465', true],
  ['ELT.example.com:443', true],
  ['elt.example.com', true],
  ['evil.example', false],
  ['elt.example.com.evil.example', false],
  ['localhost.evil.example:9465', false],
  ['127.0.0.1.evil.example', false],
  ['localhost:9465@evil.example', false],
  ['', false],
  [undefined, false],
])('a host called %s is ours: %s', (host, isOurs) => {
  expect(isOurHost(host, ['elt.example.com'])).toBe(isOurs)
})

test('a name that is pointed at this machine opens nothing', async () => {
  await using page = await servePage(f.elt)
  const visitor = page.visitor()
  const answer = await visitor.get('/', { headers: { Host: 'evil.example' } })
  expect(answer).toMatchObject({ status: 421, body: expect.stringContaining('ui.allowed_hosts') })
  expect(answer.body).not.toContain('vip')
  expect(visitor.cookie).toBe('')
})

test('every page says what it may load, and is kept by nobody', async () => {
  await using page = await servePage(f.elt)
  for (const path of ['/', '/nope', '/query']) {
    const { headers, body } = await page.visitor().get(path)
    expect(headers['content-security-policy']).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    )
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'same-origin',
      'set-cookie': [expect.stringMatching(/; Path=\/; HttpOnly; SameSite=Lax$/)],
    })
    expect(body).not.toMatch(
      /<script>|<script [^>]*>[^<]|\son\w+=|style="|(?:src|href|action)="(?:https?:)?\/\//,
    )
  }
})

test('a file that does not exist is not found, also by somebody who has not signed in', async () => {
  await using page = await pageWithUsers()
  for (const name of ['nope', '__proto__', '..%2f..%2fpackage.json']) {
    expect((await page.visitor().get(`/assets/${name}`)).status).toBe(404)
  }
})

describe('a form', () => {
  test('of another site does nothing', async () => {
    await using page = await servePage(f.elt)
    const visitor = page.visitor()
    await visitor.get('/query')
    const foreign = [
      { Origin: 'https://evil.example' },
      { Origin: 'null' },
      { Origin: page.url.replace(/:\d+\/$/, ':1') },
      { 'Sec-Fetch-Site': 'cross-site' },
      { 'Sec-Fetch-Site': 'same-site' },
    ]
    for (const headers of foreign) {
      const answer = await visitor.post(`/runs/${held}/approve`, { by: 'x' }, { headers: headers as never })
      expect(answer.status, JSON.stringify(headers)).toBe(403)
    }
    expect(await stateOfHeld()).toBe('held')
  })

  test('without the token of its session does nothing', async () => {
    await using page = await servePage(f.elt)
    const [visitor, other] = [page.visitor(), page.visitor()]
    await visitor.get('/query')
    await other.get('/query')
    expect(other.token).not.toBe(visitor.token)
    for (const token of ['', 'x', other.token, `${visitor.token} `]) {
      expect((await visitor.post(`/runs/${held}/approve`, { token })).status).toBe(403)
    }
    expect((await page.visitor().post(`/runs/${held}/approve`, { token: visitor.token })).status).toBe(401)
    expect(await stateOfHeld()).toBe('held')
  })

  test.each(['PUT', 'DELETE', 'PATCH', 'OPTIONS'])('cannot be sent as %s', async (method) => {
    await using page = await servePage(f.elt)
    const visitor = page.visitor()
    await visitor.get('/query')
    expect((await visitor.get(`/runs/${held}/approve`, { method })).status).toBe(403)
  })
})

describe('a session', () => {
  test('begins with the right name and password, and with nothing else', async () => {
    await using page = await pageWithUsers()
    expect(await page.visitor().get('/runs?job=sync')).toMatchObject({
      status: 303,
      headers: { location: '/sign-in?next=%2Fruns%3Fjob%3Dsync' },
    })
    expect((await page.visitor().get('/live')).status).toBe(401)
    const visitor = page.visitor()
    for (const [name, password] of [
      ['doer', 'read only, please'],
      ['nobody', 'do what is needed'],
      ['__proto__', 'x'],
      ['doer', users.doer?.password ?? ''],
    ] as const) {
      expect((await visitor.signIn(name, password)).status, name).toBe(401)
    }
    expect(visitor.cookie).toBe('')
    expect((await visitor.signIn('doer', 'do what is needed')).status).toBe(303)
    expect((await visitor.get('/')).body).toContain('doer (operator)')
  })

  test('leads nowhere else', async () => {
    await using page = await pageWithUsers()
    for (const next of ['https://evil.example/', '//evil.example', '/\\evil.example', 'runs']) {
      const visitor = page.visitor()
      const { headers } = await visitor.post('/sign-in', {
        name: 'doer',
        password: 'do what is needed',
        next,
      })
      expect(headers.location).toBe('/')
    }
  })

  test('begins with the token under a name of its own', async () => {
    const token = 'a token for the page'
    await using page = await servePage(f.elt, { ui: { token, users } })
    const visitor = page.visitor()
    expect((await visitor.signIn('reader', token)).status).toBe(401)
    expect((await visitor.signIn(' ', token)).status).toBe(401)
    expect((await visitor.signIn('night shift', token)).status).toBe(303)
    expect((await visitor.get('/')).body).toContain('night shift (operator)')
  })

  test('cannot be tried for by the thousand', async () => {
    let ms = Date.parse('2026-01-01T00:00:00Z')
    await using page = await pageWithUsers({ now: () => new Date(ms) })
    const visitor = page.visitor()
    const statuses = []
    for (let tries = 0; tries < 6; tries += 1) statuses.push((await visitor.signIn('doer', 'wrong')).status)
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429])
    expect((await visitor.signIn('doer', 'do what is needed')).status).toBe(429)
    ms += 5 * 60_000
    expect((await visitor.signIn('doer', 'do what is needed')).status).toBe(303)
  })

  test('ends by its time, and by signing out', async () => {
    let ms = Date.parse('2026-01-01T00:00:00Z')
    await using page = await pageWithUsers({ now: () => new Date(ms) })
    const visitor = page.visitor()
    await visitor.signIn('doer', 'do what is needed')
    await visitor.get('/query')
    ms += 12 * 3_600_000
    expect((await visitor.get('/')).status).toBe(303)
    expect((await visitor.post(`/runs/${held}/approve`)).status).toBe(401)

    await visitor.signIn('doer', 'do what is needed')
    await visitor.get('/query')
    const cookie = visitor.cookie
    expect((await visitor.post('/sign-out')).status).toBe(303)
    visitor.cookie = cookie
    expect((await visitor.post(`/runs/${held}/approve`)).status).toBe(401)
    expect(await stateOfHeld()).toBe('held')
  })

  test('cannot be made up', async () => {
    await using page = await pageWithUsers()
    const visitor = page.visitor()
    await visitor.signIn('reader', 'read only, please')
    const [name = '', value = ''] = visitor.cookie.split('=')
    const [text = '', signature] = decodeURIComponent(value).split('.')
    const session = JSON.parse(Buffer.from(text, 'base64url').toString())
    const forged = Buffer.from(JSON.stringify({ ...session, role: 'operator' })).toString('base64url')
    for (const cookie of [`${forged}.${signature}`, `${forged}.`, forged, text, '.', '..', '']) {
      visitor.cookie = `${name}=${cookie}`
      expect((await visitor.get('/')).status, cookie).toBe(303)
    }
  })
})

test('a viewer decides nothing, runs nothing, and sees nobody', async () => {
  await using page = await pageWithUsers()
  const visitor = page.visitor()
  await visitor.signIn('reader', 'read only, please')
  const seen = await visitor.get('/')
  expect(seen.body).toContain('reader (viewer)')
  for (const path of pagesOf(held)) {
    const { body, status } = await visitor.get(path)
    expect([200, 403], path).toContain(status)
    expect(body.replace('value="p1@example.com"', ''), path).not.toMatch(/p\d+@example\.com/)
    expect(body.match(/<form method="post" action="(?!\/sign-out)/g), path).toBeNull()
  }
  // Only a whole name is found: letter by letter it would be guessed.
  const rowsFor = async (person: string) =>
    (await visitor.get(`/runs/${held}/plan?person=${person}`)).body.match(/p•••@e•••/g)?.length ?? 0
  expect([await rowsFor('p7@example.com'), await rowsFor('P7@'), await rowsFor('')]).toEqual([1, 0, 6])
  const actions = [
    ...[`/runs/${held}/approve`, `/runs/${held}/cancel`, '/definitions', '/queries', '/query', '/query.csv'],
    ...['/exports/vip/plan', '/schedules/sync/pause', '/schedules/sync/run', '/schedules/sync/backfill'],
  ]
  for (const path of actions) {
    expect((await visitor.post(path, { sql: 'select 1' })).status, path).toBe(403)
  }
  expect((await visitor.get(`/runs/${held}/plan.csv`)).status).toBe(403)
  expect(await stateOfHeld()).toBe('held')
})

test('no page shows a secret, wherever it was written', async () => {
  const secret = 'key-with-"quotes"&-1234'
  await f.run(
    `insert into iterable_sync.runs (run_id, job, kind, trigger, state, started_at, finished_at, error_code, error_text)
     values ('leak', 'sync', 'sync', 'manual', 'failed', now(), now(), 'failed', 'refused: ${secret}')`,
  )
  await using page = await servePage(f.elt, { secrets: [secret, 'short'] })
  for (const path of ['/', '/runs', '/runs/leak']) {
    const { body } = await page.visitor().get(path)
    expect(body).toContain('refused: ***')
    expect(body).not.toContain('1234')
  }
  const key = f.sandbox.keys.server
  for (const path of pagesOf(held)) expect((await page.visitor().get(path)).body).not.toContain(key)
})

test('other machines are let in only where they must sign in', async () => {
  const request = { port: 0, localName: 'x', secrets: [], now: () => new Date() }
  await expect(serveUi(f.elt, { ...request, host: '0.0.0.0' })).rejects.toThrow(
    'set "ui.token" or "ui.users"',
  )
  const config = { ...f.elt.config, ui: { ...f.elt.config.ui, users } }
  await using server = await serveUi({ ...f.elt, config }, { ...request, host: '0.0.0.0' })
  expect(server.port).toBeGreaterThan(0)
  await expect(serveUi(f.elt, { ...request, host: '127.0.0.1', port: server.port })).rejects.toThrow(
    `port ${server.port} is taken`,
  )
})

test('what is too large for a form is refused', async () => {
  await using page = await servePage(f.elt)
  const visitor = page.visitor()
  await visitor.get('/query')
  expect((await visitor.post('/query', { sql: 'x'.repeat(300_000) })).status).toBe(413)
})
