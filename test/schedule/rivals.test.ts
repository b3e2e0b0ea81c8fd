import { expect } from 'vitest'
import { exportTest } from '../export/support.ts'

exportTest(
  'a second mirror of one list counts as a configuration error, and is paused after five',
  async (f) => {
    const schedule = { cron: '@daily' }
    await f.save('first', { action: 'mirror', schedule }, "select 'a@example.com' as email")
    await f.save('second', { action: 'mirror', schedule }, "select 'b@example.com' as email")
    const job = 'export:second'
    for (let runs = 1; runs <= 5; runs += 1) {
      const run = await f.elt.runJob(job)
      expect(run).toMatchObject({ state: 'failed', error: expect.stringContaining('both mirror list') })
    }
    const [row] = (await f.elt.schedules()).filter(({ name }) => name === job)
    expect(row).toMatchObject({
      consecutive_failures: 5,
      paused_reason: expect.stringContaining('5 configuration errors'),
    })
    const [{ transient_failures } = {}] = await f.run(
      `select transient_failures from iterable_sync.schedules where name = '${job}'`,
    )
    expect(Number(transient_failures)).toBe(0)
  },
)
