import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startEmbeddedPostgres } from '../support/embedded-postgres.ts'
import type { TestWarehouse } from '../support/warehouse.ts'
import { makeFixture } from './support.ts'

test('Postgres dies and comes back while answers are recorded: none of them is lost, nothing is sent twice', async () => {
  const server = await startEmbeddedPostgres()
  const tempDir = await mkdtemp(join(tmpdir(), 'elt-test-'))
  try {
    const config = { type: 'postgres', url: server.url } as const
    const warehouse = { kind: 'postgres', config, tempDir } as unknown as TestWarehouse
    await using fixture = await makeFixture(warehouse, { latencyMs: 60 })
    const { save, elt, sandbox, members } = fixture
    await save(
      'vip',
      { action: 'add' },
      "select 'p' || n || '@x.org' as email from generate_series(1, 30000) as g(n)",
    )
    const running = elt.export('vip')
    await expect.poll(() => sandbox.writes.length, { interval: 5 }).toBeGreaterThan(3)
    await server.kill9()
    // Answers come in while there is nobody to write them down.
    await expect.poll(() => sandbox.writes.length, { interval: 5 }).toBeGreaterThan(7)
    await server.restart()
    expect(await running).toMatchObject({ state: 'succeeded', sent: 30_000, batches: 30 })
    expect(members()).toHaveLength(30_000)
    expect(sandbox.writes).toHaveLength(30)
    expect(new Set(sandbox.writes.map(({ hash }) => hash)).size).toBe(30)
  } finally {
    await server.stop()
    await rm(tempDir, { recursive: true, force: true })
  }
})
