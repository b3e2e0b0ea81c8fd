/** A lake whose files are in S3. */
import { readdir } from 'node:fs/promises'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { type ConfigInput, type Elt, open } from '../../src/index.ts'
import { lakeConfig, lakeExtensions } from '../support/lake.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { type S3, startS3 } from '../support/s3.ts'
import { ago, configFor, hours, outcome, present, quickClock, startProject } from '../support/sync.ts'
import { createTestWarehouse } from '../support/warehouse.ts'

const onS3 = test.runIf(lakeExtensions)
const sync = { streams: ['email_send', 'users'] }

let s3: S3
beforeAll(async () => {
  s3 = await startS3()
})
afterAll(() => s3[Symbol.asyncDispose]())

/** The configuration of a new lake whose files are in this folder of the bucket. */
async function lakeIn(folder: string) {
  const database = await createTestDatabase()
  onTestFinished(() => database.drop())
  return { ...lakeConfig(database.url, `s3://lake/${folder}`), storage: s3.storage }
}

async function numberOf(elt: Elt, query: string): Promise<unknown> {
  const rows: Readonly<Record<string, unknown>>[] = []
  for await (const row of elt.query(`select (${query}) as n`)) rows.push(row)
  return rows[0]?.n
}

onS3('rows go to S3 and come back, again and again', async () => {
  await using sandbox = await startProject()
  const config = await lakeIn('iterable')
  const maintenance = { keep_snapshots: '0s', keep_files: '0s' }
  const opened = (changed: typeof config): Promise<Elt> =>
    open(
      { ...configFor(sandbox, { config: changed }, { sync }), lake: { maintenance } },
      { clock: quickClock(sandbox) },
    )
  await using elt = await opened(config)
  for (let time = 0; time < 3; time += 1) {
    if (time === 2) {
      const files = await readdir(s3.folder, { recursive: true })
      const upkeep = await elt.maintain()
      expect(upkeep.files_after).toBeLessThan(upkeep.files_before)
      expect(upkeep.files_removed).toBeGreaterThan(0)
      const left = await readdir(s3.folder, { recursive: true })
      expect(left.length).toBeLessThan(files.length)
    }
    expect(outcome(await elt.sync())).toEqual({ state: 'succeeded', wrong: [] })
    expect(await numberOf(elt, 'select count(*) from iterable.email_send')).toBe(
      sandbox.truth.events('emailSend').length,
    )
  }
  await expect(
    numberOf(elt, `select count(*) from read_parquet('s3://lake/other/*.parquet')`),
  ).rejects.toMatchObject({ code: 'not_a_select' })

  const storage = { ...config.storage, key_id: 'STRANGER', secret: 'guessed' }
  await using stranger = await opened({ ...config, storage })
  const refused = await stranger.sync({ fullRefresh: true })
  expect(refused.streams.map(({ error_code }) => error_code)).toEqual(['storage_refused', 'storage_refused'])
  expect(JSON.stringify(refused)).not.toContain('guessed')
})

onS3('a warehouse is copied to S3, and a sync goes on there', async () => {
  await using sandbox = await startProject()
  await using source = await createTestWarehouse('duckdb')
  const opened = (config: ConfigInput['warehouse'], now: Date): Promise<Elt> =>
    open(configFor(sandbox, { config } as never, { sync }), {
      clock: { ...quickClock(sandbox), now: () => now },
    })
  {
    await using elt = await opened(source.config, ago(hours(30)))
    expect(outcome(await elt.sync())).toEqual({ state: 'succeeded', wrong: [] })
  }
  const lake = await lakeIn('copied')
  {
    await using elt = await opened(source.config, present)
    await using target = await opened(lake, present)
    expect(await elt.copyTo(target)).toMatchObject({ is_equal: true, notices: [] })
  }
  await using elt = await opened(lake, present)
  expect(outcome(await elt.sync())).toEqual({ state: 'succeeded', wrong: [] })
  expect(await numberOf(elt, 'select count(*) from iterable.email_send')).toBe(
    sandbox.truth.events('emailSend').length,
  )
})
