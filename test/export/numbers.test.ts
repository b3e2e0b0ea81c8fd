import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkDefinition } from '../../src/export/definition/definition.ts'
import { BadValue } from '../../src/export/rows/bad-value.ts'
import { ExactNumber, numberOf } from '../../src/export/rows/number.ts'
import { canonical, parseJson } from '../../src/export/rows/values.ts'
import { bodyOf, envelopeOf } from '../../src/export/send/body.ts'
import { PlannedRows } from '../../src/state/batches.ts'
import { exportTest } from './support.ts'

/** The value of a number's text as a fraction of whole numbers: nothing is rounded. */
function exactly(text: string): readonly [bigint, bigint] {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? []
  const digits = BigInt(`${sign}${whole}${fraction}` || '0')
  const power = Number(exponent) - fraction.length
  return power >= 0 ? [digits * 10n ** BigInt(power), 1n] : [digits, 10n ** BigInt(-power)]
}

const isSame = (a: string, b: string): boolean => {
  const [[n, d], [m, e]] = [exactly(a), exactly(b)]
  return n * e === m * d
}

const digits = fc
  .array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 25 })
  .map((some) => some.join('').replace(/^0+(?=\d)/, ''))
const anyNumber = fc
  .tuple(fc.constantFrom('', '-'), digits, fc.option(digits), fc.option(fc.integer({ min: -420, max: 420 })))
  .map(
    ([sign, whole, fraction, power]) =>
      `${sign}${whole}${fraction === null ? '' : `.${fraction}`}${power === null ? '' : `e${power}`}`,
  )

describe('a number', () => {
  test('goes out as it is, or not at all', () => {
    fc.assert(
      fc.property(anyNumber, (text) => {
        let sent: string
        try {
          const number = numberOf(text)
          sent = number instanceof ExactNumber ? number.text : String(number)
        } catch (error) {
          expect(error).toBeInstanceOf(BadValue)
          // Only what a double cannot come near, or would make another whole number of.
          const double = Number(text)
          expect(!Number.isFinite(double) || double === 0 || Math.abs(double) >= 2 ** 53).toBe(true)
          return
        }
        expect(isSame(sent, text), `${text} → ${sent}`).toBe(true)
      }),
      { numRuns: 5_000 },
    )
  })

  test('inside of JSON goes out like one outside, and texts stay what they are', () => {
    const document = fc.array(
      fc.oneof(
        anyNumber,
        fc.string().map((text) => JSON.stringify(text)),
      ),
      { maxLength: 6 },
    )
    fc.assert(
      fc.property(document, (items) => {
        let sent: string
        try {
          sent = canonical(parseJson(`[${items.join(', ')}]`))
        } catch (error) {
          expect(error).toBeInstanceOf(BadValue)
          return
        }
        const parts = [...sent.slice(1, -1).matchAll(/"(?:[^"\\]|\\.)*"|[^,]+/g)].map(([part]) => part)
        expect(parts).toHaveLength(items.length)
        items.forEach((item, index) => {
          const part = parts[index] ?? ''
          if (item.startsWith('"')) expect(JSON.parse(part)).toBe(JSON.parse(item))
          else expect(isSame(part, item), `${item} → ${part}`).toBe(true)
        })
      }),
      { numRuns: 3_000 },
    )
  })

  test.each([
    ['0.1', '0.1'],
    ['1.10', '1.1'],
    ['-0', '0'],
    ['1e2', '100'],
    ['1152921504606846976', '1152921504606846976'],
    ['0.33333333333333333333', '0.33333333333333333333'],
    ['9007199254740993.0', undefined],
    ['9007199254740993', undefined],
    ['12345678901234567.89', undefined],
    ['1e400', undefined],
    ['1e-400', undefined],
  ])('%s becomes %s', (text, expected) => {
    if (expected === undefined) expect(() => numberOf(text)).toThrow(BadValue)
    else expect(canonical(numberOf(text))).toBe(expected)
  })
})

exportTest('numbers are sent exactly, or are rejected rows, from columns and from JSON', async (f) => {
  const isDuckdb = f.warehouse.kind === 'duckdb'
  const object = (value: string) =>
    isDuckdb ? `json_object('n', ${value})` : `jsonb_build_object('n', ${value})`
  const json = (text: string) => `json '{"n":${text}}'`
  const rows: readonly (readonly [name: string, value: string, sent: string | undefined])[] = [
    [
      'ratio',
      isDuckdb ? object('12.0/13') : object('1.0/3'),
      isDuckdb ? '{"n":0.9230769230769231}' : '{"n":0.33333333333333333333}',
    ],
    ['long', json('12345678901234567.89'), undefined],
    ['whole', json('9007199254740993.0'), undefined],
    ['huge', json('1e400'), undefined],
    ['power', json('2.5e3'), '{"n":2500}'],
    ['text', json('"9007199254740993.0"'), '{"n":"9007199254740993.0"}'],
    [
      'decimal',
      isDuckdb ? '12345678901234567.89::decimal(38,2)' : '12345678901234567.89::numeric',
      undefined,
    ],
    [
      'small',
      isDuckdb ? '0.12345678901234567890::decimal(38,20)' : '0.12345678901234567890::numeric',
      '0.1234567890123456789',
    ],
    ['sum', '(0.1::double precision + 0.2::double precision)', '0.30000000000000004'],
    ...(isDuckdb ? [] : [['overflow', '1e400::numeric + 0.5', undefined] as const]),
  ]
  // A role may have other settings than ours: here and nowhere else, as other tests share the server.
  if (!isDuckdb) {
    await f.warehouse.query(`do $$ begin
      execute format('alter role %I in database %I set extra_float_digits = 0', current_user, current_database()); end $$`)
  }
  for (const [name, value, sent] of rows) {
    await f.save(
      name,
      { action: 'add', skip_invalid_data: true },
      `select '${name}@example.com' as email, ${value} as v_${name}`,
    )
    const before = f.writes().length
    const report = await f.elt.export(name)
    expect
      .soft(report, name)
      .toMatchObject(sent === undefined ? { sent: 0, rejected: 1 } : { sent: 1, rejected: 0 })
    if (sent === undefined) {
      expect.soft(f.writes().length, name).toBe(before)
      const [{ code } = {}] = await f.warehouse.query(
        `select code from iterable_sync.rejected_rows where source = 'export:${name}'`,
      )
      expect.soft(code, name).toBe('inexact_number')
    } else {
      const body = f.writes().at(-1)?.body as
        | { subscribers: { dataFields: Record<string, unknown> }[] }
        | undefined
      expect.soft(body?.subscribers[0]?.dataFields[`v_${name}`], name).toEqual(JSON.parse(sent))
    }
  }
})

exportTest('a plan shows numbers with all of their digits', async ({ elt, save, warehouse }) => {
  const digits = '0.1234567890123456789'
  const value = warehouse.kind === 'postgres' ? `${digits}::numeric` : `${digits}::decimal(38,19)`
  await save(
    'exact',
    { action: 'mirror', new_fields: 'create' },
    `select 'p@example.com' as email, ${value} as score, 0.5 as half`,
  )
  const plan = await elt.planExport('exact')
  expect(plan.samples).toMatchObject([{ after: { dataFields: { score: digits, half: 0.5 } } }])
  expect(plan.changes).toMatchObject([
    { field: 'half', after: 0.5 },
    { field: 'score', after: digits },
  ])
})

test('a changed row sends its numbers with the digits of a new one', () => {
  const long = '[1152921504606846976,0.33333333333333333333]'
  const payload = (n: number) =>
    `{"dataFields":{"big":${long.replace('[', `[${n},`)},"n":1},"email":"a@x.org"}`
  const { settings } = checkDefinition('x', { ...given, placeOf: () => '' })
  const envelope = envelopeOf({ ...settings, list_id: 1 })
  const texts = { keys: 'e:a@x.org', payloads: payload(2), hashes: 'x', befores: payload(1) }
  const body = String(bodyOf('update', new PlannedRows(1, { first_seq: 1, ...texts }), envelope))
  expect(body).toContain(`"dataFields":{"big":[2,1152921504606846976,0.33333333333333333333]}`)
})

const given = { query: 'select 1', settings: { action: 'mirror', list_id: 1 } }
