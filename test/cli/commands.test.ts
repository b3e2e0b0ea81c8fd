import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts'
import { configFor, type Ended, run, runJson, temporaryFolder, writeConfig } from './run.ts'

const days = 10
let sandbox: Sandbox
let folder: Awaited<ReturnType<typeof temporaryFolder>>
const cli = (...args: string[]) => run(args, { cwd: folder.path })
const cliJson = (...args: string[]) => runJson(args, { cwd: folder.path })
const everything: string[] = []
const remember = <Result extends Ended>(ended: Result): Result => {
  everything.push(ended.stdout, ended.stderr)
  return ended
}

beforeAll(async () => {
  // Older than what a sync leaves to settle.
  const until = new Date(Date.now() - 600_000)
  sandbox = await startSandbox({ until, now: until, days, users: 60, eventsPerDay: 60, rateLimits: false })
  sandbox.data.events('emailOpen').pushRaw('{"createdAt": broken', new Date(until.getTime() - 3 * 86_400_000))
  folder = await temporaryFolder()
  await writeConfig(folder.path, configFor(sandbox, { type: 'duckdb', path: 'warehouse.duckdb' }, { days }))
})

afterAll(async () => {
  await sandbox.close()
  await folder[Symbol.asyncDispose]()
})

describe('the commands, on one warehouse', () => {
  test('before the first sync nothing is there, and asking makes no warehouse', async () => {
    const { document, exitCode } = remember(await cliJson('status'))
    expect(exitCode).toBe(0)
    expect(document).toMatchObject({ warehouse: 'duckdb', schema: 'iterable', runs: [], rejects: [] })
    expect(document.streams).toHaveLength(16)
    const people = await cli('status')
    expect(people.stdout).toContain('never synced')
    expect(JSON.parse((await cliJson('sql', 'select count(*) as n from duckdb_tables()')).stdout)).toEqual([
      { n: 0 },
    ])
  })

  test('sync --dry-run tells windows and calls, and reads no stream', async () => {
    const exports = () => sandbox.counts()['GET /api/export/data.json'] ?? 0
    const before = exports()
    const { document, exitCode } = remember(await cliJson('sync', 'email_open', 'lists', '--dry-run'))
    expect(exitCode).toBe(0)
    expect(document).toMatchObject({
      streams: [
        { stream: 'email_open', api_calls: 1 },
        { stream: 'lists', windows: [], api_calls: 1 },
      ],
      api_calls: 2,
    })
    expect(document.streams[0].windows).toHaveLength(1)
    expect(exports()).toBe(before)
  })

  test('sync --json prints the run, one line a stream goes to stderr', async () => {
    const { document, exitCode, stderr } = remember(await cliJson('sync', 'email_*', 'users', 'lists'))
    expect(exitCode).toBe(0)
    expect(document).toMatchObject({ job: 'sync', state: 'succeeded_with_rejects', rows_rejected: 1 })
    expect(document.streams).toHaveLength(11)
    const sends = sandbox.truth.events('emailSend').length
    expect(document.streams.find(({ stream }: { stream: string }) => stream === 'email_send')).toMatchObject({
      state: 'succeeded',
      rows_read: sends,
      rows_written: sends,
      rows_rejected: 0,
      bookmark: expect.stringMatching(/^\d{4}-.*Z$/),
      windows: 1,
      api_calls: 1,
      error: null,
    })
    expect(stderr).toMatch(/succeeded email_send: \d+ rows/)
  })

  test('sync --strict fails over rejected rows', async () => {
    const { exitCode, stdout } = remember(await cli('sync', 'email_open', '--full-refresh', '--strict'))
    expect(exitCode).toBe(1)
    expect(stdout).toMatch(/email_open +succeeded with rejects/)
    expect(stdout).toContain('iterable-elt rejects --run')
  })

  test('sync --from --to reloads a slice and leaves the bookmark', async () => {
    const bookmark = async () =>
      (await cliJson('sql', 'select * from iterable_sync.bookmarks order by 1')).stdout
    const before = await bookmark()
    const now = Date.now()
    const day = (ago: number) => new Date(now - ago * 86_400_000).toISOString().slice(0, 10)
    const slice = ['email_send', '--from', day(5), '--to', day(4)]
    const { document, exitCode } = remember(await cliJson('sync', ...slice))
    expect(exitCode).toBe(0)
    const inSlice = sandbox.truth.events('emailSend', `${day(5)}T00:00:00Z`, `${day(4)}T00:00:00Z`).length
    expect(document).toMatchObject({ rows_read: inSlice, streams: [{ stream: 'email_send', windows: 1 }] })
    expect(await bookmark()).toBe(before)
  })

  test('streams, runs, rejects and status tell what happened', async () => {
    const [streams, runs, rejects, status] = await Promise.all(
      [['streams'], ['runs', '--limit', '2'], ['rejects', '--stream', 'email_open'], ['status']].map(
        async (args) => remember(await cliJson(...args)).document,
      ),
    )
    const send = { rows: sandbox.truth.events('emailSend').length, last_sync: { state: 'succeeded' } }
    const of = (name: string) => ({ stream: name, table: `iterable.${name}` })
    expect(streams.streams).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ ...of('email_send'), rows: send.rows, bookmark_column: 'createdAt' }),
        expect.objectContaining({ ...of('campaigns'), rows: null, bookmark: null, last_sync: null }),
      ]),
    )
    expect(runs.runs).toHaveLength(2)
    expect(runs.runs[0]).toMatchObject({
      job: 'sync',
      trigger: 'manual',
      state: 'succeeded',
      error_text: null,
    })
    // Two syncs have read that line: it is one row, of the later run.
    expect(rejects).toMatchObject({ total: 1 })
    expect(rejects.rejects[0]).toMatchObject({
      source: 'stream:email_open',
      raw: '{"createdAt": broken',
      row: null,
    })
    const unknown = remember(await cli('rejects', '--stream', 'email_opens'))
    expect(unknown).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('did you mean "email_open"?'),
    })
    const noExport = remember(await cli('rejects', '--export', 'vip'))
    expect(noExport).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('there is no export "vip"'),
    })
    expect(remember(await cli('rejects', '--stream', 'lists')).stdout).toBe('no rejected rows\n')
    expect(status.runs).toHaveLength(3)
    expect(status.rejects).toEqual([expect.objectContaining({ source: 'stream:email_open', rows: 1 })])

    const detail = remember(await cliJson('runs', runs.runs[1].run_id.slice(0, 8))).document
    expect(detail).toMatchObject({
      run_id: runs.runs[1].run_id,
      details: { reach: 'full', streams: [{ stream: 'email_open', rows_rejected: 1 }] },
      rejects: [{ source: 'stream:email_open', rows: 1 }],
    })
  })

  test('sql prints each format', async () => {
    const query = `select 1 as n, 'a,"b"' as t, null as e, timestamptz '2026-01-01T00:00:00Z' as at`
    const formats = ['table', 'csv', 'json', 'ndjson', 'md']
    const printed = await Promise.all(formats.map((format) => cli('sql', query, '--format', format)))
    expect(printed.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0, 0, 0])
    const row = { n: 1, t: 'a,"b"', e: null, at: '2026-01-01T00:00:00.000Z' }
    expect(printed[0]?.stdout).toBe('n  t      e  at\n1  a,"b"     2026-01-01T00:00:00.000Z\n')
    expect(printed[1]?.stdout).toBe('n,t,e,at\r\n1,"a,""b""",,2026-01-01T00:00:00.000Z\r\n')
    expect(JSON.parse(String(printed[2]?.stdout))).toEqual([row])
    expect(JSON.parse(String(printed[3]?.stdout))).toEqual(row)
    expect(printed[4]?.stdout).toBe(
      '| n | t | e | at |\n| --- | --- | --- | --- |\n| 1 | a,"b" |  | 2026-01-01T00:00:00.000Z |\n',
    )
  })

  test('sql reads its query from a file, or from standard input, and cuts nothing that no terminal reads', async () => {
    const wide = 'x'.repeat(300)
    await writeFile(join(folder.path, 'wide.sql'), `select '${wide}' as w, 1 as n`)
    const file = join(folder.path, 'wide.sql')
    expect((await cli('sql', '--file', file)).stdout).toBe(`w${' '.repeat(299)}  n\n${wide}  1\n`)
    expect((await cli('sql', '--file', file, '--expanded')).stdout).toBe(`-- 1\nw  ${wide}\nn  1\n`)
    const typed = await run(['sql', '-'], { cwd: folder.path, input: 'select 1.10 as price' })
    expect(typed.stdout).toBe('price\n 1.10\n')
    expect((await cliJson('sql', "select 1.10 as price, json '[1]' as list")).stdout).toBe(
      '[\n  {"price":1.10,"list":[1]}\n]\n',
    )
  })

  test('on a terminal the widest columns give way, until a line fits', async () => {
    const query = `select '${'x'.repeat(300)}' as wide, '${'y'.repeat(40)}' as narrower, 12345 as n`
    const { stdout } = await run(['sql', query], { cwd: folder.path, columns: 80 })
    const lines = stdout.trimEnd().split('\n')
    expect(lines).toHaveLength(2)
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80)
    expect(lines[1]).toMatch(/^x+… {2}y+…? {2}12345$/)
  })

  test.each([
    ['sql without a query', ['sql'], 2, 'a query is expected'],
    ['a query that stands twice', ['sql', 'select 1', '--file', 'q.sql'], 2, 'choose one'],
    ['a query of a file that is not there', ['sql', '--file', 'nowhere.sql'], 2, 'nowhere.sql'],
    ['a command that is none', ['snyc'], 2, 'unknown command'],
    ['no command', [], 2, 'a command is expected'],
    ['a stream that is none', ['sync', 'email_opens'], 2, 'email_open'],
    ['half a slice', ['sync', '--from', '2026-01-01'], 2, '--to is missing'],
    ['a date that is none', ['sync', '--from', 'soon', '--to', '2026-01-01'], 2, '--from \\"soon\\"'],
    [
      'a slice of a table without time',
      ['sync', 'lists', '--from', '2026-01-01', '--to', '2026-01-02'],
      2,
      'lists',
    ],
    ['a run that is none', ['runs', 'nope'], 2, 'no run'],
    ['a limit that is none', ['rejects', '--limit', 'many'], 2, 'whole number'],
    ['a stream and an export', ['rejects', '--stream', 'a', '--export', 'b'], 2, 'cannot be used with'],
    ['an argument too many', ['status', 'please'], 2, 'too many arguments'],
    ['a format beside --json', ['sql', 'select 1', '--format', 'csv'], 2, 'choose one'],
    [
      'a statement that writes',
      ['sql', 'drop table iterable.users'],
      2,
      'refused before it ran: it begins with',
    ],
    ['two statements', ['sql', 'select 1; select 2'], 2, 'several statements'],
    ['a parameter', ['sql', 'select $nominal_time'], 2, 'only the query of an export has parameters'],
    ['a query that does not compile', ['sql', 'select nothing_of_this_name'], 2, 'nothing_of_this_name'],
    ['a fault that is none', ['sandbox', '--faults', 'flood'], 2, 'unknown fault profile flood'],
    ['a configuration that is not there', ['streams', '--config', 'none.json'], 2, 'none.json'],
    ['a demo without its database', ['demo', '--warehouse', 'postgres'], 2, 'DATABASE_URL'],
    ['a log level that is none', ['status', '--log-level', 'loud'], 2, 'Allowed choices'],
  ])('%s: one document tells it', async (_what, args, exitCode, said) => {
    const ended = remember(await cliJson(...args))
    expect(ended.exitCode).toBe(exitCode)
    expect(ended.document).toEqual({
      error: { code: expect.any(String), message: expect.any(String) },
    })
    expect(ended.stdout).toContain(said)
  })

  test('for people an error is one line on stderr, with the stack only on request', async () => {
    const short = remember(await cli('runs', 'nope'))
    expect(short).toMatchObject({ exitCode: 2, stdout: '' })
    expect(short.stderr).toBe(
      'error: there is no run "nope"; "runs" lists them (docs/errors.md#unknown_run)\n',
    )
    const long = remember(await cli('runs', 'nope', '--log-level', 'debug'))
    expect(long.stderr).toContain('at findRun')
  })

  test('the API key never shows, even where Iterable is asked in detail or refuses', async () => {
    const key = sandbox.keys.disabled
    const config = configFor(sandbox, { type: 'duckdb', path: 'other.duckdb' }, { days, key })
    const disabled = join(folder.path, 'disabled.json')
    await writeFile(disabled, JSON.stringify(config))
    const refused = remember(await cliJson('sync', 'lists', '--config', disabled, '--log-level', 'trace'))
    expect(refused.exitCode).toBe(1)
    expect(refused.document).toMatchObject({
      streams: [{ error: expect.stringContaining('does not know this API key') }],
    })
    expect(refused.stderr).toContain('/api/lists: 401')
    remember(await cli('sync', 'lists', '--log-level', 'trace'))
    remember(await cli('check', '--log-level', 'trace'))
    const secrets = [key, sandbox.keys.server]
    expect(everything.length).toBeGreaterThan(40)
    expect(everything.filter((printed) => secrets.some((secret) => printed.includes(secret)))).toEqual([])
  })
})

test('every command has a help with an example', async () => {
  const { stdout } = await cli('--help')
  const commands = [...stdout.matchAll(/^ {2}([a-z]+)(?: \[| )/gm)].map(([, name]) => String(name))
  const named = commands.filter((name) => name !== 'help')
  expect(named).toEqual(
    expect.arrayContaining(['init', 'check', 'streams', 'sync', 'runs', 'rejects', 'status']),
  )
  const helps = await Promise.all(named.slice(0, 20).map((name) => cli('help', name)))
  expect(helps.filter(({ stdout: help }) => !/Examples?:\n {2}\$ iterable-elt/.test(help))).toEqual([])
})

test('a number that cannot be is wrong usage, before anything is begun', async () => {
  for (const args of [
    ['sandbox', '--port', '65536'],
    ['sandbox', '--days', '99999999'],
    ['worker', '--health-port', '99999'],
    ['worker', '--ui-port', '99999'],
    ['worker', '--concurrency', '65'],
    ['worker', '--grace', '9999999'],
    ['ui', '--port', '99999'],
    ['mcp', '--http', '--port', '99999'],
    ['schedule', 'next', '@daily', '--count', '99999999'],
    ['runs', '--limit', '1e3'],
  ]) {
    const { exitCode, document } = await cliJson(...args)
    expect.soft({ args, exitCode }).toEqual({ args, exitCode: 2 })
    expect.soft(document.error).toMatchObject({
      code: 'usage',
      message: expect.stringContaining('Expected a whole number'),
    })
  }
})
