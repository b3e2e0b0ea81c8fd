import { expect } from 'vitest'
import { exportTest, people } from './support.ts'

exportTest(
  'what a person types for a run is never a pattern, and what fits several lists them',
  async (f) => {
    await f.run(`insert into iterable_sync.runs (run_id, job, kind, trigger, state, due_at) values
    ('aaaa-1', 'export:vip', 'export', 'request', 'queued', timestamptz '2026-01-01 00:00:00+00'),
    ('aaaa-2', 'sync', 'sync', 'request', 'queued', timestamptz '2026-01-01 00:00:00+00')`)
    for (const typed of ['%', '_', '', 'aaa%', '____-1', '\\']) {
      await expect(f.elt.cancel(typed), typed).rejects.toMatchObject({ code: 'unknown_run' })
      await expect(f.elt.approve(typed), typed).rejects.toMatchObject({ code: 'unknown_run' })
      await expect(f.elt.run(typed), typed).rejects.toMatchObject({ code: 'unknown_run' })
    }
    await expect(f.elt.cancel('aaaa')).rejects.toThrow(
      /aaaa-\d \(.*queued\), aaaa-\d \(.*queued\); give more/,
    )
    expect(await f.warehouse.query("select state from iterable_sync.runs where state <> 'queued'")).toEqual(
      [],
    )
    expect(await f.elt.cancel('aaaa-1')).toEqual({ run_id: 'aaaa-1', state: 'cancelled' })
  },
)

exportTest('a run whose approval was cut off in the middle goes on when it is approved again', async (f) => {
  await f.run(`create table iterable.people as ${people(40)}`)
  await f.save('vip', { action: 'mirror' }, 'select * from iterable.people')
  await f.elt.export('vip')
  await f.run('delete from iterable.people where score > 4')
  const held = await f.elt.export('vip')
  expect(held).toMatchObject({ state: 'held', planned: { remove: 36 } })
  // The process that said yes is killed after its first commit: approved, sending, and nobody sends.
  f.sandbox.faults.next({ fault: '5xx', path: '/api/lists/unsubscribe', times: Number.POSITIVE_INFINITY })
  expect(await f.elt.approve(held.run_id, { by: 'ada' })).toMatchObject({ state: 'failed', removed: 0 })
  await f.run(
    `update iterable_sync.runs set state = 'running', finished_at = null where run_id = '${held.run_id}'`,
  )
  f.sandbox.faults.clear()
  expect(await f.elt.approve(held.run_id, { by: 'bob' })).toMatchObject({ state: 'succeeded', removed: 36 })
  expect(f.members()).toHaveLength(4)
  const [{ approved_by } = {}] = await f.run(
    `select approved_by from iterable_sync.export_runs where run_id = '${held.run_id}'`,
  )
  expect(approved_by).toBe('ada')
  await expect(f.elt.approve(held.run_id)).rejects.toMatchObject({ code: 'not_held' })
})

exportTest('a plan that was held for more than a day is not sent any more', async (f) => {
  await f.run(`create table iterable.people as ${people(40)}`)
  await f.save('vip', { action: 'mirror' }, 'select * from iterable.people')
  await f.elt.export('vip')
  await f.run('delete from iterable.people where score > 4')
  const held = await f.elt.export('vip')
  await f.run(`update iterable_sync.export_runs set planned_at = planned_at - interval '25 hours'
    where run_id = '${held.run_id}'`)
  await expect(f.elt.approve(held.run_id)).rejects.toMatchObject({
    code: 'expired',
    message: expect.stringContaining('24 hours ago; run "export vip" again'),
  })
  expect(f.members()).toHaveLength(40)
  // The next run makes a new plan of it.
  const next = await f.elt.export('vip')
  expect(next).toMatchObject({ state: 'held', planned: { remove: 36 } })
  expect(next.run_id).not.toBe(held.run_id)
  await expect(f.elt.approve(held.run_id)).rejects.toMatchObject({ code: 'not_held' })
})
