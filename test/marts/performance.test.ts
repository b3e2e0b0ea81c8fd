/** The numbers of `report`: each against the same worked out without SQL, in days of a zone far from UTC. */
import { expect } from 'vitest'
import type { PerformanceReport } from '../../src/index.ts'
import { type Message, messagesOf, outcomeOf, type Purchase, purchasesOf, rate } from './oracle.ts'
import { type World, worldOf } from './support.ts'

const zone = 'America/New_York'
const onWorld = worldOf(7, { marts: { timezone: zone } })
const range = { from: '2025-12-20', to: '2026-01-16' }
const before = { from: '2025-11-22', to: '2025-12-19' }
const media = {
  email: ['opens', 'clicks', 'bounces'],
  push: ['opens', 'bounces'],
  sms: ['clicks', 'bounces'],
}

interface Days {
  readonly from: string
  readonly to: string
}

const calendar = new Intl.DateTimeFormat('sv', { timeZone: zone })
const dayIn = (at: number): string => calendar.format(at)
const isWithin =
  ({ from, to }: Days) =>
  (at: number | undefined) =>
    at !== undefined && dayIn(at) >= from && dayIn(at) <= to

const truthOf = ({ sandbox }: World) => {
  const { messages, touches } = messagesOf(sandbox, { burst: false })
  return { messages, touches, purchases: purchasesOf(sandbox, touches) }
}

onWorld('the report sums what was sent in the range and in the one before', async (world) => {
  const { messages, purchases } = truthOf(world)
  const report = await world.report(range)
  expect({ ...report, from: report.from, to: report.to }).toMatchObject({ ...range, before, timezone: zone })
  expect(report.totals).toEqual(figures(messages, purchases, range))
  expect(report.totals_before).toEqual(figures(messages, purchases, before))
  expect(report.totals.sent).toBeGreaterThan(150)
  const ids = [...new Set(messages.map(({ campaignId }) => campaignId))]
  const expected = ids
    .map((id) => {
      const own = messages.filter(({ campaignId }) => campaignId === id)
      return { campaign_id: id, ...figures(own, purchases, range, id) }
    })
    .sort((a, b) => b.sent - a.sent || (b.click_revenue ?? 0) - (a.click_revenue ?? 0))
  expect(report.campaigns.map(({ campaign_id }) => campaign_id)).toEqual(
    expected.map(({ campaign_id }) => campaign_id),
  )
  for (const [index, line] of report.campaigns.entries()) expect(line).toMatchObject(expected[index] ?? {})
  // A number of all campaigns is the sum of theirs.
  for (const column of ['sent', 'delivered', 'revenue', 'click_orders'] as const) {
    expect(report.campaigns.reduce((sum, line) => sum + (line[column] ?? 0), 0)).toBe(report.totals[column])
  }
  // What was deleted is a number; what sends no e-mail has no opens to tell of.
  expect(report.campaigns.find(({ campaign_id }) => campaign_id === 104)?.campaign_name).toBeNull()
  expect(report.campaigns.find(({ medium }) => medium === 'sms')).toMatchObject({
    human_opened: null,
    human_open_rate: null,
    opens_by_day: null,
  })
})

onWorld('each day has what happened on it', async (world) => {
  const { messages, purchases } = truthOf(world)
  const report = await world.report(range)
  expect(report.by_day).toHaveLength(28)
  expect(report.by_day).toEqual(report.by_day.map(({ day }) => dayOf(day, messages, purchases)))
  for (const line of report.campaigns) {
    const own = messages.filter(({ campaignId }) => campaignId === line.campaign_id)
    const opens = report.by_day.map(({ day }) => dayOf(day, own, purchases).human_opened)
    expect(line.opens_by_day, line.medium).toEqual(line.medium === 'sms' ? null : opens)
  }
})

onWorld('providers add up to the e-mail of the range', async (world) => {
  const { messages } = truthOf(world)
  const mails = messages.filter(({ medium, sentAt }) => medium === 'email' && isWithin(range)(sentAt))
  const { providers } = await world.report(range)
  const told = new Map(providers.map((one) => [one.mailbox_provider, one]))
  const gmail = mails.filter(({ email }) => /@(gmail|googlemail)\.com$/.test(email ?? ''))
  expect(told.get('Gmail')).toMatchObject({
    sent: gmail.length,
    hard_bounced: gmail.filter((one) => outcomeOf(one).kind === 'hard').length,
  })
  expect(told.get('unknown')?.sent).toBe(mails.filter(({ email }) => email === null).length)
  expect(providers.reduce((sum, { sent }) => sum + sent, 0)).toBe(mails.length)
})

onWorld('a campaign has its whole life, its links, devices and variants', async (world) => {
  const { messages, purchases, touches } = truthOf(world)
  const own = messages.filter(({ campaignId }) => campaignId === 103)
  const report = await world.report({ campaign: 'campaign 103' })
  expect(report).toMatchObject({ before: null, totals_before: null, missing: [] })
  const whole = { from: '2025-01-01', to: '2026-12-31' }
  expect(report.totals).toEqual(figures(own, purchases, whole, 103))
  expect(report.totals.sent).toBe(own.length)
  const [performance] = (await world.rows('campaign_performance')).filter((row) => row.campaign_id === 103)
  for (const column of [
    'sent',
    'human_open_rate',
    'human_click_rate',
    'unsubscribe_rate',
    'click_revenue',
  ] as const)
    expect(report.totals[column], column).toBe(performance?.[column])
  const clicks = touches.filter(({ campaignId, action }) => campaignId === 103 && action === 'click')
  const linkOf = ({ row }: (typeof clicks)[number]) => String(row.url).replace(/\?.*/, '')
  const links = [...new Set(clicks.map(linkOf))].map((url) => {
    const ofLink = clicks.filter((one) => linkOf(one) === url)
    const human = ofLink.filter(({ rule }) => rule === null)
    return {
      url,
      clicks: ofLink.length,
      human_clicks: human.length,
      people: new Set(human.map(({ person }) => person)).size,
    }
  })
  const byUrl = (a: { url: string }, b: { url: string }) => (a.url < b.url ? -1 : 1)
  expect(report.campaign?.links.toSorted(byUrl)).toEqual(links.sort(byUrl))
  const opened = own.filter(
    (one) => outcomeOf(one).isDelivered && outcomeOf(one).firstHumanOpen !== undefined,
  )
  expect(report.campaign?.devices.reduce((sum, one) => sum + one.human_opened, 0)).toBe(opened.length)
  expect(report.campaign?.variants.map(({ template_id, is_control }) => [template_id, is_control])).toEqual([
    [1003, true],
    [2000, false],
  ])
  const some = await world.report({ campaign: '103', ...range })
  expect(some.totals).toEqual(figures(own, purchases, range, 103))
  expect(some.totals_before).toEqual(figures(own, purchases, before, 103))
})

onWorld('what cannot be is refused with what comes near', async (world) => {
  await expect(world.report({ campaign: 'Campaing 102' })).rejects.toThrow(
    /nearest: .*102 \("Campaign 102"\)/,
  )
  await expect(world.report({ campaign: '1022' })).rejects.toMatchObject({
    code: 'unknown_campaign',
    exitCode: 2,
  })
  await expect(world.report({ from: '2026-01-02', to: '01/01/2026' })).rejects.toMatchObject({
    code: 'bad_range',
  })
  await expect(world.report({ from: '2026-02-30' })).rejects.toMatchObject({ code: 'bad_range' })
  const nothing = await world.report({ from: '2020-01-01', to: '2020-01-02' })
  expect(nothing).toMatchObject({ campaigns: [], totals: { sent: 0, human_open_rate: null } })
  expect(nothing.known?.from).toMatch(/^2025-12-0/)
})

/** What the report says of messages that were sent, and purchases that were made, in some days. */
function figures(
  all: readonly Message[],
  purchases: readonly Purchase[],
  days: Days,
  campaign?: number,
): PerformanceReport['totals'] {
  const within = isWithin(days)
  const sent = all
    .filter(({ sentAt }) => within(sentAt))
    .map((message) => ({ message, ...outcomeOf(message) }))
  type One = (typeof sent)[number]
  const of = (what: string) =>
    sent.filter(({ message }) => media[message.medium as keyof typeof media].includes(what))
  const mails = sent.filter(({ message }) => message.medium === 'email')
  const counted = (told: readonly One[], test: (one: One) => boolean) => {
    const delivered = told.filter(({ isDelivered }) => isDelivered)
    const count = delivered.filter(test).length
    return { count: sent.length > 0 && told.length === 0 ? null : count, rate: rate(count, delivered.length) }
  }
  const opened = counted(of('opens'), ({ firstHumanOpen }) => firstHumanOpen !== undefined)
  const clicked = counted(of('clicks'), ({ firstHumanClick }) => firstHumanClick !== undefined)
  const complained = counted(mails, ({ message }) => message.complainedAt !== undefined)
  const unsubscribed = counted(mails, ({ message }) => message.unsubscribedAt !== undefined)
  const bought = (test: (purchase: Purchase) => number | null | undefined) => {
    const some = purchases.filter((one) => {
      const id = test(one) ?? null
      return within(one.at) && id !== null && (campaign === undefined || id === campaign)
    })
    return { orders: some.length, revenue: some.reduce((sum, { total }) => sum + total, 0) }
  }
  const explicit = bought(({ explicit: id }) => id)
  const click = bought((one) => one.click?.campaignId)
  const delivered = sent.filter(({ isDelivered }) => isDelivered).length
  return {
    sent: sent.length,
    delivered,
    bounced: sent.length - delivered,
    hard_bounced: sent.filter(({ kind }) => kind === 'hard').length,
    soft_bounced: sent.filter(({ kind }) => kind === 'soft').length,
    human_opened: opened.count,
    human_clicked: clicked.count,
    complained: complained.count,
    unsubscribed: unsubscribed.count,
    delivery_rate: rate(delivered, sent.length),
    bounce_rate: rate(sent.length - delivered, sent.length),
    human_open_rate: opened.rate,
    human_click_rate: clicked.rate,
    complaint_rate: complained.rate,
    unsubscribe_rate: unsubscribed.rate,
    orders: explicit.orders,
    revenue: explicit.revenue,
    click_orders: click.orders,
    click_revenue: click.revenue,
  }
}

function dayOf(
  day: string,
  messages: readonly Message[],
  purchases: readonly Purchase[],
): PerformanceReport['by_day'][number] {
  const is = isWithin({ from: day, to: day })
  const has =
    (what: string) =>
    ({ message }: { readonly message: Message }) =>
      media[message.medium as keyof typeof media].includes(what)
  const all = messages.map((message) => ({ message, ...outcomeOf(message) }))
  const delivered = all.filter(({ isDelivered }) => isDelivered)
  const bought = purchases.filter(({ at }) => is(at))
  const sum = (some: readonly Purchase[]) => some.reduce((total, one) => total + one.total, 0)
  const explicit = bought.filter((one) => one.explicit !== null)
  const clicked = bought.filter(({ click }) => click !== undefined)
  return {
    day,
    sent: all.filter(({ message }) => is(message.sentAt)).length,
    human_opened: delivered.filter(has('opens')).filter(({ firstHumanOpen }) => is(firstHumanOpen)).length,
    human_clicked: delivered.filter(({ firstHumanClick }) => is(firstHumanClick)).length,
    unsubscribed: delivered.filter(({ message }) => is(message.unsubscribedAt)).length,
    orders: explicit.length,
    revenue: sum(explicit),
    click_orders: clicked.length,
    click_revenue: sum(clicked),
  }
}
