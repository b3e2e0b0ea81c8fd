/** The one grammar of JSON, held against JSON.parse and against bytes that are none. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isTooDeep, isUnfinished, mostLevels } from '../../src/json/depth.ts'
import { keepsNumbers, withNumbers } from '../../src/json/numbers.ts'
import { LineScanner } from '../../src/json/scan.ts'
import { endOfString, endOfToken, isLiteral, nextToken, token, tokenOf } from '../../src/json/tokens.ts'

const json = fc.jsonValue({ stringUnit: 'binary' })
const layout = fc.constantFrom(undefined, 1, '\t', ' \r\n ')
/** Bytes that look like JSON here and there. */
const odd = fc
  .array(
    fc.oneof(
      fc
        .constantFrom(...'{}[]:,"\\ \n\t-1.eE', 'null', 'true', '"a":', '\\"', 'NaN', 'é')
        .map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 3 }),
    ),
    { maxLength: 40 },
  )
  .map((parts) => Buffer.concat(parts))

function tokensOf(bytes: Buffer): string[] {
  const tokens: string[] = []
  for (let at = nextToken(bytes, 0); at < bytes.length; ) {
    const end = endOfToken(bytes, at)
    tokens.push(bytes.toString('utf8', at, end))
    at = nextToken(bytes, end)
  }
  return tokens
}

test('the tokens of any JSON, however it is laid out, are its text without the blanks', () => {
  fc.assert(
    fc.property(json, layout, (value, space) => {
      const tokens = tokensOf(Buffer.from(JSON.stringify(value, null, space)))
      expect(tokens.join('')).toBe(JSON.stringify(value))
      for (const text of tokens.filter((text) => !/^[[\]{},:]$/.test(text))) {
        expect(JSON.stringify(JSON.parse(text))).toBe(text)
        const bytes = Buffer.from(text)
        expect(isLiteral(bytes, 0, bytes.length)).toBe(['true', 'false', 'null'].includes(text))
      }
    }),
  )
})

test('of any bytes a token ends behind its beginning and within them, and none is passed over', () => {
  fc.assert(
    fc.property(odd, (bytes) => {
      for (let at = 0; at < bytes.length; at += 1) {
        expect(endOfToken(bytes, at)).toBeGreaterThan(at)
        expect(endOfToken(bytes, at)).toBeLessThanOrEqual(bytes.length)
        const next = nextToken(bytes, at)
        expect(bytes.toString('latin1', at, next)).toMatch(/^[\0- ]*$/)
        if (next < bytes.length) {
          expect([token.blank, token.newline]).not.toContain(tokenOf[bytes[next] as number])
        }
      }
    }),
    { numRuns: 1000 },
  )
})

test('a string that is cut anywhere goes on where the position says', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.nat(), (text, place) => {
      const bytes = Buffer.from(`${JSON.stringify(text)},"`)
      const end = endOfString(bytes, 1)
      expect(JSON.parse(bytes.toString('utf8', 0, end + 1))).toBe(JSON.parse(JSON.stringify(text)))
      const cut = 1 + (place % end)
      const first = bytes.subarray(0, cut)
      const reached = endOfString(first, 1)
      expect(reached).toBeGreaterThanOrEqual(cut)
      expect(cut + endOfString(bytes.subarray(cut), reached - cut)).toBe(end)
    }),
    { numRuns: 500 },
  )
})

const depthOf = (value: unknown): number =>
  value !== null && typeof value === 'object'
    ? 1 + Math.max(0, ...Object.values(value).map((item) => depthOf(item)))
    : 0

test('JSON is too deep where its value is', () => {
  fc.assert(
    fc.property(json, layout, fc.boolean(), (value, space, isAtTheEdge) => {
      const around = isAtTheEdge ? Math.max(0, mostLevels - depthOf(value)) : mostLevels + 1 - depthOf(value)
      const text = '['.repeat(around) + JSON.stringify(value, null, space) + ']'.repeat(around)
      expect(isTooDeep(text)).toBe(!isAtTheEdge)
    }),
  )
})

test('an object that is cut anywhere is unfinished, a whole one is not', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit: 'binary' }), json), fc.nat(), (object, place) => {
      const text = JSON.stringify(object)
      expect(isUnfinished(text)).toBe(false)
      expect(isUnfinished(text.slice(0, 1 + (place % (text.length - 1))))).toBe(true)
    }),
  )
})

test('numbers are replaced wherever they stand, and nothing else', () => {
  const replaced = (value: unknown): unknown => {
    if (typeof value === 'number') return `<${JSON.stringify(value)}>`
    if (value === null || typeof value !== 'object') return value
    if (Array.isArray(value)) return value.map(replaced)
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, replaced(item)]))
  }
  fc.assert(
    fc.property(json, layout, (value, space) => {
      const text = JSON.stringify(value, null, space)
      const expected = JSON.parse(JSON.stringify(replaced(JSON.parse(text))))
      expect(JSON.parse(withNumbers(text, (digits) => `"<${digits}>"`))).toEqual(expected)
      expect(withNumbers(text, (digits) => digits)).toBe(text)
      // What a double prints is a double.
      expect(keepsNumbers(Buffer.from(text))).toBe(true)
    }),
  )
})

test.each([
  ['[1,{"a":[12345678901234567.89]}]', false],
  ['{"a":-1e400}', false],
  ['[123456789012345678901234567890,"1e400",1e3,0.1]', true],
])('whether all numbers of %s are kept', (text, expected) => {
  expect(keepsNumbers(Buffer.from(text))).toBe(expected)
})

test('of any bytes the scanner finds each line that is not blank, and those that are JSON objects are no suspects', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          odd,
          json.map((value) => Buffer.from(JSON.stringify(value))),
        ),
      ),
      (parts) => {
        const bytes = Buffer.concat(parts.flatMap((part) => [part, Buffer.from('\n')]))
        const scanner = new LineScanner([], { findsTwins: true })
        scanner.scan(bytes)
        const lines = bytes
          .toString('latin1')
          .split('\n')
          .filter((line) => /[^\0- ]/.test(line))
        expect(scanner.lines).toBe(lines.length)
        expect(scanner.suspects).toBeLessThanOrEqual(lines.length - lines.filter(isObjectText).length)
      },
    ),
    { numRuns: 1000 },
  )
})

function isObjectText(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}

test('each field is counted as often as it stands, whatever its lines leave out and in which order they come', () => {
  const names = ['a', 'b', 'ab', 'a"', 'ab"', '\\', 'é', 'email', 'emails', 'constructor', '']
  const record = fc.uniqueArray(fc.constantFrom(...names), { maxLength: names.length })
  fc.assert(
    fc.property(fc.array(record, { maxLength: 12 }), fc.boolean(), (records, isSorted) => {
      const ordered = records.map((fields) => (isSorted ? [...fields].sort() : fields))
      const lines = ordered.map((fields) => `{${fields.map((name) => `${JSON.stringify(name)}:"a"`)}}\n`)
      const heard: string[] = []
      const scanner = new LineScanner([], {
        onName: (bytes, from, to) => heard.push(JSON.parse(bytes.toString('utf8', from - 1, to + 1))),
      })
      scanner.scan(Buffer.from(lines.join('')))
      expect(heard).toEqual(ordered.flat())
      for (const name of names) {
        const count = heard.filter((other) => other === name).length
        expect([name, scanner.fields.get(name)?.count ?? 0]).toEqual([name, count])
      }
    }),
    { numRuns: 500 },
  )
})
