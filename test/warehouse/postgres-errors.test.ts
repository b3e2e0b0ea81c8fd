import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Kysely, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { UserError } from '../../src/errors.ts'
import type { StateDatabase } from '../../src/state/tables.ts'
import { migrate } from '../../src/warehouse/migrations.ts'
import { openPostgres, type PostgresOptions } from '../../src/warehouse/postgres/warehouse.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../support/embedded-postgres.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { eventLine, loadLines, query } from './postgres-fixture.ts'
import { certificate, privateKey } from './postgres-tls.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

/** The database's address with parts changed. */
function address(
  parts: Partial<Pick<URL, 'hostname' | 'port' | 'username' | 'password' | 'pathname' | 'search'>>,
) {
  return Object.assign(new URL(database.url), parts).href
}

async function migrated(options: Partial<PostgresOptions>): Promise<void> {
  await using warehouse = await openPostgres({
    source: { url: database.url },
    schema: 'iterable',
    ...options,
  })
  await warehouse.use(migrate)
}

async function errorOf(work: Promise<unknown>): Promise<UserError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(UserError)
  return error as UserError
}

describe('a server that cannot be reached', () => {
  test.each([
    ['unknown host', { hostname: 'no-such-host.invalid' }, /host "no-such-host.invalid" is not known/],
    ['closed port', { port: '1' }, /nothing answers at \S+:1; check host and port/],
    ['no socket', { search: '?host=/nowhere' }, /no Postgres socket at \/nowhere/],
  ])('%s', async (_name, parts, message) => {
    const error = await errorOf(migrated({ source: { url: address(parts) } }))
    expect(error).toMatchObject({ code: 'warehouse_unreachable', message: expect.stringMatching(message) })
  })
})

describe('a login that fails', () => {
  test('wrong password: named without the password', async () => {
    const url = address({ password: 'seCret' })
    const error = await errorOf(migrated({ source: { url } }))
    expect(error).toMatchObject({
      code: 'warehouse_login',
      message: expect.stringContaining(`refuses the password of "${new URL(database.url).username}"`),
    })
    expect(`${error.message} ${JSON.stringify(error)} ${String(error.cause)}`).not.toContain('seCret')
  })

  test('no password at all', async () => {
    const url = address({ password: '' })
    const error = await errorOf(migrated({ source: { url } }))
    expect(error).toMatchObject({
      code: 'warehouse_login',
      message: expect.stringContaining('asks for a password'),
    })
  })

  test('a database that does not exist', async () => {
    const url = address({ pathname: '/Nowhere' })
    const error = await errorOf(migrated({ source: { url } }))
    expect(error).toMatchObject({
      code: 'warehouse_database_missing',
      message: expect.stringContaining('has no database "Nowhere"; create it (create database "Nowhere")'),
    })
  })

  test('no free connection', async () => {
    const role = await createRole('connection limit 0')
    const error = await errorOf(migrated({ source: { url: role.url } }))
    expect(error).toMatchObject({
      code: 'warehouse_full',
      message: expect.stringContaining('no free connection'),
    })
    await role.drop()
  })
})

describe('TLS', () => {
  let server: EmbeddedPostgres
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'elt-tls-'))
    const [certificateFile, keyFile] = [join(folder, 'server.crt'), join(folder, 'server.key')]
    await writeFile(certificateFile, certificate)
    await writeFile(keyFile, privateKey, { mode: 0o600 })
    // The test server runs as nobody where we are root.
    if (process.getuid?.() === 0)
      for (const path of [folder, certificateFile, keyFile]) await chown(path, 65534, 65534)
    server = await startEmbeddedPostgres({ ssl: 'on', ssl_cert_file: certificateFile, ssl_key_file: keyFile })
  })
  afterAll(async () => {
    await server.stop()
    await rm(folder, { recursive: true })
  })

  const isEncrypted = async (options: Partial<PostgresOptions>) => {
    await using warehouse = await openPostgres({
      source: { url: server.url },
      schema: 'iterable',
      ...options,
    })
    return await warehouse.use(async (session) => {
      await migrate(session)
      const rows = await query(
        server.url,
        `select ssl from pg_stat_ssl join pg_stat_activity using (pid) where application_name = 'iterable-elt'`,
      )
      return rows[0]?.ssl
    })
  }
  const withMode = (mode: string) => ({ source: { url: `${server.url}?${mode}` } })

  test('the modes mean what they mean to psql', async () => {
    expect(await isEncrypted({})).toBe(false)
    expect(await isEncrypted(withMode('sslmode=disable'))).toBe(false)
    expect(await isEncrypted(withMode('sslmode=allow'))).toBe(false)
    expect(await isEncrypted(withMode('sslmode=prefer'))).toBe(true)
    expect(await isEncrypted(withMode('sslmode=require'))).toBe(true)
    expect(await isEncrypted(withMode(`sslmode=verify-full&sslrootcert=${join(folder, 'server.crt')}`))).toBe(
      true,
    )
    expect(await isEncrypted({ environment: { PGSSLMODE: 'require' } })).toBe(true)
  })

  test('"ssl" of the configuration goes before the address', async () => {
    const url = `${server.url}?sslmode=disable`
    expect(await isEncrypted({ source: { url, ssl: { ca: join(folder, 'server.crt') } } })).toBe(true)
    expect(await isEncrypted({ source: { url, ssl: { reject_unauthorized: false } } })).toBe(true)
    expect(await isEncrypted({ source: { url: `${server.url}?sslmode=require`, ssl: false } })).toBe(false)
  })

  test('a certificate that nobody vouches for', async () => {
    for (const options of [withMode('sslmode=verify-full'), { source: { url: server.url, ssl: true } }]) {
      const error = await errorOf(isEncrypted(options))
      expect(error).toMatchObject({
        code: 'warehouse_tls',
        message: expect.stringContaining('signed by nobody'),
      })
    }
  })

  test('a certificate file that is missing', async () => {
    const missing = join(folder, 'missing.pem')
    await expect(isEncrypted({ source: { url: server.url, ssl: { ca: missing } } })).rejects.toThrow(
      `"warehouse.ssl.ca": cannot read ${missing}`,
    )
    await expect(isEncrypted(withMode(`sslmode=verify-full&sslrootcert=${missing}`))).rejects.toThrow(missing)
  })

  test('a server without it', async () => {
    const error = await errorOf(migrated({ source: { url: `${database.url}?sslmode=require` } }))
    expect(error).toMatchObject({
      code: 'warehouse_tls',
      message: expect.stringContaining('speaks no TLS; set "warehouse": {"ssl": false}'),
    })
    await migrated({ source: { url: `${database.url}?sslmode=prefer` } })
  })
})

test('what the address leaves open comes from the environment, as with psql', async () => {
  const { hostname, port, username, password, pathname } = new URL(database.url)
  const environment = {
    PGHOST: hostname,
    PGPORT: port,
    PGUSER: username,
    PGPASSWORD: password,
    PGDATABASE: pathname.slice(1),
  }
  await migrated({ source: {}, environment })
  await migrated({
    source: { url: `postgres://${username}@${hostname}:${port}` },
    environment: { PGPASSWORD: password, PGDATABASE: pathname.slice(1) },
  })
  const error = await errorOf(
    migrated({ source: {}, environment: { ...environment, PGDATABASE: 'nowhere' } }),
  )
  expect(error.code).toBe('warehouse_database_missing')
})

describe('roles', () => {
  test('one that owns its schemas, and nothing else, is enough for everything', async () => {
    const role = await createRole()
    await query(
      database.url,
      `create schema mine authorization ${role.name}; create schema mine_sync authorization ${role.name}; create schema mine_views authorization ${role.name}`,
    )
    {
      await using warehouse = await openPostgres({ source: { url: role.url }, schema: 'mine' })
      await using lock = await warehouse.lock('sync')
      expect(lock).toBeDefined()
      await loadLines(warehouse, 'email_open', [eventLine({ n: 1 })])
      await loadLines(warehouse, 'email_open', [eventLine({ n: 'text' }), eventLine({ more: true })])
      await loadLines(warehouse, 'users', ['{"email":"a@x"}'])
    }
    expect(await query(database.url, 'select n, more from mine_views.email_open order by n')).toEqual([
      { n: 'text', more: null },
      { n: null, more: true },
    ])
    await role.drop()
  })

  test('one that may not create schemas is told what to run', async () => {
    const role = await createRole()
    const error = await errorOf(migrated({ source: { url: role.url }, schema: 'other' }))
    expect(error).toMatchObject({
      code: 'warehouse_permission',
      message: expect.stringContaining(`create schema other_sync authorization ${role.name};`),
    })
    await role.drop()
  })

  test('one that may not write into the schema is told what to run', async () => {
    const role = await createRole()
    await query(database.url, 'create schema theirs; create schema theirs_sync; create schema theirs_views')
    const error = await errorOf(migrated({ source: { url: role.url }, schema: 'theirs' }))
    expect(error).toMatchObject({
      code: 'warehouse_permission',
      message: expect.stringContaining(`grant usage, create on schema theirs_sync to ${role.name};`),
    })
    await role.drop()
  })

  test('one that may only read is told so', async () => {
    const role = await createRole()
    await query(
      database.url,
      `alter role ${role.name} set default_transaction_read_only = on; grant create on database ${new URL(database.url).pathname.slice(1)} to ${role.name}`,
    )
    const error = await errorOf(migrated({ source: { url: role.url }, schema: 'readonly' }))
    expect(error).toMatchObject({
      code: 'warehouse_read_only',
      message: expect.stringContaining('point "warehouse.url" at the primary'),
    })
    await role.drop()
  })
})

describe('limits of time', () => {
  test('a statement that takes too long', async () => {
    await using warehouse = await openPostgres({
      source: { url: database.url, statement_timeout: 100 },
      schema: 'iterable',
    })
    const error = await errorOf(warehouse.use(({ db }) => run(db, 'select pg_sleep(5)')))
    expect(error).toMatchObject({
      code: 'warehouse_timeout',
      message: expect.stringContaining('statement_timeout'),
    })
  })

  test('a statement that somebody cancels', async () => {
    await using warehouse = await openPostgres({ source: { url: database.url }, schema: 'iterable' })
    const sleeping = errorOf(warehouse.use(({ db }) => run(db, 'select pg_sleep(60)')))
    const cancelled = async () =>
      query(
        database.url,
        `select pg_cancel_backend(pid) from pg_stat_activity where datname = current_database() and query = 'select pg_sleep(60)' and state = 'active'`,
      )
    for (let isOver = false; !isOver; ) {
      await cancelled()
      isOver = await Promise.race([sleeping.then(() => true), delay(50, false)])
    }
    expect(await sleeping).toMatchObject({
      code: 'warehouse_cancelled',
      message: expect.stringContaining('somebody cancelled'),
    })
  })

  test('a lock that is not to be had', async () => {
    await using warehouse = await openPostgres({
      source: { url: database.url, lock_timeout: 100 },
      schema: 'iterable',
    })
    await loadLines(warehouse, 'email_open', [eventLine({})])
    const error = await errorOf(
      warehouse.use(async ({ db }) => {
        await db.transaction().execute(async (trx) => {
          await run(trx, 'lock table iterable.email_open')
          await warehouse.use((other) => run(other.db, 'delete from iterable.email_open'))
        })
      }),
    )
    expect(error).toMatchObject({
      code: 'warehouse_locked',
      message: expect.stringContaining('lock_timeout'),
    })
  })
})

test('a database whose encoding lacks characters is told so', async () => {
  const name = `latin_${process.pid}`
  await query(
    database.url,
    `create database ${name} encoding 'LATIN1' template template0 lc_collate 'C' lc_ctype 'C'`,
  )
  try {
    await using warehouse = await openPostgres({
      source: { url: address({ pathname: `/${name}` }) },
      schema: 'iterable',
    })
    const error = await errorOf(loadLines(warehouse, 'email_open', [eventLine({ city: '漢' })]))
    expect(error).toMatchObject({
      code: 'warehouse_encoding',
      message: expect.stringContaining('encoding UTF8'),
    })
  } finally {
    await query(database.url, `drop database ${name} with (force)`)
  }
})

const run = (db: Kysely<StateDatabase>, statement: string) => sql.raw(statement).execute(db)

let roles = 0

/** A role of the test's own that may log in and connect. */
async function createRole(options = '') {
  roles += 1
  const name = `role_${process.pid}_${roles}`
  await query(database.url, `create role ${name} login password 'p@ss' ${options}`)
  return {
    name,
    url: address({ username: name, password: 'p@ss' }),
    drop: () => query(database.url, `drop owned by ${name} cascade; drop role ${name}`),
  }
}
