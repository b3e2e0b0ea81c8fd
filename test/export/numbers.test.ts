/** Every number that leaves is exact, or its row is rejected: random numbers of every kind, on both warehouses. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { exactNumber } from '../../src/export/numbers.ts'
import { canonical } from '../../src/export/values.ts'
import { exportTest, type Fixture } from './support.ts'

/** Decimal texts as people, quotients and programs write them: any sign, length, position of the point, exponent. */
const digits = (minLength: number, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789'), minLength, maxLength })
const whole = fc.oneof(
  fc.constantFrom('0', '9007199254740991', '9007199254740992', '9007199254740993', '9007199254740995'),
  fc.bigInt({ min: 0n, max: 2n ** 66n }).map(String),
  fc.integer({ min: 50, max: 100 }).map((power) => String(2n ** BigInt(power))),
  digits(1, 21).map((text) => text.replace(/^0+(?=.)/, '')),
)
const sign = fc.constantFrom('', '', '-')
const fraction = fc.oneof(
  fc.constant(''),
  fc.constant('.0'),
  digits(1, 24).map((text) => `.${text}`),
)
const decimal = fc.tuple(sign, whole, fraction).map((parts) => parts.join(''))
const exponent = fc.oneof(
  fc.constant(''),
  fc.integer({ min: -400, max: 400 }).map((power) => `e${power}`),
  fc.integer({ min: 0, max: 25 }).map((power) => `E+${power}`),
)
const jsonNumber = fc.oneof(
  fc.tuple(decimal, exponent).map((parts) => parts.join('')),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
)

/** A decimal text as a whole number and the power of ten that it counts. */
function parts(text: string): { readonly units: bigint; readonly power: number } {
  const [, sign, before = '', after = '', power = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? []
  return { units: BigInt(`${sign}${before}${after}`), power: Number(power) - after.length }
}

function isEqual(a: string, b: string): boolean {
  const [x, y] = [parts(a), parts(b)]
  const least = Math.min(x.power, y.power)
  return x.units * 10n ** BigInt(x.power - least) === y.units * 10n ** BigInt(y.power - least)
}

/** A double takes the number for no other: it comes out as it went in. */
const survives = (text: string): boolean =>
  Number.isFinite(Number(text)) && isEqual(String(Number(text)), text)

test('a decimal text leaves with its very value, or not at all', () => {
  fc.assert(
    fc.property(fc.oneof(decimal, jsonNumber), (text) => {
      let sent: string | undefined
      try {
        sent = canonical(exactNumber(text))
      } catch {
        expect(survives(text)).toBe(false)
      }
      if (sent !== undefined) {
        expect(isEqual(sent, text)).toBe(true)
        // Whoever reads it with doubles is off by less than any digit that a person wrote.
        expect(
          Math.abs(Number(sent)) < 2 ** 53 || survives(sent) || BigInt(Number(sent)) === BigInt(sent),
        ).toBe(true)
      }
    }),
    { numRuns: 5_000 },
  )
})

/** The JSON that each row sent for its field `n`, by row; undefined for a rejected one. */
async function sent({ elt, save, run }: Fixture, rows: readonly string[]): Promise<(string | undefined)[]> {
  const values = rows.map((row, index) => `('p${index}@x.org', ${row})`)
  await save(
    'numbers',
    { action: 'mirror', skip_invalid_data: true, brakes: { invalid_rows: 'off' } },
    `select * from (values ${values.join(', ')}) as v(email, n)`,
  )
  await run('delete from iterable_sync.members')
  await run('delete from iterable_sync.rejected_rows')
  const { state, error, sent, rejected } = await elt.export('numbers')
  expect(error, error ?? '').toBeNull()
  expect(state).toMatch(/^succeeded/)
  expect(sent + rejected).toBe(rows.length)
  const found: (string | undefined)[] = rows.map(() => undefined)
  // What was sent, to the byte: a parsed body would have lost digits.
  for (const { payload } of await run('select payload from iterable_sync.members')) {
    const [, n, index] = /"n":(.*)\},"email":"p(\d+)@/.exec(String(payload)) ?? []
    found[Number(index)] = n
  }
  const rejects = await run('select code from iterable_sync.rejected_rows')
  expect(rejects.filter(({ code }) => code !== 'inexact_number')).toEqual([])
  expect(rejects).toHaveLength(rejected)
  return found
}

function expectExact(given: readonly string[], found: readonly (string | undefined)[]): void {
  const wrong = given.flatMap((text, index) => {
    const out = found[index]
    return (out === undefined ? !survives(text) : isEqual(out, text)) ? [] : [{ text, out }]
  })
  expect(wrong).toEqual([])
}

exportTest('numbers inside of JSON leave exactly, or their row is rejected', async (fixture) => {
  const given = fc.sample(jsonNumber, 300)
  const found = await sent(
    fixture,
    given.map((text) => `cast('[{"n": ${text}}]' as json)`),
  )
  expectExact(
    given,
    found.map((json) => json && /^\[\{"n":(.*)\}\]$/.exec(json)?.[1]),
  )
  expect(found.filter((json) => json === undefined).length).toBeGreaterThan(10)
})

exportTest('decimals leave exactly, or their row is rejected', async (fixture) => {
  for (const scale of [0, 2, 9, 20]) {
    const given = fc
      .sample(fc.tuple(sign, digits(1, 18), digits(scale, scale)), 100)
      .map(([sign, before, after]) => `${sign}${before}${scale > 0 ? '.' : ''}${after}`)
    expectExact(
      given,
      await sent(
        fixture,
        given.map((text) => `cast('${text}' as decimal(38, ${scale}))`),
      ),
    )
  }
})

exportTest('doubles and whole numbers leave exactly', async (fixture) => {
  const doubles = fc.sample(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e300, max: 1e300 }), 150)
  const out = await sent(
    fixture,
    doubles.map((value) => `cast('${value}' as double precision)`),
  )
  expect(out.map(Number)).toEqual(doubles.map((value) => value + 0))
  const longs = fc.sample(
    fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.maxSafeInteger().map(BigInt)),
    150,
  )
  const given = longs.map(String)
  expectExact(
    given,
    await sent(
      fixture,
      given.map((text) => `cast('${text}' as bigint)`),
    ),
  )
})

exportTest('ordinary fractions go inside of JSON', async (fixture) => {
  const build = fixture.warehouse.kind === 'duckdb' ? 'json_object' : 'jsonb_build_object'
  const found = await sent(fixture, [`${build}('avg', 12.0/13)`, `${build}('ratio', 1.0/3)`])
  expect(found.map((json) => Object.values(JSON.parse(json ?? '{}')))).toEqual([[12 / 13], [1 / 3]])
})

exportTest('ordinary fractions go in a column', async (fixture) => {
  expect((await sent(fixture, ['1.0/3', '12.0/13'])).map(Number)).toEqual([1 / 3, 12 / 13])
})

exportTest('a changed row sends its numbers as exactly as a new one', async (fixture) => {
  const { elt, save, sandbox } = fixture
  const long = '1152921504606846976'
  for (const n of [1, 2]) {
    await save(
      'numbers',
      { action: 'mirror' },
      `select 'a@x.org' as email, ${n} as n, cast('[${long}]' as json) as big`,
    )
    expect(await elt.export('numbers')).toMatchObject({ state: 'succeeded', sent: 1 })
  }
  expect(sandbox.writes).toHaveLength(2)
  await save(
    'numbers',
    { action: 'mirror' },
    `select 'a@x.org' as email, 2 as n, cast('[${long}, ${long}]' as json) as big`,
  )
  await elt.export('numbers')
  const [row] = await fixture.run('select payload from iterable_sync.members')
  expect(row?.payload).toContain(`"big":[${long},${long}]`)
})

exportTest('JSON that is nested too deep is a rejected row', async ({ elt, save, members, warehouse }) => {
  const deep = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`
  const rows = [1_000, 1_001, 3_000].map((levels) => `('d${levels}@x.org', '${deep(levels)}')`)
  const settings = { action: 'add', skip_invalid_data: true, columns: [{ source: 'n', json: true }] }
  await save('deep', settings, `select * from (values ${rows.join(', ')}) as v(email, n)`)
  expect(await elt.export('deep')).toMatchObject({ state: 'succeeded_with_rejects', sent: 1, rejected: 2 })
  expect(members()).toEqual(['d1000@x.org'])
  const rejects = await warehouse.query('select code from iterable_sync.rejected_rows')
  expect(rejects.map(({ code }) => code)).toEqual(['too_deep', 'too_deep'])
})
