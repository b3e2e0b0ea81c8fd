import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startEmbeddedPostgres } from '../support/embedded-postgres.ts'
import { createTestDatabase } from '../support/postgres.ts'
import type { TestWarehouse } from '../support/warehouse.ts'
import { makeFixture } from './support.ts'

test('a mirror reads its people a few times, and not once for each of them, on a server without statistics', async () => {
  const server = await startEmbeddedPostgres({ autovacuum: 'off' })
  const tempDir = await mkdtemp(join(tmpdir(), 'elt-test-'))
  const database = await createTestDatabase(server.url)
  try {
    const config = { type: 'postgres', url: database.url } as const
    await using fixture = await makeFixture({ kind: 'postgres', config, tempDir } as unknown as TestWarehouse)
    const people = 6_000
    /** Rows of our tables that statements have looked at. */
    const read = async (): Promise<number> => {
      const [row] = await fixture.run(
        `select pg_stat_force_next_flush(), (select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))
           from pg_stat_all_tables where schemaname = 'iterable_sync') as n`,
      )
      return Number(row?.n)
    }
    await fixture.run(`create table iterable.people as select 'p' || n || '@x.org' as email, n as score
      from generate_series(1, ${people}) as g(n)`)
    await fixture.save('vip', { action: 'mirror' }, 'select * from iterable.people')
    let before = await read()
    const expectFew = async (what: string) => {
      await expect.poll(read).toBeGreaterThan(before)
      const now = await read()
      // A nested loop would read 36 million.
      expect((now - before) / people, what).toBeLessThan(100)
      before = now
    }
    expect(await fixture.elt.export('vip')).toMatchObject({ state: 'succeeded', sent: people })
    await expectFew('first run')
    await fixture.run('update iterable.people set score = -score where score % 100 = 0')
    expect(await fixture.elt.export('vip')).toMatchObject({
      state: 'succeeded',
      planned: { update: people / 100 },
    })
    await expectFew('second run')
    await fixture.save(
      'other',
      { action: 'mirror', baseline: 'adopt' },
      'select * from iterable.people where score > 0',
    )
    await rm(join(tempDir, 'exports', 'vip.sql'))
    expect(await fixture.elt.export('other')).toMatchObject({ state: 'held' })
    await expectFew('adoption')
  } finally {
    await database.drop()
    await server.stop()
    await rm(tempDir, { recursive: true, force: true })
  }
})
