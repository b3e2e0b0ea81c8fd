/** Every kind of value that Postgres has: a defined value, a rejected row with its reason, or a clear refusal. */
import { expect } from 'vitest'
import { exportTest } from './support.ts'

/** What is sent; the code of the rejected row (`!code`); or the type that has to be cast (`?type`). */
type Expected = unknown

const values: Readonly<Record<string, readonly [value: string, expected: Expected]>> = {
  small: ['1::smallint', 1],
  oid: ['42::oid', 42],
  big: ['9007199254740991::bigint', 9007199254740991],
  too_big: ['9007199254740993::bigint', '!inexact_number'],
  numeric: ['1.10::numeric', 1.1],
  numeric_nan: ["'NaN'::numeric", '!not_a_number'],
  single: ['0.1::real', 0.1],
  double: ['1e300::double precision', 1e300],
  double_infinity: ["'-Infinity'::double precision", '!not_a_number'],
  flag: ['true', true],
  chars: ["'a '::char(3)", 'a  '],
  label: ["'x'::name", 'x'],
  id: ["'3f2504e0-4f89-11d3-9a0c-0305e82c3301'::uuid", '3f2504e0-4f89-11d3-9a0c-0305e82c3301'],
  day: ["date '2024-02-29'", '2024-02-29'],
  day_one: ["date '0001-01-01'", '0001-01-01'],
  day_bc: ["date '0044-03-15 BC'", '!date_out_of_range'],
  day_infinity: ["date 'infinity'", '!date_out_of_range'],
  moment: ["timestamptz '2024-01-31 23:59:59.999+02'", '2024-01-31 21:59:59 +00:00'],
  moment_one: ["timestamptz '0001-01-01 00:00:00+00'", '0001-01-01 00:00:00 +00:00'],
  moment_bc: ["timestamptz '0001-01-01 00:00:00+00 BC'", '0000-01-01 00:00:00 +00:00'],
  moment_late: ["timestamptz '10000-01-01 00:00:00+00'", '!date_out_of_range'],
  moment_infinity: ["timestamptz '-infinity'", '!date_out_of_range'],
  plain_moment: ["timestamp '2024-01-31 23:59:59'", '2024-01-31 23:59:59 +00:00'],
  clock: ["time '10:00'", '10:00:00'],
  document: ['json \'{"b": [1, {"z": null}], "a": "é"}\'', { a: 'é', b: [1, { z: null }] }],
  binary_document: ['jsonb \'{"b": 1.50}\'', { b: 1.5 }],
  list: ["array['b', null, 'a']", ['b', null, 'a']],
  empty_list: ['array[]::int[]', []],
  list_of_lists: [
    'array[array[1, 2], array[3, 4]]',
    [
      [1, 2],
      [3, 4],
    ],
  ],
  list_of_domains: ["array['x@y.org']::mail[]", ['x@y.org']],
  list_of_deep_domains: ["array['x@y.org']::private_mail[]", ['x@y.org']],
  list_of_moods: ["array['glad']::mood[]", ['glad']],
  list_of_rows: ["array[row(1, 'a')::spot]", [{ n: 1, name: 'a' }]],
  mood: ["'glad'::mood", 'glad'],
  domain: ["'x@y.org'::mail", 'x@y.org'],
  deep_domain: ["'x@y.org'::private_mail", 'x@y.org'],
  domain_of_lists: ['array[1, 2]::pair', [1, 2]],
  composite: ["row(1, 'a')::spot", { n: 1, name: 'a' }],
  span: ["interval '1 day'", '?interval'],
  range: ['int4range(1, 5)', '?int4range'],
  bytes: ["'\\x00ff'::bytea", '?bytea'],
  money: ["'12.50'::money", '?money'],
  search: ["to_tsvector('simple', 'a b')", '?tsvector'],
  address: ["'10.0.0.1'::inet", '?inet'],
  bits: ["B'101'", '?bit'],
  place: ["point '(1,2)'", '?point'],
}

exportTest('each type of Postgres has its form', async (f) => {
  if (f.warehouse.kind === 'duckdb') {
    // DuckDB's own types stand in types.test.ts; here the same table says what both have in common.
    const common = [
      'small',
      'big',
      'too_big',
      'flag',
      'day',
      'moment',
      'plain_moment',
      'clock',
      'double',
    ] as const
    return check(f, common)
  }
  await f.warehouse.query(`create type mood as enum ('glad', 'sad')`)
  await f.warehouse.query(`create domain mail as text check (value like '%@%')`)
  await f.warehouse.query('create domain private_mail as mail')
  await f.warehouse.query('create domain pair as int[]')
  await f.warehouse.query('create type spot as (n int, name text)')
  await check(f, Object.keys(values))
})

async function check(
  f: Parameters<Parameters<typeof exportTest>[1]>[0],
  names: readonly string[],
): Promise<void> {
  const of = (name: string) => values[name] as readonly [string, Expected]
  const isWord = (expected: Expected, mark: string): expected is string =>
    typeof expected === 'string' && expected.startsWith(mark)
  const sent = names.filter((name) => !isWord(of(name)[1], '!') && !isWord(of(name)[1], '?'))
  await f.save(
    'all',
    { action: 'add' },
    `select 'all@x.org' as email, ${sent.map((name) => `${of(name)[0]} as "${name}"`).join(', ')}`,
  )
  expect(await f.elt.export('all')).toMatchObject({ state: 'succeeded', sent: 1, error: null })
  const [{ dataFields } = {}] = (f.writes().at(-1)?.body.subscribers ?? []) as { dataFields?: unknown }[]
  expect(dataFields).toEqual(Object.fromEntries(sent.map((name) => [name, of(name)[1]])))

  for (const name of names.filter((one) => isWord(of(one)[1], '!'))) {
    const [value, expected] = of(name)
    await f.save(
      name,
      { action: 'add', skip_invalid_data: true },
      `select '${name}@x.org' as email, ${value} as v`,
    )
    expect
      .soft(await f.elt.export(name), name)
      .toMatchObject({ state: 'succeeded_with_rejects', sent: 0, rejected: 1 })
    const [reject] = await f.warehouse.query(
      `select code from iterable_sync.rejected_rows where source = 'export:${name}'`,
    )
    expect.soft(`!${reject?.code}`, name).toBe(expected)
  }

  for (const name of names.filter((one) => isWord(of(one)[1], '?'))) {
    const [value, expected] = of(name)
    await f.save(name, { action: 'add' }, `select '${name}@x.org' as email, ${value} as v`)
    const report = await f.elt.export(name)
    expect
      .soft(report, name)
      .toMatchObject({ state: 'failed', error_code: 'unsupported_type', error_kind: 'config' })
    expect.soft(report.error, name).toContain(String(expected).slice(1))
  }
}
