import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { start } from '../cli/run.ts'

/** Runs the command line as a user does, in a folder without anything. */
async function cli(cwd: string, ...args: string[]) {
  const { exitCode, ...output } = await start(args, { cwd }).ended
  return { code: exitCode, ...output }
}

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'elt-test-'))
  try {
    await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

test('schedule next and explain need no configuration, and print what the contract says', async () => {
  await inFolder(async (folder) => {
    const zone = ['--timezone', 'Europe/Berlin', '--from', '2026-01-01', '--count', '2']
    const next = await cli(folder, 'schedule', 'next', '0 6 1 * mon', ...zone, '--json')
    expect(JSON.parse(next.stdout)).toEqual({
      expression: '0 6 1 * mon',
      dialect: 'treasuredata',
      timezone: 'Europe/Berlin',
      ignored: 'day_of_month',
      warnings: [expect.stringContaining('"1" is ignored')],
      next: ['2026-01-05T05:00:00Z', '2026-01-12T05:00:00Z'],
    })
    const never = await cli(folder, 'schedule', 'explain', '', '--json')
    expect(JSON.parse(never.stdout)).toMatchObject({ expression: '', ignored: null, warnings: [], next: [] })
    const words = await cli(folder, 'schedule', 'explain', '@daily', ...zone)
    expect(words.stdout).toMatch(
      /^At 00:00 every day.*\n[\s\S]*Fri 2026-01-02 00:00 \+01:00\s+2026-01-01T23:00:00Z/,
    )
    const wrong = await cli(folder, 'schedule', 'explain', '61 * * * *', '--json')
    expect(wrong.code).toBe(2)
    expect(JSON.parse(wrong.stdout).error.message).toContain('61')
  })
})

test('schedules are listed, paused with a reason, shown as such, and resumed', async () => {
  await inFolder(async (folder) => {
    const config = {
      warehouse: { type: 'duckdb', path: 'warehouse.duckdb' },
      connections: { iterable: { api_key: 'k'.repeat(32), base_url: 'http://127.0.0.1:9', max_retries: 0 } },
      sync: { streams: ['channels'], schedule: { cron: '@hourly' } },
    }
    await writeFile(join(folder, 'config.json'), JSON.stringify(config))
    const paused = await cli(folder, 'schedule', 'pause', 'sync', '--reason', 'moving house', '--json')
    expect(JSON.parse(paused.stdout)).toMatchObject({ name: 'sync', paused_reason: 'moving house' })
    const status = await cli(folder, 'status')
    expect(status.stdout).toMatch(
      /sync\s+@hourly\s+UTC\s+paused[\s\S]*moving house[\s\S]*no worker is running/,
    )
    const resumed = await cli(folder, 'schedule', 'resume', 'sync', '--json')
    expect(JSON.parse(resumed.stdout)).toMatchObject({ paused_at: null, paused_reason: null })
    const run = await cli(folder, 'schedule', 'run', 'sync', '--json')
    expect(run.code).toBe(1)
    expect(JSON.parse(run.stdout)).toMatchObject({
      job: 'sync',
      state: 'failed',
      error: expect.stringContaining('127.0.0.1:9'),
    })
    const allPaused = await cli(folder, 'schedule', 'pause', '--all', '--reason', 'audit', '--json')
    expect(JSON.parse(allPaused.stdout)).toMatchObject([{ name: 'sync', paused_reason: 'audit' }])
    expect((await cli(folder, 'schedule', 'pause', '--all')).stdout).toBe('there is nothing to change\n')
    const allResumed = await cli(folder, 'schedule', 'resume', '--all')
    expect(allResumed).toMatchObject({ code: 0, stdout: expect.stringMatching(/^sync goes on; next run /) })
    for (const args of [[], ['sync', '--all']]) {
      const wrong = await cli(folder, 'schedule', 'pause', ...args)
      expect(wrong).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('name one schedule, or give --all'),
      })
    }
    const unknown = await cli(folder, 'schedule', 'pause', 'synk')
    expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining('did you mean "sync"?') })
  })
})

test('schedule next NAME is the same document, honours every option, and one broken schedule hides no other', async () => {
  await inFolder(async (folder) => {
    const at = { start: '2026-02-01T06:00:00Z', end: '2026-02-03', timezone: 'Europe/Berlin' }
    await writeFile(
      join(folder, 'config.json'),
      JSON.stringify({
        warehouse: { type: 'duckdb', path: 'warehouse.duckdb' },
        sync: {
          schedule: { cron: '0 7 * * *', ...at },
          jobs: { broken: { streams: ['lists'], schedule: { cron: '61 * * * *' } } },
        },
      }),
    )
    const next = async (...args: string[]) => {
      const { code, stdout } = await cli(
        folder,
        'schedule',
        'next',
        ...args,
        '--from',
        '2026-01-01',
        '--json',
      )
      return { code, ...JSON.parse(stdout) }
    }
    const own = {
      code: 0,
      name: 'sync',
      expression: '0 7 * * *',
      dialect: 'treasuredata',
      timezone: 'Europe/Berlin',
      ignored: null,
      warnings: [],
      next: ['2026-02-01T06:00:00Z', '2026-02-02T06:00:00Z'],
      problem: null,
    }
    expect(await next('sync')).toEqual(own)
    expect(await next('sync', '--timezone', 'Asia/Tokyo', '--dialect', 'standard', '--count', '1')).toEqual({
      ...own,
      dialect: 'standard',
      timezone: 'Asia/Tokyo',
      warnings: [expect.stringContaining('Europe/Berlin'), expect.stringContaining('treasuredata')],
      next: ['2026-02-01T22:00:00Z'],
    })
    const { code, schedules } = await next()
    expect(code).toBe(0)
    expect(schedules).toMatchObject([
      { name: 'sync', problem: null, next: own.next },
      { name: 'sync:broken', problem: expect.stringContaining('61'), next: [] },
    ])
    expect(await next('--timezone', 'PST')).toMatchObject({ code: 2, error: { code: 'config' } })
    expect(await next('sync:broken')).toMatchObject({
      code: 2,
      error: { message: expect.stringContaining('sync:broken cannot run') },
    })
  })
})

test('schedule run and backfill of an export that cannot be end as export does: wrong configuration, with its code', async () => {
  await inFolder(async (folder) => {
    await writeFile(
      join(folder, 'config.json'),
      JSON.stringify({
        warehouse: { type: 'duckdb', path: 'warehouse.duckdb' },
        connections: {
          iterable: { api_key: 'k'.repeat(32), base_url: 'http://127.0.0.1:9', max_retries: 0 },
        },
        exports: { directory: 'exports' },
      }),
    )
    await mkdir(join(folder, 'exports'))
    const schedule = 'schedule: { cron: "@daily" }'
    const settings = `action: add\nlist_id: 1\nconnection: nowhere\n${schedule}`
    await writeFile(join(folder, 'exports/vip.sql'), `/*\n${settings}\n*/\nselect 1 as email`)
    const reach = ['--from', '2026-01-01', '--to', '2026-01-02']
    expect(await cli(folder, 'export', 'vip')).toMatchObject({ code: 2 })
    const run = await cli(folder, 'schedule', 'run', 'vip', '--json')
    expect(run.code).toBe(2)
    expect(JSON.parse(run.stdout)).toMatchObject({ state: 'failed', error_code: 'config' })
    expect(await cli(folder, 'schedule', 'backfill', 'vip', ...reach)).toMatchObject({ code: 2 })
  })
})
