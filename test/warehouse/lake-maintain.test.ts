/** Upkeep of a lake: fewer files, the same rows, and nothing removed that somebody needs. */
import { existsSync } from 'node:fs'
import { copyFile, readdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { expect } from 'vitest'
import { open } from '../../src/index.ts'
import { start, writeConfig } from '../cli/run.ts'
import type { LakeConfig } from '../support/lake.ts'
import {
  ago,
  configFor,
  contentsOf,
  days,
  openOn,
  outcome,
  quickClock,
  startProject,
} from '../support/sync.ts'
import { onLake, type TestWarehouse } from '../support/warehouse.ts'

const sync = {
  streams: ['email_send', 'users'],
  start_date: ago(days(40)).toISOString(),
  window_in_days: 8,
}
const lake = { maintenance: { keep_snapshots: '0s', keep_files: '0s' } }

/** A lake of many files: windows of days, some of them loaded twice. */
async function startLake(warehouse: TestWarehouse) {
  const sandbox = await startProject({ days: 40 })
  await using elt = await openOn(sandbox, warehouse, { sync })
  expect(outcome(await elt.sync())).toEqual({ state: 'succeeded', wrong: [] })
  await elt.sync({ slice: { from: ago(days(38)), to: ago(days(20)) }, streams: ['email_send'] })
  await elt.sync({ streams: ['users'] })
  return sandbox
}

const filesOf = async ({ tempDir }: TestWarehouse): Promise<string[]> =>
  (await readdir(join(tempDir, 'lake'), { recursive: true })).filter((name) => name.endsWith('.parquet'))

onLake('to look whether there is something to maintain makes no lake', async (warehouse) => {
  await using sandbox = await startProject({ empty: true })
  await using elt = await open({ ...configFor(sandbox, warehouse, { sync }), lake })
  expect(await elt.maintain({ isDryRun: true })).toMatchObject({ run_id: null, tables: [], files_before: 0 })
  expect(existsSync(join(warehouse.tempDir, 'lake'))).toBe(false)
  const client = new pg.Client({ connectionString: (warehouse.config as LakeConfig).catalog })
  await client.connect()
  const { rows } = await client.query("select nspname from pg_namespace where nspname like 'iterable%'")
  await client.end()
  expect(rows).toEqual([])
})

onLake('files are merged, old states end, and what nothing needs goes', async (warehouse) => {
  await using sandbox = await startLake(warehouse)
  const config = { ...configFor(sandbox, warehouse, { sync }), lake }
  await using elt = await open(config, { clock: quickClock(sandbox) })
  const contents = await contentsOf(warehouse)
  const files = await filesOf(warehouse)

  // Left by loads that died, and one that another lake has put into the same folder: all of them old.
  const folder = join(warehouse.tempDir, 'lake')
  const sends = files.find((name) => /email_send\/(?!.*-delete)/.test(name)) as string
  const ours = [join(folder, 'iterable/users/ducklake-dead.parquet'), join(folder, 'ducklake-cut.parquet')]
  const foreign = join(folder, 'iterable/users/ducklake-foreign.parquet')
  await copyFile(join(folder, sends), ours[0] as string)
  await writeFile(ours[1] as string, 'PAR1 and no end')
  await warehouse.query(
    `copy (select * replace ('of another lake' as _run_id) from '${join(folder, sends)}') to '${foreign}' (format parquet)`,
  )
  for (const path of [...ours, foreign]) await utimes(path, 1_000_000_000, 1_000_000_000)

  const before = await filesOf(warehouse)
  const planned = await elt.maintain({ isDryRun: true })
  expect(planned).toMatchObject({ run_id: null, orphans_removed: 2, files_unknown: 1 })
  expect(planned.snapshots_expired).toBeGreaterThan(10)
  expect(await filesOf(warehouse)).toEqual(before)
  expect(await elt.runs({ limit: 10 })).toHaveLength(3)

  const upkeep = await elt.maintain()
  expect(upkeep).toMatchObject({ files_before: planned.files_before, orphans_removed: 2, files_unknown: 1 })
  expect(upkeep.snapshots_expired).toBeGreaterThanOrEqual(planned.snapshots_expired)
  const of = (table: string) => upkeep.tables.find((one) => one.table === table)
  expect(of('iterable.email_send')?.before.files).toBeGreaterThan(5)
  // December and January.
  expect(of('iterable.email_send')?.after.files).toBe(2)
  expect(await contentsOf(warehouse)).toEqual(contents)
  const left = await filesOf(warehouse)
  expect(left).toHaveLength(upkeep.files_after + 1)
  expect(left).toContain('iterable/users/ducklake-foreign.parquet')
  // Rows that were deleted are in no file, and those that are there are in order.
  const stored = join(folder, 'iterable/email_send/*/month=1/*.parquet')
  const times = await warehouse.query(`select "createdAt" as at from read_parquet('${stored}')`)
  expect(times.length).toBeGreaterThan(1_000)
  expect(times).toEqual(times.toSorted((a, b) => Number(a.at) - Number(b.at)))
  const [run] = await warehouse.query(
    `select job, kind, state, details from iterable_sync.runs where run_id = '${upkeep.run_id}'`,
  )
  const { run_id: _, ...details } = upkeep
  expect(run).toEqual({ job: 'maintain', kind: 'maintain', state: 'succeeded', details })

  // As a job, as the worker does it; there is nothing left to do, and syncs go on.
  expect(await elt.schedules()).toContainEqual(
    expect.objectContaining({ name: 'maintain', cron: '0 3 * * *' }),
  )
  expect(await elt.runJob('maintain')).toMatchObject({ state: 'succeeded', error: null })
  expect(await elt.maintain()).toMatchObject({ files_before: upkeep.files_after, orphans_removed: 0 })
  expect(outcome(await elt.sync())).toEqual({ state: 'succeeded', wrong: [] })
  expect(await contentsOf(warehouse)).toEqual(contents)

  await using _lock = await elt.warehouse.lock('sync')
  await expect(elt.maintain()).rejects.toMatchObject({ code: 'locked' })
})

onLake('upkeep that is killed is done by the next, and no row is lost', async (warehouse) => {
  await using sandbox = await startLake(warehouse)
  const contents = await contentsOf(warehouse)
  const config = { ...configFor(sandbox, warehouse, { sync }), lake }
  await writeConfig(warehouse.tempDir, config)
  if (warehouse.config.type !== 'ducklake') throw new Error('this test is of a lake')
  const connectionString = warehouse.config.catalog
  // What each commit writes; what the removal of files reads and writes.
  const moments = ['ducklake_snapshot', 'ducklake_files_scheduled_for_deletion']
  for (const table of moments) {
    const [client, blocker] = [new pg.Client({ connectionString }), new pg.Client({ connectionString })]
    await Promise.all([client.connect(), blocker.connect()])
    blocker.on('error', () => {})
    try {
      await blocker.query(`begin; lock table iterable_lake.${table} in share mode`)
      const { child, ended } = start(['maintain'], { cwd: warehouse.tempDir })
      for (let isWaiting = false; !isWaiting; await delay(50)) {
        const { rowCount } = await client.query(
          `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
        )
        isWaiting = rowCount !== 0
      }
      child.kill('SIGKILL')
      expect((await ended).exitCode).toBeNull()
      // A server notices the death of its clients.
      await client.query(
        'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
      )
    } finally {
      await blocker.end().catch(() => {})
      await client.end()
    }
    expect(await contentsOf(warehouse), table).toEqual(contents)
  }
  await using elt = await open(config, { clock: quickClock(sandbox) })
  const upkeep = await elt.maintain()
  expect(upkeep.files_unknown).toBe(0)
  expect(await contentsOf(warehouse)).toEqual(contents)
  expect(await filesOf(warehouse)).toHaveLength(upkeep.files_after)
  const states = await warehouse.query(
    `select state, count(*) as runs from iterable_sync.runs where job = 'maintain' group by 1 order by 1`,
  )
  expect(states).toEqual([
    { state: 'failed', runs: moments.length },
    { state: 'succeeded', runs: 1 },
  ])
})
