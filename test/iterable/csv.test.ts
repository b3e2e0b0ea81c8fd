import { describe, expect, test } from 'vitest'
import { csvRecords } from '../../src/iterable/csv.ts'

const read = (text: string) =>
  csvRecords(text, 'campaign_metrics').map((record) => Object.fromEntries(record))

describe('CSV', () => {
  test.each([
    [
      'a plain table',
      'id,Revenue\n1,2.5\n2,3\n',
      [
        { id: '1', Revenue: '2.5' },
        { id: '2', Revenue: '3' },
      ],
    ],
    [
      'blank cells',
      'id,a,b\n1,,2\n3,4,\n',
      [
        { id: '1', b: '2' },
        { id: '3', a: '4' },
      ],
    ],
    ['no newline at the end', 'id,a\r\n1,2', [{ id: '1', a: '2' }]],
    ['a comma at the end', 'id,a\n1,', [{ id: '1' }]],
    ['quotes, commas, newlines', 'id,a\n1,"x ""y"", z\nw"\n', [{ id: '1', a: 'x "y", z\nw' }]],
    ['more cells than headings', 'id,a\n1,2,3,\n', [{ id: '1', a: '2', 'Column 3': '3' }]],
    ['blank lines', 'id,a\n\n1,2\n\n', [{ id: '1', a: '2' }]],
    ['a byte order mark', '\uFEFFid\n1\n', [{ id: '1' }]],
    ['headings alone', 'id,a\n', []],
    ['nothing', '', []],
  ])('with %s', (_name, text, records) => {
    expect(read(text)).toEqual(records)
  })

  test('with a quote that is never closed is refused', () => {
    expect(() => csvRecords('id\n"1', 'campaign_metrics')).toThrow(/a quote of its CSV is not closed/)
  })
})
