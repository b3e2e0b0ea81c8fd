/** People: engagement, subscriptions, cohorts; days of events, experiments, and rules of one's own. */
import { sql } from 'kysely'
import { expect } from 'vitest'
import type { Row } from '../../src/sandbox/index.ts'
import { allKinds } from '../support/warehouse.ts'
import { dayOf, groupBy, messagesOf, outcomeOf, personOf, purchasesOf, rate, timeOf } from './oracle.ts'
import {
  addPeople,
  engagementByMedium,
  engagementOf,
  peopleSince,
  reachabilityOf,
  streamsOfPeople,
} from './people.ts'
import { sorted, type World, worldOf } from './support.ts'

const onWorld = worldOf(11, {
  kinds: allKinds,
  streams: streamsOfPeople,
  since: peopleSince,
  prepare: addPeople,
})
const dayMs = 86_400_000

const expectedOf = ({ sandbox }: World) => {
  const { messages, touches } = messagesOf(sandbox, { burst: false })
  return { messages, touches, purchases: purchasesOf(sandbox, touches), users: sandbox.truth.users() }
}

onWorld('user_engagement tells how each person takes our messages', async (world) => {
  const expected = engagementOf(world.sandbox)
  for (const [column, values] of [
    ['unreachable_reason', 5],
    ['engagement', 5],
    ['recency_score', 6],
    ['monetary_score', 6],
  ] as const) {
    expect(new Set(expected.map((row) => row[column])).size, column).toBe(values)
  }
  expect(expected.some(({ unopened_streak }) => Number(unopened_streak) > 3)).toBe(true)
  expect(sorted(await world.rows('user_engagement'))).toEqual(sorted(expected))
})

onWorld('user_engagement_by_medium tells it medium by medium', async (world) => {
  const expected = engagementByMedium(world.sandbox)
  expect(new Set(expected.map(({ medium }) => medium)).size).toBe(5)
  const rows = await world.rows('user_engagement_by_medium')
  expect(sorted(rows)).toEqual(sorted(expected))
  for (const whole of await world.rows('user_engagement')) {
    const own = rows.filter(({ person }) => person === whole.person)
    for (const column of ['messages', 'messages_30_days', 'clicked', 'clicked_365_days'])
      expect(
        own.reduce((sum, row) => sum + Number(row[column]), 0),
        `${whole.person} ${column}`,
      ).toBe(whole[column])
  }
})

onWorld('user_reachability tells by which media people can be reached, and why not', async (world) => {
  const expected = reachabilityOf(world.sandbox)
  const seen = (column: string) => new Set(expected.map((row) => row[column])).size
  for (const medium of ['in_app', 'whatsapp', 'embedded'])
    expect(seen(`is_${medium}_reachable`), medium).toBe(3)
  expect(['push', 'sms', 'web_push'].map((medium) => seen(`${medium}_unreachable_reason`))).toEqual([4, 3, 3])
  expect(sorted(await world.rows('user_reachability'))).toEqual(sorted(expected))
})

onWorld('subscription_state resolves channel, message type and policy', async (world) => {
  const { data, truth } = world.sandbox
  const expected = truth.users().flatMap((user) =>
    data.messageTypes.map((type) => {
      const has = (field: string, id: unknown) => Array.isArray(user[field]) && user[field].includes(id)
      const channel = data.channels.find(({ id }) => id === type.channelId)
      const isOut = has('unsubscribedMessageTypeIds', type.id)
      const isIn = has('subscribedMessageTypeIds', type.id)
      const isOutOfChannel = has('unsubscribedChannelIds', type.channelId)
      const needsOptIn = type.subscriptionPolicy === 'OptIn'
      return {
        person: personOf(user),
        email: user.email ? String(user.email).toLowerCase() : null,
        message_type_id: type.id,
        message_type: type.name,
        channel_id: type.channelId,
        channel: channel?.name,
        medium: channel?.messageMedium,
        policy: type.subscriptionPolicy,
        is_subscribed: !isOutOfChannel && !isOut && (!needsOptIn || isIn),
        decided_by: isOutOfChannel ? 'channel' : isOut || (isIn && needsOptIn) ? 'message type' : 'policy',
        known_since: timeOf({ createdAt: user.profileUpdatedAt }),
      }
    }),
  )
  expect(
    new Set(expected.map(({ decided_by, is_subscribed }) => `${decided_by} ${is_subscribed}`)).size,
  ).toBe(5)
  expect(sorted(await world.rows('subscription_state'))).toEqual(sorted(expected))
})

onWorld('cohort_retention follows those who signed up in a month', async (world) => {
  const { touches, purchases, users } = expectedOf(world)
  const answers = [
    ...touches.filter(({ rule }) => rule === null).map(({ person, at, action }) => ({ person, at, action })),
    ...purchases.map(({ person, at }) => ({ person, at, action: 'buy' })),
  ]
  const end = monthOf(Math.max(...answers.map(({ at }) => at)))
  const signedUp = users.filter((user) => signupOf(user) !== null)
  const expected = [...groupBy(signedUp, (user) => monthOf(signupOf(user) as number))].flatMap(
    ([cohort, some]) => {
      const people = new Set(some.map(personOf))
      const rows: Row[] = []
      for (let month = cohort; month <= end; month += 1) {
        const active = answers.filter(({ person, at }) => people.has(person) && monthOf(at) === month)
        const count = (...actions: string[]) =>
          new Set(active.filter(({ action }) => actions.includes(action)).map(({ person }) => person)).size
        rows.push({
          cohort: firstDay(cohort),
          month: firstDay(month),
          months_since: month - cohort,
          people: people.size,
          opened: count('open', 'click'),
          clicked: count('click'),
          bought: count('buy'),
          active_rate: rate(count('open', 'click', 'buy'), people.size),
          click_rate: rate(count('click'), people.size),
        })
      }
      return rows
    },
  )
  expect(expected.length).toBeGreaterThan(5)
  expect(sorted(await world.rows('cohort_retention'))).toEqual(sorted(expected))
})

onWorld('daily_events counts each day, and marks those that look incomplete', async (world) => {
  const { truth } = world.sandbox
  const types = {
    email_send: 'emailSend',
    email_open: 'emailOpen',
    sms_send: 'smsSend',
    purchase: 'purchase',
  }
  const rows = await world.rows('daily_events')
  // A stream that is silent still has days, up to the newest of all; that one may go on.
  const sends = ['emailSend', 'pushSend', 'smsSend'].flatMap((type) => truth.events(type).map(timeOf))
  const answers = ['emailOpen', 'emailClick', 'pushOpen', 'smsClick', 'emailUnSubscribe'].flatMap((type) =>
    truth.events(type).map(timeOf),
  )
  const newest = dayOf(Math.max(...sends, ...answers))
  for (const [stream, type] of Object.entries(types)) {
    const perDay = groupBy(truth.events(type).map(timeOf), dayOf)
    const days = [...perDay.keys()].sort()
    const [from, to] = [Date.parse(days[0] as string), Date.parse(newest)]
    const expected: Row[] = []
    for (let at = from; at <= to; at += dayMs) {
      const events = perDay.get(dayOf(at))?.length ?? 0
      const earlier = [1, 2, 3, 4, 5, 6, 7, 8]
        .map((weeks) => at - weeks * 7 * dayMs)
        .filter((day) => day >= from)
        .map((day) => perDay.get(dayOf(day))?.length ?? 0)
        .sort((a, b) => a - b)
      const middle = (earlier.length - 1) / 2
      const usual =
        earlier.length < 3
          ? null
          : ((earlier[Math.floor(middle)] as number) + (earlier[Math.ceil(middle)] as number)) / 2
      const looks_incomplete = usual !== null && events < usual / 2 && dayOf(at) < newest
      expected.push({ stream, day: dayOf(at), events, usual_events: usual, looks_incomplete })
    }
    expect(sorted(rows.filter((row) => row.stream === stream)), stream).toEqual(sorted(expected))
  }
  expect(rows.some(({ looks_incomplete }) => looks_incomplete === true)).toBe(true)
})

onWorld('experiment_results sets templates against each other', async (world) => {
  const rows = await world.rows('experiment_results')
  expect(rows.map(({ campaign_id }) => campaign_id)).toEqual([103, 103])
  const { messages } = expectedOf(world)
  const variants = [
    ...groupBy(
      messages.filter(({ campaignId }) => campaignId === 103),
      ({ templateId }) => templateId,
    ),
  ]
    .map(([templateId, sent]) => {
      const delivered = sent.map(outcomeOf).filter(({ isDelivered }) => isDelivered)
      const opened = delivered.filter(({ firstHumanOpen }) => firstHumanOpen !== undefined).length
      const clicked = delivered.filter(({ humanClicks }) => humanClicks.length > 0).length
      return { templateId, sent: sent.length, delivered: delivered.length, opened, clicked }
    })
    .sort((a, b) => b.sent - a.sent || a.templateId - b.templateId)
  const [control, variant] = variants as [(typeof variants)[number], (typeof variants)[number]]
  for (const [index, one] of [control, variant].entries()) {
    const row = rows.find(({ template_id }) => template_id === one.templateId)
    expect(row).toMatchObject({
      is_control: index === 0,
      sent: one.sent,
      delivered: one.delivered,
      human_opened: one.opened,
      human_clicked: one.clicked,
      human_open_rate: rate(one.opened, one.delivered),
      human_click_rate: rate(one.clicked, one.delivered),
      // Iterable's own figures are not replicated.
      experiment_id: null,
      iterable_improvement: null,
      iterable_confidence: null,
    })
  }
  const row = rows.find(({ is_control }) => is_control === false)
  for (const [name, count] of [
    ['open', ({ opened }: typeof control) => opened],
    ['click', ({ clicked }: typeof control) => clicked],
  ] as const) {
    const [p1, p2] = [count(variant) / variant.delivered, count(control) / control.delivered]
    const pooled = (count(variant) + count(control)) / (variant.delivered + control.delivered)
    const z = (p1 - p2) / Math.sqrt(pooled * (1 - pooled) * (1 / variant.delivered + 1 / control.delivered))
    expect(row?.[`${name}_z`]).toBeCloseTo(z, 9)
    expect(row?.[`${name}_lift`]).toBeCloseTo(p1 / p2 - 1, 9)
    expect(row?.[`${name}_p_value`]).toBeCloseTo(twoSided(z), 5)
  }
})

onWorld('rules of one’s own count at once, without a sync', async (world) => {
  await world.use(async ({ tables }) => {
    await sql`insert into iterable_marts.my_bot_rules values
      ('three_links_within_10_s', 'burst_click', null, null, true),
      ('proxy_within_60_s', 'proxy_open', null, 1000000000, true),
      ('our_network', 'ip', '17.%', null, null)`.execute(tables)
  })
  const { messages, touches } = messagesOf(world.sandbox, { burst: true, network: '17.', isStrict: true })
  const counts = groupBy(touches, ({ rule }) => rule)
  expect(counts.get('our_network')?.length).toBeGreaterThan(0)
  // Its bound was left out: the usual one holds.
  expect(counts.get('three_links_within_10_s')?.length).toBeGreaterThan(0)
  const proxies = (some: typeof touches) => some.filter(({ rule }) => rule === 'proxy_within_60_s').length
  expect(proxies(touches)).toBeGreaterThan(proxies(messagesOf(world.sandbox, { burst: true }).touches))
  const rows = await world.rows('engagement_events')
  const told = groupBy(rows, ({ rule }) => rule)
  for (const [rule, some] of counts) expect(told.get(rule)?.length, String(rule)).toBe(some.length)
  const human = messages.filter((one) => outcomeOf(one).firstHumanOpen !== undefined).length
  for (const view of ['message_outcomes', 'message_facts'])
    expect((await world.rows(view)).filter((row) => row.is_human_opened).length, view).toBe(human)
  // The table is the user's: the next sync leaves it alone.
  await world.sync()
  expect((await world.rows('bot_rules')).filter(({ is_own }) => is_own)).toHaveLength(3)
})

const signupOf = (user: Row): number | null =>
  user.signupDate === undefined ? null : timeOf({ createdAt: user.signupDate })
/** Months since the year 0. */
const monthOf = (at: number): number => new Date(at).getUTCFullYear() * 12 + new Date(at).getUTCMonth()
const firstDay = (month: number): string => dayOf(Date.UTC(Math.floor(month / 12), month % 12, 1))

/** The two-sided p value of a z, by Simpson's rule over the normal density. */
function twoSided(z: number): number {
  const end = Math.abs(z)
  const steps = 2000
  const density = (x: number) => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)
  let sum = density(0) + density(end)
  for (let step = 1; step < steps; step += 1) sum += (step % 2 === 0 ? 2 : 4) * density((end * step) / steps)
  return 1 - 2 * ((sum * end) / steps / 3)
}
