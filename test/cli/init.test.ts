import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
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

test('init puts no password into a file', async () => {
  await using folder = await temporaryFolder()
  const { stdout } = await run(['init', '--url', 'postgres://me:tops3cret@db/x'], { cwd: folder.path })
  expect(stdout).toContain('put it into .env as DATABASE_URL')
  const files = ['config.json', '.env.example', '.gitignore']
  const texts = await Promise.all(files.map((name) => readFile(join(folder.path, name), 'utf8')))
  expect(texts.join('')).not.toContain('tops3cret')
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
  ['a file for Postgres', ['--warehouse', 'postgres', '--path', 'x'], 'choose one'],
])('init refuses %s, and writes nothing', async (_what, options, said) => {
  await using folder = await temporaryFolder()
  const { exitCode, stderr } = await run(['init', ...options], { cwd: folder.path })
  expect(exitCode).toBe(2)
  expect(stderr).toContain(said)
  await expect(readFile(join(folder.path, 'config.json'))).rejects.toThrow('ENOENT')
})

test('init asks on a terminal', async () => {
  await using folder = await temporaryFolder()
  const answers = ['mars', 'postgres', 'eu', '', 'soon', '2024-05-06']
  const { exitCode, stderr } = await run(['init'], { cwd: folder.path, answers })
  expect(exitCode).toBe(0)
  expect(stderr).toContain('Warehouse (duckdb, postgres) [duckdb]: ')
  const { config } = await loadConfig(join(folder.path, 'config.json'), { env })
  expect(config).toMatchObject({
    warehouse: { type: 'postgres' },
    connections: { iterable: { region: 'eu', project_type: 'hybrid' } },
    sync: { start_date: new Date('2024-05-06') },
  })
})
