/** A lake whose catalogue stands behind a pooler in transaction mode: locks are rows, and sessions need few backends. */
import { expect, onTestFinished } from 'vitest'
import { pgbouncer, startPgbouncer } from '../support/pgbouncer.ts'
import { startSync } from '../support/processes.ts'
import {
  configFor,
  expectedEvents,
  hours,
  openOn,
  outcome,
  rowsOf,
  startProject,
  syncOnce,
} from '../support/sync.ts'
import { onLake, type TestWarehouse } from '../support/warehouse.ts'

if (!pgbouncer) console.warn('no pgbouncer on this machine: the test of a lake behind one does not run')

/** The lake, reached through a pooler by the product, and directly by the test. */
async function through(lake: TestWarehouse, backends: number): Promise<TestWarehouse> {
  if (lake.config.type !== 'ducklake') throw new Error('this test is of a lake')
  const pooler = await startPgbouncer(lake.config.catalog, backends)
  onTestFinished(() => pooler[Symbol.asyncDispose]())
  return { ...lake, config: { ...lake.config, catalog: pooler.url } }
}

const fine = { state: 'succeeded', wrong: [] }

if (pgbouncer) {
  onLake('four backends are enough for all streams of a sync', async (lake) => {
    await using sandbox = await startProject()
    const pooled = await through(lake, 4)
    expect(outcome(await syncOnce(sandbox, pooled))).toMatchObject({ wrong: [] })
    sandbox.advance(hours(5))
    expect(outcome(await syncOnce(sandbox, pooled))).toMatchObject({ wrong: [] })
    for (const stream of ['email_send', 'email_open', 'email_click'] as const)
      expect(await rowsOf(lake, stream)).toEqual(await expectedEvents(sandbox, lake, stream))
    await using elt = await openOn(sandbox, pooled)
    const rows: unknown[] = []
    for await (const row of elt.query('select count(*) as opens from iterable.email_open')) rows.push(row)
    expect(rows).toEqual([{ opens: (await rowsOf(lake, 'email_open')).length }])
  })

  onLake('two syncs work on streams of their own, and a kill frees those of the killed', async (lake) => {
    await using sandbox = await startProject()
    const pooled = await through(lake, 12)
    const sync = { streams: ['email_open', 'email_click'] }
    // Both find no lake yet, and make views when they end.
    const parts = sync.streams.map((stream) => syncOnce(sandbox, pooled, { sync: { streams: [stream] } }))
    for (const report of await Promise.all(parts)) expect(outcome(report)).toEqual(fine)
    sandbox.advance(hours(6))
    sandbox.faults.next({ fault: 'stall', path: '/api/export' })
    await using first = await startSync({
      config: configFor(sandbox, pooled, { sync: { streams: ['email_open'] } }),
      now: sandbox.now.toISOString(),
    })
    first.go()
    await first.until((line) => line.type === 'progress' && line.bytes > 0)

    await using elt = await openOn(sandbox, pooled, { sync })
    const report = await elt.sync()
    expect(report.streams.map(({ stream, state }) => `${stream} ${state}`)).toEqual([
      'email_click succeeded',
      'email_open skipped',
    ])
    await expect(elt.sync({ streams: ['email_open'] })).rejects.toMatchObject({
      code: 'locked',
      message: expect.stringContaining(`iterable-elt sync, process ${first.pid}`),
    })
    await expect(elt.erase({ email: 'nobody@example.com' })).rejects.toMatchObject({ code: 'locked' })
    // The run of the first is at work, and not given up by the second.
    const states = async () =>
      (await lake.query('select state from iterable_sync.runs order by state')).map(({ state }) => state)
    expect(await states()).toEqual(['running', 'succeeded', 'succeeded', 'succeeded'])

    await first.kill()
    await expect.poll(() => elt.sync({ streams: ['email_open'] }).then(outcome, () => 'locked')).toEqual(fine)
    expect(await states()).toEqual(['failed', 'succeeded', 'succeeded', 'succeeded', 'succeeded'])
    expect(await lake.query('select job from iterable_sync.locks')).toEqual([])
    await elt.erase({ email: 'nobody@example.com' })
  })
}
