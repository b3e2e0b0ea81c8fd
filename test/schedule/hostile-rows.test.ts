/** Rows that somebody inserts by SQL against the jobs of everybody else. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { expect } from 'vitest'
import { loadExports } from '../../src/export/definition/saved.ts'
import { readSchedules } from '../../src/state/schedules.ts'
import { statusOf } from '../../src/state/schedules-status.ts'
import { migrate } from '../../src/warehouse/migrations.ts'
import { undoMigrations } from '../support/migrations.ts'
import { eachWarehouse } from '../support/warehouse.ts'
import { openWarehouse, Simulation, scheduled } from './simulation.ts'

const huge = '9223372036854775807'
/** Columns and values of one row, as somebody could insert it. */
const schedules: Readonly<Record<string, string>> = {
  start: "start_at = 'infinity'",
  start_never: "start_at = '-infinity'",
  start_late: "start_at = '290000-01-01'",
  end: "end_at = 'infinity'",
  delay: `delay_seconds = ${huge}`,
  delay_before: `delay_seconds = -${huge}`,
  jitter: `jitter_seconds = ${huge}`,
  window_seconds: `catchup_window_seconds = ${huge}`,
  timeout: `timeout_seconds = -${huge}`,
  revision: `revision = ${huge}`,
  failures: `consecutive_failures = ${huge}, transient_failures = ${huge}`,
  next_tick: "next_nominal_at = 'infinity', next_due_at = '-infinity'",
  last: "last_nominal_at = 'infinity'",
  retry: "retry_at = '-infinity', retry_run_id = 'x'",
  paused: "paused_at = 'infinity', paused_reason = 'x'",
  cron: "cron = repeat('0,', 5000)",
  cron_word: "cron = 'constructor __proto__'",
  timezone: "timezone = 'toString'",
  dialect: "dialect = '__proto__'",
  overlap: "overlap = 'constructor'",
  overlap_long: "overlap = repeat('x', 100000)",
  far: "start_at = '9999-12-31 23:59:59', delay_seconds = 3153600000",
  early: "start_at = '0001-01-01', delay_seconds = -3153600000",
}

eachWarehouse('no row of schedules or run_requests keeps the jobs of others from running', async (test) => {
  await using simulation = await Simulation.start(test, {
    start: '2026-03-01T00:30:00Z',
    definitions: [scheduled('sync', { cron: '@hourly' })],
  })
  const refused: string[] = []
  const attempt = (name: string, statements: readonly string[]) =>
    simulation.warehouse
      .use(async ({ db }) => {
        for (const statement of statements) await sql.raw(statement).execute(db)
      })
      .catch(() => refused.push(name))
  const table = 'iterable_sync.schedules'
  for (const [name, set] of Object.entries(schedules)) {
    await attempt(name, [
      `insert into ${table} (name, cron) values ('export:${name}', '@hourly')`,
      `update ${table} set ${set} where name = 'export:${name}'`,
    ])
  }
  await attempt('job', [`insert into iterable_sync.run_requests (job) values (repeat('x', 100000))`])
  for (const at of ['infinity', '-infinity', '290000-01-01']) {
    await attempt(`request ${at}`, [
      `insert into iterable_sync.run_requests (job, nominal_at) values ('sync', '${at}')`,
    ])
  }
  // Postgres refuses what it can; DuckDB cannot add constraints.
  const bounded = [
    'start',
    'start_never',
    'start_late',
    'delay',
    'jitter',
    'revision',
    'paused',
    'cron',
    'job',
  ]
  if (test.kind === 'postgres')
    expect(refused).toEqual(expect.arrayContaining([...bounded, 'request infinity']))
  else expect(refused).toEqual([])

  await simulation.goTo('2026-03-01T02:30:00Z')
  expect(simulation.ran.filter(({ job, trigger }) => job === 'sync' && trigger === 'schedule')).toHaveLength(
    2,
  )
  const rows = await simulation.warehouse.use(({ db }) => readSchedules(db))
  expect(rows).toHaveLength(Object.keys(schedules).length + 1)
  const status = new Map(rows.map((row) => [row.name, statusOf(row)]))
  expect(JSON.stringify([...status.values()])).toContain('export:start')
  const told = simulation.told.filter(({ event }) => event === 'failure').map(({ job }) => job)
  const broken = ['cron_word', 'timezone', 'dialect', 'overlap', 'overlap_long']
  if (test.kind === 'duckdb') broken.push('start', 'start_late', 'end', 'delay', 'jitter', 'timeout', 'cron')
  for (const name of broken) {
    expect.soft(status.get(`export:${name}`)?.problem, name).toEqual(expect.any(String))
    expect
      .soft(
        told.filter((job) => job === `export:${name}`),
        name,
      )
      .toHaveLength(1)
  }
  // What only the product writes is worked out anew, and the schedule runs.
  for (const name of ['revision', 'failures', 'next_tick', 'last', 'retry']) {
    expect.soft(simulation.ran.filter(({ job }) => job === `export:${name}`).length, name).toBe(2)
  }
  const requests = await test.query(
    'select taken_at is not null as taken, run_id, error_text from iterable_sync.run_requests',
  )
  for (const request of requests) {
    expect.soft(request).toEqual({ taken: true, run_id: null, error_text: expect.any(String) })
  }
  expect(requests).toHaveLength(test.kind === 'duckdb' ? 4 : 0)
})

eachWarehouse('rows that were bad before the constraints came do not stop the migration', async (test) => {
  await using warehouse = await openWarehouse(test)
  await warehouse.use(async (session) => {
    await migrate(session)
    const run = (statement: string) => sql.raw(statement).execute(session.db)
    if (test.kind === 'postgres') {
      await run('alter table iterable_sync.schedules drop constraint schedules_sound')
      await run('alter table iterable_sync.run_requests drop constraint run_requests_sound')
    }
    await undoMigrations(run, '0007')
    for (const [name, set] of Object.entries(schedules)) {
      await run(`insert into iterable_sync.schedules (name, cron) values ('export:${name}', '@hourly')`)
      await run(`update iterable_sync.schedules set ${set} where name = 'export:${name}'`)
    }
    await run("insert into iterable_sync.run_requests (job, nominal_at) values ('sync', 'infinity')")
    await migrate(session)
    const rows = await readSchedules(session.db)
    const start = rows.find(({ name }) => name === 'export:start')
    expect(start).toMatchObject({ start_at: null, paused_reason: expect.stringContaining('start_at') })
    expect(start?.paused_at).toBeInstanceOf(Date)
    // Every row can be written again.
    await run('update iterable_sync.schedules set revision = revision + 1')
  })
  expect(await test.query('select error_text is null as open from iterable_sync.run_requests')).toEqual([
    { open: false },
  ])
})

eachWarehouse('a row of exports that cannot be read stops no other export', async (test) => {
  await using warehouse = await openWarehouse(test)
  const now = new Date('2026-03-01T00:00:00Z')
  const notifications = { webhooks: {} }
  await loadExports(warehouse, test.tempDir, { now, notifications })
  const good = '{"action":"add","list_id":1}'
  const settings = [
    ...['null', '[]', '"x"', '1', 'true', '{}', '{"__proto__":{"a":1},"constructor":1}', '{"action":null}'],
    ...[`${'['.repeat(5_000)}${']'.repeat(5_000)}`, `{"action":"add\\u0000","list_id":1}`],
    '{"action":"add","list_id":1,"schedule":{"cron":"@daily","start":"0000-01-01"}}',
    '{"action":"add","list_id":1,"schedule":{"cron":"@daily","delay":"99999999999999999999d"}}',
    '{"action":"add","list_id":1e400,"columns":[{"toString":1}]}',
    ...(test.kind === 'duckdb' ? ['{"action":"add","list_id":NaN}', '{"action":"add","list_id":1,}'] : []),
  ]
  await warehouse.use(async ({ db }) => {
    for (const [index, text] of settings.entries()) {
      await sql`insert into iterable_sync.exports (name, query, settings) values (${`bad${index}`}, 'select 1', ${text})`.execute(
        db,
      )
    }
    for (const name of ['', 'a b', '../x', 'x'.repeat(5_000)]) {
      await sql`insert into iterable_sync.exports (name, query, settings) values (${name}, '', ${good})`.execute(
        db,
      )
    }
    await sql`insert into iterable_sync.exports (name, query, settings, created_at, updated_at)
      values ('good', 'select 1', ${good}, 'infinity', '-infinity')`.execute(db)
  })
  const saved = await loadExports(warehouse, test.tempDir, { now, notifications })
  expect(saved).toHaveLength(settings.length + 5)
  expect(saved.filter(({ error }) => error === undefined).map(({ name }) => name)).toEqual(['good'])
})

eachWarehouse('rows that are too long or have thousands of faults cost others nothing', async (test) => {
  await using warehouse = await openWarehouse(test)
  const now = new Date('2026-03-01T00:00:00Z')
  const notifications = { webhooks: {} }
  await loadExports(warehouse, test.tempDir, { now, notifications })
  const good = { action: 'add', list_id: 1 }
  const keys = Object.fromEntries(Array.from({ length: 20_000 }, (_, n) => [`key${n}`, 1]))
  await warehouse.use(async ({ db }) => {
    const insert = (name: string, settings: object) =>
      sql`insert into iterable_sync.exports (name, query, settings)
        values (${name}, 'select 1', ${JSON.stringify(settings)})`.execute(db)
    await insert('good', good)
    await insert('keys', keys)
    await insert('key', { ...good, ['k'.repeat(400_000)]: 1 })
    await insert('columns', { ...good, columns: Array.from({ length: 20_000 }, () => 1) })
    await insert('settings', { ...good, list_id: undefined, list: 'x'.repeat(1_000_000) })
    await sql`insert into iterable_sync.exports (name, query, settings)
      values ('query', repeat('x', 10000001), ${JSON.stringify(good)})`.execute(db)
  })
  const startedMs = performance.now()
  const saved = await loadExports(warehouse, test.tempDir, { now, notifications })
  // With a schema made for each key it took a minute.
  expect(performance.now() - startedMs).toBeLessThan(10_000)
  const errors = new Map(saved.map(({ name, error }) => [name, error]))
  expect(errors.get('good')).toBeUndefined()
  expect(errors.get('keys')).toMatch(/^export "keys" has 20001 faults:\n(.+\n)+… and 19981 more$/)
  for (const name of ['query', 'settings']) expect(errors.get(name)).toContain('is too long')
  for (const error of errors.values()) expect((error ?? '').length).toBeLessThan(25_000)
  const told = await test.query('select name, error_text from iterable_sync.exports')
  for (const { name, error_text } of told) expect(error_text ?? undefined).toBe(errors.get(String(name)))
})

eachWarehouse('what no database stores as it is stops nothing, and is written once', async (test) => {
  await using simulation = await Simulation.start(test, {
    start: '2026-03-01T00:30:00Z',
    definitions: [
      scheduled('export:a_nul', { cron: '* * * * *\0' }),
      scheduled('export:half', { cron: `* * * * ${'*'.repeat(60)}\ud83d` }),
      scheduled('sync', { cron: '@hourly' }),
    ],
  })
  await simulation.goTo('2026-03-01T02:30:00Z')
  expect(simulation.ran.filter(({ job }) => job === 'sync')).toHaveLength(2)
  const told = simulation.told.filter(({ event }) => event === 'failure').map(({ job }) => job)
  expect(told.sort()).toEqual(['export:a_nul', 'export:half'])

  const directory = join(test.tempDir, 'exports')
  await mkdir(directory)
  const write = (name: string, settings: string, query = 'select 1 as email') =>
    writeFile(join(directory, `${name}.sql`), `/*\n${settings}\n*/\n${query}`)
  await write('good', 'action: add\nlist_id: 1')
  await write('nul', 'action: add\nlist_id: 1', "select 'a\0b' as email")
  await write('half', 'action: add\nlist: "a\\uD83D \\\\ud83d \\0"')
  await write('shown', `action: ${'x'.repeat(75)}\u{1f600}\nlist_id: 1`)
  await write('itself', 'action: add\nlist_id: 1\ncolumns: &a [*a]')
  await write(
    'expanding',
    `a: &a [${'1,'.repeat(50)}]\nb: &b [${'*a,'.repeat(50)}]\nc: [${'*b,'.repeat(50)}]`,
  )
  await write('long', 'action: add\nlist_id: 1', `select '${'x'.repeat(10_000_000)}' as email`)
  const now = new Date('2026-03-01T00:00:00Z')
  const load = () => loadExports(simulation.warehouse, directory, { now, notifications: { webhooks: {} } })
  const states = () =>
    test.query(
      'select name, query, settings, error_text, updated_at from iterable_sync.exports order by name',
    )
  const saved = await load()
  expect(saved.filter(({ error }) => error === undefined).map(({ name }) => name)).toEqual([
    'good',
    'half',
    'nul',
  ])
  const before = await states()
  expect(before.find(({ name }) => name === 'itself')?.error_text).toContain('a setting holds itself')
  expect(before.find(({ name }) => name === 'half')?.settings).toEqual({
    action: 'add',
    list: 'a\ufffd \\ud83d \0',
  })
  // What is written again at every look wakes every worker, which looks.
  await loadExports(simulation.warehouse, directory, {
    now: new Date('2026-03-02T00:00:00Z'),
    notifications: { webhooks: {} },
  })
  expect(await states()).toEqual(before)
})
