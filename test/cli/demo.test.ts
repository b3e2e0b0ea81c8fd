import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { eachWarehouse } from '../support/warehouse.ts'
import { printed, run, runJson, start, temporaryFolder } from './run.ts'

eachWarehouse(
  'demo shows the whole product, from a fresh start each time',
  async ({ config, tempDir }) => {
    const how =
      config.type === 'postgres' ? ['--keep', '--warehouse', 'postgres', '--url', config.url] : ['--ui']
    const { child, ended } = start(['demo', ...how, '--json'], { cwd: tempDir })
    onTestFinished(() => void child.kill('SIGKILL'))
    const env: Record<string, string> = config.type === 'postgres' ? { DATABASE_URL: config.url } : {}
    const options = { cwd: tempDir, env: { ...env, ITERABLE_ELT_CONFIG: join(tempDir, 'demo/config.json') } }
    const said = await Promise.race([
      printed(child.stderr, /the sandbox stays at/),
      ended.then(({ stderr }) => stderr),
    ])
    if (config.type === 'duckdb') await expectPlanToDecideAbout(/page is at (\S+\/)/.exec(said)?.[1] ?? '')
    // The sandbox is there for whatever comes next.
    const sync = await runJson(['sync', 'lists', 'email_open'], options)
    expect(sync.document, JSON.stringify(sync.document)).toMatchObject({ state: 'succeeded' })
    const status = await run(['status'], options)
    expect(status.stdout).toMatch(/email_send +[\d,]+ .*succeeded/)
    child.kill('SIGINT')
    const { exitCode, stdout, stderr } = await ended
    expect({ exitCode, stderr: exitCode === 0 ? '' : stderr }).toEqual({ exitCode: 0, stderr: '' })

    const { steps } = JSON.parse(stdout)
    expect(steps.sync).toMatchObject({ state: 'succeeded', rows_rejected: 0 })
    expect(steps.tables).toHaveLength(16 + 5 + 2)
    expect(steps.tables.filter(({ rows }: { rows: number }) => !(rows > 0))).toEqual([])
    const [campaigns, lists] = steps.queries
    expect(campaigns.rows).toHaveLength(5)
    expect(lists.rows.length).toBeGreaterThan(2)
    // Only the last day and the one before it are read again.
    expect(steps.incremental.rows_read).toBeLessThan(steps.sync.rows_read / 4)
    expect(steps.incremental.rows_read).toBeGreaterThan(0)
    expect(steps.incremental.growth.rows.length).toBeGreaterThan(0)
    const files = await readdir(join(tempDir, 'demo'))
    expect(files.filter((name) => !name.endsWith('.work')).sort()).toEqual(
      config.type === 'duckdb' ? ['config.json', 'sql', 'warehouse.duckdb'] : ['config.json', 'sql'],
    )
    // What was sent is what the lists hold, read back.
    for (const name of ['export', 'mirror', 'mirror_again']) {
      expect(steps[name]).toMatchObject({ state: 'succeeded', verified: { missing: 0, left_over: 0 } })
    }
    expect(steps.mirror_again.planned).toMatchObject({
      add: expect.any(Number),
      unchanged: expect.any(Number),
    })
    expect(steps.mirror_again.planned.unchanged).toBeGreaterThan(0)
    if (config.type === 'postgres') expect(stdout + stderr + status.stdout).not.toContain(config.url)
  },
  300_000,
)

/** `--ui` leaves a plan that waits, and the page on which to decide about it. */
async function expectPlanToDecideAbout(page: string): Promise<void> {
  // What is slow to read comes a moment later.
  const seen = (path: string, what: RegExp) =>
    vi.waitUntil(async () => what.exec(await (await fetch(new URL(path, page))).text())?.[0], {
      timeout: 60_000,
      interval: 200,
    })
  const plan = await seen('/', /\/runs\/[\w-]+\/plan/)
  await seen(plan, /Approve and send/)
  // And something to see on the other pages.
  await seen('/schedules', /export:active_clickers<\/a>: 0[45]:00/)
  await seen('/query', /saved=opens_by_day/)
}

test('demo leaves alone what no demo has made', async () => {
  await using folder = await temporaryFolder()
  const directory = join(folder.path, 'mine')
  await mkdir(directory)
  await writeFile(join(directory, 'config.json'), '{}')
  const ended = await run(['demo', '--directory', directory], { cwd: folder.path })
  expect(ended.exitCode).toBe(2)
  expect(ended.stderr).toContain('not made by a demo')
  expect(await readdir(directory)).toEqual(['config.json'])
})
