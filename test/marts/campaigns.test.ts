/** Messages, campaigns, days and purchases: every number against the same worked out without SQL. */
import { expect } from 'vitest'
import type { Row } from '../../src/sandbox/index.ts'
import { allKinds } from '../support/warehouse.ts'
import { addCampaigns, labelsOf, ofSent } from './campaigns.ts'
import { alertOf, countsOf, median, providerOf, ratesOf, toldCounts } from './figures.ts'
import {
  dayOf,
  groupBy,
  type Message,
  messagesOf,
  outcomeOf,
  type Purchase,
  purchasesOf,
  rate,
  timeOf,
  toldOf,
} from './oracle.ts'
import { sorted, type World, worldOf } from './support.ts'

const onWorld = worldOf(7, { kinds: allKinds, streams: ['journeys'], prepare: addCampaigns })
const usual = { burst: false }

const expectedOf = ({ sandbox }: World) => {
  const { messages, touches } = messagesOf(sandbox, usual)
  return { messages, touches, purchases: purchasesOf(sandbox, touches) }
}

onWorld(
  'message_facts tells the life of each message, message_outcomes and message_times the same in short',
  async (world) => {
    const { messages } = expectedOf(world)
    expect(messages.length).toBeGreaterThan(400)
    const expected = messages.map((message) => {
      const outcome = outcomeOf(message)
      const domain = message.email?.split('@')[1] ?? null
      return {
        medium: message.medium,
        message_id: message.id,
        person: message.person,
        email: message.email,
        email_domain: domain,
        mailbox_provider: providerOf(domain),
        campaign_id: message.campaignId,
        template_id: message.templateId,
        message_type_id: 5,
        channel_id: 9,
        sent_at: message.sentAt,
        copies: message.copies,
        is_delivered: outcome.isDelivered,
        bounced_at: outcome.bouncedAt ?? null,
        bounce_kind: outcome.kind,
        bounce_status: message.bounces.map(({ status }) => status)[0] ?? null,
        is_opened: outcome.opens.length > 0,
        is_clicked: outcome.clicks.length > 0,
        is_human_clicked: outcome.humanClicks.length > 0,
        is_complained: message.complainedAt !== undefined,
        is_unsubscribed: message.unsubscribedAt !== undefined,
        opens: outcome.opens.length,
        first_open_at: outcome.firstOpen ?? null,
        human_opens: outcome.humanOpens.length,
        first_human_open_at: outcome.firstHumanOpen ?? null,
        is_human_opened: outcome.firstHumanOpen !== undefined,
        clicks: outcome.clicks.length,
        first_click_at: outcome.firstClick ?? null,
        human_clicks: outcome.humanClicks.length,
        first_human_click_at: outcome.firstHumanClick ?? null,
        complained_at: message.complainedAt ?? null,
        unsubscribed_at: message.unsubscribedAt ?? null,
        seconds_to_open: since(message.sentAt, outcome.firstHumanOpen),
        seconds_to_click: since(message.sentAt, outcome.firstHumanClick),
        device: firstOf(message, 'userAgentDevice'),
        country: firstOf(message, 'country'),
      }
    })
    expect(sorted(await world.rows('message_facts'))).toEqual(sorted(expected))
    for (const view of ['message_outcomes', 'message_times']) {
      const rows = await world.rows(view)
      const columns = Object.keys(rows[0] ?? {})
      const inShort = expected.map((row) =>
        Object.fromEntries(columns.map((name) => [name, new Map(Object.entries(row)).get(name)])),
      )
      expect(columns.length, view).toBeGreaterThan(12)
      expect(sorted(rows), view).toEqual(sorted(inShort))
    }
  },
)

onWorld('bot_events and engagement_events agree with the rules', async (world) => {
  const { touches } = expectedOf(world)
  const told = (rows: readonly Row[]) =>
    rows.map((row) => JSON.stringify([row.message_id, row.action, row.occurred_at, row.rule])).sort()
  const expected = touches.map(({ messageId, action, at, rule }) => ({
    message_id: messageId,
    action,
    occurred_at: at,
    rule,
  }))
  const caught = expected.filter(({ rule }) => rule !== null)
  expect(new Set(caught.map(({ rule }) => rule)).size).toBe(5)
  expect(told(await world.rows('engagement_events'))).toEqual(told(expected))
  expect(told(await world.rows('bot_events'))).toEqual(told(caught))
})

onWorld('purchase_attribution credits the last version of each purchase', async (world) => {
  const { purchases } = expectedOf(world)
  expect(purchases.filter(({ click }) => click).length).toBeGreaterThan(5)
  expect(purchases.filter(({ open }) => open).length).toBeGreaterThan(5)
  expect(purchases.filter(({ click, touch }) => click && touch !== click).length).toBeGreaterThan(0)
  expect(new Set(purchases.map(({ explicitTemplate }) => explicitTemplate === null)).size).toBe(2)
  const expected = purchases.map(({ id, at, person, total, click, open, touch, items, ...purchase }) => ({
    purchase_id: id,
    purchased_at: at,
    person,
    total,
    explicit_campaign_id: purchase.explicit,
    explicit_template_id: purchase.explicitTemplate,
    click_campaign_id: click?.campaignId ?? null,
    clicked_at: click?.at ?? null,
    click_template_id: click ? Number(click.row.templateId) : null,
    open_campaign_id: open?.campaignId ?? null,
    opened_at: open?.at ?? null,
    touch_campaign_id: touch?.campaignId ?? null,
    items: items ?? null,
  }))
  expect(sorted(await world.rows('purchase_attribution'))).toEqual(sorted(expected))
})

onWorld('campaign_performance counts and rates each campaign', async (world) => {
  const { messages, purchases } = expectedOf(world)
  const { truth, data } = world.sandbox
  const skips = truth.events('emailSendSkip')
  const byCampaign = groupBy(messages, ({ campaignId }) => campaignId)
  const ids = new Set([...data.campaigns.map(({ id }) => Number(id)), ...byCampaign.keys()])
  const expected = [...ids].map((id) => {
    const listed = data.campaigns.find((campaign) => campaign.id === id)
    const sent = byCampaign.get(id) ?? []
    const medium = sent[0]?.medium ?? null
    const counts = toldCounts(medium, countsOf(sent))
    const reasons = skips.filter(({ campaignId }) => campaignId === id).map(({ reason }) => reason)
    const explicit = revenueOf(purchases, (purchase) => purchase.explicit === id)
    const clicked = revenueOf(purchases, ({ click }) => click?.campaignId === id)
    const times = sent.map(({ sentAt }) => sentAt)
    return {
      campaign_id: id,
      campaign_name: listed?.name ?? null,
      campaign_type: listed?.type ?? null,
      campaign_state: listed?.campaignState ?? null,
      medium,
      labels: labelsOf(listed).join(', ') || null,
      workflow_id: listed?.workflowId ?? null,
      journey: listed?.workflowId === 7 ? 'Welcome' : null,
      recurring_campaign_id: listed?.recurringCampaignId ?? null,
      recurring_campaign_name: listed?.recurringCampaignId === 100 ? 'Campaign 100' : null,
      first_sent_at: times.length > 0 ? Math.min(...times) : null,
      last_sent_at: times.length > 0 ? Math.max(...times) : null,
      ...counts,
      skipped: reasons.filter((reason) => reason !== 'ExperimentHoldOut').length,
      held_out: reasons.filter((reason) => reason === 'ExperimentHoldOut').length,
      ...ratesOf(counts),
      orders: explicit.orders,
      revenue: explicit.revenue,
      revenue_per_thousand: perThousand(explicit.revenue, counts.delivered),
      click_orders: clicked.orders,
      click_revenue: clicked.revenue,
      click_revenue_per_thousand: perThousand(clicked.revenue, counts.delivered),
    }
  })
  expect(new Set(expected.map(({ complaint_alert }) => complaint_alert)).size).toBe(3)
  expect(expected.filter(({ complaint_rate }) => complaint_rate === 0.001)).toHaveLength(1)
  const rows = await world.rows('campaign_performance')
  expect(sorted(rows)).toEqual(sorted(expected))
  // No event tells who has clicked a push message, or opened an SMS.
  expect(rows.find(({ medium }) => medium === 'push')).toMatchObject({
    clicked: null,
    human_click_rate: null,
  })
  expect(rows.find(({ medium }) => medium === 'sms')).toMatchObject({ opened: null, human_open_rate: null })
  for (const row of rows) {
    expect(Number(row.delivered) + Number(row.bounced)).toBe(row.sent)
    for (const [name, value] of Object.entries(row)) {
      if (!name.endsWith('_rate') || value === null) continue
      expect(value, name).toBeGreaterThanOrEqual(0)
      expect(value, name).toBeLessThanOrEqual(1)
    }
  }
  const unsent = rows.find(({ campaign_id }) => campaign_id === 106)
  expect(unsent).toMatchObject({ sent: 0, open_rate: null, click_to_open_rate: null, delivery_rate: null })
})

onWorld('labels and lists of campaigns have a row each', async (world) => {
  const { data } = world.sandbox
  const name = (id: unknown) => data.lists.find((list) => list.id === id)?.name ?? null
  const idsOf = (campaign: Row, field: string) => [...new Set((campaign[field] ?? []) as number[])]
  const lists = data.campaigns.flatMap((campaign) =>
    [
      ['send', 'listIds'],
      ['suppress', 'suppressionListIds'],
    ].flatMap(([list_use, field]) =>
      idsOf(campaign, String(field)).map((id) => ({
        campaign_id: campaign.id,
        campaign_name: campaign.name,
        list_id: String(id),
        list_name: name(id),
        list_use,
      })),
    ),
  )
  expect(sorted(await world.rows('campaign_lists'))).toEqual(sorted(lists))
  expect(new Set(lists.map(({ list_name }) => list_name)).size).toBe(2)
  const labels = data.campaigns.flatMap((campaign) =>
    labelsOf(campaign).map((label) => ({ campaign_id: campaign.id, campaign_name: campaign.name, label })),
  )
  expect(labels).toHaveLength(3)
  expect(sorted(await world.rows('campaign_labels'))).toEqual(sorted(labels))
})

onWorld('the days of campaign_performance_daily add up to campaign_performance', async (world) => {
  const { messages, purchases } = expectedOf(world)
  const expected = new Map<string, Row>()
  const count = (campaignId: number, at: number | undefined, name: string, by = 1) => {
    if (at === undefined) return
    const row = expected.get(`${campaignId} ${dayOf(at)}`) ?? {
      ...zeros,
      campaign_id: campaignId,
      day: dayOf(at),
    }
    expected.set(`${campaignId} ${dayOf(at)}`, { ...row, [name]: Number(row[name]) + by })
  }
  for (const message of messages) {
    const outcome = outcomeOf(message)
    count(message.campaignId, message.sentAt, 'sent')
    count(message.campaignId, outcome.bouncedAt, 'bounced')
    count(message.campaignId, outcome.bouncedAt, `${outcome.kind}_bounced`)
    if (!outcome.isDelivered) continue
    count(message.campaignId, message.sentAt, 'delivered')
    count(message.campaignId, outcome.firstOpen, 'opened')
    count(message.campaignId, outcome.firstHumanOpen, 'human_opened')
    count(message.campaignId, outcome.firstClick, 'clicked')
    count(message.campaignId, outcome.firstHumanClick, 'human_clicked')
    count(message.campaignId, message.complainedAt, 'complained')
    count(message.campaignId, message.unsubscribedAt, 'unsubscribed')
  }
  for (const row of world.sandbox.truth.events('emailSendSkip')) {
    count(Number(row.campaignId), timeOf(row), row.reason === 'ExperimentHoldOut' ? 'held_out' : 'skipped')
  }
  for (const { explicit, click, at, total } of purchases) {
    for (const [id, prefix] of [
      [explicit, ''],
      [click?.campaignId ?? null, 'click_'],
    ] as const) {
      if (id === null) continue
      count(id, at, `${prefix}orders`)
      count(id, at, `${prefix}revenue`, total)
    }
  }
  const mediumOf = (id: unknown) => messages.find(({ campaignId }) => campaignId === id)?.medium ?? null
  const told = [...expected.values()].map((row) => {
    const medium = mediumOf(row.campaign_id)
    const ofDay = messages.filter(
      ({ campaignId, sentAt }) => campaignId === row.campaign_id && dayOf(sentAt) === row.day,
    )
    return { ...toldCounts(medium, row), ...ofSent(medium, ofDay) }
  })
  const isYoung = ({ human_open_rate, human_open_rate_1_hour }: Row) =>
    Number(human_open_rate) > Number(human_open_rate_1_hour)
  expect(told.some(isYoung)).toBe(true)
  const rows = await world.rows('campaign_performance_daily')
  expect(sorted(rows)).toEqual(sorted(told))
  for (const whole of await world.rows('campaign_performance')) {
    const days = rows.filter(({ campaign_id }) => campaign_id === whole.campaign_id)
    for (const name of Object.keys(zeros)) {
      const what = `${whole.campaign_id} ${name}`
      if (whole[name] === null) expect(new Set(days.map((row) => row[name])), what).toEqual(new Set([null]))
      else
        expect(
          days.reduce((sum, row) => sum + Number(row[name]), 0),
          what,
        ).toBe(whole[name])
    }
  }
})

onWorld('deliverability_daily tells the providers apart, day by day and in weeks', async (world) => {
  const mails = expectedOf(world).messages.filter(({ medium }) => medium === 'email')
  const keyOf = (message: Message) =>
    `${dayOf(message.sentAt)} ${providerOf(message.email?.split('@')[1] ?? null) ?? 'unknown'}`
  const groups = groupBy(mails, keyOf)
  const expected = [...groups].map(([key, some]) => {
    const [day, provider] = [key.slice(0, 10), key.slice(11)]
    const counts = countsOf(some)
    const firstStatus = some.map(({ bounces }) => String(bounces[0]?.status ?? ''))
    const rates = deliveryOf(counts)
    /** Of the provider's messages from so many days before the day on. */
    const since = (days: number, until: number) =>
      countsOf(
        [...groups].flatMap(([other, own]) => {
          const age = (Date.parse(day) - Date.parse(other.slice(0, 10))) / 86_400_000
          return other.slice(11) === provider && age <= days && age >= until ? own : []
        }),
      )
    const before = deliveryOf(since(28, 1)).human_open_rate
    return {
      day,
      mailbox_provider: provider,
      sent: counts.sent,
      delivered: counts.delivered,
      hard_bounced: counts.hard_bounced,
      soft_bounced: counts.soft_bounced,
      policy_bounced: firstStatus.filter((status) => /^[45]\.7\./.test(status)).length,
      full_bounced: firstStatus.filter((status) => /^[45]\.2\.2$/.test(status)).length,
      complained: counts.complained,
      human_opened: counts.human_opened,
      ...rates,
      complaint_alert: alertOf(rates.complaint_rate),
      ...Object.fromEntries(
        Object.entries(deliveryOf(since(6, 0))).map(([name, value]) => [`${name}_7_days`, value]),
      ),
      human_open_rate_28_days: before,
      open_drop:
        before === null || rates.human_open_rate === null ? null : rates.human_open_rate < 0.5 * before,
    }
  })
  expect(new Set(expected.map(({ open_drop }) => open_drop)).size).toBe(3)
  expect(sorted(await world.rows('deliverability_daily'))).toEqual(sorted(expected))
})

const deliveryOf = (counts: ReturnType<typeof countsOf>) => ({
  delivery_rate: rate(counts.delivered, counts.sent),
  bounce_rate: rate(counts.bounced, counts.sent),
  hard_bounce_rate: rate(counts.hard_bounced, counts.sent),
  soft_bounce_rate: rate(counts.soft_bounced, counts.sent),
  complaint_rate: rate(counts.complained, counts.delivered),
  human_open_rate: rate(counts.human_opened, counts.delivered),
})

onWorld('send_time_heatmap counts by weekday and hour', async (world) => {
  const keyOf = ({ medium, sentAt }: Message) =>
    `${medium} ${new Date(sentAt).getUTCDay() || 7} ${new Date(sentAt).getUTCHours()}`
  const expected = [...groupBy(expectedOf(world).messages, keyOf)].map(([key, some]) => {
    const [medium, weekday, hour] = key.split(' ')
    const { sent, delivered, human_opened, human_clicked } = toldCounts(medium, countsOf(some))
    const delays = some
      .filter(({ bounces }) => bounces.length === 0)
      .map((message) => since(message.sentAt, outcomeOf(message).firstHumanOpen))
      .filter((delay) => delay !== null)
    return {
      medium,
      weekday: Number(weekday),
      hour: Number(hour),
      sent,
      delivered,
      human_opened,
      human_clicked,
      human_open_rate: rate(human_opened, delivered),
      human_click_rate: rate(human_clicked, delivered),
      median_seconds_to_open: toldOf(medium, 'opens', median(delays)),
    }
  })
  expect(sorted(await world.rows('send_time_heatmap'))).toEqual(sorted(expected))
})

const zeros = {
  sent: 0,
  delivered: 0,
  bounced: 0,
  opened: 0,
  human_opened: 0,
  clicked: 0,
  human_clicked: 0,
  hard_bounced: 0,
  soft_bounced: 0,
  skipped: 0,
  held_out: 0,
  complained: 0,
  unsubscribed: 0,
  orders: 0,
  revenue: 0,
  click_orders: 0,
  click_revenue: 0,
}

const perThousand = (revenue: number, delivered: number): number | null =>
  delivered === 0 ? null : 1000 * (revenue / delivered)

const revenueOf = (purchases: readonly Purchase[], test: (purchase: Purchase) => boolean) => {
  const credited = purchases.filter(test)
  return { orders: credited.length, revenue: credited.reduce((sum, { total }) => sum + total, 0) }
}

const since = (from: number, to: number | undefined): number | null =>
  to === undefined ? null : (to - from) / 1000

/** Of the touches of a person; of several words, the first in the alphabet. */
function firstOf({ touches }: Message, field: string): string | null {
  const told = touches.filter(({ rule, row }) => rule === null && row[field] !== undefined)
  return told.map(({ row }) => String(row[field])).sort()[0] ?? null
}
