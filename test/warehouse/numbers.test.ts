/** Every number that enters is exact in its column, or kept there as text. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { kindOfNumber, kindsIn } from '../../src/json/kinds.ts'
import { isExact } from '../../src/json/numbers.ts'
import { LineScanner } from '../../src/json/scan.ts'
import { eachWarehouse, type TestWarehouse } from '../support/warehouse.ts'
import {
  columnsOf,
  event,
  exact,
  line,
  loadBytes,
  numberOf,
  rejectsOf,
  startLoading,
  succeeded,
} from './load.ts'

const digits = (max: number) => fc.stringMatching(new RegExp(`^[0-9]{1,${max}}$`))
const whole = digits(25).map((text) => text.replace(/^0+(?=.)/, ''))
const exponent = fc.oneof(fc.integer({ min: -30, max: 30 }), fc.integer({ min: -400, max: 400 }))

/** Any number in any spelling of JSON. */
const number = fc
  .tuple(
    fc.constantFrom('', '-'),
    fc.oneof(whole, fc.constantFrom('0', '9007199254740993', '9223372036854775808')),
    fc.option(digits(25)),
    fc.option(fc.tuple(fc.constantFrom('e', 'E', 'e+', 'E-', 'e-00'), exponent.map(Math.abs))),
  )
  .map(
    ([sign, before, after, power]) =>
      `${sign}${before}${after === null ? '' : `.${after}`}${power === null ? '' : power.join('')}`,
  )

const edges = [
  ...['0', '-0', '0.0', '-0.0', '0e5', '1.10', '1e3', '1E+3', '100e-2', '0.1', '0.30000000000000004'],
  ...['1e400', '-1e400', '1e-400', '5e-324', '3e-324', '4.9e-324', '1.7976931348623157e308', '1.8e308'],
  ...['12345678901234567.89', '9007199254740993.0', '9007199254740992.0', '9007199254740993', '1e22', '1e23'],
  ...['0.10000000000000001', '123456789012345678901.5', '123456789012345678901234567890', '1e16', '1e15'],
  ...['9223372036854775807', '9223372036854775808', '-9223372036854775809', '2.2250738585072011e-308'],
]

/** Columns as text, those of json as they are stored. */
async function texts(warehouse: TestWarehouse, table: string, names: readonly string[]): Promise<string[][]> {
  const type = warehouse.kind === 'duckdb' ? 'varchar' : 'text'
  const columns = names.map((name) => `"${name}"::${type} as "${name}"`)
  const rows = await warehouse.query(
    `select ${columns.join(', ')} from iterable.${table} order by "messageId"::int`,
  )
  return names.map((name) => rows.map((row) => row[name] as string))
}

eachWarehouse(
  'every number is exact or text, at the top, nested, in text and beyond the columns',
  async (warehouse) => {
    const numbers = [...edges, ...fc.sample(number, 400)]
    const lines = numbers.map((json, index) =>
      event(String(index), {
        mixed: json,
        own: index === 0 ? '1.5' : 'null',
        nested: `{"a":[${json},{"b":${json} }],"text":"${json}"}`,
        text: index % 2 === 0 ? '"a text"' : json,
        // Beside a nested value, and within text that is JSON.
        sometimes: index % 2 === 0 ? '[]' : json,
        transactionalData: JSON.stringify(`{"price":${json}}`),
        // No column can have this name: it goes to `_extra`.
        '': json,
      }),
    )
    succeeded(await loadBytes(warehouse, 'email_send', Buffer.from(`${lines.join('\n')}\n`)))
    expect(await rejectsOf(warehouse)).toEqual([])
    const [mixed, nested, text, sometimes, data, extra] = await texts(warehouse, 'email_send', [
      ...['mixed', 'nested', 'text', 'sometimes', 'transactionalData', '_extra'],
    ])
    const pick = (json: string | undefined, pattern: RegExp) => pattern.exec(json ?? '')?.[1] ?? `${json}`
    numbers.forEach((json, index) => {
      const value = numberOf(json)
      expect([json, numberOf(mixed?.[index] ?? '')]).toEqual([json, value])
      const inner = nested?.[index]
      expect([json, numberOf(pick(inner, /"a":\s*\[([^,]*),/))]).toEqual([json, value])
      expect([json, numberOf(pick(inner, /"b":\s*([^ }]*)/))]).toEqual([json, value])
      expect(pick(inner, /"text":\s*"([^"]*)"/)).toBe(json)
      if (index % 2 === 1) expect([json, numberOf(text?.[index] ?? '')]).toEqual([json, value])
      if (index % 2 === 1) expect([json, numberOf(sometimes?.[index] ?? '')]).toEqual([json, value])
      expect([json, numberOf(pick(data?.[index], /"price":\s*([^}]*)/))]).toEqual([json, value])
      expect([json, numberOf(pick(extra?.[index], /"":\s*([^,}]*)/))]).toEqual([json, value])
    })
  },
)

eachWarehouse('a column stays a number as long as each of its numbers is exact', async (warehouse) => {
  await using loading = await startLoading(warehouse)
  const load = (id: string, members: Record<string, string>) => {
    loading.sandbox.data.events('emailOpen').push(event(id, members))
    return loading.load('email_open')
  }
  await load('1', { price: '1.10', whole: '3', nested: '{"x":1.25}' })
  const types = async () =>
    Object.fromEntries((await columnsOf(warehouse, 'email_open')).map(({ name, type }) => [name, type]))
  expect(await types()).toMatchObject({ price: 'double', whole: 'bigint', nested: 'json' })
  const members = { price: '12345678901234567.89', whole: '9007199254740993.0', nested: '{"x":1e400}' }
  await load('2', members)
  expect(await types()).toMatchObject({ price: 'text', whole: 'text', nested: 'json' })
  const [price, numbers, nested] = await texts(warehouse, 'email_open', ['price', 'whole', 'nested'])
  expect(price?.at(-1)).toBe('12345678901234567.89')
  expect(numbers?.at(-1)).toBe('9007199254740993.0')
  expect(exact(nested?.at(-1) ?? '')).toEqual(exact('{"x":1e400}'))
})

eachWarehouse('the special column of users keeps the digits as well', async (warehouse) => {
  const user = line({
    email: '"a@x.y"',
    itblUserId: '"a"',
    profileUpdatedAt: '"2026-01-10 12:00:00 +00:00"',
    offers: '{"Intro APR":12345678901234567.89,"other":1.5}',
  })
  succeeded(await loadBytes(warehouse, 'users', Buffer.from(`${user}\n`)))
  const type = warehouse.kind === 'duckdb' ? 'varchar' : 'text'
  const [found] = await warehouse.query(
    `select offers::${type} as o, "_offers.intro APR"::${type} as i from iterable.users`,
  )
  expect(exact(String(found?.o))).toEqual(exact('{"Intro APR":12345678901234567.89,"other":1.5}'))
  expect(found?.i).toBe('12345678901234567.89')
})

test('a number is exact where a double prints the same number', () => {
  fc.assert(
    fc.property(fc.oneof(number, fc.constantFrom(...edges)), (json) => {
      const printed = String(Number(json))
      expect([json, isExact(json)]).toEqual([json, numberOf(json) === numberOf(printed)])
    }),
    { numRuns: 2000 },
  )
  // As quick for any length.
  expect(isExact(`1e-${'9'.repeat(1e6)}`)).toBe(false)
  expect(isExact(`0e${'9'.repeat(1e6)}`)).toBe(true)
})

test('the scanner counts the numbers of a line that no double holds, whole ones left out', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(number, fc.constantFrom(...edges)), { minLength: 1 }), (numbers) => {
      const scanner = new LineScanner([])
      scanner.scan(Buffer.from(`{"a":[${numbers.join(', ')}],"true":[true,false,"1e400"],"b":${numbers[0]}}`))
      const inexact = [...numbers, numbers[0] as string].filter((n) => /[.eE]/.test(n) && !isExact(n))
      expect(scanner.inexact).toBe(inexact.length)
      expect([...kindsIn(scanner.fields.get('b')?.kinds ?? 0)]).toEqual([kindOfNumber(numbers[0] as string)])
      expect([...kindsIn(scanner.fields.get('a')?.kinds ?? 0)]).toEqual(['json'])
    }),
  )
})
