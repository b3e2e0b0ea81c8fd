import { describe, expect, it } from 'vitest'
import { startSandbox } from '../../src/sandbox/index.ts'
import { freePort } from '../support/embedded-postgres.ts'
import { ask, exportPath, withSandbox } from './ask.ts'

describe('keys', () => {
  it('let each type call what it may', () =>
    withSandbox({}, async (sandbox) => {
      const { server, readOnly, mobile, javascript, disabled, euServer, usServer } = sandbox.keys
      const status = async (key: string, path: string, body?: unknown) =>
        (await ask(sandbox, path, { key, body })).status
      const update = { email: 'a@example.com' }
      expect(await status(server, exportPath('emailBounce'))).toBe(200)
      expect(await status(usServer, '/api/lists')).toBe(200)
      expect(await status(readOnly, '/api/lists')).toBe(200)
      expect(await status(readOnly, '/api/users/getFields')).toBe(200)
      expect(await status(readOnly, exportPath('emailBounce'))).toBe(403)
      expect(await status(readOnly, '/api/lists/getUsers?listId=957001')).toBe(403)
      expect(await status(readOnly, '/api/users/update', update)).toBe(403)
      for (const key of [mobile, javascript]) {
        expect(await status(key, '/api/lists')).toBe(403)
        expect(await status(key, '/api/users/update', update)).toBe(200)
      }
      for (const key of [disabled, euServer, 'f'.repeat(32), ''])
        expect(await status(key, '/api/lists')).toBe(401)
    }))

  it('belong to one data centre', () =>
    withSandbox({ region: 'eu' }, async (sandbox) => {
      expect((await ask(sandbox, '/api/lists', { key: sandbox.keys.euServer })).status).toBe(200)
      expect((await ask(sandbox, '/api/lists', { key: sandbox.keys.usServer })).status).toBe(401)
    }))
})

describe('refusals', () => {
  it('have the documented bodies', () =>
    withSandbox({}, async (sandbox) => {
      const refusal = async (path: string, key?: string) => {
        const { status, json } = await ask(sandbox, path, key === undefined ? {} : { key })
        return [status, json()] as unknown
      }
      expect(await refusal('/api/lists', 'wrong')).toEqual([
        401,
        { msg: 'Invalid API key', code: 'BadApiKey', params: { ip: '127.0.0.1', endpoint: '/api/lists' } },
      ])
      expect(await refusal('/api/lists/getUsers?listId=999')).toEqual([
        400,
        { msg: 'error.lists.invalidListId(999)', code: 'Success', params: { projectId: 1, listId: 999 } },
      ])
      expect(await refusal('/api/lists', sandbox.keys.mobile)).toMatchObject([403, { code: 'Forbidden' }])
      expect(await refusal('/api/campaigns/1')).toMatchObject([404, { code: 'NotFound' }])
      for (const path of [
        '/api/export/data.json?dataTypeName=nope&range=All',
        '/api/export/data.json?range=All',
        '/api/export/data.json?dataTypeName=user&range=Sometimes',
        '/api/export/data.json?dataTypeName=user&startDateTime=01/02/2026',
        '/api/campaigns?pageSize=1001',
        '/api/campaigns?page=0',
        '/api/templates?templateType=Nope',
        '/api/lists/getUsers',
      ]) {
        expect([path, await refusal(path)]).toMatchObject([path, [400, { code: 'BadParams' }]])
      }
    }))

  it('answer an unknown path with a page that says Action not found', () =>
    withSandbox({}, async (sandbox) => {
      const { status, text, headers } = await ask(sandbox, '/api/nothing/here')
      expect([status, headers.get('content-type')]).toEqual([404, 'text/html; charset=utf-8'])
      expect(text).toContain('<title>Action not found</title>')
      expect((await ask(sandbox, '/api/lists/subscribe')).status).toBe(404)
    }))

  it('treat an unknown person as an empty answer', () =>
    withSandbox({}, async (sandbox) => {
      expect((await ask(sandbox, '/api/users/getByEmail?email=nobody%40example.com')).json()).toEqual({})
      const { email } = sandbox.data.users.all().find(({ userId }) => userId === undefined)!
      expect((await ask(sandbox, `/api/users/${encodeURIComponent(String(email))}`)).json()).toMatchObject({
        user: { email },
      })
    }))
})

describe('paging', () => {
  it('gives 20 a page by default and the next page by a relative address', () =>
    withSandbox({}, async (sandbox) => {
      const names: unknown[] = []
      let path: string | undefined = '/api/campaigns?sort=-name'
      const sizes: number[] = []
      while (path) {
        const page: { campaigns: { name: string }[]; nextPageUrl?: string; totalCampaignsCount: number } =
          JSON.parse((await ask(sandbox, path)).text)
        expect(page.totalCampaignsCount).toBe(sandbox.data.campaigns.length)
        names.push(...page.campaigns.map(({ name }) => name))
        sizes.push(page.campaigns.length)
        path = page.nextPageUrl
      }
      expect(sizes.slice(0, -1).every((size) => size === 20)).toBe(true)
      expect(names).toEqual(
        sandbox.data.campaigns
          .map(({ name }) => name)
          .sort()
          .reverse(),
      )
    }))

  it('follows the markers of metadata to the last key', () =>
    withSandbox({}, async (sandbox) => {
      const keys: unknown[] = []
      let marker = ''
      do {
        const page: { results: { key: string }[]; nextMarker?: string } = JSON.parse(
          (await ask(sandbox, `/api/metadata/STORES${marker}`)).text,
        )
        keys.push(...page.results.map(({ key }) => key))
        marker = page.nextMarker === undefined ? '' : `?nextMarker=${page.nextMarker}`
      } while (marker)
      const rows = sandbox.truth.metadata().filter(({ table }) => table === 'stores')
      expect(keys).toEqual(rows.map(({ key }) => key))
      expect((await ask(sandbox, '/api/metadata/stores/s7')).json()).toEqual(rows[6])
      expect((await ask(sandbox, '/api/metadata/stores/S7')).status).toBe(404)
    }))
})

describe('rate limits', () => {
  it('let four exports through a minute, JSON and CSV together', async () => {
    let now = 0
    await using sandbox = await startSandbox({ clock: () => now })
    const status = async (path = exportPath('emailBounce')) => (await ask(sandbox, path)).status
    for (let count = 0; count < 4; count++) expect(await status()).toBe(200)
    const refused = await ask(sandbox, '/api/export/data.csv?dataTypeName=user&range=All')
    expect(refused.status).toBe(429)
    expect(refused.headers.get('retry-after')).toBeNull()
    expect(refused.json()).toEqual({
      msg: 'Exceeded rate limit for endpoint: /api/export/data.csv, project: 1 ',
      code: 'RateLimitExceeded',
      params: {},
    })
    now += 14_000
    expect(await status()).toBe(429)
    now += 1000
    expect(await status()).toBe(200)
    expect(await status()).toBe(429)
    expect(await status('/api/channels')).toBe(200)
    now += 60_000
    for (let count = 0; count < 4; count++) expect(await status()).toBe(200)
    expect(await status()).toBe(429)
  })

  it('shrink with the time scale and can tell how long to wait', async () => {
    let now = 0
    await using sandbox = await startSandbox({ clock: () => now, timeScale: 60, retryAfter: true })
    const read = () => ask(sandbox, '/api/lists/957001/size')
    for (let count = 0; count < 5; count++) expect((await read()).status).toBe(200)
    expect((await read()).headers.get('retry-after')).toBe('1')
    now += 200
    expect((await read()).status).toBe(200)
  })

  it('are not used up by calls without a valid key', async () => {
    await using sandbox = await startSandbox({ clock: () => 0 })
    for (let count = 0; count < 9; count++)
      expect((await ask(sandbox, exportPath('user'), { key: 'wrong' })).status).toBe(401)
    expect((await ask(sandbox, exportPath('user'))).status).toBe(200)
  })
})

describe('the house', () => {
  it('tells at its door what it holds, for people and for programs', () =>
    withSandbox({}, async (sandbox) => {
      const page = await (await fetch(`${sandbox.url}/`)).text()
      expect(page).toContain(sandbox.keys.readOnly)
      const curl = /curl -H 'Api-Key: (\w+)' '(http[^']+emailSend[^']+)'/.exec(page)!
      expect(
        rowsIn(await (await fetch(curl[2]!, { headers: { 'Api-Key': curl[1]! } })).text()),
      ).toBeGreaterThan(10)
      const response = await fetch(`${sandbox.url}/`, { headers: { accept: 'application/json' } })
      expect(await response.json()).toMatchObject({ keys: sandbox.keys, holds: { users: 200 } })
      expect((await fetch(`${sandbox.url}/health`)).status).toBe(200)
    }))

  it('remembers requests, within bounds', () =>
    withSandbox({ logSize: 3 }, async (sandbox) => {
      for (let count = 0; count < 5; count++)
        await ask(sandbox, `/api/lists/${957_001 + count}/size?n=${count}`)
      expect(sandbox.requests).toHaveLength(3)
      expect(sandbox.requests.at(-1)).toMatchObject({
        number: 5,
        method: 'GET',
        path: '/api/lists/957005/size',
        query: { n: '4' },
        status: 200,
        key: 'server',
      })
      expect(sandbox.counts()).toEqual({ total: 5, 'GET /api/lists/{id}/size': 5 })
    }))

  it('gives its port back when it is closed, also while a client waits', async () => {
    const first = await startSandbox({ rateLimits: 'off', port: await freePort() })
    first.faults.next({ fault: 'stall' })
    const waiting = ask(first, exportPath('emailSend')).catch((error: unknown) => error)
    while (first.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    await first.close()
    expect(await waiting).toBeInstanceOf(Error)
    const second = await startSandbox({ port: first.port })
    await second.close()
    await expect(startSandbox({ faults: ['nope' as 'cut'] })).rejects.toThrow(
      /unknown fault profile nope; known are 429/,
    )
  })
})

const rowsIn = (text: string) => text.split('\n').length - 1
