import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Messages } from '../../src/warehouse/postgres/messages.ts'

/** A message of the server, of so many bytes behind its header. */
function message(bytes: number): Buffer {
  const whole = Buffer.alloc(5 + bytes, 'D')
  whole.writeUInt32BE(4 + bytes, 1)
  return whole
}

test('the length of a message is known from its beginning, in whatever pieces it comes', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(40), { minLength: 1 }),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
      (sizes, cuts) => {
        const stream = Buffer.concat(sizes.map(message))
        const messages = new Messages()
        const found: number[] = []
        for (let at = 0, piece = 0; at < stream.length; piece += 1) {
          const length = cuts[piece % cuts.length] as number
          found.push(messages.largestIn(stream.subarray(at, at + length)))
          at += length
        }
        expect(Math.max(...found)).toBe(4 + Math.max(...sizes))
      },
    ),
  )
  const huge = Buffer.from([68, 0x7f, 0xff, 0xff, 0xff, 1, 2, 3])
  expect(new Messages().largestIn(huge)).toBe(2 ** 31 - 1)
})
