import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bothRegions, findProject } from '../../src/check/project.ts'
import { loadConfig } from '../../src/config/load.ts'
import { createClient } from '../../src/iterable/client.ts'
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts'
import { keys, startInTerminal } from '../support/terminal.ts'
import { run, runJson, temporaryFolder } from './run.ts'

const env = { ITERABLE_API_KEY: 'k'.repeat(32), DATABASE_URL: 'postgres://u:p@localhost/db' }

test('init writes a configuration that loads, with what belongs to it', async () => {
  await using folder = await temporaryFolder()
  const { document, exitCode } = await runJson(['init'], { cwd: folder.path })
  expect(exitCode).toBe(0)
  expect(document.kept).toEqual([])
  expect(document.written).toHaveLength(4)
  const { config } = await loadConfig(join(folder.path, 'config.json'), { env })
  expect(config).toMatchObject({
    warehouse: { type: 'duckdb', path: join(folder.path, 'warehouse.duckdb') },
    connections: { iterable: { region: 'us', project_type: 'email', api_key: env.ITERABLE_API_KEY } },
    sync: { streams: ['core'], schedule: { cron: '0 * * * *' } },
  })
  expect(await readFile(join(folder.path, '.gitignore'), 'utf8')).toBe(
    '.env\n*.duckdb\n*.duckdb.wal\n*.duckdb.work/\n',
  )
  expect(await readFile(join(folder.path, '.env.example'), 'utf8')).toContain('\nITERABLE_API_KEY=\n')
  expect(await readFile(join(folder.path, 'sql/exports/example.sql'), 'utf8')).toMatch(
    /^\/\*[\s\S]*action: add/,
  )
})

test('init takes answers from options', async () => {
  await using folder = await temporaryFolder()
  const options = ['--warehouse', 'postgres', '--region', 'eu', '--start-date', '02/03/2025', '--yes']
  expect(await run(['init', ...options], { cwd: folder.path })).toMatchObject({ exitCode: 0, stderr: '' })
  const { config } = await loadConfig(join(folder.path, 'config.json'), { env })
  expect(config).toMatchObject({
    warehouse: { type: 'postgres', url: env.DATABASE_URL },
    connections: { iterable: { region: 'eu', project_type: 'hybrid' } },
    sync: { start_date: new Date('2025-02-03') },
  })
})

test('init takes words in any case, as the configuration does, and proposes commands that find it', async () => {
  await using folder = await temporaryFolder()
  const options = ['--warehouse', 'DuckDB', '--region', 'EU', '--project-type', 'USERID', '--yes']
  const { stdout } = await run(['init', '--config', join(folder.path, "it's/mine.json"), ...options], {
    cwd: folder.path,
  })
  const { config } = await loadConfig(join(folder.path, "it's/mine.json"), { env })
  expect(config.connections).toMatchObject({ iterable: { region: 'eu', project_type: 'userId' } })
  expect(stdout).toMatch(/ sync --config '\S+\/it'\\''s\/mine.json' +replicates/)
  expect(await run(['init', '--region', 'mars'], { cwd: folder.path })).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('Allowed choices are us, eu'),
  })
})

test('init puts no password into a file', async () => {
  await using folder = await temporaryFolder()
  const { stdout } = await run(['init', '--url', 'postgres://me:tops3cret@db/x'], { cwd: folder.path })
  expect(stdout).toContain('put it into .env as DATABASE_URL')
  const files = ['config.json', '.env.example', '.gitignore']
  const texts = await Promise.all(files.map((name) => readFile(join(folder.path, name), 'utf8')))
  expect(texts.join('')).not.toContain('tops3cret')
})

test('init keeps the data out of git, whatever its file is called', async () => {
  await using folder = await temporaryFolder()
  await run(['init', '--path', 'data/people.db'], { cwd: folder.path })
  const lines = (await readFile(join(folder.path, '.gitignore'), 'utf8')).split('\n')
  expect(lines).toEqual(expect.arrayContaining(['people.db', 'people.db.wal', 'people.db.work/']))
})

test('init overwrites nothing, and says what it left alone', async () => {
  await using folder = await temporaryFolder()
  await mkdir(join(folder.path, 'sql/exports'), { recursive: true })
  const mine = {
    'config.json': '{ "mine": 1 }',
    'sql/exports/example.sql': 'select 1',
    '.gitignore': '*.log\n.env',
  }
  for (const [name, text] of Object.entries(mine)) await writeFile(join(folder.path, name), text)
  const { stdout, exitCode } = await run(['init', '--yes'], { cwd: folder.path })
  expect(exitCode).toBe(0)
  expect(stdout).toMatch(/left alone .*config\.json[\s\S]*left alone .*example\.sql/)
  expect(stdout).toMatch(/wrote .*\.env\.example/)
  expect(await readFile(join(folder.path, 'config.json'), 'utf8')).toBe(mine['config.json'])
  expect(await readFile(join(folder.path, 'sql/exports/example.sql'), 'utf8')).toBe('select 1')
  expect(await readFile(join(folder.path, '.gitignore'), 'utf8')).toBe(
    '*.log\n.env\n*.duckdb\n*.duckdb.wal\n*.duckdb.work/\n',
  )
  const again = await runJson(['init'], { cwd: folder.path })
  expect(again.document.written).toEqual([])
})

test.each([
  ['a region that is none', ['--region', 'mars'], 'Allowed choices are us, eu'],
  ['a date that is none', ['--start-date', 'soon'], '--start-date: expected a date'],
  ['an address that is none', ['--url', 'mysql://x'], '--url: expected an address'],
  ['a file called like the schema', ['--path', 'iterable.duckdb'], '--path: iterable.duckdb would be'],
  ['a file for Postgres', ['--warehouse', 'postgres', '--path', 'x'], 'choose one'],
])('init refuses %s, and writes nothing', async (_what, options, said) => {
  await using folder = await temporaryFolder()
  const { exitCode, stderr } = await run(['init', ...options], { cwd: folder.path })
  expect(exitCode).toBe(2)
  expect(stderr).toContain(said)
  await expect(readFile(join(folder.path, 'config.json'))).rejects.toThrow('ENOENT')
})

describe('on a terminal', () => {
  let sandbox: Sandbox
  beforeAll(async () => {
    sandbox = await startSandbox({ users: 5, lists: 1, eventsPerDay: 5, days: 2 })
  })
  afterAll(() => sandbox.close())

  /** Starts `init` in a terminal of 80 columns. */
  const startInit = (cwd: string, ...options: readonly string[]) =>
    startInTerminal('src/cli/main.ts', ['init', '--base-url', sandbox.url, ...options], { cwd, columns: 80 })

  test('init asks, says why it asks again, and finds out what the key tells', async () => {
    await using folder = await temporaryFolder()
    const cwd = folder.path
    await using terminal = startInit(cwd)
    await terminal.shows(
      /Where shall the tables live\?[\s\S]*DuckDB[\s\S]*Postgres[\s\S]*One file and nothing to install/,
    )
    terminal.type(keys.enter)
    await terminal.shows(/DuckDB file/)
    terminal.type('\u0015iterable.duckdb\r')
    await terminal.shows(/would find iterable\.users ambiguous/)
    terminal.type('\u0015data.duckdb\r')
    await terminal.shows(/Server-side API key/)
    terminal.type(`${sandbox.keys.disabled}\r`)
    // What is typed before it asks anew is lost.
    await terminal.shows(
      /no data centre knows this key: it is wrong or disabled\. Enter another[\s\S]*\? Server-side API key/,
    )
    terminal.type(`${sandbox.keys.server}\r`)
    await terminal.shows(/the key is known in 127\.0\.0\.1/)
    // A host of one's own does not tell the data centre.
    await terminal.shows(/Which data centre is the project in\?/)
    terminal.type(keys.enter)
    await terminal.shows(/What identifies people/)
    terminal.type(keys.enter)
    await terminal.shows(/First day to sync/)
    terminal.type('\u0015soon\r')
    await terminal.shows(/expected a date/)
    terminal.type('\u00152024-05-06\r')
    // The channels of the project are chosen already; one goes, another comes.
    await terminal.shows(/◉ Mobile push[\s\S]*◉ SMS[\s\S]*◉ In-app messages[\s\S]*◯ Web push/)
    terminal.type(` ${keys.down}${keys.down}${keys.down} \r`)
    expect(await terminal.ended).toBe(0)
    const said = terminal.lines().join('\n')
    expect(said.replaceAll('\n', '')).toMatch(
      /Next: .* check +tests everything.* sync --dry-run +shows.* sync +replicates/,
    )
    expect(terminal.raw()).not.toContain(sandbox.keys.server)
    const { config } = await loadConfig(join(cwd, 'config.json'), { env: {} })
    expect(config).toMatchObject({
      warehouse: { type: 'duckdb', path: join(cwd, 'data.duckdb') },
      connections: { iterable: { api_key: sandbox.keys.server, base_url: sandbox.url } },
      sync: {
        start_date: new Date('2024-05-06'),
        streams: ['core', 'sms', 'in_app', 'web_push'],
        window_in_days: 'auto',
        complete_dimensions: true,
      },
    })
    const text = await readFile(join(cwd, 'config.json'), 'utf8')
    expect(text).toMatch(/"\$schema": "[^"]*config\.schema\.json"/)
    expect(text).not.toContain(sandbox.keys.server)
    expect((await stat(join(cwd, '.env'))).mode & 0o777).toBe(0o600)
    // What it has written is ready.
    const check = await run(['check'], { cwd })
    expect(check.stdout).toMatch(/ok +api_key[\s\S]*→ check list_id[\s\S]*ready to sync/)
    expect(check.exitCode).toBe(0)
  })

  test('Ctrl-C at a question writes nothing, and a key that is set is not asked for', async () => {
    await using folder = await temporaryFolder()
    await writeFile(join(folder.path, '.env'), `OTHER=1\nITERABLE_API_KEY=${sandbox.keys.server}\n`, {
      mode: 0o644,
    })
    await using terminal = startInit(
      folder.path,
      '--warehouse',
      'postgres',
      '--url',
      'postgres://me:pa%20ss@db/x',
    )
    await terminal.shows(/the key is known in[\s\S]*Which data centre/)
    terminal.type(keys.interrupt)
    expect(await terminal.ended).toBe(130)
    expect(terminal.lines().join('\n')).toContain('interrupted; nothing was written')
    await expect(readFile(join(folder.path, 'config.json'))).rejects.toThrow('ENOENT')
    await using again = startInit(
      folder.path,
      '--warehouse',
      'postgres',
      '--url',
      'postgres://me:pa%20ss@db/x',
      '--region',
      'eu',
    )
    await again.shows(/What identifies people[\s\S]*Both \(hybrid\)/)
    expect(again.lines().join('\n')).not.toContain('E-mail address\n')
    again.type(keys.enter)
    await again.shows(/First day/)
    again.type(keys.enter)
    await again.shows(/Which channels/)
    again.type(keys.enter)
    expect(await again.ended).toBe(0)
    expect(await readFile(join(folder.path, '.env'), 'utf8')).toBe(
      `OTHER=1\nITERABLE_API_KEY=${sandbox.keys.server}\nDATABASE_URL='postgres://me:pa%20ss@db/x'\n`,
    )
    expect((await stat(join(folder.path, '.env'))).mode & 0o777).toBe(0o600)
  })

  test('a copy of .env.example has no key yet: it is asked for, and kept there', async () => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, '.env')
    const copy = 'ITERABLE_API_KEY=\nDATABASE_URL=postgres://user:tops3cret@localhost/db\n'
    await writeFile(path, copy)
    const asked = sandbox.requests.length
    await using terminal = startInit(folder.path, '--path', 'data.duckdb', '--region', 'us')
    await terminal.shows(/Where shall the tables live\?/)
    terminal.type(keys.enter)
    await terminal.shows(/Server-side API key/)
    // What follows in the file is no key, and goes nowhere.
    expect(sandbox.requests.slice(asked)).toEqual([])
    terminal.type(`${sandbox.keys.server}\r`)
    for (const question of [/What identifies people/, /First day/, /Which channels/]) {
      await terminal.shows(question)
      terminal.type(keys.enter)
    }
    expect(await terminal.ended).toBe(0)
    expect(await readFile(path, 'utf8')).toBe(`${copy}ITERABLE_API_KEY=${sandbox.keys.server}\n`)
    const { config } = await loadConfig(join(folder.path, 'config.json'), { env: {} })
    expect(config.connections).toMatchObject({ iterable: { api_key: sandbox.keys.server } })
  })

  test('the data centre is found by asking both', async () => {
    await using eu = await startSandbox({ region: 'eu', users: 2, lists: 1, eventsPerDay: 1, days: 1 })
    const hosts = { us: sandbox.url, eu: eu.url }
    const find = (key: string) =>
      findProject({
        clientFor: (region) => createClient({ api_key: key, region, base_url: hosts[region] }),
        regions: bothRegions,
      })
    expect(await find(eu.keys.euServer)).toMatchObject({ region: 'eu', media: expect.any(Set) })
    expect(await find(sandbox.keys.server)).toMatchObject({ region: 'us' })
    expect(await find(sandbox.keys.mobile)).toEqual({ region: 'us', media: undefined })
    expect(await find(sandbox.keys.disabled)).toEqual({ problem: expect.stringContaining('no data centre') })
  })
})
