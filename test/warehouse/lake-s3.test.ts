/** A lake whose files are in S3: a server of its own that checks signatures. */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import S3rver from 's3rver'
import { expect, test } from 'vitest'
import { open } from '../../src/index.ts'
import { lakeConfig, lakeExtensions } from '../support/lake.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { configFor, outcome, quickClock, startProject } from '../support/sync.ts'

test.runIf(lakeExtensions)('rows go to S3 and come back, again and again', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'elt-s3-'))
  const server = new S3rver({
    ...{ port: 0, address: '127.0.0.1', silent: true, directory },
    configureBuckets: [{ name: 'lake', configs: [] }],
  })
  const { port } = await server.run()
  const database = await createTestDatabase()
  try {
    await using sandbox = await startProject()
    const config = {
      ...lakeConfig(database.url, 's3://lake/iterable'),
      storage: {
        ...{ key_id: 'S3RVER', secret: 'S3RVER', region: 'us-east-1' },
        ...{ endpoint: `127.0.0.1:${port}`, url_style: 'path', use_ssl: false },
      },
    } as const
    const sync = { streams: ['email_send', 'users'] }
    const maintenance = { keep_snapshots: '0s', keep_files: '0s' }
    await using elt = await open(
      { ...configFor(sandbox, { config }, { sync }), lake: { maintenance } },
      { clock: quickClock(sandbox) },
    )
    for (let time = 0; time < 3; time += 1) {
      if (time === 2) {
        const files = await readdir(join(directory, 'lake'), { recursive: true })
        const upkeep = await elt.maintain()
        expect(upkeep.files_after).toBeLessThan(upkeep.files_before)
        expect(upkeep.files_removed).toBeGreaterThan(0)
        const left = await readdir(join(directory, 'lake'), { recursive: true })
        expect(left.length).toBeLessThan(files.length)
      }
      expect(outcome(await elt.sync())).toEqual({ state: 'succeeded', wrong: [] })
      const rows: unknown[] = []
      for await (const row of elt.query('select count(*) as sends from iterable.email_send')) rows.push(row)
      expect(rows).toEqual([{ sends: sandbox.truth.events('emailSend').length }])
    }
    const elsewhere = elt.query(`select * from read_parquet('s3://lake/other/*.parquet')`)
    await expect(elsewhere[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'not_a_select' })

    const wrong = { ...config, storage: { ...config.storage, key_id: 'STRANGER', secret: 'guessed' } }
    await using stranger = await open(configFor(sandbox, { config: wrong }, { sync }), {
      clock: quickClock(sandbox),
    })
    const refused = await stranger.sync({ fullRefresh: true })
    expect(refused.streams.map(({ error_code }) => error_code)).toEqual([
      'storage_refused',
      'storage_refused',
    ])
    expect(JSON.stringify(refused)).not.toContain('guessed')
  } finally {
    await server.close()
    await database.drop()
    await rm(directory, { recursive: true, force: true })
  }
})
