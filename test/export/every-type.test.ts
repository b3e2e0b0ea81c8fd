/** Every type of both warehouses becomes a defined value, a rejected row with its reason, or a clear refusal. */
import { readFile } from 'node:fs/promises'
import pg from 'pg'
import { expect, test } from 'vitest'
import { createTestWarehouse, type WarehouseKind } from '../support/warehouse.ts'
import { makeFixture } from './support.ts'
import {
  duckdbExamples,
  hstoreExample,
  postgresExamples,
  postgresTypes,
  type TypeExample,
  typeTable,
} from './type-examples.ts'

async function expectTypes(
  kind: WarehouseKind,
  examples: readonly TypeExample[],
  { setUp = '', findsHstore = false } = {},
): Promise<void> {
  await using warehouse = await createTestWarehouse(kind)
  if (setUp) await warehouse.query(setUp)
  const all = findsHstore && (await addHstore(warehouse.query)) ? [...examples, hstoreExample] : examples
  await using fixture = await makeFixture(warehouse)
  const { elt, save, run, writes } = fixture

  // Each row has a value in one column, so that one that cannot be sent leaves the others alone.
  const values = all.filter(({ refused }) => !refused)
  const joins = values.map(
    ({ sql }, index) =>
      `left join (select ${index} as i, ${sql} as c${index}) as t${index} on t${index}.i = g.i`,
  )
  await save(
    'types',
    { action: 'mirror', skip_invalid_data: true, brakes: { invalid_rows: 'off' } },
    `select 'p' || g.i || '@x.org' as email, ${values.map((_, index) => `c${index}`).join(', ')}
     from generate_series(0, ${values.length - 1}) as g(i) ${joins.join(' ')}`,
  )
  const report = await elt.export('types')
  expect(report.error).toBeNull()
  expect(report.rows).toBe(values.length)
  const sent = new Map<string, string>()
  for (const { payload } of await run('select payload from iterable_sync.members')) {
    const [, index = '', json = ''] = /^\{"dataFields":\{"c(\d+)":(.*)\},"email"/.exec(String(payload)) ?? []
    sent.set(index, json)
  }
  const rejects = new Map<string, string>()
  for (const { code, row } of await run('select code, row from iterable_sync.rejected_rows')) {
    const { email } = (typeof row === 'string' ? JSON.parse(row) : row) as { email: string }
    rejects.set(email.slice(1, email.indexOf('@')), String(code))
  }
  const found = values.map(({ type, sql }, index) => {
    const [json, code] = [sent.get(`${index}`), rejects.get(`${index}`)]
    return {
      type,
      sql,
      ...(json !== undefined && { sends: json }),
      ...(code !== undefined && { rejected: code }),
    }
  })
  expect(found).toEqual(values)

  const before = writes().length
  for (const { type, sql, refused } of all.filter((one) => one.refused)) {
    await save('refused', { action: 'add' }, `select 'a@x.org' as email, ${sql} as thing`)
    const { state, error_code, error } = await elt.export('refused')
    expect({ type, state, error_code }).toEqual({ type, state: 'failed', error_code: 'unsupported_type' })
    expect(error).toContain(`column "thing" has the type ${refused}`)
    expect(error).toContain(refused?.endsWith('[]') ? 'to_json(thing)' : 'cast(thing as text)')
  }
  expect(writes()).toHaveLength(before)
}

/** False where the server does not have the extension. */
async function addHstore(query: (sql: string) => Promise<unknown[]>): Promise<boolean> {
  const found = await query("select 1 from pg_available_extensions where name = 'hstore'")
  if (found.length > 0) await query('create extension hstore')
  return found.length > 0
}

test(
  'every type of Postgres is sent, rejected or refused as the documentation says',
  () => expectTypes('postgres', postgresExamples, { setUp: postgresTypes, findsHstore: true }),
  300_000,
)

test(
  'every type of DuckDB is sent, rejected or refused as the documentation says',
  () => expectTypes('duckdb', duckdbExamples),
  300_000,
)

test('the documentation has the tables that are tested', async () => {
  const text = await readFile('docs/types.md', 'utf8')
  expect(text).toContain(typeTable([...postgresExamples, hstoreExample]))
  expect(text).toContain(typeTable(duckdbExamples))
})

test('settings of a role or a database change nothing of what is sent', async () => {
  await using warehouse = await createTestWarehouse('postgres')
  await warehouse.query(`
    create schema odd;
    create table odd.people as select 'a@x.org' as email, 0.1::float8 + 0.2::float8 as ratio,
      timestamptz '2024-03-31 23:30:00+00' as at, date '2024-02-01' as day, 'a\\b' as slash,
      jsonb_build_object('third', 1.0 / 3) as doc;
    create table odd.members (); create table odd.plan (); create table odd.runs ();`)
  const settings = {
    extra_float_digits: '-5',
    DateStyle: 'German, DMY',
    IntervalStyle: 'iso_8601',
    TimeZone: 'Asia/Kolkata',
    bytea_output: 'escape',
    standard_conforming_strings: 'off',
    client_encoding: 'LATIN1',
    default_transaction_isolation: 'serializable',
    default_transaction_deferrable: 'on',
    transform_null_equals: 'on',
    array_nulls: 'off',
    search_path: 'odd, pg_catalog',
    quote_all_identifiers: 'on',
  }
  const url = 'url' in warehouse.config ? warehouse.config.url : ''
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  for (const [name, value] of Object.entries(settings)) {
    const list = name === 'search_path' ? value : `'${value}'`
    await client.query(
      `do $$ begin execute format('alter database %I set ${name} = ${list.replaceAll("'", "''")}', current_database()); end $$`,
    )
  }
  await client.end()
  await using fixture = await makeFixture(warehouse)
  const { elt, save, writes } = fixture
  await save(
    'vip',
    { action: 'mirror' },
    `select *, row(ratio, '\\x41'::bytea, interval '1 day', at) as all_of_it from people`,
  )
  expect(await elt.export('vip')).toMatchObject({ state: 'succeeded', error: null })
  expect(writes()[0]?.body.subscribers[0]?.dataFields).toEqual({
    ratio: 0.30000000000000004,
    at: '2024-03-31 23:30:00 +00:00',
    day: '2024-02-01',
    slash: 'a\\b',
    doc: { third: 1 / 3 },
    all_of_it: {
      f1: 0.30000000000000004,
      f2: '\\x41',
      f3: '1 day',
      f4: '2024-03-31T23:30:00+00:00',
    },
  })
  expect(await elt.export('vip')).toMatchObject({ planned: { add: 0, update: 0, remove: 0, unchanged: 1 } })
})
