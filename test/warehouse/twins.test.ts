/** Members of one name within nested values: Postgres keeps the last, and they are counted. */
import { expect, test } from 'vitest'
import { LineScanner } from '../../src/json/scan.ts'
import { eachWarehouse } from '../support/warehouse.ts'
import { event, startLoading } from './load.ts'

const twinsOf = (...lines: readonly string[]): number => {
  const scanner = new LineScanner([], { findsTwins: true })
  scanner.scan(Buffer.from(lines.join('\n')))
  expect(scanner.suspects).toBe(0)
  return scanner.twins
}

const object = (count: number, last: string) =>
  `{"o":{${Array.from({ length: count }, (_, index) => `"k${index}":${index}`).join(',')},"${last}":0}}`

test.each([
  ['{"a":{"x":1,"x":2}}', 1],
  ['{"a":[{"x":1},{"y":[{"x":1,"y":2,"x":3}]}]}', 1],
  ['{"a":{"x":{"x":{"x":1}}},"b":{"x":1}}', 0],
  ['{"a":[{"x":1},{"x":2}],"b":["x","x","x"]}', 0],
  ['{"a":{"x":"x","y":"x","z":["x"]},"x":{"a":1}}', 0],
  ['{"a":{"x":1,"b":{"x":1},"x":2}}', 1],
  ['{"a":{"":1,"":2}}', 1],
  ['{"a":{"x\\"":1,"x":2}}', 0],
  [object(31, 'k3'), 1],
  [object(32, 'k3'), 1],
  [object(500, 'k499'), 1],
  [object(500, 'k500'), 0],
  // Members of the line itself are the matter of the reader.
  ['{"a":1,"b":{"c":1}}', 0],
])('%s has %i', (line, twins) => {
  expect(twinsOf(line)).toBe(twins)
  expect(twinsOf(line, '{"a":{"x":1}}', line)).toBe(2 * twins)
})

test('an object of a hundred thousand names ends: each with each would be ten thousand million comparisons', () => {
  expect(twinsOf(object(100_000, 'k7'))).toBe(1)
})

eachWarehouse(
  'several members of one name: the last is kept where one is, and that is said',
  async (warehouse) => {
    await using loading = await startLoading(warehouse)
    const odd = ['{"a":1,"a":2}', '{"b":[{"a":1,"a":{"c":3}}]}', '{"a":1}']
    odd.forEach((json, index) => {
      loading.sandbox.data
        .events('emailOpen')
        .pushRaw(event(String(index), { odd: json }), new Date('2026-01-10T12:00:00Z'))
    })
    const { notes, rows_written } = await loading.load('email_open')
    expect(rows_written).toBe(3)
    const said = notes.filter((note) => /members of one name/.test(note))
    if (warehouse.kind === 'duckdb') return expect(said).toEqual([])
    expect(said).toEqual([
      expect.stringMatching(/^2 rows had several members of one name within a nested value/),
    ])
    const rows = await warehouse.query(`select odd from iterable.email_open order by "messageId"`)
    expect(rows.map(({ odd }) => odd)).toEqual([{ a: 2 }, { b: [{ a: { c: 3 } }] }, { a: 1 }])
  },
)
