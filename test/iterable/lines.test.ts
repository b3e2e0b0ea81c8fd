import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MalformedResponseError } from '../../src/iterable/errors.ts'
import { splitEnvelope } from '../../src/iterable/lines.ts'
import { failure } from './server.ts'

async function split(page: string | Buffer, cuts: readonly number[] = [], property = 'items') {
  const bytes = Buffer.from(page)
  async function* chunks() {
    const places = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])]
    places.sort((a, b) => a - b)
    for (const [at, place] of places.entries()) yield bytes.subarray(place, places[at + 1] ?? bytes.length)
  }
  const lines: string[] = []
  const parts = splitEnvelope(chunks(), property, 'campaigns')
  for (;;) {
    const next = await parts.next()
    if (next.done) return { lines, envelope: next.value }
    lines.push(next.value.toString('utf8'))
  }
}

const json = fc.jsonValue({ stringUnit: 'binary' })
const cuts = fc.array(fc.nat(), { maxLength: 40 })
/** How a server may lay out the same document. */
const layout = fc.constantFrom(undefined, 1, '\t', ' \r\n ')

test('any page cut anywhere gives what JSON.parse gives', async () => {
  const pages = fc.record({
    before: fc.dictionary(fc.string({ unit: 'binary' }), json, { maxKeys: 3 }),
    items: fc.array(json, { maxLength: 6 }),
    after: fc.dictionary(fc.string({ unit: 'binary' }), json, { maxKeys: 3 }),
  })
  await fc.assert(
    fc.asyncProperty(pages, cuts, layout, async ({ before, items, after }, places, space) => {
      for (const rest of [before, after]) delete rest.items
      const text = JSON.stringify({ ...before, items, ...after, more: { items: [1, [2]] } }, null, space)
      const { lines, envelope } = await split(text, places)
      const { items: expected, ...rest } = JSON.parse(text)
      expect(lines.map((line) => JSON.parse(line))).toEqual(expected)
      expect(lines.join('')).not.toMatch(/[\r\n\t]/)
      expect(envelope).toEqual({ ...rest, items: [] })
    }),
    { numRuns: 500 },
  )
})

test('a page with a fault is refused exactly when JSON.parse refuses it', async () => {
  const good = '{"a":[1],"items":[{"x":"\\u00e9]}"},2,[3,{}],"é"],"next":"/p?2","n":null}'
  await fc.assert(
    fc.asyncProperty(
      fc.nat({ max: good.length - 1 }),
      fc.nat({ max: 3 }),
      fc.constantFrom('', '"', '\\', '[', ']', '{', '}', ',', ':', '1', ' ', '\n', 'x'),
      cuts,
      async (at, removed, inserted, places) => {
        const page = good.slice(0, at) + inserted + good.slice(at + removed)
        const whole = parsed(page)
        const result = await split(page, places).catch((error: unknown) => error)
        if (whole === undefined || !Array.isArray(whole.items)) {
          expect(result).toBeInstanceOf(MalformedResponseError)
        } else {
          const { lines, envelope } = result as Awaited<ReturnType<typeof split>>
          expect({ ...envelope, items: lines.map((line) => JSON.parse(line)) }).toEqual(whole)
        }
      },
    ),
    { numRuns: 3000 },
  )
})

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

test('digits beyond 2^53, spelling and escapes stay as they came', async () => {
  const { lines } = await split('{"items":[{"id":90071992547409931,"x":1.10,"s":"\\u00e9\\n"} , 1e400]}')
  expect(lines.map((line) => line.trim())).toEqual([
    '{"id":90071992547409931,"x":1.10,"s":"\\u00e9\\n"}',
    '1e400',
  ])
})

test('the name of the property may be written with escapes', async () => {
  expect((await split('{"it\\u0065ms":[1]}', [4, 9])).lines).toEqual(['1'])
})

test('an element is given out as soon as it has ended', async () => {
  let sent = 0
  async function* endless() {
    yield Buffer.from('{"items":[0')
    for (;;) {
      sent += 1
      yield Buffer.from(`,${sent}`)
    }
  }
  const lines: string[] = []
  for await (const line of splitEnvelope(endless(), 'items', 'campaigns')) {
    lines.push(line.toString())
    expect(sent - lines.length).toBeLessThanOrEqual(1)
    if (lines.length === 1000) break
  }
  expect(lines.at(-1)).toBe('999')
})

test.each([
  ['', 'it is empty'],
  ['{"items":[1,2', 'it ends inside the array "items"'],
  ['{"items":[1,2],"next":"', 'it is not JSON'],
  ['{"items":[1,,2]}', 'element 2 of "items" is not JSON'],
  ['{"items":[1],"items":[2]}', 'it has "items" twice'],
  ['{"items":null}', '"items" should be an array and is null'],
  ['{"msg":"no","code":"Success"}', 'it has no array "items", only "msg", "code"'],
  ['[1]', 'an object with the array "items" was expected, it is an array'],
  ['<html>Bad gateway', 'it is not JSON: "<html>Bad gateway"'],
])('the page %s is refused and says why', async (page, why) => {
  const error = await failure(split(page))
  expect(error).toMatchObject({ code: 'malformed_response', retryable: true, endpoint: 'campaigns' })
  expect(error.message).toContain(`the answer to campaigns is not what Iterable documents: ${why}`)
})

test('what lies outside of the array is bounded', async () => {
  const error = await failure(split(`{"other":["${'x'.repeat(2 ** 20)}"]}`))
  expect(error.message).toContain('more than 1 MB of it lies outside of an array "items"')
})
