/** The right to be forgotten, in every table and in the bytes of the files. */
import { copyFile, readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { sql } from 'kysely'
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

everyWarehouse('a person leaves views that are kept, and texts that mention them', async (warehouse) => {
  await using sandbox = await startProject({ users: 8 })
  const email = String(sandbox.truth.events('emailSend')[0]?.email)
  const marts = { materialize: ['message_facts', 'user_360'] }
  await using elt = await openOn(sandbox, warehouse, { sync, marts })
  await elt.sync()
  const another = `x${email}`
  const told = (first: string, second: string, other: string) =>
    `2 rows: {"email":"${first}"}\n${second},${second}: ${other} (of ${first}.)`
  await elt.warehouse.use(async ({ db }) => {
    const message = JSON.stringify({ text: told(email, email.toUpperCase(), another) })
    const time = new Date()
    await sql`update iterable_sync.runs set error_text = ${told(email, email.toUpperCase(), another)}`.execute(
      db,
    )
    await sql`insert into iterable_sync.notifications
      (notification_id, event, job, channel, message, state, attempts, next_try_at, created_at)
      values ('n', 'failure', 'sync', 'email', cast(${message} as json), 'sent', 1, ${time}, ${time})`.execute(
      db,
    )
    // As a list has it, and as an export of numbers does.
    await sql`insert into iterable_sync.rejected_rows (run_id, source, code, reason, "row", raw, rejected_at) values
      ('r', 'stream:list_users', 'x', 'x', null, ${email}, ${time}),
      ('r', 'stream:list_users', 'x', 'x', null, ${another}, ${time})`.execute(db)
    await sql`insert into iterable_sync.exports (name, query, settings)
      values ('one', ${`select '${email}' as email`}, cast('{"action":"add","list_id":1}' as json))`.execute(
      db,
    )
  })
  const kept = async () => {
    const { rows } = await elt.warehouse.use(({ tables }) =>
      sql<{ name: string }>`select table_name as name from information_schema.tables
        where table_schema = 'iterable_marts' and table_name like '%table%' order by 1`.execute(tables),
    )
    const counted: Record<string, unknown> = {}
    for (const { name } of rows) {
      const [row] = await warehouse.query(
        `select count(*) as all, count(*) filter (where email = '${email}') as theirs from iterable_marts."${name}"`,
      )
      counted[name] = row
    }
    return counted as Record<string, { readonly all: number; readonly theirs: number }>
  }
  const before = await kept()
  expect(Object.values(before).map(({ theirs }) => theirs > 0)).toEqual([true, true])

  const erasure = await elt.erase({ email })
  expect(erasure.notices).toEqual(
    expect.arrayContaining([
      'iterable_sync.runs: a text no longer names the person',
      'iterable_sync.notifications: a text no longer names the person',
      'the export "one" names the person in its query or settings, which are yours to change',
    ]),
  )
  const left = Object.entries(before).map(([name, { all, theirs }]) => [
    name,
    { all: all - theirs, theirs: 0 },
  ])
  expect(await kept()).toEqual(Object.fromEntries(left))
  const texts = [
    await warehouse.query(`select error_text from iterable_sync.runs where kind = 'sync'`),
    await warehouse.query(`select message from iterable_sync.notifications`),
    await warehouse.query('select raw from iterable_sync.rejected_rows'),
  ]
  const text = told('[erased]', '[erased]', another)
  expect(JSON.parse(JSON.stringify(texts))).toEqual([
    [{ error_text: text }],
    [{ message: { text } }],
    [{ raw: another }],
  ])
  expect(await elt.sync({ streams: ['lists'] })).toMatchObject({ state: 'succeeded' })
})

everyWarehouse('profiles that share a name are one person', async (warehouse) => {
  await using sandbox = await startProject({ users: 3, projectType: 'hybrid' })
  await using elt = await openOn(sandbox, warehouse, { sync: { ...sync, streams: ['users', 'email_send'] } })
  await elt.sync()
  await elt.warehouse.use(async ({ tables }) => {
    for (const [email, userId] of [
      ['one@example.com', 'u-first'],
      ['One@Example.com', 'u-second'],
      ['two@example.com', 'u-second'],
      ['other@example.com', 'U-FIRST'],
    ] as const) {
      for (const table of ['users', 'email_send']) {
        const named = table === 'users' ? email : null
        await sql`insert into iterable.${sql.id(table)} (email, "userId", "itblUserId", "_run_id", "_loaded_at")
          values (${named}, ${userId}, ${`id of ${email}`}, 'r', now())`.execute(tables)
      }
    }
  })
  const { identifiers } = await elt.erase({ userId: 'u-first' })
  expect(identifiers).toMatchObject({
    email: ['one@example.com', 'two@example.com'],
    userId: ['u-first', 'u-second'],
  })
  for (const table of ['users', 'email_send']) {
    const left = await warehouse.query(`select "userId" from iterable.${table} where "_run_id" = 'r'`)
    expect(left).toEqual([{ userId: 'U-FIRST' }])
  }
})

everyWarehouse('an erasure that was cut off is finished by the next one', async (warehouse) => {
  await using sandbox = await startProject({ users: 8 })
  const email = String(sandbox.truth.events('emailSend')[0]?.email)
  await using elt = await openOn(sandbox, warehouse, { sync })
  await elt.sync()
  const { scrub } = elt.warehouse.upkeep
  const scrubbed: (readonly string[])[] = []
  let isCut = true
  elt.warehouse.upkeep.scrub = async (tables) => {
    if (isCut) throw new Error('cut off')
    scrubbed.push(tables)
    return scrub(tables)
  }
  await expect(elt.erase({ email })).rejects.toThrow('cut off')
  isCut = false
  sandbox.advance(1000)
  expect(await elt.erase({ email })).toMatchObject({ tables: [] })
  expect(scrubbed.flat()).toContain('"iterable"."email_send"')
  await expectNoBytes(warehouse, email)
  sandbox.advance(1000)
  await elt.erase({ email })
  expect(scrubbed[1]).toEqual([])
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
