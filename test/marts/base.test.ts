/** What all figures build upon, in every medium: each row of each of these views against the same without SQL. */
import { sql } from 'kysely'
import { expect } from 'vitest'
import type { Row, Sandbox } from '../../src/sandbox/index.ts'
import { allKinds } from '../support/warehouse.ts'
import { providerOf } from './figures.ts'
import {
  first,
  groupBy,
  media,
  messageIdOf,
  messagesOf,
  optOutsOf,
  outcomeOf,
  personOf,
  timeOf,
  urlOf,
} from './oracle.ts'
import { sorted, type World, worldOf } from './support.ts'
import { worldStart } from './world.ts'

const onWorld = worldOf(31, {
  kinds: allKinds,
  streams: ['in_app', 'web_push', 'whatsapp', 'embedded', 'rcs'],
  prepare: addMedia,
})

/** Messages of the media that a world has none of, some of them answered, or sent twice, or without an id. */
function addMedia({ data, truth }: Sandbox): void {
  const people = truth
    .events('emailSend')
    .map(({ email, userId, itblUserId }) => ({ email, userId, itblUserId }))
  const createdAt = worldStart.toISOString()
  for (const person of people.slice(0, 5))
    data.events('emailSubscribe').push({ ...person, emailListId: 3, emailListIds: [3, 4], createdAt })
  for (const [number, { medium, send, open, click, bounce }] of media.entries()) {
    if (['email', 'push', 'sms'].includes(medium)) continue
    for (let index = 0; index < 40; index += 1) {
      const messageId = `${medium}-${index}`
      const message = {
        ...people[(number * 7 + index) % people.length],
        campaignId: 300 + number,
        templateId: 3000,
      }
      const push = (type: string | undefined, seconds: number, more: Row = {}) => {
        if (type === undefined) return
        const at = new Date(worldStart.getTime() + 1000 * (index * 90_000 + seconds)).toISOString()
        data.events(type).push({ ...message, messageId, createdAt: at, eventName: type, ...more })
      }
      const kind = { messageTypeId: 6, channelId: 8 }
      push(send, 0, index === 39 ? { ...kind, messageId: undefined } : kind)
      if (index % 10 === 0) push(send, 3, kind)
      const seen = open === 'whatsAppSeen' ? { messageId: undefined, seenMessageId: messageId } : {}
      if (index % 3 === 0) push(open, 30, seen)
      if (index % 6 === 0) push(open, 4000, seen)
      for (let link = index % 4; link > 0; link -= 1)
        push(click, 40 + link, linkOf(medium, `https://example.com/${link}?x=${index}`, index))
      if (index % 8 === 1) push(bounce, 2, { errorCode: index === 9 ? undefined : 63_016 })
      if (index % 8 === 1 && index > 20) push(bounce, 1, { errorCode: 63_001 })
    }
  }
}

/** The link of a click, as each medium names it. */
function linkOf(medium: string, link: string, index: number): Row {
  if (medium === 'web_push') return {}
  if (medium === 'embedded') return { targetUrl: link }
  const agent = { userAgent: index % 2 === 0 ? 'Python-Requests/2' : 'Phone', userAgentDevice: 'Android' }
  return { clickedUrl: link, ...(medium === 'whatsapp' ? agent : {}) }
}

const emailOf = ({ email }: Row): string | null => (email === undefined ? null : String(email).toLowerCase())
const orNull = (value: unknown): unknown => value ?? null

const sendsOf = ({ sandbox }: World) =>
  media.flatMap(({ medium, send }) =>
    sandbox.truth.events(send).map((row) => ({
      medium,
      message_id: orNull(row.messageId),
      person: personOf(row),
      email: emailOf(row),
      campaign_id: row.campaignId,
      template_id: row.templateId,
      message_type_id: row.messageTypeId,
      channel_id: row.channelId,
      sent_at: timeOf(row),
    })),
  )

onWorld('send_events has every send, sent_messages every message once', async (world) => {
  const sends = sendsOf(world)
  expect(new Set(sends.map(({ medium }) => medium)).size).toBe(8)
  expect(sorted(await world.rows('send_events'))).toEqual(sorted(sends))
  const named = sends.filter(({ message_id }) => message_id !== null)
  expect(named.length).toBeLessThan(sends.length)
  const messages = [
    ...groupBy(named, ({ medium, message_id, person }) => `${medium} ${message_id} ${person}`).values(),
  ].map((copies) => ({
    ...copies[0],
    sent_at: Math.min(...copies.map(({ sent_at }) => sent_at)),
    copies: copies.length,
  }))
  expect(new Set(messages.map(({ medium, copies }) => `${medium} ${copies > 1}`)).size).toBeGreaterThan(11)
  expect(sorted(await world.rows('sent_messages'))).toEqual(sorted(messages))
})

/** What an open or click tells of where it came from, by medium and action; of all else it tells nothing. */
const places: Readonly<Record<string, readonly string[]>> = {
  'email open': ['ip', 'userAgent', 'userAgentDevice', 'country', 'proxySource', 'isBot'],
  'email click': ['ip', 'userAgent', 'userAgentDevice', 'country', 'isBot'],
  'sms click': ['isBot'],
  'whatsapp click': ['userAgent', 'userAgentDevice'],
}

const touchesOf = ({ sandbox }: World) =>
  media.flatMap(({ medium, open, click }) =>
    ([['open', open] as const, ['click', click] as const] as const).flatMap(([action, type]) =>
      (type === undefined ? [] : sandbox.truth.events(type)).map((row) => {
        const told = places[`${medium} ${action}`] ?? []
        const place = (name: string) => (told.includes(name) ? orNull(row[name]) : null)
        return {
          medium,
          action,
          occurred_at: timeOf(row),
          message_id: messageIdOf(row),
          person: personOf(row),
          campaign_id: orNull(row.campaignId),
          template_id: orNull(row.templateId),
          url: orNull(urlOf(row)),
          ip: place('ip'),
          user_agent: place('userAgent'),
          device: place('userAgentDevice'),
          country: place('country'),
          proxy_source: place('proxySource'),
          is_bot: place('isBot'),
        }
      }),
    ),
  )

onWorld('touch_events has every open and click', async (world) => {
  const touches = touchesOf(world)
  const kinds = new Set(touches.map(({ medium, action }) => `${medium} ${action}`))
  expect(kinds.size).toBe(10)
  expect(sorted(await world.rows('touch_events'))).toEqual(sorted(touches))
})

onWorld('judged_touches names the rules that an open or click meets, or may meet', async (world) => {
  const judged = (more: (touch: ReturnType<typeof touchesOf>[number]) => Row) =>
    touchesOf(world).map((touch) => {
      const { is_bot, ...row } = touch
      const agent = String(touch.user_agent ?? '').toLowerCase()
      const [isOpen, isProxied] = [touch.action === 'open', touch.proxy_source !== null]
      const isMail = isOpen && touch.medium === 'email'
      return {
        ...row,
        flag_rule: is_bot === true ? 'is_bot' : null,
        pattern_rule: agent.includes('barracuda')
          ? 'agent_barracuda'
          : agent.startsWith('python-')
            ? 'agent_python'
            : null,
        burst_rule: null,
        proxy_rule: isProxied ? 'proxy_within_60_s' : null,
        proxy_seconds: isProxied ? 60 : null,
        fast_rule: isMail ? 'open_within_1_s' : null,
        fast_seconds: isMail ? 1 : null,
        ...more(touch),
      }
    })
  const usual = judged(() => ({}))
  for (const rule of ['flag_rule', 'pattern_rule', 'proxy_rule', 'fast_rule'] as const)
    expect(new Set(usual.map((row) => row[rule])).size, rule).toBeGreaterThan(1)
  expect(sorted(await world.rows('judged_touches'))).toEqual(sorted(usual))

  // With rules of one's own: of two that match, the first in the alphabet counts; of two of a kind, the wider.
  const own = sql`insert into iterable_marts.my_bot_rules values
    ('three_links_within_10_s', 'burst_click', null, null, true),
    ('a_link', 'url', 'https://example.com/2?%', null, true),
    ('our_network', 'ip', '17.%', null, true),
    ('slow', 'fast_open', null, 5, true),
    ('agent_barracuda', 'user_agent', '%barracuda%', null, false)`
  await world.use(({ tables }) => own.execute(tables))
  const clicks = groupBy(
    touchesOf(world).filter(({ action }) => action === 'click'),
    ({ medium, message_id, person }) => `${medium} ${message_id} ${person}`,
  )
  const expected = judged((touch) => {
    const agent = String(touch.user_agent ?? '').toLowerCase()
    const near = (clicks.get(`${touch.medium} ${touch.message_id} ${touch.person}`) ?? []).filter(
      ({ occurred_at }) => Math.abs(occurred_at - touch.occurred_at) <= 10_000,
    )
    const links = new Set(near.flatMap(({ url }) => (url === null ? [] : [url])))
    const isBurst = touch.action === 'click' && links.size >= 3
    const isMail = touch.action === 'open' && touch.medium === 'email'
    return {
      pattern_rule: agent.startsWith('python-')
        ? 'agent_python'
        : String(touch.ip).startsWith('17.')
          ? 'our_network'
          : String(touch.url).startsWith('https://example.com/2?')
            ? 'a_link'
            : null,
      burst_rule: isBurst ? 'three_links_within_10_s' : null,
      fast_rule: isMail ? 'open_within_1_s' : null,
      fast_seconds: isMail ? 5 : null,
    }
  })
  const rows = await world.rows('judged_touches')
  await world.use(({ tables }) => sql`delete from iterable_marts.my_bot_rules`.execute(tables))
  const bursts = new Set(expected.flatMap((row) => (row.burst_rule ? [row.medium] : [])))
  expect(bursts.size).toBeGreaterThan(3)
  expect(sorted(rows)).toEqual(sorted(expected))
})

onWorld('message_bounces has every message that bounced, with its first bounce', async (world) => {
  const bounces = media.flatMap(({ medium, bounce }) =>
    (bounce === undefined ? [] : world.sandbox.truth.events(bounce)).map((row) => ({ medium, row })),
  )
  const expected = [
    ...groupBy(bounces, ({ medium, row }) => `${medium} ${row.messageId} ${personOf(row)}`).values(),
  ].map((some) => {
    const at = Math.min(...some.map(({ row }) => timeOf(row)))
    const { medium, row } = some.find((one) => timeOf(one.row) === at) as (typeof some)[number]
    const status = { email: row.status, whatsapp: row.errorCode }[medium]
    return {
      medium,
      message_id: row.messageId,
      person: personOf(row),
      bounced_at: at,
      is_hard: medium === 'email' && some.some((one) => one.row.recipientState === 'HardBounce'),
      bounce_status: status === undefined ? null : String(status),
    }
  })
  expect(new Set(expected.map(({ medium }) => medium)).size).toBe(4)
  expect(expected.length).toBeLessThan(bounces.length)
  expect(sorted(await world.rows('message_bounces'))).toEqual(sorted(expected))
})

onWorld('opt_outs are the unsubscribes of people from channels and message types', async (world) => {
  const expected = optOutsOf(world.sandbox.truth).map((row) => ({
    message_id: orNull(row.messageId),
    person: personOf(row),
    occurred_at: timeOf(row),
  }))
  const unsubscribes = world.sandbox.truth.events('emailUnSubscribe').length
  expect(expected.length).toBeGreaterThan(20)
  expect(unsubscribes).toBeGreaterThan(expected.length)
  expect(sorted(await world.rows('opt_outs'))).toEqual(sorted(expected))
})

onWorld('list_events name each list and each name of a person', async (world) => {
  const expected = (
    [['joined', 'emailSubscribe'] as const, ['left', 'emailUnSubscribe'] as const] as const
  ).flatMap(([change, type]) =>
    world.sandbox.truth.events(type).flatMap((row) => {
      const lists = [
        ...((row.emailListIds ?? []) as unknown[]),
        ...(row.emailListId ? [row.emailListId] : []),
      ]
      const names = [emailOf(row), row.userId].filter((name) => name !== null && name !== undefined)
      return lists.flatMap((list) =>
        names.map((member) => ({ change, list_id: String(list), member, occurred_at: timeOf(row) })),
      )
    }),
  )
  expect(expected.filter(({ change }) => change === 'joined').length).toBeGreaterThan(10)
  expect(expected.filter(({ change }) => change === 'left').length).toBeGreaterThan(10)
  expect(sorted(await world.rows('list_events'))).toEqual(sorted(expected))
})

onWorld('engagement_events judge opens and clicks by the time since the send', async (world) => {
  const { messages, touches } = messagesOf(world.sandbox, { burst: false })
  const sentAt = new Map(messages.map((one) => [`${one.medium} ${one.id} ${one.person}`, one.sentAt]))
  const expected = touchesOf(world).map(({ is_bot, ...row }, index) => {
    const { rule } = touches[index] as (typeof touches)[number]
    const sent = sentAt.get(`${row.medium} ${row.message_id} ${row.person}`)
    const seconds = sent === undefined ? null : (row.occurred_at - sent) / 1000
    return { ...row, seconds_after_send: seconds, rule, is_machine: rule !== null }
  })
  expect(expected.some(({ seconds_after_send }) => seconds_after_send === null)).toBe(true)
  expect(sorted(await world.rows('engagement_events'))).toEqual(sorted(expected))
})

onWorld(
  'message_outcomes, message_times and message_facts tell what became of each message',
  async (world) => {
    const { messages } = messagesOf(world.sandbox, { burst: false })
    const named = messages.filter(({ id }) => id !== 'undefined')
    const all = named.map((message) => {
      const { medium, id, person, campaignId, sentAt, bounces } = message
      const outcome = outcomeOf(message)
      const key = { medium, message_id: id, person, campaign_id: campaignId, sent_at: sentAt }
      const [bounce] = bounces.toSorted((a, b) => timeOf(a) - timeOf(b))
      const status = { email: bounce?.status, whatsapp: bounce?.errorCode }[medium]
      return { message, outcome, key, status: status === undefined ? null : String(status) }
    })
    const outcomes = all.map(({ message, outcome, key, status }) => ({
      ...key,
      email: message.email,
      mailbox_provider: providerOf(message.email?.split('@')[1] ?? null),
      template_id: message.templateId,
      is_delivered: outcome.isDelivered,
      bounce_kind: outcome.kind,
      bounce_status: status,
      is_opened: outcome.opens.length > 0,
      is_human_opened: outcome.firstHumanOpen !== undefined,
      is_clicked: outcome.clicks.length > 0,
      is_human_clicked: outcome.humanClicks.length > 0,
      is_complained: message.complainedAt !== undefined,
      is_unsubscribed: message.unsubscribedAt !== undefined,
    }))
    expect(sorted(await world.rows('message_outcomes'))).toEqual(sorted(outcomes))
    const times = all.map(({ message, outcome, key }) => ({
      ...key,
      is_delivered: outcome.isDelivered,
      bounced_at: first(message.bounces.map(timeOf)) ?? null,
      bounce_kind: outcome.kind,
      first_open_at: outcome.firstOpen ?? null,
      first_human_open_at: outcome.firstHumanOpen ?? null,
      first_click_at: outcome.firstClick ?? null,
      first_human_click_at: outcome.firstHumanClick ?? null,
      complained_at: message.complainedAt ?? null,
      unsubscribed_at: message.unsubscribedAt ?? null,
    }))
    expect(sorted(await world.rows('message_times'))).toEqual(sorted(times))
    // The long story holds both short ones.
    const facts = await world.rows('message_facts')
    const both = outcomes.map((row, index) => ({ ...row, ...times[index] }))
    const columns = Object.keys(both[0] ?? {})
    const inShort = facts.map((row) => Object.fromEntries(columns.map((name) => [name, row[name]])))
    expect(sorted(inShort)).toEqual(sorted(both))
    for (const one of ['in_app', 'whatsapp', 'embedded', 'web_push'])
      expect(
        new Set(times.filter(({ medium }) => medium === one).map((row) => row.first_human_click_at !== null))
          .size,
      ).toBe(2)
  },
)

onWorld('a rule that nobody can mean fails no view', async (world) => {
  const usual = await world.rows('bot_events')
  const rules = [
    ...[
      "'a', 'user_agent', '%\\', null, true",
      "'b', 'ip', '\\', null, true",
      "'c', 'url', 'x%\\', null, null",
    ],
    ...[
      'null, null, null, null, null',
      "'d', 'no_kind', '', 1, true",
      "'e', 'burst_click', null, -1e300, true",
    ],
    ...["'f', 'fast_open', null, 1e12, true", "'g', 'proxy_open', null, 1e300, true"],
    ...["'h', 'fast_open', null, 'infinity', true", "'i', 'proxy_open', null, 'nan', true"],
  ]
  for (const rule of rules) {
    const insert = sql.raw(`insert into iterable_marts.my_bot_rules values (${rule})`)
    await world.use(({ tables }) => insert.execute(tables))
    for (const view of ['bot_rules', 'bot_events', 'message_outcomes', 'message_times'])
      await world.rows(view)
    const caught = await world.rows('bot_events')
    if (!/fast_open|proxy_open/.test(rule)) expect(sorted(caught), rule).toEqual(sorted(usual))
    await world.use(({ tables }) => sql`delete from iterable_marts.my_bot_rules`.execute(tables))
  }
})
