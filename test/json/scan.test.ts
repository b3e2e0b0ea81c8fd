import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LineScanner } from '../../src/json/scan.ts'

const scan = (text: string, marks = ['id']) => {
  const scanner = new LineScanner(marks)
  scanner.scan(Buffer.from(text))
  return scanner
}

test('finds every top-level field of any objects, however they are spaced and escaped', () => {
  const value = fc.jsonValue()
  const record = fc.dictionary(fc.string({ unit: 'binary' }), value, { maxKeys: 8 })
  fc.assert(
    fc.property(fc.array(record, { maxLength: 6 }), fc.constantFrom('', ' ', '\t'), (records, blank) => {
      const lines = records.map(
        (each) =>
          // Blanks may stand between any two tokens of the top level.
          `${blank}{${blank}${Object.entries(each)
            .map(([key, of]) => `${JSON.stringify(key)}${blank}:${blank}${JSON.stringify(of)}`)
            .join(`${blank},${blank}`)}${blank}}`,
      )
      const found = scan(`${lines.join('\n')}\n`)
      expect([...found.fields.keys()]).toEqual([...new Set(records.flatMap((each) => Object.keys(each)))])
      expect(found.lines).toBe(records.length)
      expect(found.suspects).toBe(records.filter((each) => !Object.hasOwn(each, 'id')).length)
    }),
    { numRuns: 300 },
  )
})

test('a member inside of a nested value is no field, and strings that look like JSON are strings', () => {
  const found = scan('{"id":{"inner":1,"id":[{"deep":2}]},"text":"{\\"a\\":1,","list":["x","y"]}')
  expect([...found.fields.keys()]).toEqual(['id', 'text', 'list'])
  expect(found.suspects).toBe(0)
})

test('suspects are lines with none of the marks, lines that are no objects, and lines that do not close', () => {
  const lines = [
    '{"id":1}',
    '{"a":1}',
    '["id",1]',
    '"id"',
    '{"id":1',
    '{"id":"x',
    '{"id":[1}',
    '12',
    '{"id":2}}',
  ]
  expect(scan(lines.join('\n'))).toMatchObject({ lines: 9, suspects: 8 })
})

test('what only DuckDB takes for JSON is a suspect; the same inside of a string is none', () => {
  const lax = ['NaN', 'nan', '-nAn', 'Infinity', '-inf', 'INF', '[1,]', '{"a":1,}', '[1,\t ]', '{"a":[-NAN]}']
  for (const value of lax) {
    expect([value, scan(`{"id":${value}}`).suspects]).toEqual([value, 1])
    expect([value, scan(JSON.stringify({ id: value, [value]: [null, 1e5, true, false] })).suspects]).toEqual([
      value,
      0,
    ])
  }
  expect(scan('{"id":1,}').suspects).toBe(1)
})

test('without marks each object is a record', () => {
  expect(scan('{}\n{"a":1}\n[]\n', [])).toMatchObject({ lines: 3, suspects: 1 })
})

test('a line that ends inside of a string or behind a backslash does not swallow the next', () => {
  const found = scan('{"id":"a\\\n{"id":1,"b":2}\n{"id":"c\n{"id":3}\n')
  expect(found.lines).toBe(4)
  expect([...found.fields.keys()]).toEqual(['id', 'b'])
})

test('blank lines count for nothing, and the longest line is measured', () => {
  const found = scan('\n  \r\n{"id":1}\r\n\n{"id":12345}')
  expect(found).toMatchObject({ lines: 2, suspects: 0, longestLineBytes: 12 })
})
