import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ConfigError } from '../../src/errors.ts'
import { explainedLake, isDisturbed, mayBeRepeated } from '../../src/warehouse/ducklake/errors.ts'
import { openOn, outcome, startProject } from '../support/sync.ts'
import { onLake } from '../support/warehouse.ts'

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

test.each([
  [
    `HTTP Error: HTTP GET error reading 's3://lake/users/x.parquet' in region '' (HTTP 404 Not Found)\n\nNoSuchKey: The specified key does not exist.`,
    'lake_file_missing',
    '(NoSuchKey: The specified key does not exist.)',
  ],
  [
    "IO Error: AzureStorageFileSystem open file 'az://lake/x.parquet' failed with code 'BlobNotFound', Reason Phrase: 'The specified blob does not exist.', Message: ''",
    'lake_file_missing',
    '(BlobNotFound: The specified blob does not exist)',
  ],
  [
    'Invalid Error: Failed to get token from ChainedTokenCredential.',
    'storage_refused',
    'there is no key for the storage of s3://lake/; ',
  ],
  [
    'Invalid Error: Fail to get a new connection for: https://elt.blob.core.windows.net. Could not resolve hostname',
    'storage_unreachable',
    'Could not resolve hostname)',
  ],
])('%s: what the storage of a cloud says', (message, code, said) => {
  expect(explainedLake(new Error(message), lake)).toMatchObject({
    code,
    message: expect.stringContaining(said),
  })
})

onLake('a file that is gone is told of', async (warehouse) => {
  await using sandbox = await startProject()
  await using elt = await openOn(sandbox, warehouse, { sync: { streams: ['users'] } })
  expect(outcome(await elt.sync())).toEqual({ state: 'succeeded', wrong: [] })
  for (const file of await readdir(warehouse.tempDir, { recursive: true })) {
    if (file.endsWith('.parquet')) await rm(join(warehouse.tempDir, file))
  }
  const read = elt.query('select * from iterable.users')[Symbol.asyncIterator]()
  await expect(read.next()).rejects.toMatchObject({ code: 'lake_file_missing' })
  const { streams } = await elt.sync({ fullRefresh: true })
  expect(streams).toMatchObject([{ error_code: 'lake_file_missing' }])
})
