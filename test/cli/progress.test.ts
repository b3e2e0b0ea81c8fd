/** Progress in a real pseudo-terminal: what stands on the screen, and what is left of it. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SyncState } from '../../src/cli/sync-state.ts'
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts'
import { keys, startInTerminal } from '../support/terminal.ts'
import { configFor, run, temporaryFolder } from './run.ts'

let sandbox: Sandbox
beforeAll(async () => {
  sandbox = await startSandbox({ rateLimits: 'off', users: 30, lists: 1, eventsPerDay: 40, days: 3 })
})
afterAll(() => sandbox.close())

const streams = ['email_bounce', 'email_click', 'email_open', 'email_send', 'email_subscribe', 'channels']

/** A project whose pace lets four exports through, and makes all others wait for a minute. */
async function writeSlowConfig(folder: string): Promise<void> {
  const config = configFor(sandbox, { type: 'duckdb', path: 'warehouse.duckdb' }, { days: 2 })
  const connections = { iterable: { ...config.connections?.iterable, rate_limits: { export: '4/min' } } }
  const sync = { ...config.sync, window_in_days: 1, lookback: '1d' }
  await writeFile(join(folder, 'config.json'), JSON.stringify({ ...config, connections, sync }))
}

test.each([80, 130])(
  'at %d columns one line tells the whole and one each stream at work; Ctrl-C leaves one sentence',
  async (columns) => {
    await using folder = await temporaryFolder()
    await writeSlowConfig(folder.path)
    await using terminal = startInTerminal('src/cli/main.ts', ['sync', ...streams, '--log-level', 'debug'], {
      cwd: folder.path,
      columns,
    })
    const whole =
      /^\d\/6 streams, \d+\/\d+ parts, [\d,]+ rows, [\d.]+ k?B, [\d.]+ s, about \d+ (?:s|min \d+ s) left$/
    const stream =
      /^email_\w+ +(?:[█░]{20} +)?\d+\/\d+ +[\d,]+ rows {2}(?:rate limit, until \d\d:\d\d:\d\dZ|waits for its turn|(?:loading|asked for|[\d.]+ k?B of) [^…]+(?: … [^…]+)?)$/
    const shown = await terminal.shows(
      /parts, .* left\n(?:email_.*\n)*email_\w+ .* rows {2}rate limit, until \d\d:\d\d:\d\dZ(?:\nemail_.*)*$/,
    )
    const at = shown.findIndex((line) => whole.test(line))
    expect(at, shown.join('\n')).toBeGreaterThanOrEqual(0)
    const below = shown.slice(at + 1)
    expect(shown.filter((line) => /streams, .* parts/.test(line))).toHaveLength(1)
    expect(below.length).toBeGreaterThan(0)
    for (const line of below) expect(line).toMatch(stream)
    expect(below.some((line) => line.includes('█') || line.includes('░'))).toBe(columns === 130)
    // More than five windows are left, at four a minute.
    expect(shown[at]).toMatch(/about [1-9] min/)
    terminal.type(keys.interrupt)
    expect(await terminal.ended).toBe(130)
    const left = terminal.lines()
    // Nothing of what was drawn in place is left, and what was said once stands once and whole.
    expect(left.filter((line) => /parts,|█|░|rate limit, until/.test(line)).join('\n'), left.join('\n')).toBe(
      '',
    )
    expect(left.filter((line) => line.startsWith('succeeded channels: '))).toHaveLength(1)
    // On a machine that is at its limit the process ends before the work has stopped, and says so instead: one of the two.
    const errors = left.filter((line) => /^error:/.test(line))
    const reports = left.filter((line) => /interrupted before/.test(line))
    if (errors.length === 0) {
      expect(left.filter((line) => /interrupted/.test(line))).toEqual([
        expect.stringMatching(/^interrupted before \d streams finished; the next sync resumes there$/),
      ])
    } else {
      expect(errors).toEqual([expect.stringMatching(/^error: interrupted; the next run goes on where/)])
      expect(reports).toEqual([])
    }
    expect(left.filter((line) => /DEBUG/.test(line)).length).toBeGreaterThan(3)
  },
  300_000,
)

test('a terminal without a size is told in plain lines, all of them', async () => {
  await using folder = await temporaryFolder()
  await writeFile(
    join(folder.path, 'config.json'),
    JSON.stringify(configFor(sandbox, { type: 'duckdb', path: 'warehouse.duckdb' })),
  )
  const size = { columns: 0, rows: 0 }
  await using terminal = startInTerminal('src/cli/main.ts', ['sync', 'channels'], {
    cwd: folder.path,
    ...size,
  })
  expect(await terminal.ended).toBe(0)
  const lines = terminal.lines().join('\n')
  expect(lines).toMatch(/succeeded channels: 5 rows\n/)
  expect(lines).toMatch(/\nstream {4}state {6}read {2}written {2}rejected/)
})

test('--log-format json makes every line of stderr JSON, text makes none', async () => {
  await using folder = await temporaryFolder()
  await writeFile(
    join(folder.path, 'config.json'),
    JSON.stringify(configFor(sandbox, { type: 'duckdb', path: 'warehouse.duckdb' })),
  )
  for (const streams of [['channels'], ['nothing_like']]) {
    const sync = ['sync', ...streams, '--log-level', 'debug']
    const json = await run([...sync, '--log-format', 'json'], { cwd: folder.path })
    const lines = json.stderr.trim().split('\n')
    for (const line of lines)
      expect(JSON.parse(line)).toMatchObject({ level: expect.any(Number), msg: expect.any(String) })
    const text = await run(sync, { cwd: folder.path })
    expect(text.stderr).not.toMatch(/^\{/m)
    expect(text.stderr).toMatch(
      streams[0] === 'channels' ? /DEBUG[\s\S]*succeeded channels/ : /no stream matches/,
    )
  }
})

test('rows of a stream are counted once, and time left is that of the whole', () => {
  const state = new SyncState(0)
  const progress = (
    phase: 'downloading' | 'downloaded' | 'loading' | 'done',
    label: string,
    rows: number,
    done: number,
  ) => state.hear({ type: 'progress', stream: 'email_send', phase, label, bytes: 1000, rows, done, total: 2 })
  const whole = (done: number, secondsLeft: number) =>
    state.hear({ type: 'whole', streamsDone: 0, streams: 2, done, total: 10, secondsLeft })
  whole(0, 1440)
  expect(state.wholeLine(1000)).toBe('0/2 streams, 0/10 parts, 0 rows, 0 B, 1 s, about 24 min 0 s left')
  progress('downloading', 'a', 0, 0)
  progress('downloaded', 'a', 0, 0)
  progress('downloading', 'b', 0, 0)
  progress('loading', 'a', 0, 0)
  expect(state.lines(2000, 80)[1]).toMatch(/^email_send {15}0\/2 {11}0 rows {2}loading a$/)
  progress('done', 'a', 500, 1)
  whole(1, 10)
  expect(state.lines(60_000, 80)).toEqual([
    '0/2 streams, 1/10 parts, 500 rows, 2.0 kB, 1 min 0 s, about 9 min 0 s left',
    expect.stringMatching(/1\/2 +500 rows {2}1\.0 kB of b$/),
  ])
  const until = new Date(90_000)
  state.hear({ type: 'wait', stream: 'email_send', reason: 'pace', until, attempt: 0 })
  expect(state.lines(60_000, 80)[1]).toMatch(/ rate limit, until 00:01:30Z$/)
  progress('done', 'b', 900, 2)
  const report = { stream: 'email_send', state: 'succeeded', rows_written: 900 } as never
  state.hear({ type: 'finished', report })
  expect(state.lines(91_000, 80)).toEqual([expect.stringContaining(' 900 rows, ')])
})
