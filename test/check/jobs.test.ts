/** `check`, `exports` and the start of a worker name what will not run. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Elt, open } from '../../src/index.ts'
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts'
import { configFor, run, temporaryFolder, writeConfig } from '../cli/run.ts'
import { eachWarehouse, type TestWarehouse } from '../support/warehouse.ts'

let sandbox: Sandbox
beforeAll(async () => {
  sandbox = await startSandbox({ rateLimits: false, users: 10, lists: 2, eventsPerDay: 5, days: 2 })
})
afterAll(() => sandbox.close())

const settings = (list: number, more = '') => `/*\naction: add\nlist_id: ${list}\n${more}*/\n`

/** The product with these exports, on a warehouse that has been synced. */
async function openWith(
  warehouse: TestWarehouse,
  exports: Readonly<Record<string, string>>,
  sync: object = {},
): Promise<Elt> {
  const directory = join(warehouse.tempDir, 'exports')
  await mkdir(directory, { recursive: true })
  for (const [name, text] of Object.entries(exports))
    await writeFile(join(directory, `${name}.sql`), text.replaceAll('LIST', String(listId())))
  const config = configFor(sandbox, warehouse.config, { days: 1 })
  const elt = await open({ ...config, exports: { directory }, sync: { ...config.sync, ...sync } })
  await elt.sync({ streams: ['users'] })
  return elt
}

const listId = (): number => sandbox.data.lists[0]?.id as number

const wrong = {
  good: `${settings(0).replace('list_id: 0', 'list_id: LIST')}select email from iterable.users where "signupDate" < $nominal_time`,
  misspelt: `${settings(0).replace('list_id: 0', 'list_id: LIST')}select emial from iterable.users`,
  nobody: `${settings(0).replace('list_id: 0', 'list_id: LIST')}select "signupDate" from iterable.users`,
  nolist: `${settings(987_654)}select email from iterable.users`,
  nevertime: `${settings(0, 'schedule: { cron: "61 * * * *" }\n').replace('list_id: 0', 'list_id: LIST')}select email from iterable.users`,
  settings: `/*\naction: ad\nlist_id: 1\n*/\nselect 1`,
}

eachWarehouse('check names every export that cannot run, and why', async (warehouse) => {
  await using elt = await openWith(warehouse, wrong)
  const sent = sandbox.requests.filter(({ method }) => method !== 'GET').length
  const { ok, items } = await elt.check()
  expect(ok).toBe(false)
  const failed = items.filter(({ state }) => state === 'failed').map(({ message }) => message)
  expect(failed).toEqual([
    expect.stringMatching(/^export "settings" has a fault/),
    expect.stringMatching(/^export "misspelt": the query does not run: .*emial/s),
    expect.stringMatching(/^export "nobody": an export needs a column email or user_id/),
    expect.stringMatching(/^export "nolist": there is no list 987654/),
    expect.stringMatching(/^export "nevertime": .*61/),
  ])
  expect(sandbox.requests.filter(({ method }) => method !== 'GET').length).toBe(sent)
})

eachWarehouse('exports says so, too, and a worker when it begins', async (warehouse) => {
  await using elt = await openWith(warehouse, wrong)
  const states = (await elt.exports()).map(({ name, error }) => [name, error !== null])
  expect(states).toEqual([
    ['good', false],
    ['misspelt', true],
    ['nevertime', true],
    ['nobody', true],
    ['nolist', true],
    ['settings', true],
  ])
  const stop = new AbortController()
  const notices: string[] = []
  await elt.worker({
    signal: stop.signal,
    onEvent(event) {
      if (event.type === 'notice') notices.push(event.message)
      if (notices.length === 5) stop.abort()
    },
  })
  expect(notices.every((notice) => notice.startsWith('will not run: export "'))).toBe(true)
})

eachWarehouse('check reads schedules, also those that rows define', async (warehouse) => {
  const schedule = { cron: '61 * * * *', timezone: 'UTC' }
  await using elt = await openWith(warehouse, {}, { schedule })
  await elt.warehouse.use(({ db }) =>
    db
      .insertInto('schedules')
      .values([
        // biome-ignore format: a row a line
        { name: 'export:gone', cron: '0 * * * *', dialect: 'treasuredata', timezone: 'UTC', delay_seconds: 0, overlap: 'skip', catchup: 'latest', catchup_window_seconds: 60, jitter_seconds: 0, defined_in: 'sql' },
      ])
      .execute(),
  )
  const { items } = await elt.check()
  const faults = items.filter(({ item }) => item === 'schedules')
  expect(faults.map(({ state, message }) => `${state} ${message}`)).toEqual([
    expect.stringMatching(/^failed sync\.schedule: .*61/),
    expect.stringMatching(/^failed schedule "export:gone": there is no such job/),
  ])
})

eachWarehouse('check names what is wrong with further syncs', async (warehouse) => {
  const jobs = {
    opens: { streams: ['email_opens'], schedule: { cron: '61 * * * *' } },
    clicks: { streams: ['email_click'], schedule: { cron: '0 * * * *' } },
  }
  await using elt = await openWith(warehouse, {}, { jobs })
  const failed = (await elt.check()).items.filter(({ state }) => state === 'failed')
  expect(failed.map(({ item, message }) => `${item}: ${message}`)).toEqual([
    'streams: sync.jobs.opens.streams: no stream matches "email_opens"',
    expect.stringMatching(/^schedules: sync\.jobs\.opens\.schedule: .*61/),
  ])
})

test('an export cannot be compiled before the first sync, and is not called broken for that', async () => {
  await using folder = await temporaryFolder()
  await mkdir(join(folder.path, 'sql/exports'), { recursive: true })
  await writeFile(join(folder.path, 'sql/exports/vip.sql'), wrong.good.replaceAll('LIST', String(listId())))
  await writeConfig(folder.path, configFor(sandbox, { type: 'duckdb', path: 'warehouse.duckdb' }))
  // Makes the warehouse, and none of its streams.
  const exports = await run(['exports'], { cwd: folder.path })
  expect(exports.stdout).toMatch(/vip +add +\d+ .* never run/)
  const check = await run(['check'], { cwd: folder.path })
  expect(check).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/ok +exports +1 saved.*after the first sync/),
  })
})

test('check names a pattern that selects no stream, and the nearest name', async () => {
  await using folder = await temporaryFolder()
  const config = configFor(sandbox, { type: 'duckdb', path: 'warehouse.duckdb' })
  await writeConfig(folder.path, { ...config, sync: { ...config.sync, streams: ['emial_open', 'users'] } })
  const { stdout, exitCode } = await run(['check'], { cwd: folder.path })
  // As the sync itself would end.
  expect(exitCode).toBe(2)
  expect(stdout).toMatch(/failed +streams +no stream matches "emial_open"\n +→ did you mean "email_open"\?/)
  expect(stdout).toMatch(/not ready: see what failed above\n$/)
})

test('before the first sync an export is as right as can be told, and a sync may begin', async () => {
  await using folder = await temporaryFolder()
  await mkdir(join(folder.path, 'sql/exports'), { recursive: true })
  await writeFile(join(folder.path, 'sql/exports/vip.sql'), wrong.nolist)
  await writeConfig(folder.path, configFor(sandbox, { type: 'duckdb', path: 'warehouse.duckdb' }))
  const { stdout, exitCode } = await run(['check'], { cwd: folder.path })
  expect(exitCode).toBe(1)
  expect(stdout).toMatch(/failed +exports +export "vip": there is no list 987654 in this project\n/)
  expect(stdout).toMatch(/warning +exports +queries can be compiled after the first sync/)
  expect(stdout).toMatch(/ready to sync; what failed above will not run\n$/)
})
