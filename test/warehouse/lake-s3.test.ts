/** Lakes whose files are in storage that speaks S3: that of Amazon, and of all who took its language over. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { storageAccess } from '../../src/warehouse/ducklake/storage.ts'
import type { Cloud } from '../support/cloud.ts'
import { hasExtension, lakeExtensions } from '../support/lake.ts'
import { startS3 } from '../support/s3.ts'
import { ago, hours, outcome, present, startProject } from '../support/sync.ts'
import { createTestWarehouse } from '../support/warehouse.ts'
import { checked, countOf, expectUsable, lakeAt, openAt } from './cloud-lake.ts'

const onS3 = test.runIf(lakeExtensions)
const withRoles = test.runIf(hasExtension('aws'))

let s3: Cloud
beforeAll(async () => {
  s3 = await startS3()
})
afterAll(() => s3[Symbol.asyncDispose]())

const usable = { state: 'ok', message: 'the ducklake warehouse can be opened', cure: null }

onS3.each(['s3://', 'gs://'])(
  '%s: rows go there and come back, files that nobody needs go, and so does a person',
  (scheme) => expectUsable(scheme, s3),
)

onS3.each(['s3a://', 'gcs://', 'r2://'])('%s: files are written, read and removed', async (scheme) => {
  const files = await s3.countFiles()
  const { region: _, ...storage } = s3.storage
  expect(await checked(`${scheme}lake/checked`, storage)).toEqual(usable)
  expect(await s3.countFiles()).toBe(files)
})

onS3.each(['s3://', 'gs://'])('%s: check tells what is wrong, and what to change', async (scheme) => {
  expect(await checked(`${scheme}elsewhere/iterable`, s3.storage)).toEqual({
    state: 'failed',
    message: `there is no such place as ${scheme}elsewhere/iterable/ (NoSuchBucket: The specified bucket does not exist)`,
    cure: 'make the bucket or container, or correct "warehouse.data_path"',
  })
  expect(await checked(`${scheme}lake/iterable`, s3.stranger)).toEqual({
    state: 'failed',
    message: `the storage of ${scheme}lake/iterable/ refuses us (InvalidAccessKeyId: The AWS Access Key Id you provided does not exist in our records.)`,
    cure: 'check "warehouse.storage" (key_id and secret), and that the key may read, write, list and delete',
  })
  // Nobody listens there.
  expect(await checked(`${scheme}lake/iterable`, { ...s3.storage, endpoint: '127.0.0.1:9' })).toEqual({
    state: 'failed',
    message: expect.stringContaining(`the storage of ${scheme}lake/iterable/ does not answer`),
    cure: 'check "warehouse.storage" and the network',
  })
})

onS3('the account of R2 names the host', async () => {
  const settings = { key_id: 'id', secret: 'guessed', account_id: 'abc123' }
  const { secret } = storageAccess('r2://lake/iterable/', settings)
  const instance = await DuckDBInstance.create(':memory:', { extension_directory: lakeExtensions })
  const connection = await instance.connect()
  onTestFinished(() => {
    connection.closeSync()
    instance.closeSync()
  })
  await connection.run(`load httpfs; ${secret}`)
  const [[made]] = (
    await connection.runAndReadAll('select secret_string from duckdb_secrets()')
  ).getRows() as [[string]]
  expect(made).toContain('endpoint=abc123.r2.cloudflarestorage.com;')
})

withRoles('without a key it is asked of the machine, and again when it has ended', async () => {
  const { key_id, secret, ...storage } = s3.storage
  let asked = 0
  const role = createServer((_request, response) => {
    asked += 1
    // Every other key has ended when it is used.
    const given = { AccessKeyId: asked % 2 === 0 ? key_id : 'ENDED', SecretAccessKey: secret }
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ ...given, Token: 'token', Expiration: '2100-01-01T00:00:00Z' }))
  }).listen(0, '127.0.0.1')
  onTestFinished(() => {
    role.close()
    vi.unstubAllEnvs()
  })
  await once(role, 'listening')
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_PROFILE'])
    vi.stubEnv(name, undefined)
  for (const name of ['AWS_SHARED_CREDENTIALS_FILE', 'AWS_CONFIG_FILE']) vi.stubEnv(name, '/does/not/exist')
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true')
  expect(await checked('s3://lake/role', storage)).toEqual({
    state: 'failed',
    message: 'there is no key for the storage of s3://lake/role/',
    cure: 'give this machine a key with the right to read, write, list and delete (environment, files, role), or set "warehouse.storage" (key_id and secret)',
  })

  const { port } = role.address() as AddressInfo
  vi.stubEnv('AWS_CONTAINER_CREDENTIALS_FULL_URI', `http://127.0.0.1:${port}/role`)
  await using sandbox = await startProject()
  await using elt = await openAt(sandbox, (await lakeAt('s3://lake/role', storage)) as never)
  expect(outcome(await elt.sync({ streams: ['email_send'] }))).toEqual({ state: 'succeeded', wrong: [] })
  expect(await countOf(elt, 'iterable.email_send')).toBe(sandbox.truth.events('emailSend').length)
  expect(asked).toBeGreaterThan(4)

  vi.stubEnv('AWS_ACCESS_KEY_ID', String(key_id))
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', String(secret))
  asked = 0
  expect(await checked('s3://lake/environment', storage)).toEqual(usable)
  expect(asked).toBe(0)
})

onS3('a bucket that was misspelt can be corrected later, and a key that is refused is told of', async () => {
  await using sandbox = await startProject()
  const streams = ['users']
  const misspelt = await lakeAt('s3://elsewhere/iterable', s3.storage)
  {
    await using elt = await openAt(sandbox, misspelt as never)
    await expect(elt.sync({ streams })).rejects.toMatchObject({ code: 'storage_refused' })
  }
  const corrected = { ...misspelt, data_path: 's3://lake/corrected' }
  {
    await using elt = await openAt(sandbox, corrected as never)
    expect(outcome(await elt.sync({ streams }))).toEqual({ state: 'succeeded', wrong: [] })
  }
  await using stranger = await openAt(sandbox, { ...corrected, storage: s3.stranger } as never)
  const refused = await stranger.sync({ streams, fullRefresh: true })
  expect(refused.streams.map(({ error_code }) => error_code)).toEqual(['storage_refused'])
  expect(JSON.stringify(refused)).not.toContain('guessed')
})

onS3('a warehouse is copied to S3, and a sync goes on there', async () => {
  await using sandbox = await startProject()
  await using source = await createTestWarehouse('duckdb')
  {
    await using elt = await openAt(sandbox, source.config, () => ago(hours(30)))
    expect(outcome(await elt.sync())).toEqual({ state: 'succeeded', wrong: [] })
  }
  const lake = await lakeAt('s3://lake/copied', s3.storage)
  {
    await using elt = await openAt(sandbox, source.config, () => present)
    await using target = await openAt(sandbox, lake as never, () => present)
    expect(await elt.copyTo(target)).toMatchObject({ is_equal: true, notices: [] })
  }
  await using elt = await openAt(sandbox, lake as never, () => present)
  expect(outcome(await elt.sync())).toEqual({ state: 'succeeded', wrong: [] })
  expect(await countOf(elt, 'iterable.email_send')).toBe(sandbox.truth.events('emailSend').length)
})
