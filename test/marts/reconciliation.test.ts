/** metrics_reconciliation: each metric that it counts, and each cause that it names, against the same without SQL. */
import { sql } from 'kysely'
import { expect } from 'vitest'
import { catalogue } from '../../src/catalog/index.ts'
import { type Row, startSandbox } from '../../src/sandbox/index.ts'
import { openOn } from '../support/sync.ts'
import { everyWarehouse } from '../support/warehouse.ts'
import { rate } from './oracle.ts'

const now = '2026-03-20T12:00:00Z'
const spelled = (at: string) => `${at.slice(0, 19).replace('T', ' ')} +00:00`

/** What each metric counts: events of a type, or their people; with `human`, without those that are marked as a machine's. */
const metrics: readonly (readonly [metric: string, type: string, what?: string])[] = [
  ['Total Email Sends', 'emailSend'],
  ['Unique Email Sends', 'emailSend', 'people'],
  ['Total Emails Bounced', 'emailBounce'],
  ['Unique Emails Bounced', 'emailBounce', 'people'],
  ['Total Email Opens', 'emailOpen'],
  ['Unique Email Opens', 'emailOpen', 'people'],
  ['Total Email Opens (filtered)', 'emailOpen', 'human'],
  ['Unique Email Opens (filtered)', 'emailOpen', 'human people'],
  ['Total Emails Clicked', 'emailClick'],
  ['Unique Email Clicks', 'emailClick', 'people'],
  ['Total Emails Clicked (filtered)', 'emailClick', 'human'],
  ['Unique Email Clicks (filtered)', 'emailClick', 'human people'],
  ['Total Complaints', 'emailComplaint'],
  ['Total Unsubscribes', 'emailUnSubscribe'],
  ['Unique Unsubscribes', 'emailUnSubscribe', 'people'],
  ['Total Email Send Skips', 'emailSendSkip'],
  ['Total Pushes Sent', 'pushSend'],
  ['Total Pushes Bounced', 'pushBounce'],
  ['Total Pushes Opened', 'pushOpen'],
  ['Unique Pushes Opened', 'pushOpen', 'people'],
  ['Total SMS Sent', 'smsSend'],
  ['Total SMS Bounced', 'smsBounce'],
  ['Total SMS Clicks', 'smsClick'],
  ['Unique SMS Clicks', 'smsClick', 'people'],
  ['Total In-App Sent', 'inAppSend'],
  ['Total In-App Opens', 'inAppOpen'],
  ['Total In-App Clicks', 'inAppClick'],
  ['Total Web Pushes Sent', 'webPushSend'],
  ['Total Web Push Clicks', 'webPushClick'],
  ['Total Purchases', 'purchase'],
  ['Unique Purchases', 'purchase', 'people'],
]
const types = [...new Set(metrics.map(([, type]) => type))]
const streams = [
  ...[
    'email',
    'push_send',
    'push_bounce',
    'push_open',
    'sms_send',
    'sms_click',
    'in_app_send',
    'in_app_open',
  ],
  ...['in_app_click', 'web_push_send', 'purchase', 'campaigns', 'campaign_metrics'],
]
/** Their streams are not replicated. */
const unknown = ['smsBounce', 'webPushClick']

interface Case {
  readonly id: number
  readonly createdAt: string
  readonly startAt?: string
  readonly eventsAt: string
  /** How many more than ours Iterable has counted. */
  readonly more: number
  readonly cause: string | null
  /** Of metrics with "(filtered)", where it is another one. */
  readonly filtered?: string
}

const cases: readonly Case[] = [
  // Of the times of its events, those after the measuring do not count.
  { id: 1, createdAt: '2026-02-01T00:00:00Z', eventsAt: '2026-02-10T00:00:00Z', more: 0, cause: null },
  {
    id: 2,
    createdAt: '2026-02-01T00:00:00Z',
    eventsAt: '2026-02-10T00:00:00Z',
    more: 1,
    cause: 'unexplained',
  },
  {
    id: 3,
    createdAt: '2026-02-01T00:00:00Z',
    startAt: '2025-12-01T00:00:00Z',
    eventsAt: '2026-02-10T00:00:00Z',
    more: 5,
    cause: 'before the warehouse begins',
  },
  {
    id: 4,
    createdAt: '2025-03-01T00:00:00Z',
    eventsAt: '2026-02-10T00:00:00Z',
    more: -1,
    cause: 'unexplained',
    filtered: 'filtered since 24 April 2025',
  },
  {
    id: 5,
    createdAt: '2026-02-01T00:00:00Z',
    eventsAt: '2026-03-20T09:00:00Z',
    more: 1,
    cause: 'still arriving',
  },
]
const measuredAt = (id: number) => (id === 1 ? '2026-03-01T00:00:00Z' : now)

everyWarehouse('metrics_reconciliation counts each metric, and names each cause', async (warehouse) => {
  await using sandbox = await startSandbox({
    empty: true,
    rateLimits: 'off',
    projectType: 'hybrid',
    now: new Date(now),
  })
  const { data } = sandbox
  const add = (type: string, at: string, row: Row) =>
    data.events(type).push({ createdAt: spelled(at), eventName: type, templateId: 1, ...row })
  const counts = new Map<string, number>()
  for (const [number, type] of types.entries()) {
    // The first event of each stream.
    add(type, '2026-01-10T00:00:00Z', { campaignId: 9, messageId: 'first', itblUserId: 'first' })
    for (const { id, eventsAt } of cases) {
      // More sends than bounces; two events of the first person, machines among those of the second and third.
      const total = type === 'emailSend' ? 9 : 3 + (number % 4)
      for (let index = 0; index < total; index += 1) {
        const person = Math.max(0, index - 1)
        const bot = ['emailOpen', 'emailClick', 'smsClick'].includes(type) && [2, 3].includes(index)
        const message = {
          campaignId: id,
          messageId: `${type}-${id}-${index}`,
          itblUserId: `person-${person}`,
        }
        add(type, eventsAt, { ...message, ...(bot ? { isBot: true } : {}) })
      }
      const people = total - 1
      const bots = ['emailOpen', 'emailClick'].includes(type) ? Math.max(0, Math.min(total, 4) - 2) : 0
      counts.set(`${id} ${type}`, total).set(`${id} ${type} people`, people)
      counts.set(`${id} ${type} human`, total - bots).set(`${id} ${type} human people`, people - bots)
    }
    add(type, '2026-03-05T00:00:00Z', { campaignId: 1, messageId: `late-${type}`, itblUserId: 'late' })
  }
  for (const { id, createdAt, startAt } of cases)
    data.campaigns.push({
      id,
      templateId: 1,
      name: `Case ${id}`,
      type: 'Blast',
      campaignState: 'Finished',
      messageMedium: 'Email',
      createdAt: Date.parse(createdAt),
      updatedAt: Date.parse('2026-03-01T00:00:00Z'),
      ...(startAt === undefined ? {} : { startAt: Date.parse(startAt) }),
    })
  await using elt = await openOn(sandbox, warehouse, {
    sync: { streams, start_date: '2025-01-01', window_in_days: 366 },
    marts: {},
  })
  expect((await elt.sync()).state).toBe('succeeded')

  const { columns = {} } = catalogue('email').find(({ name }) => name === 'campaign_metrics') ?? {}
  const headings = Object.keys(columns).filter((heading) => /^(Total|Unique) /.test(heading))
  expect(headings.length).toBeGreaterThan(60)
  const compared = ['Total Emails Delivered', ...metrics.map(([metric]) => metric)]
  const oursOf = (id: number, metric: string): number | null => {
    const [, type = '', what] = metrics.find(([name]) => name === metric) ?? []
    if (unknown.includes(type)) return null
    if (metric === 'Total Emails Delivered')
      return (counts.get(`${id} emailSend`) as number) - (counts.get(`${id} emailBounce`) as number)
    return counts.get([id, type, what].filter((part) => part !== undefined).join(' ')) as number
  }
  await elt.warehouse.use(async ({ tables }) => {
    for (const { id, more } of cases) {
      const values = compared.map((metric) => `"${metric}" = ${(oursOf(id, metric) ?? 7) + more}`)
      // A metric that is counted, too, and not here would show.
      values.push(...headings.filter((heading) => !compared.includes(heading)).map((name) => `"${name}" = 1`))
      await sql
        .raw(
          `update iterable.campaign_metrics set ${values.join(', ')}, "measuredAt" = timestamptz '${measuredAt(id)}' where id = ${id}`,
        )
        .execute(tables)
    }
  })
  const expected = cases.flatMap(({ id, more, cause, filtered }) =>
    compared.map((metric) => {
      const ours = oursOf(id, metric)
      const iterable = (ours ?? 7) + more
      const known = metric.endsWith('(filtered)') && filtered ? filtered : cause
      const difference = ours === null ? null : ours - iterable
      return {
        campaign_id: id,
        campaign_name: `Case ${id}`,
        metric,
        measured_at: new Date(measuredAt(id)),
        ours,
        iterable,
        difference,
        difference_rate: rate(difference, iterable),
        verdict: ours === null ? 'unknown' : difference === 0 ? 'equal' : 'differs',
        likely_cause: ours === null ? 'stream not replicated' : known,
      }
    }),
  )
  const read = async (where: string): Promise<Row[]> =>
    warehouse.query(
      `select * from iterable_marts.metrics_reconciliation where ${where} order by campaign_id, metric`,
    )
  const inOrder = (rows: readonly Row[]) =>
    rows.toSorted((a, b) => (`${a.campaign_id} ${a.metric}` < `${b.campaign_id} ${b.metric}` ? -1 : 1))
  expect(inOrder(await read('true'))).toEqual(inOrder(expected))
  expect(new Set(expected.map(({ likely_cause }) => likely_cause)).size).toBe(6)

  // Within a hundredth is close; where there is no event at all, the warehouse begins later.
  await elt.warehouse.use(async ({ tables }) => {
    const sends = Array.from(
      { length: 200 },
      (_, index) => `('close-${index}', 2, timestamptz '2026-02-11 00:00:00+00')`,
    )
    await sql
      .raw(`insert into iterable.email_send ("messageId", "campaignId", "createdAt", "_run_id", "_loaded_at")
        select m, c, a, 'x', a from (values ${sends.join(', ')}) as sent (m, c, a)`)
      .execute(tables)
    await sql
      .raw('update iterable.campaign_metrics set "Total Email Sends" = 211 where id = 2')
      .execute(tables)
    await sql.raw('delete from iterable.email_complaint').execute(tables)
  })
  expect(await read("campaign_id = 2 and metric in ('Total Email Sends', 'Total Complaints')")).toMatchObject(
    [
      {
        metric: 'Total Complaints',
        ours: 0,
        verdict: 'differs',
        likely_cause: 'before the warehouse begins',
      },
      { metric: 'Total Email Sends', ours: 209, verdict: 'close', likely_cause: 'unexplained' },
    ],
  )
})
