/** What lakes are asked to do, whatever the cloud in whose storage their files are. */
import { expect, onTestFinished } from 'vitest'
import { type ConfigInput, type Elt, open } from '../../src/index.ts'
import type { Sandbox } from '../../src/sandbox/index.ts'
import type { Cloud } from '../support/cloud.ts'
import { type LakeConfig, lakeConfig } from '../support/lake.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { configFor, outcome, quickClock, startProject } from '../support/sync.ts'

const sync = { streams: ['email_send', 'users'] }

/** The configuration of a new lake whose files are at this address. */
export async function lakeAt(address: string, storage: Cloud['storage']): Promise<LakeConfig> {
  const database = await createTestDatabase()
  onTestFinished(() => database.drop())
  return { ...lakeConfig(database.url, address), storage }
}

/** The product with two streams, on a warehouse where nothing is kept longer than it is needed. */
export function openAt(
  sandbox: Sandbox,
  config: ConfigInput['warehouse'],
  now = () => sandbox.now,
): Promise<Elt> {
  const maintenance = { keep_snapshots: '0s', keep_files: '0s' }
  return open(
    { ...configFor(sandbox, { config } as never, { sync }), lake: { maintenance } },
    { clock: { ...quickClock(sandbox), now } },
  )
}

/** The number of rows that a query finds. */
export async function countOf(elt: Elt, query: string): Promise<number> {
  for await (const { n } of elt.query(`select count(*) as n from ${query}`)) return Number(n)
  throw new Error('no row')
}

/** Rows go there and come back, files that nobody needs go, and so does a person. */
export async function expectUsable(scheme: string, cloud: Cloud): Promise<void> {
  await using sandbox = await startProject()
  const config = await lakeAt(`${scheme}lake/iterable`, cloud.storage)
  await using elt = await openAt(sandbox, config)
  const sends = sandbox.truth.events('emailSend')
  for (let time = 0; time < 3; time += 1) {
    if (time === 2) {
      const files = await cloud.countFiles()
      const upkeep = await elt.maintain()
      expect(upkeep.files_after).toBeLessThan(upkeep.files_before)
      expect(upkeep.files_removed).toBeGreaterThan(0)
      expect(await cloud.countFiles()).toBeLessThan(files)
    }
    expect(outcome(await elt.sync())).toEqual({ state: 'succeeded', wrong: [] })
    expect(await countOf(elt, 'iterable.email_send')).toBe(sends.length)
  }
  const other = elt.query(`select * from read_parquet('${scheme}lake/other/*.parquet')`)
  await expect(other[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'not_a_select' })

  const email = String(sends[0]?.email)
  await elt.erase({ email })
  expect(await countOf(elt, `iterable.email_send where email = '${email}'`)).toBe(0)
}

/** What `check` says of a lake that is not there yet: nothing of it is, afterwards. */
export async function checked(address: string, storage: Cloud['storage']): Promise<unknown> {
  await using sandbox = await startProject()
  await using elt = await openAt(sandbox, (await lakeAt(address, storage)) as never)
  const { items } = await elt.check()
  const { state, message, cure } = items.find(({ item }) => item === 'warehouse') ?? {}
  return { state, message, cure }
}
