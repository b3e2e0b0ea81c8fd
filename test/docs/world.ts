// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is how a configuration refers to a value
/** What the documentation is tried on: a sandbox and two projects that have been synced from it, one for each warehouse. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { DuckDBInstance } from '@duckdb/node-api'
import pg from 'pg'
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts'
import { type Ended, run, writeConfig } from '../cli/run.ts'
import { programPath } from '../support/programs.ts'
import { startInTerminal } from '../support/terminal.ts'
import { createTestWarehouse, type TestWarehouse, type WarehouseKind } from '../support/warehouse.ts'

export interface Project {
  readonly kind: WarehouseKind
  readonly folder: string
  /** Runs a command in the folder of the project; one that would run until Ctrl-C is stopped when it is ready. */
  cli(words: readonly string[], input?: string): Promise<Ended>
  /** As it was before a page was tried: one saved export, `vip`, with a schedule. */
  reset(): Promise<void>
  /** Runs lines in a real shell, in the folder of the project. */
  shell(lines: string): Promise<Ended>
  /** Runs statements with a client of the database. */
  write(statements: string): Promise<void>
  file(path: string, text: string): Promise<void>
  /** Lets the next run of the export `vip` be held. */
  prepareHold(): Promise<void>
  lastRun(): Promise<string>
  /** Makes a run of it that waits for approval. */
  hold(): Promise<string>
}

/** Two projects, one of which has the warehouse in Postgres. */
export interface World extends AsyncDisposable {
  readonly projects: readonly Project[]
  /** An e-mail address of the sandbox. */
  readonly somebody: string
}

const days = 10
/** A list that nobody is on. */
export const listId = 957_006
/** Those that the pages speak of, and no more: each costs every sync some of its time. */
const streams = [
  ...['users', 'lists', 'list_users', 'campaigns', 'message_types', 'purchase', 'custom_event'],
  ...['email_send', 'email_open', 'email_click', 'email_bounce', 'email_complaint', 'email_unsubscribe'],
]
const ready = /waiting for what is due|operations page is at|A fake Iterable at/

export async function openWorld(): Promise<World> {
  const until = new Date(Date.now() - 600_000)
  const sandbox = await startSandbox({
    until,
    now: until,
    days,
    users: 100,
    eventsPerDay: 120,
    rateLimits: false,
  })
  const receiver = createServer((request, response) => request.resume().on('end', () => response.end('ok')))
  await once(receiver.listen(0, '127.0.0.1'), 'listening')
  const webhook = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`
  const warehouses = [await createTestWarehouse('duckdb'), await createTestWarehouse('postgres')]
  const projects: Project[] = []
  for (const warehouse of warehouses) {
    const project = await makeProject(warehouse, sandbox, webhook)
    const synced = await project.cli(['sync'])
    if (synced.exitCode !== 0) throw new Error(`the first sync of the documentation failed: ${synced.stderr}`)
    projects.push(project)
  }
  return {
    projects,
    somebody: String(sandbox.truth.users().find(({ email }) => email)?.email),
    async [Symbol.asyncDispose]() {
      for (const warehouse of warehouses) await warehouse[Symbol.asyncDispose]()
      await sandbox.close()
      receiver.close()
    },
  }
}

async function makeProject(warehouse: TestWarehouse, sandbox: Sandbox, webhook: string): Promise<Project> {
  const { kind, tempDir: folder } = warehouse
  const url = 'url' in warehouse.config ? warehouse.config.url : ''
  await writeConfig(folder, {
    warehouse:
      kind === 'duckdb'
        ? { type: 'duckdb', path: 'warehouse.duckdb' }
        : { type: 'postgres', url: '${DATABASE_URL}' },
    connections: {
      iterable: { type: 'iterable', api_key: sandbox.keys.server, base_url: sandbox.url, rate_limits: 'off' },
    },
    sync: {
      start_date: new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10),
      complete_dimensions: true,
      streams,
      schedule: { cron: '0 * * * *', timezone: 'UTC' },
    },
    marts: { materialize: ['message_facts'] },
    notifications: { webhook: { url: webhook } },
  })
  const env = { DATABASE_URL: url, USER: 'somebody' }
  const bin = join(folder, '.bin')
  await mkdir(bin)
  await writeFile(
    join(bin, 'iterable-elt'),
    `#!/bin/sh\nexec '${process.execPath}' '${programPath('src/cli/main.ts')}' "$@"\n`,
  )
  await chmod(join(bin, 'iterable-elt'), 0o755)

  const project: Project = {
    kind,
    folder,
    async cli(words, input) {
      if (words.length === 1 && words[0] === 'sql' && input === undefined) return askPrompt(folder, env)
      const stop = new AbortController()
      const until = (text: string) => ready.test(text) && stop.abort()
      const home = process.cwd()
      process.chdir(folder)
      try {
        const options = { cwd: folder, env, signal: stop.signal, onNote: until, onOutput: until }
        return await run(words, input === undefined ? options : { ...options, input })
      } finally {
        process.chdir(home)
      }
    },
    async shell(lines) {
      const PATH = `${bin}:${dirname(process.execPath)}:/usr/bin:/bin`
      const options = { cwd: folder, env: { ...env, PATH, HOME: folder }, timeout: 60_000 }
      // A bash whose input is a socket takes itself for a remote shell, and reads its start-up files.
      return promisify(execFile)('bash', ['--norc', '-euo', 'pipefail', '-c', lines], options).then(
        ({ stdout, stderr }) => ({ exitCode: 0, stdout, stderr }),
        ({ code, stdout, stderr }) => ({ exitCode: code, stdout, stderr }),
      )
    },
    write: (statements) =>
      kind === 'duckdb' ? writeDuckDb(folder, statements) : writePostgres(url, statements),
    async file(path, text) {
      await mkdir(dirname(join(folder, path)), { recursive: true })
      await writeFile(join(folder, path), text)
    },
    async reset() {
      await rm(join(folder, 'sql'), { recursive: true, force: true })
      await project.file(
        'sql/exports/vip.sql',
        `/*\naction: add\nlist_id: ${listId}\nschedule: { cron: "@daily" }\n*/\nselect email from iterable.users where email is not null\n`,
      )
      await project.cli(['exports'])
    },
    async prepareHold() {
      const save = (people: number, brakes = '') =>
        project.file(
          'sql/exports/vip.sql',
          `/*\naction: mirror\nlist_id: ${listId}\nschedule: { cron: "@daily" }\n${brakes}*/\nselect email from iterable.users where email is not null order by email limit ${people}\n`,
        )
      await rm(join(folder, 'sql/exports'), { recursive: true, force: true })
      await save(40, 'brakes: { removals: off, row_drop: off }\n')
      const before = await project.cli(['export', 'vip'])
      if (before.exitCode !== 0) throw new Error(`nothing can be held: ${before.stdout}${before.stderr}`)
      await save(5)
    },
    async lastRun() {
      const { stdout } = await project.cli(['runs', '--limit', '1', '--json'])
      return JSON.parse(stdout).runs[0].run_id
    },
    async hold() {
      await project.prepareHold()
      const held = await project.cli(['export', 'vip', '--json'])
      if (held.exitCode !== 3) throw new Error(`no plan is held: ${held.stdout}${held.stderr}`)
      return JSON.parse(held.stdout).run_id
    },
  }
  return project
}

/** In the file; statements that attach it themselves get an empty database to do so in. */
async function writeDuckDb(folder: string, statements: string): Promise<void> {
  const home = process.cwd()
  process.chdir(folder)
  try {
    const instance = await DuckDBInstance.create(
      /^\s*attach /.test(statements) ? ':memory:' : 'warehouse.duckdb',
    )
    const connection = await instance.connect()
    try {
      await connection.run(statements)
    } finally {
      connection.closeSync()
      instance.closeSync()
    }
  } finally {
    process.chdir(home)
  }
}

/** The prompt of `sql`, left again as soon as it is there. */
async function askPrompt(cwd: string, env: Record<string, string>): Promise<Ended> {
  await using shell = startInTerminal('src/cli/main.ts', ['sql'], { cwd, columns: 100, env })
  await shell.shows(/^sql> $/m)
  shell.type('.quit\r')
  return { exitCode: await shell.ended, stdout: '', stderr: '' }
}

async function writePostgres(url: string, statements: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(statements)
  } finally {
    await client.end()
  }
}
