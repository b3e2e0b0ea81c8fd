import { expect } from 'vitest'
import { eachWarehouse, type TestWarehouse } from '../support/warehouse.ts'
import { failed, Simulation, scheduled, succeeded } from './simulation.ts'

const runs = async ({ query }: TestWarehouse, columns = 'state') =>
  query(`select job, nominal_at, ${columns} from iterable_sync.runs order by job, nominal_at, due_at`)
const brief = async (warehouse: TestWarehouse) =>
  (await runs(warehouse, 'state, error_code, trigger')).map(
    ({ nominal_at, state, error_code }) =>
      `${(nominal_at as Date).toISOString().slice(5, 16).replace('T', ' ')} ${error_code ?? state}`,
  )

eachWarehouse('each tick of a week runs once, at its time', async (warehouse) => {
  await using simulation = await Simulation.start(warehouse, {
    start: '2026-03-01T00:00:00Z',
    definitions: [
      scheduled('sync', { cron: '0 6 * * *', timezone: 'Europe/Berlin', delay: '10m' }),
      scheduled('export:vip', { cron: '0 */12 * * *' }),
    ],
  })
  await simulation.goTo('2026-03-08T00:00:00Z')
  const ofSync = simulation.ran.filter(({ job }) => job === 'sync')
  expect(ofSync).toHaveLength(7)
  expect(ofSync.every(({ nominalAt, dueAt }) => dueAt.getTime() - nominalAt!.getTime() === 600_000)).toBe(
    true,
  )
  const vip = simulation.ran.filter(({ job }) => job === 'export:vip')
  expect(vip).toHaveLength(14)
  expect(new Set(vip.map(({ nominalAt }) => nominalAt?.getTime())).size).toBe(14)
  expect(
    await warehouse.query("select count(*) as n from iterable_sync.runs where state = 'succeeded'"),
  ).toEqual([{ n: 21 }])
  expect(await warehouse.query('select count(*) as n from iterable_sync.queue')).toEqual([{ n: 0 }])
})

for (const [catchup, expected] of [
  ['latest', ['03-01 01:00 succeeded', '03-01 02:00 missed', '03-01 03:00 missed', '03-01 04:00 succeeded']],
  [
    'all',
    ['03-01 01:00 succeeded', '03-01 02:00 succeeded', '03-01 03:00 succeeded', '03-01 04:00 succeeded'],
  ],
  ['none', ['03-01 01:00 succeeded', '03-01 02:00 missed', '03-01 03:00 missed', '03-01 04:00 missed']],
] as const) {
  eachWarehouse(
    `after an outage catch-up "${catchup}" decides, and every tick has its row`,
    async (warehouse) => {
      await using simulation = await Simulation.start(warehouse, {
        start: '2026-03-01T00:30:00Z',
        definitions: [scheduled('sync', { cron: '@hourly', catchup })],
      })
      await simulation.goTo('2026-03-01T01:30:00Z')
      await simulation.awayUntil('2026-03-01T04:30:00Z')
      expect(await brief(warehouse)).toEqual(expected)
      await simulation.goTo('2026-03-01T05:30:00Z')
      expect((await brief(warehouse)).at(-1)).toBe('03-01 05:00 succeeded')
    },
  )
}

eachWarehouse('what was missed longer ago than the window is not made up for', async (warehouse) => {
  await using simulation = await Simulation.start(warehouse, {
    start: '2026-03-01T00:30:00Z',
    definitions: [scheduled('sync', { cron: '@hourly', catchup: 'all', catchup_window: '2h' })],
  })
  await simulation.awayUntil('2026-03-01T04:30:00Z')
  expect(await brief(warehouse)).toEqual([
    '03-01 01:00 catchup_window',
    '03-01 02:00 catchup_window',
    '03-01 03:00 succeeded',
    '03-01 04:00 succeeded',
  ])
})

eachWarehouse('an outage of a thousand ticks leaves a row for each', async (warehouse) => {
  await using simulation = await Simulation.start(warehouse, {
    start: '2026-03-01T00:00:00Z',
    definitions: [scheduled('sync', { cron: '*/10 * * * *' })],
  })
  await simulation.awayUntil('2026-03-08T00:00:00Z')
  const counts = await warehouse.query(
    'select state, count(*) as n, count(distinct nominal_at) as different from iterable_sync.runs group by state order by state',
  )
  expect(counts).toEqual([
    { state: 'skipped', n: 1007, different: 1007 },
    { state: 'succeeded', n: 1, different: 1 },
  ])
})

eachWarehouse('a run that takes long: the next tick is skipped, or one is queued', async (warehouse) => {
  await using simulation = await Simulation.start(warehouse, {
    start: '2026-03-01T00:30:00Z',
    definitions: [
      scheduled('export:a', { cron: '@hourly' }),
      scheduled('export:b', { cron: '@hourly', overlap: 'queue_one' }),
    ],
  })
  simulation.now = new Date('2026-03-01T01:00:00Z')
  const { begun } = await simulation.dispatcher.look({ canBegin: true })
  expect(begun).toHaveLength(2)
  for (const hour of ['02', '03']) {
    simulation.now = new Date(`2026-03-01T${hour}:00:00Z`)
    await simulation.dispatcher.look({ canBegin: true })
  }
  const stopping = new AbortController().signal
  for (const run of begun)
    await simulation.dispatcher.conclude(run, await run.work(simulation.jobs, stopping))
  await simulation.settle()
  const states = await runs(warehouse, 'state, error_code')
  expect(states.map(({ job, state, error_code }) => `${job} ${error_code ?? state}`)).toEqual([
    'export:a succeeded',
    'export:a overlap',
    'export:a overlap',
    'export:b succeeded',
    'export:b succeeded',
    'export:b overlap',
  ])
})

eachWarehouse(
  'editing a schedule never back-fills, and takes effect from the next tick',
  async (warehouse) => {
    await using simulation = await Simulation.start(warehouse, {
      start: '2026-03-01T00:30:00Z',
      definitions: [scheduled('sync', { cron: '0 12 * * *', catchup: 'all', end: '2026-03-02' })],
    })
    await simulation.goTo('2026-03-05T00:00:00Z')
    await simulation.define(scheduled('sync', { cron: '0 6,18 * * *', catchup: 'all', end: '2026-03-06' }))
    await simulation.goTo('2026-03-10T00:00:00Z')
    expect(await brief(warehouse)).toEqual([
      '03-01 12:00 succeeded',
      '03-05 06:00 succeeded',
      '03-05 18:00 succeeded',
    ])
    const [schedule] = await warehouse.query('select next_due_at from iterable_sync.schedules')
    expect(schedule?.next_due_at).toBeNull()
  },
)

eachWarehouse(
  'configuration errors pause the schedule; each incident is told once, and so is recovery',
  async (warehouse) => {
    await using simulation = await Simulation.start(warehouse, {
      start: '2026-03-01T00:30:00Z',
      definitions: [scheduled('export:vip', { cron: '@hourly' })],
      disableAfterFailures: 3,
      work: () => failed('unknown_list', 'config'),
    })
    await simulation.goTo('2026-03-01T08:30:00Z')
    expect(simulation.ran).toHaveLength(3)
    expect(simulation.told.map(({ event }) => event)).toEqual(['failure', 'paused'])
    const [paused] = await warehouse.query(
      'select paused_at, paused_reason, consecutive_failures from iterable_sync.schedules',
    )
    expect(paused).toMatchObject({ consecutive_failures: 3, paused_at: new Date('2026-03-01T03:00:00Z') })
    expect(paused?.paused_reason).toContain('it ended with unknown_list')
    const skipped = await warehouse.query(
      "select count(*) as n from iterable_sync.runs where error_code = 'paused'",
    )
    expect(skipped).toEqual([{ n: 5 }])
    simulation.work = () => succeeded
    await simulation.warehouse.use(({ db }) =>
      db.updateTable('schedules').set({ paused_at: null, paused_reason: null }).execute(),
    )
    await simulation.goTo('2026-03-01T10:30:00Z')
    expect(simulation.told.map(({ event }) => event)).toEqual([
      'failure',
      'paused',
      'success',
      'recovery',
      'success',
    ])
    expect(simulation.told[3]).toMatchObject({ code: 'unknown_list', failures: 3 })
  },
)

eachWarehouse('transient errors back off, longer each time, and pause nothing', async (warehouse) => {
  await using simulation = await Simulation.start(warehouse, {
    start: '2026-03-01T00:30:00Z',
    definitions: [scheduled('sync', { cron: '0 1 * * *' })],
    work: () => failed('server_error', 'transient'),
  })
  await simulation.goTo('2026-03-01T05:00:00Z')
  const starts = (await warehouse.query('select started_at from iterable_sync.runs order by started_at')).map(
    ({ started_at }) => ((started_at as Date).getTime() - Date.parse('2026-03-01T01:00:00Z')) / 60_000,
  )
  expect(starts).toEqual([0, 1, 3, 7, 15, 31, 63, 123, 183])
  expect(simulation.told.map(({ event }) => event)).toEqual(['failure'])
  expect(
    simulation.ran.every(({ nominalAt }) => nominalAt?.toISOString() === '2026-03-01T01:00:00.000Z'),
  ).toBe(true)
  simulation.work = () => succeeded
  await simulation.goTo('2026-03-02T00:00:00Z')
  expect(simulation.told.map(({ event }) => event)).toEqual(['failure', 'success', 'recovery'])
  const [row] = await warehouse.query(
    'select transient_failures, paused_at, retry_at from iterable_sync.schedules',
  )
  expect(row).toEqual({ transient_failures: 0, paused_at: null, retry_at: null })
})

eachWarehouse('a schedule inserted by SQL runs; one that cannot be read is told once', async (warehouse) => {
  await using simulation = await Simulation.start(warehouse, {
    start: '2026-03-01T00:30:00Z',
    definitions: [],
  })
  await simulation.warehouse.use(({ db }) =>
    db
      .insertInto('schedules')
      .values([
        { name: 'export:a', cron: '@daily' },
        { name: 'export:b', cron: '61 * * * *' },
        { name: 'export:c', cron: '@daily', timezone: 'PST' },
      ])
      .execute(),
  )
  await simulation.goTo('2026-03-02T12:00:00Z')
  await simulation.dispatcher.refresh()
  expect(simulation.ran.map(({ job }) => job)).toEqual(['export:a'])
  expect(simulation.told.filter(({ event }) => event === 'failure').map(({ job }) => job)).toEqual([
    'export:b',
    'export:c',
  ])
  const problems = await warehouse.query('select name, problem from iterable_sync.schedules order by name')
  expect(problems.map(({ problem }) => problem === null)).toEqual([true, false, false])
  expect(problems[2]?.problem).toContain('America/Los_Angeles')
})

eachWarehouse(
  'a run asked for by SQL happens once; an unknown job is refused in its row',
  async (warehouse) => {
    await using simulation = await Simulation.start(warehouse, {
      start: '2026-03-01T00:30:00Z',
      definitions: [{ job: 'export:vip', definedIn: 'file' }],
    })
    await simulation.warehouse.use(({ db }) =>
      db
        .insertInto('run_requests')
        .values([{ job: 'export:vip' }, { job: 'export:vpi' }])
        .execute(),
    )
    await simulation.settle()
    await simulation.settle()
    expect(simulation.ran).toMatchObject([{ job: 'export:vip', trigger: 'request', nominalAt: null }])
    const requests = await warehouse.query(
      'select job, run_id, error_text from iterable_sync.run_requests order by job',
    )
    expect(requests).toMatchObject([
      { job: 'export:vip', run_id: simulation.ran[0]?.runId, error_text: null },
      {
        job: 'export:vpi',
        run_id: null,
        error_text: expect.stringContaining('there is no job "export:vpi"'),
      },
    ])
  },
)

eachWarehouse(
  'a dead worker is taken over: same run, next attempt; its late word counts for nothing',
  async (warehouse) => {
    await using simulation = await Simulation.start(warehouse, {
      start: '2026-03-01T00:30:00Z',
      definitions: [scheduled('sync', { cron: '@hourly' })],
    })
    const stopping = new AbortController().signal
    simulation.now = new Date('2026-03-01T01:00:00Z')
    const dead = simulation.dispatcher
    const [lost] = (await dead.look({ canBegin: true })).begun
    simulation.dispatcher = simulation.newWorker()
    simulation.now = new Date('2026-03-01T01:00:09Z')
    expect((await simulation.dispatcher.look({ canBegin: true })).begun).toEqual([])
    simulation.now = new Date('2026-03-01T01:00:11Z')
    const [taken] = (await simulation.dispatcher.look({ canBegin: true })).begun
    expect(taken?.taken).toMatchObject({ runId: lost?.taken.runId, attempt: 2 })
    const late = { kind: 'ended', result: failed('server_error', 'transient') } as const
    expect(await dead.conclude(lost!, late)).toBe(false)
    expect(await simulation.dispatcher.conclude(taken!, await taken!.work(simulation.jobs, stopping))).toBe(
      true,
    )
    expect(await brief(warehouse)).toEqual(['03-01 01:00 succeeded'])
    expect(simulation.told.map(({ event }) => event)).toEqual(['success'])
  },
)

eachWarehouse(
  'a worker that lost its run begins it again only when its old attempt has ended',
  async (test) => {
    let end: (() => void) | undefined
    let atOnce = 0
    let most = 0
    await using simulation = await Simulation.start(test, {
      start: '2026-03-01T00:30:00Z',
      definitions: [scheduled('sync', { cron: '@hourly' }), scheduled('export:vip', { cron: '30 5 * * *' })],
      async work({ signal, attempt }) {
        atOnce += 1
        most = Math.max(most, atOnce)
        // Stopped, and yet not over: a request is on its way.
        if (attempt === 1) {
          await new Promise((resolve) => signal.addEventListener('abort', resolve))
          await new Promise<void>((resolve) => {
            end = resolve
          })
        }
        atOnce -= 1
        return succeeded
      },
    })
    const { dispatcher: slow, jobs } = simulation
    const other = simulation.newWorker()
    const stopping = new AbortController().signal
    const look = async (dispatcher: typeof slow, time: string) => {
      simulation.now = new Date(`2026-03-01T${time}Z`)
      return (await dispatcher.look({ canBegin: true })).begun
    }
    const [first] = await look(slow, '01:00:00')
    const working = first!.work(jobs, stopping)
    // It sleeps for longer than its lease; the other one takes the run away and puts it back.
    const [taken] = await look(other, '01:00:11')
    expect(taken?.taken).toMatchObject({ runId: first?.taken.runId, attempt: 2 })
    await other.conclude(taken!, { kind: 'again' })
    expect(await look(slow, '01:00:12')).toEqual([])
    await expect.poll(() => end).toBeDefined()
    expect(await look(slow, '01:00:13')).toEqual([])
    // What is left of the old attempt is waited for; its result counts for nothing.
    end?.()
    expect(await slow.conclude(first!, await working)).toBe(false)
    const [again] = await look(slow, '01:00:14')
    expect(again?.taken).toMatchObject({ runId: first?.taken.runId, attempt: 3 })
    expect(slow.atWork).toHaveLength(1)
    expect(await slow.conclude(again!, await again!.work(jobs, stopping))).toBe(true)
    expect(most).toBe(1)
    expect(await brief(test)).toEqual(['03-01 01:00 succeeded'])
  },
)

eachWarehouse('a clock that was ahead and is set back: no tick is lost, none runs twice', async (test) => {
  await using simulation = await Simulation.start(test, {
    start: '2026-03-01T00:30:00Z',
    definitions: [
      scheduled('sync', { cron: '@hourly' }),
      scheduled('export:vip', { cron: '@hourly', catchup: 'all' }),
    ],
  })
  await simulation.goTo('2026-03-01T01:30:00Z')
  // Half a day ahead for a moment, then right again, and an hour back on top.
  await simulation.awayUntil('2026-03-01T13:30:00Z')
  await simulation.awayUntil('2026-03-01T01:31:00Z')
  await simulation.goTo('2026-03-01T03:30:00Z')
  await simulation.awayUntil('2026-03-01T02:30:00Z')
  await simulation.goTo('2026-03-01T05:30:00Z')
  const hoursOf = (wanted: string) =>
    simulation.ran.filter(({ job }) => job === wanted).map(({ nominalAt }) => nominalAt?.getUTCHours() ?? -1)
  expect(hoursOf('sync').sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 13])
  expect(hoursOf('export:vip').sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13])
})

eachWarehouse(
  'a clock set back keeps neither a lease of the dead nor a back-off nor a wait',
  async (test) => {
    let isDown = false
    await using simulation = await Simulation.start(test, {
      start: '2026-03-01T00:30:00Z',
      definitions: [scheduled('sync', { cron: '@hourly' }), scheduled('export:vip', { cron: '@hourly' })],
      work: () => (isDown ? failed('server_error', 'transient') : succeeded),
    })
    // A day ahead: one run is left behind by a worker that dies, one fails and waits to be tried again.
    simulation.now = new Date('2026-03-02T00:30:00Z')
    const [vip, sync] = [...(await simulation.dispatcher.look({ canBegin: true })).begun].sort((a, b) =>
      a.taken.job < b.taken.job ? -1 : 1,
    )
    isDown = true
    await simulation.dispatcher.conclude(
      sync!,
      await sync!.work(simulation.jobs, new AbortController().signal),
    )
    isDown = false
    simulation.dispatcher = simulation.newWorker()
    simulation.now = new Date('2026-03-01T00:40:00Z')
    await simulation.settle()
    // The dead worker's lease is over when a living one would have renewed it.
    simulation.now = new Date('2026-03-01T00:40:11Z')
    await simulation.settle()
    expect(simulation.ran.map(({ job, attempt }) => `${job} ${attempt}`)).toContain(`${vip!.taken.job} 2`)
    await simulation.goTo('2026-03-01T02:30:00Z')
    const states = await test.query("select distinct state from iterable_sync.runs where slot < '2026-03-02'")
    expect(states).toEqual([{ state: 'succeeded' }])
    expect(await test.query('select count(*) as n from iterable_sync.queue')).toEqual([{ n: 0 }])
  },
)
