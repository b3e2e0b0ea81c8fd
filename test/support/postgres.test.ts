import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import pg from 'pg'
import { expect, test, vi } from 'vitest'
import { startEmbeddedPostgres } from './embedded-postgres.ts'
import { createTestDatabase, startPostgres } from './postgres.ts'

test('each test database is empty, its own, and gone after drop', async () => {
  const one = await createTestDatabase()
  const other = await createTestDatabase()
  await query(one.url, 'create table t as select 1 as x')
  await expect(query(other.url, 'select * from t')).rejects.toThrow('relation "t" does not exist')
  await one.drop()
  await other.drop()
  await expect(query(one.url, 'select 1')).rejects.toThrow('does not exist')
})

test('a server that was killed comes back at the same place with what was committed', async () => {
  const server = await startEmbeddedPostgres()
  try {
    await query(server.url, 'create table t as select 42 as x')
    await server.kill9()
    await expect(query(server.url, 'select x from t')).rejects.toThrow('ECONNREFUSED')
    await server.restart()
    expect(await query(server.url, 'select x from t')).toEqual([{ x: 42 }])
  } finally {
    await server.stop()
  }
})

// On a disk: in a folder that this test can look into.
test('a process that dies without stopping its server leaves neither server nor files', async () => {
  const temp = await mkdtemp(join(tmpdir(), 'elt-orphan-'))
  await chmod(temp, 0o755)
  const program = `
    import { startEmbeddedPostgres } from ${JSON.stringify(new URL('./embedded-postgres.ts', import.meta.url).href)}
    console.log((await startEmbeddedPostgres({ fsync: 'on' })).url)`
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
    env: { ...process.env, TMPDIR: temp },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [url] = (await once(createInterface(child.stdout), 'line')) as [string]
  expect(await query(url, 'select 1 as x')).toEqual([{ x: 1 }])
  child.kill('SIGKILL')
  await expect
    .poll(async () => (await readdir(temp)).filter((name) => name.startsWith('elt-')), { interval: 100 })
    .toEqual([])
  await expect.poll(() => query(url, 'select 1').catch(String)).toContain('ECONNREFUSED')
  await rm(temp, { recursive: true })
})

test('TEST_POSTGRES_URL comes first and is left running', async () => {
  const database = await createTestDatabase()
  vi.stubEnv('TEST_POSTGRES_URL', database.url)
  const said: string[] = []
  const server = await startPostgres((line) => said.push(line))
  await server.stop()
  vi.unstubAllEnvs()
  expect(server).toMatchObject({ kind: 'external', url: database.url })
  expect(said).toEqual(['postgres: the server of TEST_POSTGRES_URL'])
  expect(await query(database.url, 'select 1 as x')).toEqual([{ x: 1 }])
  await database.drop()
})

async function query(url: string, sql: string): Promise<object[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<object>(sql)).rows
  } finally {
    await client.end()
  }
}
