/** Lakes whose files are in Azure's storage. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { azurite, startAzure } from '../support/azure.ts'
import type { Cloud } from '../support/cloud.ts'
import { hasExtension } from '../support/lake.ts'
import { checked, expectUsable } from './cloud-lake.ts'

// Half a minute the first time, and nothing later.
const program = hasExtension('azure') ? await azurite() : undefined
const onAzure = test.runIf(program)

let azure: Cloud | undefined
beforeAll(async () => {
  if (program) azure = await startAzure(program)
})
afterAll(() => azure?.[Symbol.asyncDispose]())

onAzure('rows go to Azure and come back, files that nobody needs go, and so does a person', () =>
  expectUsable('az://', azure as Cloud),
)

onAzure('check tells what is wrong with a storage of Azure, and what to change', async () => {
  const { storage, stranger, countFiles } = azure as Cloud
  const files = await countFiles()
  expect(await checked('azure://lake/checked', storage)).toEqual({
    state: 'ok',
    message: 'the ducklake warehouse can be opened',
    cure: null,
  })
  expect(await countFiles()).toBe(files)
  expect(await checked('az://elsewhere/iterable', storage)).toEqual({
    state: 'failed',
    message:
      'there is no such place as az://elsewhere/iterable/ (ContainerNotFound: The specified container does not exist)',
    cure: 'make the bucket or container, or correct "warehouse.data_path"',
  })
  expect(await checked('az://lake/iterable', stranger)).toEqual({
    state: 'failed',
    message: expect.stringMatching(
      /^the storage of az:\/\/lake\/iterable\/ refuses us \(AuthorizationFailure: /,
    ),
    cure: 'check "warehouse.storage" (connection_string), and that the key may read, write, list and delete',
  })
})
