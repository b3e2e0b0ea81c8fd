/** Copies of a warehouse: the same rows, whole or not at all, and nothing of others is overwritten. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DuckDBInstance, type Json } from '@duckdb/node-api'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Elt, open } from '../../src/index.ts'
import type { Sandbox } from '../../src/sandbox/index.ts'
import { run, temporaryFolder, writeConfig } from '../cli/run.ts'
import { configFor, openOn, startProject } from '../support/sync.ts'
import {
  createTestWarehouse,
  eachWarehouse,
  everyWarehouse,
  type TestWarehouse,
} from '../support/warehouse.ts'

let sandbox: Sandbox
beforeAll(async () => {
  sandbox = await startProject()
})
afterAll(() => sandbox.close())

/** Reads with a DuckDB that knows nothing of us. */
async function ask(path: string, statement: string): Promise<Json[][]> {
  const instance = await DuckDBInstance.create(path, path === ':memory:' ? {} : { access_mode: 'READ_ONLY' })
  const connection = await instance.connect()
  try {
    await connection.run(`set TimeZone = 'UTC'`)
    return (await connection.runAndReadAll(statement)).getRowsJson()
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

async function execute(elt: Elt, ...statements: readonly string[]): Promise<void> {
  const { sql } = await import('kysely')
  await elt.warehouse.use(async ({ tables }) => {
    for (const statement of statements) await sql.raw(statement).execute(tables)
  })
}

/** Each value as text, in words that both databases share. */
const values = `select id, a_text, an_int::text as an_int, a_double::text as a_double, a_flag::text as a_flag,
  cast(a_day as text) as a_day, cast(a_decimal as text) as a_decimal, extract(epoch from a_time)::bigint as a_time,
  cast(a_json as text) as a_json from iterable_views.every_type order by id`

const everyType = ({ kind }: TestWarehouse) => [
  `create table iterable_views.every_type (id bigint, a_text ${kind === 'postgres' ? 'text' : 'varchar'}, an_int bigint,
     a_double double precision, a_flag boolean, a_day date, a_decimal decimal(20, 4), a_time timestamptz, a_json json)`,
  `insert into iterable_views.every_type values
     (1, 'plain', 9007199254740993, 0.1, true, '2026-02-01', 1.1000, '2026-02-01 12:00:00+00', '{"a":[1,"ü"]}'),
     (2, '', 0, -1e300, false, '0001-01-01', -1234567890123456.7891, '1970-01-01 00:00:00+00', '""'),
     (3, null, null, null, null, null, null, null, null),
     (4, 'a "quoted", line' || chr(10) || 'and' || chr(13) || chr(1) || chr(2) || ' \\N', 1, 1, true, '2026-02-01', 0, now(), 'null'),
     (5, repeat('long ', 500000), 1, 1, true, '2026-02-01', 0, now(), '{}')`,
]

everyWarehouse('a snapshot has every row of every table and view', async (warehouse) => {
  await using elt = await openOn(sandbox, warehouse, { marts: {} })
  await elt.sync({ streams: ['users', 'lists', 'channels', 'campaigns', 'email_send'] })
  await execute(elt, ...everyType(warehouse))
  const file = join(warehouse.tempDir, 'deep', 'copy.duckdb')
  const parquet = join(warehouse.tempDir, 'parquet')
  const copied = await elt.snapshot({ file })
  expect(copied).toMatchObject({ path: file, bytes: expect.any(Number) })
  const { relations } = await elt.snapshot({ parquet })
  expect(relations).toEqual(copied.relations.filter((name) => !name.startsWith('iterable_sync.')))
  expect(relations.some((name) => name.startsWith('iterable_marts.'))).toBe(true)
  const counts = (sourceOf: (name: string) => string) =>
    relations
      .map((name) => `select '${name}' as name, cast(count(*) as varchar(20)) as rows from ${sourceOf(name)}`)
      .join(' union all ')
  const counted = (await warehouse.query(counts((name) => name))).map(({ name, rows }) => [name, rows])
  expect(counted).toHaveLength(relations.length)
  expect(
    await ask(
      file,
      counts((name) => name),
    ),
  ).toEqual(counted)
  const inFolder = counts((name) => `'${join(parquet, name.replace('.', '/'))}.parquet'`)
  expect(await ask(':memory:', inFolder)).toEqual(counted)
  const wanted = (await warehouse.query(values)).map((row) =>
    Object.values(row).map((value) => value ?? null),
  )
  const found = (await ask(file, values)).map((row) => [Number(row[0]), ...row.slice(1)])
  const normal = (row: readonly unknown[]) =>
    row.map((value) =>
      value === null ? null : typeof value === 'object' ? JSON.stringify(value) : String(value),
    )
  const same = (rows: readonly (readonly unknown[])[]) =>
    rows.map(normal).map((row) => row.map(numberAsWritten))
  expect(same(found)).toEqual(same(wanted))
  const inParquet = values.replace(
    'iterable_views.every_type',
    `'${join(parquet, 'iterable_views/every_type.parquet')}'`,
  )
  expect(same(await ask(':memory:', inParquet))).toEqual(same(wanted))
  // Nothing else was left behind.
  expect((await readdir(warehouse.tempDir)).filter((name) => name.includes('partial'))).toEqual([])
  expect(await readdir(join(warehouse.tempDir, 'deep'))).toEqual(['copy.duckdb'])
})

/** The two write doubles in different ways. */
const numberAsWritten = (text: string | null) =>
  text !== null && /^-?[\d.]+(e[+-]?\d+)?$/.test(text) && /[.e]/.test(text) ? String(Number(text)) : text

eachWarehouse('a snapshot is whole or not there, and replaces only what it may', async (warehouse) => {
  await using elt = await openOn(sandbox, warehouse, { marts: {} })
  await elt.sync({ streams: ['lists'] })
  const { tempDir } = warehouse
  const [file, parquet] = [join(tempDir, 'copy.duckdb'), join(tempDir, 'parquet')]
  await elt.snapshot({ file })
  await elt.snapshot({ parquet })
  await expect(elt.snapshot({ file })).rejects.toThrow(/copy\.duckdb is there already; --force replaces it/)
  await expect(elt.snapshot({ parquet })).rejects.toThrow(/parquet is there already; --force/)
  await expect(elt.snapshot({ parquet: file, force: true })).rejects.toThrow(
    /is a file, and the snapshot would be a folder/,
  )
  // One view that cannot be read is enough.
  await execute(
    elt,
    `create view iterable_views.zz_wrong as select cast(name as bigint) as n from iterable.lists`,
  )
  const before = await ask(file, 'select name from iterable.lists order by 1')
  await expect(elt.snapshot({ parquet, force: true })).rejects.toThrow()
  await expect(elt.snapshot({ parquet: join(tempDir, 'new') })).rejects.toThrow()
  expect((await readdir(tempDir)).filter((name) => /new|partial/.test(name))).toEqual([])
  expect(await readdir(join(parquet, 'iterable'))).toContain('lists.parquet')
  await execute(elt, 'drop view iterable_views.zz_wrong', `update iterable.lists set name = 'changed'`)
  await elt.snapshot({ file, force: true })
  await elt.snapshot({ parquet, force: true })
  expect(await ask(file, 'select distinct name from iterable.lists')).toEqual([['changed']])
  expect(before).not.toEqual([['changed']])
  expect(await ask(':memory:', `select distinct name from '${parquet}/iterable/lists.parquet'`)).toEqual([
    ['changed'],
  ])
  // A folder with something of one's own is not replaced, whatever is said.
  const own = join(tempDir, 'own')
  await mkdir(own)
  await writeFile(join(own, 'thesis.txt'), 'years of work')
  await expect(elt.snapshot({ parquet: own, force: true })).rejects.toThrow(/holds thesis\.txt/)
  expect(await readFile(join(own, 'thesis.txt'), 'utf8')).toBe('years of work')
  if (warehouse.config.type === 'duckdb')
    await expect(elt.snapshot({ file: warehouse.config.path, force: true })).rejects.toThrow(
      /is the warehouse itself/,
    )
})

test('what Postgres says in any language is told for what it is', async () => {
  await using warehouse = await createTestWarehouse('postgres')
  await using elt = await openOn(sandbox, warehouse)
  await elt.sync({ streams: ['lists'] })
  const fails = async (code: string, message: string) => {
    await warehouse.query(`create or replace function iterable_views.fail() returns int language plpgsql as
      $$ begin raise exception using errcode = '${code}', message = '${message}'; end $$`)
    await warehouse.query('create or replace view iterable_views.failing as select iterable_views.fail()')
    return elt.snapshot({ parquet: join(warehouse.tempDir, 'copy') }).catch((error: unknown) => error)
  }
  expect(await fails('42501', 'keine Berechtigung für Tabelle secrets')).toMatchObject({
    code: 'warehouse_permission',
    message: expect.stringMatching(/"iterable_views"."failing" cannot be copied: .*; grant select on it/),
  })
  expect(await fails('P0001', 'permission denied by a rule of ours')).toMatchObject({
    message: expect.not.stringContaining('grant select'),
  })
  // It is the server that has no room.
  expect(await fails('53100', 'could not extend file: No space left on device')).toMatchObject({
    code: 'warehouse_full',
  })
})

test('the command says what it copied; nothing is copied of what is not there', async () => {
  await using folder = await temporaryFolder()
  const cwd = folder.path
  const config = configFor(sandbox, { config: { type: 'duckdb', path: join(cwd, 'warehouse.duckdb') } })
  await writeConfig(cwd, config)
  const none = await run(['snapshot', join(cwd, 'copy.duckdb')], { cwd })
  expect(none).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('run "iterable-elt sync"') })
  await using elt = await open(config)
  await elt.sync({ streams: ['lists'] })
  const done = await run(['snapshot', join(cwd, 'copy.duckdb')], { cwd })
  expect(done.stdout).toMatch(/copy\.duckdb: \d+ tables and views, \d+ kB\n|MB\n/)
  expect(await run(['snapshot'], { cwd })).toMatchObject({ exitCode: 2 })
  const namesake = await run(['snapshot', join(cwd, 'iterable.duckdb')], { cwd })
  expect(namesake.stderr).toContain('the snapshot: iterable.duckdb would be a catalogue')
})
