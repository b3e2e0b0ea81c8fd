/** Metrics of campaigns and experiments. */
import { expect } from 'vitest'
import { days, hours, outcome, startProject, syncOnce } from '../support/sync.ts'
import { eachWarehouse } from '../support/warehouse.ts'

const sync = { streams: ['metrics'], complete_dimensions: true }
const without = ['Draft', 'Scheduled', 'Recurring', 'Starting']

eachWarehouse(
  'have a row for each campaign, under the headings of Iterable, as numbers',
  async (warehouse) => {
    await using sandbox = await startProject()
    expect(outcome(await syncOnce(sandbox, warehouse, { sync }))).toEqual({ state: 'succeeded', wrong: [] })

    const expected = sandbox.data.campaigns
      .filter(({ campaignState }) => !without.includes(String(campaignState)))
      .map(({ id }) => Number(id))
    const rows = await warehouse.query(
      `select id, "Total Email Sends" as sends, "Revenue" as revenue, "Total SMS Sent" as texts, "Total Embedded Sent" as embedded
     from iterable.campaign_metrics order by id`,
    )
    expect(rows.map(({ id }) => Number(id))).toEqual(expected.sort((a, b) => a - b))
    for (const { id, sends, texts, embedded } of rows) {
      const medium = sandbox.data.campaigns.find((campaign) => campaign.id === Number(id))?.messageMedium
      expect([sends === null, texts === null, embedded === null], String(medium)).toEqual([
        medium !== 'Email',
        medium !== 'SMS',
        medium !== 'Embedded',
      ])
    }
    const types = await warehouse.query(
      `select column_name as name, type from iterable_sync.columns where stream = 'campaign_metrics'
     and column_name in ('Total Email Sends', 'Revenue', 'Total Embedded Sent') order by 1`,
    )
    expect(types.map(({ name, type }) => [name, type])).toEqual([
      ['Revenue', 'double'],
      ['Total Email Sends', 'bigint'],
      ['Total Embedded Sent', 'bigint'],
    ])
    expect(
      await warehouse.query(
        `select sum(total_email_sends) > 0 as found from iterable_views.campaign_metrics`,
      ),
    ).toEqual([{ found: true }])
  },
)

eachWarehouse(
  'are asked for again only while they move, and within the limits of a URL',
  async (warehouse) => {
    await using sandbox = await startProject()
    const first = sandbox.data.campaigns.find(({ campaignState }) => campaignState === 'Running')
    // Ids of ten and more digits: fewer than eighty of them go into one URL.
    sandbox.data.campaigns.push(
      ...Array.from({ length: 200 }, (_, index) => ({
        ...first,
        id: 900_000_000_000_000 + index,
        campaignState: 'Finished',
        endedAt: sandbox.now.getTime() - days(200),
        updatedAt: sandbox.now.getTime() - days(200),
      })),
    )
    await syncOnce(sandbox, warehouse, { sync })
    const asked = sandbox.requests.filter(({ path }) => path === '/api/campaigns/metrics')
    expect(asked.length).toBeGreaterThan(3)
    expect(asked.every(({ status }) => status === 200)).toBe(true)
    const [all] = await warehouse.query('select count(*) as rows from iterable.campaign_metrics')
    expect(Number(all?.rows)).toBeGreaterThan(200)

    sandbox.advance(hours(3))
    const before = sandbox.requests.length
    expect(outcome(await syncOnce(sandbox, warehouse, { sync }))).toEqual({ state: 'succeeded', wrong: [] })
    const again = sandbox.requests.slice(before).filter(({ path }) => path === '/api/campaigns/metrics')
    expect(again).toHaveLength(1)
    const running = await warehouse.query(
      `select count(*) as rows from iterable.campaign_metrics where "measuredAt" = timestamptz '${sandbox.now.toISOString()}'`,
    )
    expect(Number(running[0]?.rows)).toBeLessThan(100)
    expect(Number(running[0]?.rows)).toBeGreaterThan(0)
  },
)

eachWarehouse('have a row for each day where the daily ones are named, once a day', async (warehouse) => {
  await using sandbox = await startProject()
  const daily = { sync: { ...sync, streams: ['campaign_metrics_daily'] } }
  await syncOnce(sandbox, warehouse, daily)
  const rows = await warehouse.query(
    'select min(day) as first, max(day) as last, count(distinct day) as days from iterable.campaign_metrics_daily',
  )
  expect({ ...rows[0], days: Number(rows[0]?.days) }).toEqual({
    first: '2026-01-17',
    last: '2026-01-31',
    days: 15,
  })
  sandbox.advance(hours(5))
  const before = sandbox.requests.length
  await syncOnce(sandbox, warehouse, daily)
  expect(sandbox.requests.slice(before).map(({ path }) => path)).toEqual([])
  sandbox.advance(days(1))
  await syncOnce(sandbox, warehouse, daily)
  const [later] = await warehouse.query('select max(day) as last from iterable.campaign_metrics_daily')
  expect(later).toEqual({ last: '2026-02-01' })
})

eachWarehouse('of days that were missed are read, however long nobody has asked', async (warehouse) => {
  await using sandbox = await startProject()
  const daily = { sync: { ...sync, streams: ['campaign_metrics_daily'] } }
  await syncOnce(sandbox, warehouse, daily)
  sandbox.advance(days(20))
  const ended = sandbox.data.campaigns.find(({ campaignState }) => campaignState === 'Running')
  Object.assign(ended ?? {}, { campaignState: 'Finished', endedAt: sandbox.now.getTime() - days(18) })
  await syncOnce(sandbox, warehouse, daily)
  const read = await warehouse.query(
    `select count(distinct day) as days, min(day) as first from iterable.campaign_metrics_daily where day > '2026-01-31'`,
  )
  expect({ ...read[0], days: Number(read[0]?.days) }).toEqual({ days: 20, first: '2026-02-01' })
  const [own] = await warehouse.query(
    `select max(day) as last from iterable.campaign_metrics_daily where id = ${ended?.id}`,
  )
  expect(own?.last).toBe('2026-02-20')
})

eachWarehouse(
  'of experiments are those of each variant; what is no number is left out',
  async (warehouse) => {
    await using sandbox = await startProject()
    await syncOnce(sandbox, warehouse, { sync: { ...sync, streams: ['experiment_metrics'] } })
    const rows = await warehouse.query(
      `select "experimentId" as id, type, subject, improvement, confidence, "Email Open Rate" as rate
     from iterable.experiment_metrics order by 1, 2 desc`,
    )
    const begun = sandbox.data.experiments.filter(({ status }) => status !== 'draft')
    expect(rows).toHaveLength(2 * begun.length)
    for (const { type, subject, improvement, confidence, rate } of rows) {
      expect(String(subject)).toMatch(/^Hello, ".+"$/)
      expect([improvement, confidence, rate]).toEqual(
        type === 'Control' ? [null, null, null] : [0.25, 0.9, 0.31],
      )
    }
  },
)

eachWarehouse('that come as something else are a failure that publishes nothing', async (warehouse) => {
  await using sandbox = await startProject()
  const fault = { status: 200, body: 'Service is down for maintenance\n' }
  sandbox.faults.next({ fault, path: '/api/campaigns/metrics', times: Number.POSITIVE_INFINITY })
  const report = await syncOnce(sandbox, warehouse, { sync: { ...sync, streams: ['campaign_metrics'] } })
  expect(report.streams[0]?.error).toMatch(/CSV whose first heading is id was expected/)
  expect(await warehouse.query('select * from iterable.campaign_metrics')).toEqual([])
})

eachWarehouse(
  'keep every digit and every column, and read figures as people write them',
  async (warehouse) => {
    await using sandbox = await startProject()
    const body = [
      'id,Total Email Sends,Revenue,Unique Email Opens,Views,Views,Unique Email Clicks',
      '1,9007199254740993,"1,234.50","12,345",9007199254740995,7,-',
      '2,007,12.5%,N/A,,,3',
      '3,1,0.33333333333333333333,2,x,y,\u2013',
    ].join('\r\n')
    const path = '/api/campaigns/metrics'
    sandbox.faults.next({ fault: { status: 200, body }, path, times: Number.POSITIVE_INFINITY })
    await syncOnce(sandbox, warehouse, { sync: { ...sync, streams: ['campaign_metrics'] } })
    const rows = await warehouse.query(
      `select cast("Total Email Sends" as varchar) as sends, "Revenue" as revenue, cast("Unique Email Opens" as varchar) as opens,
       cast("Views" as varchar) as views, cast("Column 6" as varchar) as further,
       cast("Unique Email Clicks" as varchar) as clicks from iterable.campaign_metrics order by id`,
    )
    expect(rows).toEqual([
      {
        sends: '9007199254740993',
        revenue: 1234.5,
        opens: '12345',
        views: '9007199254740995',
        further: '7',
        clicks: null,
      },
      { sends: '7', revenue: 0.125, opens: null, views: null, further: null, clicks: '3' },
      { sends: '1', revenue: 0.3333333333333333, opens: '2', views: 'x', further: 'y', clicks: null },
    ])
  },
)
