/** The right to be forgotten, in every table and in the bytes of the files. */
import { copyFile, readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect } from 'vitest'
import type { Elt } from '../../src/index.ts'
import { contentsOf, openOn, startProject } from '../support/sync.ts'
import { everyWarehouse, type TestWarehouse } from '../support/warehouse.ts'

const sync = {
  streams: ['users', 'list_users', 'lists', 'email_send', 'email_open'],
  start_date: '2024-01-01',
  window_in_days: 366,
}

everyWarehouse('a person leaves every table, and nobody else does', async (warehouse) => {
  await using sandbox = await startProject()
  const email = String(sandbox.truth.events('emailSend')[0]?.email)
  sandbox.data
    .events('emailOpen')
    .pushRaw(`{"email":"${email}","campaignId":12}`, new Date(sandbox.now.getTime() - 3_600_000))
  await using elt = await openOn(sandbox, warehouse, { sync })
  await elt.sync()
  const before = await contentsOf(warehouse)
  const known = await elt.person({ email, asksApi: false })
  const tables = known.warehouse.tables.map(({ table, rows }) => ({ table, rows }))
  expect(tables.map(({ table }) => table)).toEqual([
    ...['iterable.email_send', 'iterable.users', 'iterable_sync.rejected_rows'],
  ])
  const id = String(known.warehouse.identifiers.itblUserId[0])

  expect(await elt.erase({ email, isDryRun: true })).toMatchObject({ run_id: null, tables })
  expect(await contentsOf(warehouse)).toEqual(before)

  // A load that died leaves files that the lake does not know.
  const [userFile] = (await dataFiles(warehouse.tempDir)).filter((file) => /iterable\/users\//.test(file))
  if (warehouse.kind === 'ducklake' && userFile) {
    const folder = join(warehouse.tempDir, dirname(userFile))
    await copyFile(join(warehouse.tempDir, userFile), join(folder, 'ducklake-of-a-load-that-died.parquet'))
  }
  // In the file of DuckDB it stands as it is, so that it can be seen to go.
  if (warehouse.kind === 'duckdb') expect(await filesWith(warehouse, email)).not.toEqual([])
  const erasure = await elt.erase({ email: email.toUpperCase() })
  expect(erasure).toMatchObject({ run_id: expect.any(String), tables })
  expect((await elt.person({ email, asksApi: false })).warehouse.tables).toEqual([])
  const after = await contentsOf(warehouse)
  for (const [table, rows] of Object.entries(before)) {
    const others = rows.filter((row) => !row.toLowerCase().includes(email.toLowerCase()) && !row.includes(id))
    expect(after[table], table).toEqual(others)
  }
  // The run tells what was done, and of whom to nobody.
  const run = JSON.stringify(await warehouse.query(`select * from iterable_sync.runs where kind = 'erase'`))
  expect(run).toContain('iterable.users')
  expect(run.toLowerCase()).not.toContain(email.toLowerCase())
  await expectNoBytes(warehouse, email)

  // The warehouse is what it was for whoever works with it.
  expect(await elt.sync({ streams: ['lists', 'email_send'] })).toMatchObject({ state: 'succeeded' })

  // The row of an erasure whose process died is not left as one at work. The file of DuckDB is read by tests, and not written.
  const states = () => warehouse.query(`select state from iterable_sync.runs where kind = 'erase' order by 1`)
  const isWritable = warehouse.kind !== 'duckdb'
  if (isWritable)
    await warehouse.query(`update iterable_sync.runs set state = 'running' where kind = 'erase'`)
  expect(await elt.erase({ email: 'nobody@example.com' })).toMatchObject({ tables: [] })
  expect(await states()).toEqual([{ state: isWritable ? 'failed' : 'succeeded' }, { state: 'succeeded' }])
  await expectViews(elt)
})

async function expectViews(elt: Elt): Promise<void> {
  const rows: unknown[] = []
  for await (const row of elt.query('select count(*) as n from iterable_views.users')) rows.push(row)
  expect(rows).toEqual([{ n: expect.any(Number) }])
}

/** The files in whose bytes the text stands. */
async function filesWith({ tempDir }: TestWarehouse, text: string): Promise<string[]> {
  const found: string[] = []
  for (const name of await dataFiles(tempDir)) {
    if ((await readFile(join(tempDir, name))).includes(text)) found.push(name)
  }
  return found
}

const dataFiles = async (directory: string): Promise<string[]> =>
  (await readdir(directory, { recursive: true })).filter((name) => /\.(duckdb|parquet|wal)$/.test(name))

/** Parquet packs texts: the files of a lake are read, too. */
async function expectNoBytes(warehouse: TestWarehouse, email: string): Promise<void> {
  expect(await filesWith(warehouse, email)).toEqual([])
  if (warehouse.kind !== 'ducklake') return
  const { tempDir, query } = warehouse
  const files = (await dataFiles(tempDir)).filter((file) => /iterable\/(users|email_send)\//.test(file))
  expect(files.length).toBeGreaterThan(1)
  for (const name of files) {
    const rows = await query(`select 1 from '${join(tempDir, name)}' where email ilike '${email}'`)
    expect(rows, name).toEqual([])
  }
  const kept = await query(
    `select 1 from __ducklake_metadata_warehouse.iterable_lake.ducklake_table_column_stats
     where '${email}' in (min_value, max_value)`,
  )
  expect(kept).toEqual([])
}
