/** The form of the files of sql/views. */
import { describe, expect, test } from 'vitest'
import { parseViewFile } from '../../src/marts/file.ts'

const text = `-- What it is,
-- in two lines.
--
-- Grain: one thing
-- Key: a
-- Needs: users
-- Optional: email_open, email_click,
--   purchase
-- Table: mine (a text, b bigint)
-- Columns:
--   a: the first
--     of two
--   b: the second
select a, b from {{streams.users}} as u, {{marts.other}} as o where {{has.purchase}}
`

test('a file says what the view is, what it needs and what its columns mean', () => {
  expect(parseViewFile('thing', text)).toEqual({
    name: 'thing',
    about: 'What it is,\nin two lines.',
    grain: 'one thing',
    key: ['a'],
    needs: ['users'],
    optional: ['email_open', 'email_click', 'purchase'],
    views: ['other'],
    tables: [{ name: 'mine', columns: 'a text, b bigint' }],
    columns: [
      { name: 'a', about: 'the first of two' },
      { name: 'b', about: 'the second' },
    ],
    select: 'select a, b from {{streams.users}} as u, {{marts.other}} as o where {{has.purchase}}',
  })
})

test('rows that may be equal have no key', () => {
  expect(parseViewFile('thing', text.replace('Key: a', 'Key: none')).key).toEqual([])
})

test('a line of a text may begin with a word and a colon', () => {
  const about = 'What it is.\nBounced: at least one bounce.\nKinds: two.'
  const file = parseViewFile(
    'thing',
    text.replace('What it is,\n-- in two lines.', about.replaceAll('\n', '\n-- ')),
  )
  expect(file.about).toBe(about)
  const grain = parseViewFile('thing', text.replace('one thing', 'one thing of a kind;\n-- Kinds: two'))
  expect(grain.grain).toBe('one thing of a kind; Kinds: two')
})

describe('a file is refused that', () => {
  test.each([
    [
      'reads a stream it does not tell of',
      text.replace('-- Needs: users\n', ''),
      'reads users, which neither',
    ],
    ['asks for one', text.replace('has.purchase', 'has.lists'), 'reads lists, which neither'],
    ['has no grain', text.replace('-- Grain: one thing\n', ''), 'has no "Grain:"'],
    ['has no key', text.replace('-- Key: a\n', ''), 'has no "Key:"'],
    ['has a strange key', text.replace('Key: a', 'Key: a, c'), 'has c in its key, which is not'],
    ['has no columns', text.replace(/-- Columns:[\s\S]*second\n/, ''), 'has no "Columns:"'],
    ['says nothing', text.replace(/-- What it is,\n-- in two lines.\n/, ''), 'does not say what it is'],
  ])('%s', (_name, changed, message) => {
    expect(() => parseViewFile('thing', changed)).toThrow(`sql/views/thing.sql ${message}`)
  })
})
