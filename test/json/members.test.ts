import fc from 'fast-check'
import { expect, test } from 'vitest'
import { membersOf } from '../../src/json/members.ts'

test('the members of any object are those that JSON.parse finds, as they stand', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom(0, 1, '\t'), (object, space) => {
      const found = [...membersOf(JSON.stringify(object, null, space))]
      expect(found.map(({ key, value }) => [key, JSON.parse(value)])).toEqual(
        Object.entries(JSON.parse(JSON.stringify(object)) as object),
      )
    }),
  )
})

test('whatever a line is, looking for its members comes to an end', () => {
  const pieces = fc.array(
    fc.constantFrom('{', '}', '[', ']', '"', '\\', ':', ',', ' ', 'null', 'a', '1', '{"a":', '{}', '\u2028'),
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        pieces.map((some) => some.join('')),
      ),
      (line) => {
        let count = 0
        try {
          for (const { value } of membersOf(line)) {
            count += 1
            expect(value.length).toBeLessThanOrEqual(line.length)
          }
        } catch (error) {
          expect(error).toBeInstanceOf(SyntaxError)
        }
        expect(count).toBeLessThanOrEqual(line.length)
      },
    ),
    { numRuns: 3000 },
  )
})

test.each(['null', '7', '"x"', '[{"a":1}]', '', '  ', '{', '{"', '{"a', '{"a"', '{"a":', '{"a":"', '{"a":{'])(
  'what is no whole object, such as %s, ends at its end',
  (line) => {
    try {
      expect([...membersOf(line)].length).toBeLessThanOrEqual(1)
    } catch (error) {
      expect(error).toBeInstanceOf(SyntaxError)
    }
  },
)
