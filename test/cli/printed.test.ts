/** What `sql` prints of values, against what the databases themselves say of them. */
import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Elt, open } from '../../src/index.ts'
import { jsonOf } from '../../src/warehouse/printed.ts'
import { eachWarehouse } from '../support/warehouse.ts'

async function printed(elt: Elt, query: string): Promise<Record<string, string | null>> {
  for await (const { columns, rows } of elt.print(query)) {
    return Object.fromEntries(columns.map(({ name }, index) => [name, rows[0]?.[index] ?? null]))
  }
  throw new Error('no portion came')
}

async function row(elt: Elt, query: string): Promise<unknown> {
  for await (const found of elt.query(query)) return found
  return undefined
}

const bare = (config: object) => ({ warehouse: config, connections: {} }) as never

eachWarehouse('values are printed as the database has them, and read without loss', async ({ config }) => {
  await using elt = await open(bare(config))
  const array = config.type === 'duckdb' ? `[1, null, 9007199254740993]` : `array[1, null, 9007199254740993]`
  const query = `select date '2026-01-01' as day, time '10:00:00' as clock, 1.10::numeric(9, 2) as price,
    12345678901234567.89::numeric(30, 2) as exact, 9007199254740993::bigint as big, 0.1::double precision + 0.2 as sum,
    0.1::real as single, timestamptz '2026-01-01 01:02:03.123456+01' as micros, timestamp '2026-01-01 00:00:00' as naive,
    '{"a": 1.50, "b": [1]}'::json as document, ${array} as list, true as yes, null::int as nothing, '' as empty,
    'infinity'::timestamptz as never, 'NaN'::double precision as odd, interval '1 day' as span`
  const text = await printed(elt, query)
  expect(text).toMatchObject({
    day: '2026-01-01',
    clock: '10:00:00',
    price: '1.10',
    exact: '12345678901234567.89',
    big: '9007199254740993',
    sum: '0.30000000000000004',
    single: '0.1',
    micros: '2026-01-01T00:02:03.123456Z',
    naive: '2026-01-01T00:00:00.000Z',
    document: '{"a": 1.50, "b": [1]}',
    yes: 'true',
    nothing: null,
    empty: '',
    never: 'infinity',
    odd: 'NaN',
    span: '1 day',
  })
  expect(await row(elt, query)).toMatchObject({
    day: '2026-01-01',
    price: 1.1,
    exact: '12345678901234567.89',
    big: '9007199254740993',
    micros: new Date('2026-01-01T00:02:03.123Z'),
    naive: new Date('2026-01-01T00:00:00Z'),
    document: { a: 1.5, b: [1] },
    list: [1, null, '9007199254740993'],
    yes: true,
    never: 'infinity',
    odd: Number.NaN,
  })
  // Names that stand twice are two columns.
  const twice = []
  for await (const { columns, rows } of elt.print('select 1 as a, 2 as a')) twice.push({ columns, rows })
  expect(twice).toMatchObject([{ columns: [{ name: 'a' }, { name: 'a' }], rows: [['1', '2']] }])
})

test('nested values of DuckDB are JSON, whatever they hold', async () => {
  const instance = await DuckDBInstance.create(':memory:')
  await using elt = await open(bare({ type: 'duckdb', instance }))
  expect(
    await printed(
      elt,
      `select {'a': 1.10::decimal(9,2), 'b "c"': [date '2026-01-01'], 'd': null, 'e': 'NaN'::double} as structure,
        map {'k': timestamptz '2026-01-01 00:00:00+00'} as pairs, [[1], []] as lists`,
    ),
  ).toEqual({
    structure: `{"a":1.10,"b \\"c\\"":["2026-01-01"],"d":null,"e":"NaN"}`,
    pairs: `{"k":"2026-01-01T00:00:00.000Z"}`,
    lists: '[[1],[]]',
  })
})

test('a number of JSON is the very number that was printed, or a text', () => {
  const digits = fc.tuple(fc.bigInt(), fc.nat({ max: 25 }), fc.boolean()).map(([whole, scale, isTiny]) => {
    const all = whole
      .toString()
      .replace('-', '')
      .padStart(scale + 1, '0')
    const point = scale === 0 ? all : `${all.slice(0, -scale)}.${all.slice(-scale)}`
    return `${whole < 0n ? '-' : ''}${point}${isTiny ? 'e-7' : ''}`
  })
  fc.assert(
    fc.property(digits, (text) => {
      const json = jsonOf(text, 'number')
      const value: unknown = JSON.parse(json)
      if (typeof value === 'string') expect(value).toBe(text)
      else expect(Number(text)).toBe(value)
    }),
  )
})
