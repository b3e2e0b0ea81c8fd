/** What only a process of its own can show: signals, exit codes, the process title, real output streams. */
import { once } from 'node:events'
import { open, readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts'
import { configFor, printed, runJson, start, temporaryFolder, writeConfig } from './run.ts'

const days = 4
let sandbox: Sandbox
beforeAll(async () => {
  const until = new Date(Date.now() - 600_000)
  sandbox = await startSandbox({ until, now: until, days, users: 40, eventsPerDay: 100, rateLimits: false })
})
afterAll(() => sandbox.close())

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s ends a sync within two seconds, and the next one does the rest',
  async (signal) => {
    await using folder = await temporaryFolder()
    await writeConfig(folder.path, configFor(sandbox, { type: 'duckdb', path: 'w.duckdb' }, { days }))
    sandbox.faults.next({
      fault: 'stall',
      path: '/api/export',
      query: { dataTypeName: 'emailSend' },
      times: 9,
    })
    const beganMs = performance.now()
    const { child, ended } = start(['sync', 'email_send', 'lists', '--json'], { cwd: folder.path })
    await printed(child.stderr, /succeeded lists/)
    const stoppedMs = performance.now()
    child.kill(signal)
    const { exitCode, stdout, stderr } = await ended
    // A machine on which it takes long to begin is as slow to end it.
    expect(performance.now() - stoppedMs).toBeLessThan(2500 + stoppedMs - beganMs)
    expect(exitCode).toBe(130)
    expect(stderr).toContain('stopping')
    expect(JSON.parse(stdout)).toMatchObject({ state: 'cancelled' })

    sandbox.faults.clear()
    const again = await runJson(['sync', 'email_send'], { cwd: folder.path })
    expect(again.document).toMatchObject({ state: 'succeeded' })
    const runs = await runJson(['runs'], { cwd: folder.path })
    expect(runs.document.runs.map(({ state }: { state: string }) => state)).toEqual([
      'succeeded',
      'cancelled',
    ])
    const { document } = await runJson(['sql', 'select count(*) as n from iterable.email_send'], {
      cwd: folder.path,
    })
    expect(document).toEqual([{ n: sandbox.truth.events('emailSend').length }])
  },
)

test('a second Ctrl-C ends the process at once', async () => {
  await using folder = await temporaryFolder()
  await writeConfig(folder.path, configFor(sandbox, { type: 'duckdb', path: 'w.duckdb' }, { days }))
  sandbox.faults.next({ fault: 'stall', path: '/api/export', times: 9 })
  const { child, ended } = start(['sync', 'email_send', 'lists'], { cwd: folder.path })
  await printed(child.stderr, /succeeded lists/)
  child.kill('SIGINT')
  await printed(child.stderr, /stopping/)
  child.kill('SIGINT')
  expect((await ended).exitCode).toBe(130)
  sandbox.faults.clear()
})

test('neither output nor process title of a sync shows a secret', async () => {
  await using folder = await temporaryFolder()
  const { server } = sandbox.keys
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a reference of the configuration.
  const config = configFor(sandbox, { type: 'duckdb', path: 'w.duckdb' }, { days, key: '${SECRET_KEY}' })
  await writeConfig(folder.path, config)
  sandbox.faults.next({ fault: 'stall', path: '/api/export', times: 9 })
  const { child, ended } = start(['sync', 'email_send', 'lists', '--log-level', 'trace'], {
    cwd: folder.path,
    env: { SECRET_KEY: server },
  })
  await printed(child.stderr, /succeeded lists/)
  const title = await readFile(`/proc/${child.pid}/cmdline`, 'utf8').catch(() => '')
  child.kill('SIGINT')
  const { stdout, stderr } = await ended
  sandbox.faults.clear()
  expect(stderr).toContain('/api/lists: 200')
  expect(`${title}${stdout}${stderr}`).not.toContain(server)
})

test('sandbox tells its address and keys, and runs until Ctrl-C', async () => {
  await using folder = await temporaryFolder()
  const { child, ended } = start(['sandbox', '--users', '5', '--days', '2', '--json'], { cwd: folder.path })
  const { url, keys } = JSON.parse(await printed(child.stdout, /\n\}\n/))
  const answer = await fetch(`${url}/api/lists`, { headers: { 'Api-Key': keys.server } })
  expect(answer.status).toBe(200)
  child.kill('SIGINT')
  expect((await ended).exitCode).toBe(0)
})

test('a reader that has seen enough is no error', async () => {
  await using folder = await temporaryFolder()
  await writeConfig(folder.path, configFor(sandbox, { type: 'duckdb', path: 'w.duckdb' }))
  const query = 'select * from range(300000)'
  const { child, ended } = start(['sql', query, '--format', 'csv'], { cwd: folder.path })
  ended.catch(() => {})
  const closed = once(child, 'exit')
  child.stdout?.once('data', () => child.stdout?.destroy())
  expect(await closed).toEqual([0, null])
})

test.each([
  [['--json', 'sync', 'nosuch'], 2],
  [['sync', 'nosuch'], 2],
  [['export', 'nosuch'], 2],
  [['--json', 'streams'], 1],
  [['streams'], 1],
  [['--help'], 1],
  [['sql', 'select * from range(100000)', '--format', 'csv'], 1],
] as const)('%j > /dev/full is no success', async (args, expected) => {
  await using folder = await temporaryFolder()
  await writeConfig(folder.path, configFor(sandbox, { type: 'duckdb', path: 'w.duckdb' }))
  await using full = await open('/dev/full', 'w')
  const { exitCode, stderr } = await start(args, { cwd: folder.path, stdout: full.fd }).ended
  expect({ exitCode, stderr }).toMatchObject({ exitCode: expected })
  if (expected === 1) expect(stderr).toContain('the result cannot be written')
})

test('a closed pipe hides no failure', async () => {
  await using folder = await temporaryFolder()
  await writeConfig(folder.path, configFor(sandbox, { type: 'duckdb', path: 'w.duckdb' }))
  const { child, ended } = start(['--json', 'sync', 'nosuch'], { cwd: folder.path })
  child.stdout?.destroy()
  ended.catch(() => {})
  const [exitCode] = await once(child, 'exit')
  expect(exitCode).toBe(2)
})

test('progress that finds nobody to read it stops no work', async () => {
  await using folder = await temporaryFolder()
  await writeConfig(folder.path, configFor(sandbox, { type: 'duckdb', path: 'w.duckdb' }, { days }))
  await using full = await open('/dev/full', 'w')
  const { exitCode, stdout } = await start(['--json', 'sync', 'lists'], { cwd: folder.path, stderr: full.fd })
    .ended
  expect(exitCode).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ state: 'succeeded' })
})
