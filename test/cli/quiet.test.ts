/** What is left out with --quiet, --no-progress and NO_COLOR, and what is told all the same. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts'
import { startInTerminal } from '../support/terminal.ts'
import { configFor, run, runJson, temporaryFolder, writeConfig } from './run.ts'

let sandbox: Sandbox
let folder: Awaited<ReturnType<typeof temporaryFolder>>
beforeAll(async () => {
  sandbox = await startSandbox({ rateLimits: 'off', users: 5, lists: 1, eventsPerDay: 5, days: 2 })
  folder = await temporaryFolder()
  const config = configFor(sandbox, { type: 'duckdb', path: 'warehouse.duckdb' })
  await writeConfig(folder.path, { ...config, sync: { ...config.sync, streams: ['channels'] } })
})
afterAll(async () => {
  await sandbox.close()
  await folder[Symbol.asyncDispose]()
})
const cli = (...args: string[]) => run(args, { cwd: folder.path })

test('--quiet says nothing of work that went well, so that cron sends no mail', async () => {
  expect(await cli('sync', 'channels', '--quiet')).toEqual({ exitCode: 0, stdout: '', stderr: '' })
  expect(await cli('-q', 'schedule', 'run', 'sync')).toEqual({ exitCode: 0, stdout: '', stderr: '' })
  const { document, stderr } = await runJson(['sync', 'channels', '--quiet'], { cwd: folder.path })
  expect([document.state, stderr]).toEqual(['succeeded', ''])
})

test('--quiet tells results that were asked for, failures and errors', async () => {
  expect((await cli('sql', 'select 7 as n', '--quiet')).stdout).toMatch(/\b7\b/)
  expect((await cli('sql', 'select 7 as n', '--quiet')).stderr).toBe('')
  const many = await cli('sql', 'select * from range(5000)', '--quiet')
  expect(many.stderr).toMatch(/^the first [\d,]+ rows; --format csv or ndjson gives all of them\n$/)
  const wrong = await cli('sync', 'nothing_like', '--quiet')
  expect(wrong).toMatchObject({ exitCode: 2, stdout: '', stderr: expect.stringMatching(/^error: .*nothing/) })
  expect((await cli('sync', '--nonsense', '-q')).stderr).toMatch(/unknown option '--nonsense'/)
  await using other = await temporaryFolder()
  const warehouse = { type: 'duckdb', path: 'warehouse.duckdb' } as const
  await writeConfig(other.path, configFor(sandbox, warehouse, { key: sandbox.keys.disabled }))
  const failed = await run(['sync', 'channels', '--quiet'], { cwd: other.path })
  expect(failed).toMatchObject({ exitCode: 1, stdout: expect.stringMatching(/error: channels: .*\n/) })
})

const drawing = '\u001b[?25l'
const colour = '\u001b[32m'

test.each([
  { args: [], env: {}, hasColour: true, isDrawn: true },
  { args: ['--no-progress'], env: {}, hasColour: true, isDrawn: false },
  { args: [], env: { NO_COLOR: '1' }, hasColour: false, isDrawn: true },
])('on a terminal with $args and $env', async ({ args, env, hasColour, isDrawn }) => {
  await using terminal = startInTerminal('src/cli/main.ts', ['sync', 'channels', ...args], {
    cwd: folder.path,
    columns: 100,
    env,
  })
  expect(await terminal.ended).toBe(0)
  const raw = terminal.raw()
  expect(raw).toMatch(/succeeded.* channels: 5 rows/)
  expect([raw.includes(colour), raw.includes(drawing)]).toEqual([hasColour, isDrawn])
})

test('--version tells the engine, also as a document', async () => {
  const { stdout } = await cli('--version')
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\nDuckDB \d+\.\d+\.\d+, Node \d+\.\d+\.\d+, \S+-\S+\n$/)
  const { document } = await runJson(['--version'], { cwd: folder.path })
  expect(document).toMatchObject({ iterable_elt: stdout.split('\n')[0], node: process.versions.node })
})
