/** Records as nasty as Iterable may send them: any names, any JSON, numbers as text so that no digit is lost. */
import fc from 'fast-check'

/** The members of an object: names and JSON text, no two names alike. */
export type Fields = readonly (readonly [name: string, json: string])[]

/** Any UTF-16, halves of pairs and U+0000 included. */
const anyText = fc.string({
  unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
  maxLength: 8,
})

const nastyText = fc.constantFrom(
  '',
  ' ',
  'null',
  'true',
  'NaN',
  '-0',
  '0x10',
  '1_000',
  ' 5',
  '1e3',
  '007',
  '9007199254740993',
  '123456789012345678901234567890',
  '{"a":1}',
  '[1, 2]',
  '{broken',
  '[',
  '"quoted"',
  "'; drop table iterable.users; --",
  '2021-04-14 16:25:56 +00:00',
  '\\N',
  '\\.',
  '\\u0041',
  '\\',
  'a\tb\r\nc',
  'a\u0000b',
  '\u0000',
  '\u0001\u0002\u001f\u007f',
  '\ufeffbom',
  '\u2028\u2029\u0085',
  '𝒳😀 👨‍👩‍👧',
  '\ud83d',
  '\ude00\ud83d',
  'ﷺ İstanbul straße',
  'x'.repeat(300),
)

const text = fc.oneof(nastyText, anyText, fc.string({ unit: 'grapheme' }))

const nastyNames = fc.constantFrom(
  // What every plain object answers to.
  ...['constructor', 'toString', 'valueOf', 'hasOwnProperty', '__proto__', 'prototype', 'isPrototypeOf'],
  ...[
    '',
    ' ',
    '\n',
    'line\nbreak',
    'tab\there',
    'nul\0',
    '\0',
    '\u0001',
    '\x7f',
    '\u2028',
    '\ufeff',
    '\ufeffbom',
  ],
  ...`.|a.b|a b| a|a |a"b|""|a'b|a${'`'}b|a\\b|a;b|\\|$|$.a|{}|?|:x|@|#|a#1|--|/*|"; drop table iterable.users; --`.split(
    '|',
  ),
  ...'select order table null true 1 1a json struct columns filename v drift:x constructor toString'.split(
    ' ',
  ),
  ...'_run_id _loaded_at _extra _RUN_ID __extra extra ␀extra createdAt_ CREATEDAT'.split(' '),
  ...'rowid ROWID ctid CTID xmin xmax cmin cmax oid OID tableoid'.split(' '),
  ...'campaignId CampaignID campaignid email Email url URL ip itblInternal industry Industry'.split(' '),
  ...'ÄPFEL äpfel Äpfel ß SS İ i̇ Σ ς σ 𐐀 𐐨 é é 😀 \ud83d half\udc00'.split(' '),
  ...['n'.repeat(63), 'n'.repeat(64), 'N'.repeat(64), 'n'.repeat(300), `${'n'.repeat(62)}ü`, '😀'.repeat(40)],
)

/** A test cannot keep `__proto__` in an object; the other two find the record again. */
const name = fc
  .oneof({ weight: 3, arbitrary: nastyNames }, anyText)
  .filter((field) => !['__proto__', 'createdAt', 'messageId'].includes(field))

const digits = fc
  .array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 40 })
  .map((list) => list.join(''))

const wholeNumber = fc.oneof(
  fc.integer().map(String),
  fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }).map(String),
  digits.map((text) => text.replace(/^0+(?=\d)/, '')),
)

const number = fc.oneof(
  wholeNumber,
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
  fc.constantFrom(
    ...[
      '0',
      '-0',
      '-0.0',
      '0.0',
      '1.0',
      '1.10',
      '1e3',
      '1E+3',
      '1e-7',
      '0.1e-5',
      '5e-324',
      '1.7976931348623157e308',
      '1e400',
      '-1e400',
    ],
    ...[
      '9007199254740991',
      '9007199254740992',
      '9007199254740993',
      '-9007199254740993',
      '9007199254740993.0',
      '9223372036854775807',
    ],
    ...[
      '9223372036854775808',
      '-9223372036854775808',
      '-9223372036854775809',
      '18446744073709551615',
      '18446744073709551616',
      '1e15',
      '1e20',
    ],
  ),
)

const string = text.map((value) => JSON.stringify(value))

const scalar = fc.oneof(fc.constantFrom('null', 'true', 'false'), number, string)

const { json } = fc.letrec<{ json: string; array: string; object: string }>((tie) => ({
  json: fc.oneof({ depthSize: 'small' }, scalar, tie('array'), tie('object')),
  array: fc.array(tie('json'), { maxLength: 4 }).map((items) => `[${items.join(',')}]`),
  object: fc
    .uniqueArray(fc.tuple(name, tie('json')), { maxLength: 4, selector: ([key]) => sameNames(key) })
    .map((members) => `{${members.map(([key, value]) => `${JSON.stringify(key)}:${value}`).join(', ')}}`),
}))

/** Half pairs become U+FFFD on the way. */
export const wellFormed = (text: string): string => text.toWellFormed()

/** U+0000 as Postgres gets it. */
export const withoutNul = (text: string): string => text.replaceAll('\0', '␀')

/** Names that are one once half pairs and U+0000 have been replaced would hide each other. */
const sameNames = (field: string): string => withoutNul(wellFormed(field))

/** What the values of one field of a table may be: kinds of their own, or any mixture. */
const kinds: readonly fc.Arbitrary<string>[] = [
  fc.constantFrom('true', 'false', 'null'),
  fc.integer().map(String),
  wholeNumber,
  number,
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
  string,
  fc.oneof(fc.integer().map(String), fc.constantFrom('true', '"text"')),
  fc.oneof(number, string),
  fc.constantFrom('null'),
  scalar,
  json,
]

/** Records of one table: each field keeps to one of the kinds, and stands in about half of the records. */
export const tables = (names: fc.Arbitrary<string> = name): fc.Arbitrary<readonly Fields[]> =>
  fc
    .uniqueArray(fc.tuple(names, fc.nat({ max: kinds.length - 1 })), {
      minLength: 1,
      maxLength: 50,
      selector: ([field]) => sameNames(field),
    })
    .chain((fields) => {
      const member = fields.map(([field, kind]) =>
        fc.option((kinds[kind] as fc.Arbitrary<string>).map((value) => [field, value] as const)),
      )
      const record = fc.tuple(...member).map((members) => members.filter((one) => one !== null))
      return fc.array(record, { minLength: 1, maxLength: 20 })
    })
