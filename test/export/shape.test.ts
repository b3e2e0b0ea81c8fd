/** Rows that the engine makes are those that JavaScript makes of the same values, and what it leaves loses nothing. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ProjectType } from '../../src/catalog/index.ts'
import { checkDefinition } from '../../src/export/definition/definition.ts'
import { prepareQuery } from '../../src/export/rows/query.ts'
import { stageRows } from '../../src/export/rows/stage.ts'
import type { Warehouse } from '../../src/warehouse/session.ts'
import { createTestWarehouse } from '../support/warehouse.ts'
import { makeFixture } from './support.ts'

/** The same warehouse, whose queries come as values. */
const inValues = (warehouse: Warehouse): Warehouse => ({
  ...warehouse,
  use: (work, options) =>
    warehouse.use(
      (session) =>
        work({
          ...session,
          async select(statement) {
            const { engine: _, ...selection } = await session.select(statement)
            return selection
          },
        }),
      options,
    ),
})

const quote = (text: string) => `'${text.replaceAll("'", "''")}'`
const or = (...texts: string[]) => fc.constantFrom(...texts)
const character = fc.oneof(
  { weight: 6, arbitrary: fc.string({ unit: 'grapheme', maxLength: 6 }) },
  // All that JSON escapes, that is a blank to somebody, or has no small letter of one character.
  fc.integer({ min: 1, max: 0xa1 }).map((code) => String.fromCharCode(code)),
  or('"', '\\', '\t', '\n', '\u2028', '\ufeff', 'İ', 'ẞ', 'Σ', '\u00a0', '@', '.', ' '),
)
const words = fc
  .array(character, { maxLength: 6 })
  .map((parts) => parts.join('').toWellFormed().replaceAll('\0', ''))
const address = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(fc.nat(30), or('example.com', 'EXAMPLE.org', 'a.b-c.co.uk'))
      .map(([n, at]) => `Person${n}@${at}`),
  },
  fc.tuple(words, or('@', '', '@@', ' @'), words, or('.com', '', '.', '..x')).map((parts) => parts.join('')),
  fc.tuple(fc.integer({ min: 245, max: 256 })).map(([n]) => `${'a'.repeat(n - 6)}@b.org`),
  or('', ' ', '  a@b.org ', 'a"b@c.org', 'a\\b@c.org', "o'neil@x.org"),
)
const id = fc.oneof(
  words,
  fc.integer().map(String),
  or('', ' ', 'a b', ' a', 'a ', '12.0', '-7.000', '1.50', 'x'.repeat(52), 'x'.repeat(53), 'a"b', 'ü'),
)
const whole = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
  fc.integer().map(String),
  or('9007199254740991', '-9007199254740991', '9007199254740992', '9007199254740993', '0'),
)
const fraction = (before: number, behind: number) =>
  fc
    .tuple(
      or('', '-'),
      fc.bigInt({ min: 0n, max: 10n ** BigInt(before) - 1n }),
      fc.nat(before),
      fc.bigInt({ min: 0n, max: 10n ** BigInt(behind) - 1n }),
      fc.nat(behind),
    )
    .map(
      ([sign, left, few, right, zeros]) =>
        `${sign}${String(left).slice(few) || '0'}.${String(right).slice(zeros).padStart(behind, '0')}`,
    )
const double = fc.oneof(
  fc.double(),
  fc.double({ min: -1e6, max: 1e6 }),
  fc.integer().map((n) => n / 100),
  fc.constantFrom(
    0,
    -0,
    1e15,
    1e-4,
    9.999e-5,
    1e21,
    2 ** 60,
    0.1 + 0.2,
    Number.NaN,
    Number.POSITIVE_INFINITY,
  ),
)
const day = fc.oneof(
  fc
    .date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
    .map((at) => at.toISOString()),
  or(
    'infinity',
    '10000-01-01T00:00:00.000Z',
    '0001-01-01T00:00:00.000Z',
    '1969-12-31T23:59:59.999Z',
    '9999-12-31T23:59:59.999Z',
  ),
)
const asDay = (text: string) => text.replace(/T.*/, '')
const asTime = (text: string) => text.replace('T', ' ').replace('Z', '')

/** A column of both warehouses: its type, and literals of it. */
const columns: Readonly<Record<string, readonly [type: string, literal: fc.Arbitrary<string>]>> = {
  email: ['varchar', address.map(quote)],
  user_id: ['varchar', id.map(quote)],
  merge_nested_objects: ['boolean', or('true', 'false')],
  text: ['varchar', words.map(quote)],
  'it\'s "ü"': ['varchar', words.map(quote)],
  whole: ['bigint', whole.map(quote)],
  small: ['smallint', fc.integer({ min: -32_768, max: 32_767 }).map((n) => `'${n}'`)],
  money: ['decimal(18, 4)', fraction(14, 4).map(quote)],
  exact: ['decimal(38, 12)', fraction(26, 12).map(quote)],
  count: ['decimal(20, 0)', whole.map(quote)],
  ratio: ['double precision', double.map((n) => quote(Object.is(n, -0) ? '-0' : String(n)))],
  is_vip: ['boolean', or('true', 'false')],
  id: ['uuid', fc.uuid().map(quote)],
  day: ['date', day.map((text) => quote(asDay(text)))],
  time: ['timestamp', day.map((text) => quote(asTime(text)))],
  instant: ['timestamptz', day.map((text) => quote(text === 'infinity' ? text : `${asTime(text)}+00`))],
}

/** Nearly everybody has an address; of other columns a few are filled, so that not every row has something odd. */
const row = fc.tuple(
  ...Object.entries(columns).map(([name, [type, literal]]) =>
    fc
      .oneof(
        { weight: name === 'email' ? 8 : 1, arbitrary: literal },
        { weight: name === 'email' ? 1 : 3, arbitrary: fc.constant('null') },
      )
      .map((value) => `cast(${value} as ${type})`),
  ),
)
const names = Object.keys(columns).map((name) => `"${name.replaceAll('"', '""')}"`)

const settings = fc.record({
  identifier: fc.constantFrom('auto', 'email', 'user_id'),
  nulls: fc.constantFrom('omit', 'send'),
  action: fc.constantFrom('add', 'remove'),
  constants: fc.constantFrom([], [{ as: 'source', string: 'x "y"' }], [{ as: 'at', timestamp: true }]),
})

const someCase = fc.record({
  rows: fc.array(row, { minLength: 50, maxLength: 100, size: 'max' }),
  settings,
  projectType: fc.constantFrom<ProjectType>('email', 'userId', 'hybrid'),
})

type Case = typeof someCase extends fc.Arbitrary<infer T> ? T : never

let runs = 0

/** What a query becomes: every row, and the kinds of its fields. */
async function staged(warehouse: Warehouse, { rows, settings, projectType }: Case) {
  const values = rows.map((literals) => `(${literals.join(', ')})`).join(',\n')
  runs += 1
  const { settings: checked } = checkDefinition('x', {
    query: 'select 1',
    settings: { list_id: 1, ...settings },
    placeOf: () => '',
  })
  await using stage = await stageRows({
    warehouse,
    query: prepareQuery(`select * from (values ${values}) as given(${names.join(', ')})`, {
      nominal_time: new Date(0),
      previous_nominal_time: null,
      last_success_time: null,
    }),
    settings: { ...checked, list_id: 1 },
    naming: { projectType, now: new Date(0) },
    runId: `run${runs}`,
    signal: new AbortController().signal,
    onRows: () => {},
    onWait: () => {},
  })
  const read = await warehouse.engine.rows(`select * from (${stage.select}) order by seq`)
  const fields = [...stage.fields].map(([name, kinds]) => [name, [...kinds].sort()]).sort()
  const [, table] = /from (memory\.main\.scratch\S+)/.exec(stage.select) ?? []
  const [[made = 0] = []] = table ? await warehouse.engine.rows(`select count(payload) from ${table}`) : []
  return { made: Number(made), staged: { count: stage.rows, rows: read, fields } }
}

test('a row is the same whether the engine makes it or JavaScript, and on Postgres', async () => {
  await using file = await createTestWarehouse('duckdb')
  await using server = await createTestWarehouse('postgres')
  await using one = await makeFixture(file)
  await using other = await makeFixture(server)
  let rows = 0
  let made = 0
  await fc.assert(
    fc.asyncProperty(someCase, async (given) => {
      const byEngine = await staged(one.elt.warehouse, given)
      const byValue = await staged(inValues(one.elt.warehouse), given)
      const onServer = await staged(other.elt.warehouse, given)
      expect(byEngine.staged).toEqual(byValue.staged)
      expect(byEngine.staged).toEqual(onServer.staged)
      expect([byValue.made, onServer.made]).toEqual([0, 0])
      rows += given.rows.length
      made += byEngine.made
    }),
    { numRuns: 8 },
  )
  expect(made / rows).toBeGreaterThan(0.2)
  expect(made / rows).toBeLessThan(0.8)
})
