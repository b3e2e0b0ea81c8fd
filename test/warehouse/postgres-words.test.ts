/** What Postgres says, in whatever language, and what the driver says itself: the cures are the same. */
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import {
  isEnded,
  isLate,
  isStrange,
  lacksPassword,
  speaksNoTls,
} from '../../src/warehouse/postgres/driver.ts'
import { PostgresServer } from '../../src/warehouse/postgres/server.ts'
import { openPostgres } from '../../src/warehouse/postgres/warehouse.ts'
import { readStatement } from '../../src/warehouse/statement.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../support/embedded-postgres.ts'
import { type GermanPostgres, startGermanPostgres } from '../support/german-postgres.ts'
import { pgbouncer, startPgbouncer } from '../support/pgbouncer.ts'
import { query } from './postgres-fixture.ts'
import { certificate, privateKey } from './postgres-tls.ts'

const rules = `
hostssl   only_tls   all 127.0.0.1/32 scram-sha-256
hostnossl only_plain all 127.0.0.1/32 scram-sha-256
host      no_role    all 127.0.0.1/32 trust
host      postgres   all 127.0.0.1/32 scram-sha-256
host      nowhere    all 127.0.0.1/32 scram-sha-256
host      private    all 127.0.0.1/32 scram-sha-256
`

let folder: string
let english: EmbeddedPostgres
let german: GermanPostgres
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'elt-words-'))
  const files = { 'pg_hba.conf': rules, 'server.crt': certificate, 'server.key': privateKey }
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text, { mode: 0o600 })
  // The test server runs as nobody where we are root.
  if (process.getuid?.() === 0)
    for (const path of [folder, ...Object.keys(files).map((name) => join(folder, name))])
      await chown(path, 65534, 65534)
  english = await startEmbeddedPostgres({
    hba_file: join(folder, 'pg_hba.conf'),
    ssl: 'on',
    ssl_cert_file: join(folder, 'server.crt'),
    ssl_key_file: join(folder, 'server.key'),
  })
  for (const name of ['only_tls', 'only_plain', 'no_role', 'private'])
    await query(english.url, `create database ${name}`)
  await query(english.url, `revoke connect on database private from public`)
  await query(english.url, `create role guest login password 'elt'`)
  german = await startGermanPostgres(english.url)
})
afterAll(async () => {
  await german[Symbol.asyncDispose]()
  await english.stop()
  await rm(folder, { recursive: true })
})

/** What becomes of a first connection: its name is that of the database, with more of its address. */
async function failureOf(url: string, address: string): Promise<unknown> {
  const { host } = new URL(url)
  await using server = new PostgresServer({ url: address.replace('HOST', host) }, 'iterable')
  return await server.meet().then(
    () => 'a connection',
    (error: unknown) => error,
  )
}

describe.each([
  ['English', () => english.url],
  ['German', () => german.url],
])('a server that speaks %s', (_language, url) => {
  test.each([
    ['postgres://elt:wrong@HOST/postgres', 'warehouse_login', 'refuses the password of "elt"'],
    ['postgres://elt@HOST/postgres', 'warehouse_login', 'asks for a password of "elt" and there is none'],
    ['postgres://nobody@HOST/no_role', 'warehouse_login', 'does not let "nobody" in'],
    ['postgres://elt:elt@HOST/nowhere', 'warehouse_database_missing', 'create database nowhere'],
    ['postgres://elt:elt@HOST/only_tls', 'warehouse_login', 'set "warehouse": {"ssl": true}'],
    ['postgres://elt:elt@HOST/unlisted', 'warehouse_login', 'must allow this machine in pg_hba.conf'],
    [
      'postgres://elt:elt@HOST/only_plain?sslmode=require',
      'warehouse_login',
      '; its administrator must allow this machine in pg_hba.conf',
    ],
    [
      'postgres://guest:elt@HOST/private',
      'warehouse_permission',
      'grant connect on database private to guest',
    ],
  ])('%s: %s', async (address, code, cure) => {
    expect(await failureOf(url(), address)).toMatchObject({ code, message: expect.stringContaining(cure) })
  })

  test.each(['only_tls?sslmode=allow', 'only_plain?sslmode=prefer'])(
    '%s: goes the other way',
    async (database) => {
      expect(await failureOf(url(), `postgres://elt:elt@HOST/${database}`)).toBe('a connection')
    },
  )

  const deleting = 'with gone as (delete from notes returning text) select * from gone'
  const several = 'select text from notes; delete from notes'
  test.each([
    readStatement(deleting),
    readStatement('select text into other from notes'),
    // Had our own look at it been deceived.
    { text: several, query: several, isSelect: false },
  ])('$text: is refused before it runs', async (statement) => {
    await query(english.url, 'create table if not exists public.notes (text text)')
    await using warehouse = await openPostgres({ source: { url: url() }, schema: 'iterable' })
    const running = warehouse.use((session) => session.select(statement))
    await expect(running).rejects.toMatchObject({ code: 'not_a_select' })
  })
})

test.skipIf(!pgbouncer)('a pooler that does not know the database says so', async () => {
  await using pooler = await startPgbouncer(english.url)
  expect(await failureOf(pooler.url, 'postgres://elt:elt@HOST/unlisted')).toMatchObject({
    code: 'warehouse_unreachable',
    message: expect.stringContaining('does not let us through to the database "unlisted"'),
  })
})

describe('the driver', () => {
  /** A server that answers a connection in its own way. */
  async function serve(answer: (socket: Socket) => void): Promise<string> {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      onTestFinished(() => void socket.destroy())
      answer(socket)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    return `postgres://elt:elt@127.0.0.1:${(server.address() as AddressInfo).port}/postgres`
  }
  const connect = async (config: pg.ClientConfig): Promise<pg.Client> => {
    const client = new pg.Client(config)
    client.on('error', () => {})
    onTestFinished(() => client.end().catch(() => {}))
    return await client.connect()
  }
  const said = (work: Promise<unknown>) => work.catch((error: unknown) => error)

  test('says that a server speaks no TLS', async () => {
    const connectionString = await serve((socket) => socket.once('data', () => socket.write('N')))
    expect(speaksNoTls(await said(connect({ connectionString, ssl: true })))).toBe(true)
  })

  test('says that whoever answers is not Postgres', async () => {
    const url = await serve((socket) => socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n')))
    expect(isStrange(await said(connect({ connectionString: url, ssl: true })))).toBe(true)
    expect(await failureOf(url, 'postgres://elt:elt@HOST/postgres?sslmode=require')).toMatchObject({
      code: 'warehouse_tls',
      message: expect.stringContaining('does not speak as a Postgres server does; check host and port'),
    })
  })

  test('says nothing of TLS that fails: Node does, by a code', async () => {
    const url = await serve((socket) => {
      socket.once('data', () => {
        socket.write('S')
        socket.on('data', () => socket.write('this is not TLS, however long one listens'))
      })
    })
    expect(await failureOf(url, 'postgres://elt:elt@HOST/postgres?sslmode=require')).toMatchObject({
      code: 'warehouse_tls',
      message: expect.stringContaining('; check "warehouse.ssl", and ssl of the server'),
    })
  })

  test.each([undefined, ''])('says that there is no password: %o', async (password) => {
    const { hostname, port } = new URL(english.url)
    const config = { host: hostname, port: Number(port), user: 'elt', database: 'postgres', password }
    expect(lacksPassword(await said(connect(config)))).toBe(true)
  })

  test('says that a server did not answer in time, and so does a pool', async () => {
    const config = { connectionString: await serve(() => {}), connectionTimeoutMillis: 50 }
    expect(isLate(await said(connect(config)))).toBe(true)
    const pool = new pg.Pool(config)
    await using server = new PostgresServer(pool, 'iterable')
    expect(await said(server.meet())).toMatchObject({
      code: 'warehouse_unreachable',
      message: expect.stringContaining('did not answer in time'),
    })
    await pool.end()
  })

  test('says that a pool has no connection left', async () => {
    const pool = new pg.Pool({ connectionString: english.url, max: 1 })
    const taken = await pool.connect()
    pool.options.connectionTimeoutMillis = 50
    expect(isLate(await said(pool.connect()))).toBe(true)
    taken.release()
    await pool.end()
  })

  test('says that a connection has ended, each time it is used', async () => {
    const ended = await connect({ connectionString: english.url })
    await ended.end()
    expect(isEnded(await said(ended.query('select 1')))).toBe(true)
    const client = await connect({ connectionString: english.url })
    const asked = said(client.query('select pg_sleep(60)'))
    ;(client as unknown as { connection: { stream: Socket } }).connection.stream.destroy()
    expect(isEnded(await asked)).toBe(true)
    expect(isEnded(await said(client.query('select 1')))).toBe(true)
  })
})
