/** Queries of people against everything that is not the warehouse. */
import { once } from 'node:events'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import pg from 'pg'
import { expect, test } from 'vitest'
import type { UserError } from '../../src/errors.ts'
import { type Elt, open, openParsed } from '../../src/index.ts'
import { startProgram } from '../support/programs.ts'
import { createTestWarehouse, eachWarehouse } from '../support/warehouse.ts'
import { exportTest } from './support.ts'

async function rowsOf(elt: Elt, query: string): Promise<unknown[]> {
  const rows: unknown[] = []
  for await (const row of elt.query(query)) rows.push(row)
  return rows
}

const outcomeOf = (elt: Elt, query: string): Promise<unknown> =>
  rowsOf(elt, query).catch((error: unknown) => error)

exportTest('on DuckDB a query sees no file of the machine and writes none', async (fixture) => {
  const { elt, save, run, warehouse, sandbox } = fixture
  if (warehouse.kind !== 'duckdb') return
  const { tempDir } = warehouse
  const secret = join(tempDir, 'secret.csv')
  const written = join(tempDir, 'written')
  await writeFile(secret, 'email\nsecret@example.com\n')
  await run(`create macro iterable.leak() as table select content as email from read_text('${secret}')`)
  await run(`create table iterable.t as select 'a@x.org' as email`)
  const before = (await readdir(tempDir)).sort()
  const attacks = [
    `select content as email from read_text('${secret}')`,
    `select content::varchar as email from read_blob('${secret}')`,
    `select email from read_csv('${secret}')`,
    `select email from '${secret}'`,
    `from query_table('${secret}')`,
    `select file as email from glob('/etc/*')`,
    `select prompt as email from sniff_csv('${secret}')`,
    `select email from (with a as (select * from read_csv('${secret}')) select * from a)`,
    `select (select max(content) from read_text('${secret}')) as email`,
    `from iterable.leak()`,
    `select name as email from duckdb_secrets()`,
    `select * from query('select content as email from read_text(''${secret}'')')`,
    `select * from json_execute_serialized_sql(json_serialize_sql('select 1 as email'))`,
    `select 1 as email from enable_logging('QueryLog', storage := 'file', storage_path := '${written}')`,
    `select 1 as email from System.Main."ENABLE_LOGGING"('QueryLog', storage := 'file', storage_path := '${written}')`,
    `select 1 as email from enable_profiling(save_location := '${written}')`,
    `select 1 as email from truncate_duckdb_logs()`,
    `select 1 as email from checkpoint()`,
    'select 1 as email from arrow_scan(1, 2, 3)',
    `from parquet_metadata('${secret}')`,
  ]
  for (const attack of attacks) {
    expect.soft(await outcomeOf(elt, attack), attack).toBeInstanceOf(Error)
  }
  // A read, one in disguise, a macro, and a write, on the way of exports.
  for (const attack of [0, 3, 9, 13].map((index) => attacks[index] as string)) {
    await save('attack', { action: 'add' }, attack)
    const outcome = await elt.export('attack').catch((error: unknown) => ({ error: String(error) }))
    expect.soft(outcome, attack).toMatchObject({
      error: expect.stringMatching(/refused before it ran|does not run/),
    })
    expect.soft(await outcomeOf(elt, `explain analyze ${attack}`), attack).toBeInstanceOf(Error)
  }
  const answers = await Promise.all(attacks.map((attack) => outcomeOf(elt, attack)))
  expect(String(answers)).not.toContain('secret@example.com')
  expect(sandbox.writes).toEqual([])
  expect((await readdir(tempDir)).sort()).toEqual(before)
  // What reads the warehouse still does, and the product itself still writes.
  expect(await rowsOf(elt, 'select email, i from iterable.t, range(1) r(i)')).toEqual([
    { email: 'a@x.org', i: 0 },
  ])
  await save('vip', { action: 'add' }, 'from iterable.t')
  expect(await elt.export('vip')).toMatchObject({ state: 'succeeded', sent: 1 })
})

test('exports.allow_external_access lets queries read files, and still write none', async () => {
  await using warehouse = await createTestWarehouse('duckdb')
  const file = join(warehouse.tempDir, 'own.csv')
  const written = join(warehouse.tempDir, 'written')
  await writeFile(file, 'email\nown@example.com\n')
  await using elt = await open({ warehouse: warehouse.config, exports: { allow_external_access: true } })
  expect(await rowsOf(elt, `select email from '${file}'`)).toEqual([{ email: 'own@example.com' }])
  expect(await rowsOf(elt, `select email from read_csv('${file}')`)).toEqual([{ email: 'own@example.com' }])
  for (const attack of [
    `from enable_logging('QueryLog', storage := 'file', storage_path := '${written}')`,
    `copy (select 1) to '${written}'`,
    `from enable_profiling(save_location := '${written}')`,
    "from query('select 1')",
  ]) {
    expect.soft(await outcomeOf(elt, attack), attack).toMatchObject({
      message: expect.stringMatching(/refused/),
    })
  }
  expect(await readdir(warehouse.tempDir)).not.toContain('written')
})

test("a host's live DuckDB: queries see no file either, and its settings stay the host's", async () => {
  await using warehouse = await createTestWarehouse('duckdb')
  const file = join(warehouse.tempDir, 'own.csv')
  await writeFile(file, 'email\nown@example.com\n')
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  await connection.run(`create table "my.table" as select 1 as n`)
  {
    await using elt = await open({ warehouse: { type: 'duckdb', instance } })
    for (const attack of [
      `from '${file}'`,
      `from read_csv('${file}')`,
      `select * from (from glob('/etc/*'))`,
      `from query_table('${file}')`,
      `from enable_logging('QueryLog')`,
    ]) {
      expect.soft(await outcomeOf(elt, attack), attack).toMatchObject({ code: 'not_a_select' })
    }
    expect(await rowsOf(elt, 'from "my.table"')).toEqual([{ n: 1 }])
  }
  const own = await connection.runAndReadAll(`select email from read_csv('${file}')`)
  expect(own.getRowsJson()).toEqual([['own@example.com']])
  connection.closeSync()
  instance.closeSync()
})

test('a query holds the DuckDB file only while it runs, also one that is left early or interrupted', async () => {
  await using warehouse = await createTestWarehouse('duckdb')
  await using elt = await open({ warehouse: warehouse.config })
  await elt.exports()
  for await (const _ of elt.query('select i from range(5000000) r(i)')) break
  const stop = new AbortController()
  await expect(
    (async () => {
      for await (const _ of elt.query('select i from range(5000000) r(i)', { signal: stop.signal }))
        stop.abort()
    })(),
  ).rejects.toMatchObject({ code: 'interrupted' })
  const other = startProgram('test/support/hold-file.ts', [join(warehouse.tempDir, 'warehouse.duckdb')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  await once(other.stdout as NodeJS.ReadableStream, 'data')
  other.stdin?.end()
  await once(other, 'exit')
  expect(await rowsOf(elt, 'select note from main.notes')).toEqual([{ note: 1 }])
})

test('a query that sorts more than its memory spills, and what a killed writer left in the log is seen', async () => {
  await using warehouse = await createTestWarehouse('duckdb')
  await using elt = await open({ warehouse: warehouse.config })
  const path = join(warehouse.tempDir, 'warehouse.duckdb')
  await elt.exports()
  // A log beside the file, as a writer leaves it that dies before its checkpoint.
  const instance = await DuckDBInstance.create(path)
  const connection = await instance.connect()
  await connection.run('pragma disable_checkpoint_on_shutdown')
  await connection.run('create table main.late as select 7 as n')
  connection.closeSync()
  instance.closeSync()
  expect((await readFile(`${path}.wal`)).length).toBeGreaterThan(0)
  expect(await rowsOf(elt, 'from main.late')).toEqual([{ n: 7 }])
  const sorted = `select count(*) as n from (select i, md5(i::varchar) as h from range(3000000) r(i) order by h)`
  expect(await rowsOf(elt, sorted)).toEqual([{ n: 3_000_000 }])
})

eachWarehouse('sql runs one statement that reads, however it is dressed', async (test) => {
  await using elt = await open({ warehouse: test.config })
  await elt.exports()
  for (const attack of [
    'delete from iterable_sync.exports',
    '/* /* */ select */ delete from iterable_sync.exports',
    '-- select\ndelete from iterable_sync.exports',
    'explain analyze delete from iterable_sync.exports',
    'explain(analyze) delete from iterable_sync.exports',
    "copy (select 1) to program 'true' with (format csv, force_quote *)",
    'commit and chain',
    'commit; delete from iterable_sync.exports',
    'set session characteristics as transaction read write',
    'do $$ begin end $$',
  ]) {
    expect.soft(await outcomeOf(elt, attack), attack).toMatchObject({ kind: 'config' })
  }
  expect(await rowsOf(elt, '/* /* */ x */ -- y\n select 1 as n')).toEqual([{ n: 1 }])
  expect(await rowsOf(elt, 'explain select 1 as n')).not.toEqual([])
})

exportTest('sql and an export refuse a query for the same reason, in the same words', async (fixture) => {
  const { elt, save, run } = fixture
  await run("create table iterable.t as select 'a@x.org' as email")
  for (const query of [
    'select email from iterable.t; delete from iterable.t',
    'with gone as (delete from iterable.t returning email) select * from gone',
    'select email into iterable.u from iterable.t',
    'select nothing from iterable.t',
    "select cast('x' as integer) as email",
    'from from',
    'select ? as email',
  ]) {
    const shown = (await outcomeOf(elt, query)) as UserError
    await save('bad', { action: 'add' }, query)
    const sent = await elt
      .export('bad')
      .then(({ error, error_code, error_kind }) => ({ message: error, code: error_code, kind: error_kind }))
      .catch(({ message, code, kind }: UserError) => ({ message, code, kind }))
    expect.soft({ query, code: sent.code, kind: sent.kind }).toEqual({
      query,
      code: shown.code,
      kind: shown.kind,
    })
    expect.soft(sent.message).toContain(shown.message.slice(0, 120))
    expect.soft(shown.kind).toBe('config')
  }
  expect(await rowsOf(elt, 'select 1 as a, 2 as a; -- over')).toEqual([{ a: 2 }])
  expect(await rowsOf(elt, '((select 1 as n))')).toEqual([{ n: 1 }])
})

exportTest(
  'on Postgres a query runs with the rights of exports.role',
  async ({ elt, save, run, warehouse }) => {
    if (warehouse.config.type !== 'postgres') return
    const role = `reader_${Math.random().toString(36).slice(2)}`
    await run(`create role ${role} nologin`)
    try {
      await run("create table iterable.open as select 'a@x.org' as email")
      await run("create table iterable.closed as select 'b@x.org' as email")
      await run(`grant usage on schema iterable to ${role}`)
      await run(`grant select on iterable.open to ${role}`)
      await using lowered = await openParsed({ ...elt.config, exports: { ...elt.config.exports, role } })
      await save('open', { action: 'add' }, 'select email from iterable.open')
      await save('closed', { action: 'add' }, 'select email from iterable.closed')
      expect(await lowered.export('open')).toMatchObject({ state: 'succeeded', sent: 1 })
      expect(await lowered.export('closed')).toMatchObject({ state: 'failed', error_kind: 'config' })
      expect(await rowsOf(lowered, 'select current_user::text as me')).toEqual([{ me: role }])
      expect(await outcomeOf(lowered, 'select * from iterable.closed')).toMatchObject({
        message: expect.stringContaining('permission denied'),
      })
      // The product itself keeps its own rights, also on the connection that the query had.
      expect((await lowered.exports()).map(({ name }) => name)).toEqual(['closed', 'open'])
      await using missing = await openParsed({
        ...elt.config,
        exports: { ...elt.config.exports, role: 'no such role' },
      })
      expect(await outcomeOf(missing, 'select 1')).toMatchObject({ code: 'role', kind: 'config' })
    } finally {
      await run(`drop owned by ${role}`)
      await run(`drop role ${role}`)
    }
  },
)

exportTest('on Postgres a query names nothing beyond the warehouse, also as a superuser', async (fixture) => {
  const { elt, save, run, warehouse, sandbox } = fixture
  if (warehouse.config.type !== 'postgres') return
  await run("create table iterable.t as select 'a@x.org' as email, 'dblink_get' as pg_ls_dir")
  const reading = [
    "select pg_read_file('PG_VERSION') as email",
    'select PG_Catalog."pg_read_binary_file" (\'PG_VERSION\')',
    "select pg_read_file/* x */('PG_VERSION') as email",
    "select pg_read_file --\r('PG_VERSION') as email",
    "select * from pg_ls_dir('.')",
    'select passwd as email from pg_shadow',
    'select line_number from pg_catalog.pg_hba_file_rules',
  ]
  const acting = [
    "select lo_export(1, '/tmp/x')",
    'select pg_terminate_backend(pg_backend_pid())',
    'select pg_reload_conf()',
    "select pg_logical_emit_message(true, 'a', 'b')",
    "select set_config('role', 'none', true)",
    "select query_to_xml('select pg_read_fi' || 'le(''PG_VERSION'')', true, false, '')",
    "select * from ts_stat('select to_tsvector(pg_read_' || 'file(''PG_VERSION''))')",
    "select table_to_xml(('pg_' || 'shadow')::regclass, true, true, '')",
    "select schema_to_xml('pg_catalog', true, true, ''), database_to_xml_and_xmlschema(true, true, '')",
    "select ts_rewrite('a'::tsquery, 'select ''a''::tsquery, pg_read_' || 'file(''PG_VERSION'')::tsquery')",
    `select U&"pg\\005fread_file"('PG_VERSION') as email`,
    "select $é$ ' $é$, pg_reload_conf(), ' '",
  ]
  for (const attack of [...reading, ...acting, ...reading.map((query) => `explain analyze ${query}`)]) {
    expect.soft(await outcomeOf(elt, attack), attack).toMatchObject({ code: 'not_a_select' })
  }
  await save('attack', { action: 'add' }, reading[0] as string)
  expect(await elt.export('attack')).toMatchObject({ state: 'failed', error_code: 'not_a_select', sent: 0 })
  expect(sandbox.writes).toEqual([])
  expect(await rowsOf(elt, 'select email, pg_ls_dir from iterable.t')).toEqual([
    { email: 'a@x.org', pg_ls_dir: 'dblink_get' },
  ])
  await using open = await openParsed({
    ...elt.config,
    exports: { ...elt.config.exports, allow_external_access: true },
  })
  expect(await rowsOf(open, "select count(*) > 0 as is_read from pg_ls_dir('.')")).toEqual([
    { is_read: true },
  ])
  expect(await outcomeOf(open, acting[0] as string)).toMatchObject({ code: 'not_a_select' })
})

exportTest('a value of hundreds of megabytes fails its query and nothing else', async (fixture) => {
  const { elt, save, run, warehouse } = fixture
  if (warehouse.config.type !== 'postgres') return
  await run("create table iterable.t as select 'a@example.com' as email")
  await save('huge', { action: 'add' }, "select email, repeat('x', 280000000) as text from iterable.t")
  await save('small', { action: 'add' }, 'select email from iterable.t')
  // In an array it is one message, too.
  expect(await outcomeOf(elt, "select array_fill(repeat('x', 1000000), array[280])")).toMatchObject({
    code: 'query_invalid',
  })
  expect(await elt.export('huge')).toMatchObject({
    state: 'failed',
    error_kind: 'config',
    error: expect.stringContaining('larger than 256 MB'),
  })
  expect(await elt.export('small')).toMatchObject({ state: 'succeeded', sent: 1 })
  // A pool of the host's is watched as well.
  const pool = new pg.Pool({ connectionString: warehouse.config.url })
  try {
    await using live = await open({ warehouse: { type: 'postgres', pool }, connections: {} } as never)
    expect(await outcomeOf(live, "select repeat('x', 280000000)")).toMatchObject({ code: 'query_invalid' })
    expect(await rowsOf(live, 'select email from iterable.t')).toHaveLength(1)
  } finally {
    await pool.end()
  }
})

exportTest('advisory locks that a query takes end with it', async ({ elt, save, run, warehouse }) => {
  if (warehouse.config.type !== 'postgres') return
  await run('create table iterable.t (email text)')
  await save('locks', { action: 'add' }, "select pg_advisory_lock(77)::text || 'x@example.com' as email")
  await elt.export('locks')
  await rowsOf(elt, 'select pg_advisory_lock(78)::text as n')
  const client = new pg.Client({ connectionString: warehouse.config.url })
  await client.connect()
  try {
    const { rows } = await client.query('select pg_try_advisory_lock(77) as a, pg_try_advisory_lock(78) as b')
    expect(rows).toEqual([{ a: true, b: true }])
  } finally {
    await client.end()
  }
})

exportTest('a query that fails at a late row fails, and nothing of it is sent', async (fixture) => {
  const { elt, save, sandbox } = fixture
  const late = `select 'p' || n || '@example.com' as email, 1 / (n - 150000) as x from generate_series(1, 150000) as g(n)`
  const query =
    fixture.warehouse.kind === 'duckdb'
      ? late.replace(/1 \/ .* as x/, "cast(case when n = 150000 then 'x' else '1' end as int) as x")
      : late
  await save('vip', { action: 'mirror' }, query)
  expect(await elt.export('vip')).toMatchObject({ state: 'failed', sent: 0 })
  expect(sandbox.writes).toEqual([])
  await expect(rowsOf(elt, query)).rejects.toThrow(/division by zero|Conversion Error/)
})
