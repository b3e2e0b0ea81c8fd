import fc from 'fast-check'
import pg from 'pg'
import { expect, test } from 'vitest'
import { parseConfig } from '../../src/config/load.ts'
import type { ConfigInput } from '../../src/config/schema.ts'
import { redact, secretsOf } from '../../src/config/secrets.ts'

test('all secrets of a configuration are found, in every spelling', () => {
  const config = parse({
    warehouse: { type: 'postgres', url: 'postgres://elt:db%20pass%2Fword@db/x?password=in-query' },
    connections: {
      a: { api_key: 'key-of-a', base_url: 'https://u:proxy-pass@proxy' },
      b: { api_key: 'key-of-b"quoted' },
    },
    notifications: {
      email: { smtp_url: 'smtp://u:mail-pass@mail', from: 'a@b', to: ['a@b'] },
      webhook: { url: 'https://hooks.example.com/services/T000/B000/abcdef', secret: 'hmac-secret\ud800' },
    },
  })
  expect(secretsOf(config, { PGPASSWORD: 'from-the-environment' })).toEqual(
    expect.arrayContaining([
      'db%20pass%2Fword',
      'db pass/word',
      'in-query',
      'key-of-a',
      'proxy-pass',
      'key-of-b"quoted',
      'key-of-b\\"quoted',
      'key-of-b%22quoted',
      'mail-pass',
      // As a mail server, or a proxy, is told them.
      ...['\0u\0mail-pass', 'mail-pass', 'u:proxy-pass'].map((text) => Buffer.from(text).toString('base64')),
      '/services/T000/B000/abcdef',
      'hmac-secret\ud800',
      'from-the-environment',
    ]),
  )
})

test('the key in the connection string of Azure is a secret, also where it stands alone', () => {
  const connection_string = 'AccountName=elt;AccountKey=a2V5+w==;EndpointSuffix=core.windows.net'
  const config = parse({
    warehouse: {
      type: 'ducklake',
      catalog: 'postgres://db/elt',
      data_path: 'az://lake/x',
      storage: { connection_string },
    },
  })
  expect(secretsOf(config)).toEqual(expect.arrayContaining([connection_string, 'a2V5+w==']))
})

test('the password of a live pool is a secret too', async () => {
  const pool = new pg.Pool({ password: 'live-password' })
  expect(secretsOf(parse({ warehouse: { type: 'postgres', pool } }))).toContain('live-password')
  await pool.end()
})

test('a configuration without secrets has none, and a short webhook path is none', () => {
  const notifications = { webhook: { url: 'https://hooks.example.com/hook' } }
  expect(secretsOf(parse({ warehouse: { type: 'duckdb', path: 'x' }, notifications }))).toEqual([])
  expect(redact('as it was', [])).toBe('as it was')
})

test('texts lose the secrets and nothing else', () => {
  const secrets = ['key-of-a', 'key-of-a-longer', 'a.c', 'pw']
  expect(redact('key-of-a-longer, key-of-a; abc a.c pw. pwd /pw/', secrets)).toBe(
    '***, ***; abc *** ***. pwd /***/',
  )
})

test('no long secret survives in any text', () => {
  const secret = fc.string({ minLength: 8, maxLength: 40, unit: 'grapheme' })
  fc.assert(
    fc.property(fc.array(secret, { minLength: 1, maxLength: 4 }), fc.string(), (secrets, between) => {
      const redacted = redact(secrets.join(` ${between} `), secrets)
      expect(secrets.filter((one) => redacted.includes(one) && !between.includes(one))).toEqual([])
    }),
  )
})

function parse(raw: ConfigInput) {
  return parseConfig(raw, { baseDirectory: '/base' })
}
