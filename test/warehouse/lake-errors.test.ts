import { expect, test } from 'vitest'
import { ConfigError } from '../../src/errors.ts'
import { explainedLake, isDisturbed, mayBeRepeated } from '../../src/warehouse/ducklake/errors.ts'

const lake = { dataPath: 's3://lake/', catalogueSchema: 'iterable_lake', storageCure: undefined }

// As DuckLake has said them; none of them can be brought about at will.
test.each([
  [
    'TransactionContext Error: Failed to commit: Transaction conflict - attempting to insert into table',
    true,
  ],
  ['Catalog Error: Referenced table "warehouse.iterable.email_send" not found', true],
  [
    'Catalog Error: Table with name users does not exist!\nDid you mean "iterable.users or iterable_views.users"?',
    true,
  ],
  [
    'Catalog Error: Table with name email_subscribe does not exist!\nDid you mean "iterable.email_subscribe"?',
    true,
  ],
  ['Invalid Input Error: could not find schema that corresponds to the view entry "users"', false],
  ['Catalog Error: Table with name usr does not exist!\nDid you mean "iterable.users"?', false],
  ['Catalog Error: Table with name users does not exist!', false],
  ['Binder Error: column x does not exist', false],
])('%s: repeated: %s', (message, isRepeated) => {
  expect(isDisturbed(new Error(message))).toBe(isRepeated)
  expect(mayBeRepeated(new Error(message))).toBe(isRepeated)
})

test.each([
  'Invalid Error: Failed to execute query "ROLLBACK": ',
  'TransactionContext Error: Failed to commit: Failed to execute query "ROLLBACK": ',
  'IO Error: Failed to prepare COPY: server closed the connection unexpectedly\n\tThis probably means …',
])('%s: the catalogue went away', (message) => {
  const error = new Error(message)
  expect(mayBeRepeated(error)).toBe(true)
  expect(explainedLake(error, lake)).toMatchObject({
    code: 'connection_lost',
    kind: 'transient',
  })
})

test.each([
  'IO Error: Unable to connect to Postgres at "host=db": connection to server at "db", port 5432 failed: FATAL:  password authentication failed for user "elt"',
  'IO Error: Unable to connect to Postgres at "host=db": connection to server at "db", port 5432 failed: server does not support SSL, but SSL was required',
])('%s: is no broken connection', (message) => {
  const error = new Error(message)
  expect(explainedLake(error, lake)).toBe(error)
})

test('what was said to a person is not', () => {
  const said = 'Table with name users does not exist! Did you mean "iterable.users"?'
  expect(isDisturbed(new ConfigError(said, { code: 'query_invalid' }))).toBe(false)
})
