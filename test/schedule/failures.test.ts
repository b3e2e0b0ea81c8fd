/** What the end of a run calls for. */
import { expect, test } from 'vitest'
import type { ErrorKind } from '../../src/errors.ts'
import { kindOfAll } from '../../src/schedule/failures.ts'
import { ago, days, hours, openOn, startProject } from '../support/sync.ts'
import { eachWarehouse } from '../support/warehouse.ts'

test.each<[(ErrorKind | null)[], ErrorKind]>([
  [[], 'run'],
  [['run'], 'run'],
  [['run', 'run'], 'run'],
  [['config'], 'config'],
  [['run', 'config'], 'config'],
  [['config', 'run'], 'config'],
  [['transient'], 'transient'],
  [['run', 'transient'], 'transient'],
  [['config', 'transient', 'run'], 'transient'],
  [[null], 'transient'],
  [['config', null], 'transient'],
])('streams that fail with %j: the run has failed with %s', (kinds, kind) => {
  expect(kindOfAll(kinds)).toBe(kind)
})

eachWarehouse('a sync whose rows are refused is not tried again before its next tick', async (warehouse) => {
  await using sandbox = await startProject({ empty: true })
  const shelf = sandbox.data.events('emailOpen')
  for (let index = 0; index < 101; index += 1) shelf.pushRaw(`<broken ${index}>`, ago(hours(14)))
  shelf.pushRaw('{"createdAt":"2026-01-31 10:00:00 +00:00"}', ago(hours(14)))
  const sync = {
    streams: ['email_open'],
    start_date: ago(days(1)).toISOString(),
    schedule: { cron: '@daily' },
  }
  await using elt = await openOn(sandbox, warehouse, { sync })
  expect(await elt.runJob('sync')).toMatchObject({ state: 'failed' })
  const [schedule] = await warehouse.query(
    "select transient_failures, consecutive_failures, retry_at from iterable_sync.schedules where name = 'sync'",
  )
  expect(schedule).toEqual({ transient_failures: 0, consecutive_failures: 0, retry_at: null })
})
