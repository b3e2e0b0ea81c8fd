/** What a small project must hold for a rule of the views to show: each rule with a project of its own. */
import { sql } from 'kysely'
import { expect } from 'vitest'
import type { Elt } from '../../src/index.ts'
import { type Row, type Sandbox, startSandbox } from '../../src/sandbox/index.ts'
import { openOn } from '../support/sync.ts'
import { eachWarehouse, type TestWarehouse } from '../support/warehouse.ts'

const ann = { email: 'ann@example.com', itblUserId: 'ann' }
const spelled = (at: Date | string): string =>
  `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} +00:00`
const hoursBefore = (at: string, hours: number): Date => new Date(Date.parse(at) - hours * 3_600_000)

/** A project without anything at a moment. */
const emptyProject = (now: string): Promise<Sandbox> =>
  startSandbox({ empty: true, rateLimits: 'off', projectType: 'hybrid', now: new Date(now) })

const add = ({ data }: Sandbox, type: string, at: Date | string, row: Row = {}) =>
  data
    .events(type)
    .push({ createdAt: spelled(at), eventName: type, campaignId: 1, templateId: 1, ...ann, ...row })

/** Syncs some streams of the project, and opens what the sync has made. */
async function syncAll(sandbox: Sandbox, warehouse: TestWarehouse, streams: readonly string[]): Promise<Elt> {
  const start = hoursBefore(sandbox.now.toISOString(), 24 * 120)
  const elt = await openOn(sandbox, warehouse, {
    sync: { streams: [...streams], start_date: start.toISOString(), window_in_days: 366 },
    marts: {},
  })
  const { state } = await elt.sync()
  expect(state).toBe('succeeded')
  return elt
}

eachWarehouse('thirty days are as long for a reader whose clocks have changed since', async (warehouse) => {
  const now = '2026-03-20T12:00:00Z'
  await using sandbox = await emptyProject(now)
  sandbox.data.users.put({ ...ann, profileUpdatedAt: spelled(hoursBefore(now, 48)) })
  const asOf = hoursBefore(now, 1)
  add(sandbox, 'emailSend', asOf, { messageId: 'new' })
  // On 8 March New York set its clocks forward: by them, thirty days before was an hour later.
  add(sandbox, 'emailSend', hoursBefore(asOf.toISOString(), 30 * 24 - 0.5), { messageId: 'old' })
  await using elt = await syncAll(sandbox, warehouse, ['users', 'email_send'])
  const rows = await elt.warehouse.use((session) =>
    session.transaction(async ({ tables }) => {
      await sql`set timezone = 'America/New_York'`.execute(tables)
      const read = await sql<Row>`select messages_30_days from iterable_marts.user_engagement`.execute(tables)
      await sql`set timezone = 'UTC'`.execute(tables)
      return read.rows
    }),
  )
  expect(rows.map(({ messages_30_days }) => Number(messages_30_days))).toEqual([2])
})

eachWarehouse(
  'an outage of one stream is flagged while the others go on, and the day that still runs is not',
  async (warehouse) => {
    const now = '2026-03-20T03:00:00Z'
    await using sandbox = await emptyProject(now)
    for (let day = 0; day < 70; day += 1) {
      const at = hoursBefore(now, 24 * day + 2)
      for (let count = day === 0 ? 1 : 4; count > 0; count -= 1) {
        const message = { messageId: `m-${day}-${count}` }
        add(sandbox, 'emailSend', at, message)
        if (day >= 5) add(sandbox, 'emailOpen', at, message)
      }
    }
    await using _elt = await syncAll(sandbox, warehouse, ['email_send', 'email_open'])
    const flagged = await warehouse.query(
      `select stream, cast(day as varchar) as day, events from iterable_marts.daily_events
       where looks_incomplete order by 1, 2`,
    )
    const days = ['2026-03-16', '2026-03-17', '2026-03-18', '2026-03-19']
    expect(flagged).toEqual(days.map((day) => ({ stream: 'email_open', day, events: 0 })))
    const last = await warehouse.query(
      `select stream, cast(max(day) as varchar) as day from iterable_marts.daily_events group by 1 order by 1`,
    )
    expect(last.map(({ day }) => day)).toEqual(['2026-03-20', '2026-03-20'])
  },
)

/** A project of which sends and Iterable's metrics are replicated, and no bounces, opens or clicks. */
const sendsAlone = async (warehouse: TestWarehouse) => {
  const now = '2026-03-20T12:00:00Z'
  const sandbox = await emptyProject(now)
  const created = hoursBefore(now, 48).getTime()
  const campaign = {
    id: 1,
    templateId: 1,
    name: 'One',
    type: 'Blast',
    campaignState: 'Finished',
    messageMedium: 'Email',
  }
  sandbox.data.campaigns.push({ ...campaign, createdAt: created, updatedAt: created })
  add(sandbox, 'emailSend', hoursBefore(now, 30), { messageId: 'm' })
  const elt = await syncAll(sandbox, warehouse, ['campaigns', 'campaign_metrics', 'email_send'])
  return { sandbox, elt }
}

eachWarehouse('what no replicated stream tells is NULL', async (warehouse) => {
  const { sandbox, elt } = await sendsAlone(warehouse)
  await using _sandbox = sandbox
  await using _elt = elt
  const counts = { bounced: null, opened: null, clicked: null, complained: null, unsubscribed: null }
  const [performance] = await warehouse.query('select * from iterable_marts.campaign_performance')
  expect(performance).toMatchObject({
    medium: 'email',
    sent: 1,
    delivered: 1,
    human_opened: null,
    opened_or_clicked: null,
    ...counts,
    delivery_rate: null,
    bounce_rate: null,
    open_rate: null,
    complaint_rate: null,
  })
  const [day] = await warehouse.query('select * from iterable_marts.campaign_performance_daily')
  expect(day).toMatchObject({ sent: 1, delivered: 1, human_opened: null, human_clicked: null, ...counts })
  const [provider] = await warehouse.query('select * from iterable_marts.deliverability_daily')
  expect(provider).toMatchObject({
    sent: 1,
    hard_bounced: null,
    soft_bounced: null,
    policy_bounced: null,
    full_bounced: null,
    bounce_rate: null,
    complained: null,
    complaint_rate: null,
    human_opened: null,
    human_open_rate: null,
  })
})

eachWarehouse('deliveries are not compared where bounces are not replicated', async (warehouse) => {
  const { sandbox, elt } = await sendsAlone(warehouse)
  await using _sandbox = sandbox
  await using _elt = elt
  const rows = await warehouse.query(
    `select metric, ours, verdict, likely_cause from iterable_marts.metrics_reconciliation
     where metric in ('Total Email Sends', 'Total Emails Delivered') order by metric`,
  )
  const unknown = { ours: null, verdict: 'unknown', likely_cause: 'stream not replicated' }
  expect(rows).toMatchObject([
    { metric: 'Total Email Sends', ours: 1 },
    { metric: 'Total Emails Delivered', ...unknown },
  ])
})
