/** Journeys, suppressions, Iterable's own metrics; windows and time zone of the configuration. */
import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import { expect } from 'vitest'
import { readViewFiles } from '../../src/marts/files.ts'
import type { Row, Sandbox } from '../../src/sandbox/index.ts'
import { present } from '../support/sync.ts'
import { allKinds } from '../support/warehouse.ts'
import { first, groupBy, messagesOf, outcomeOf, personOf, purchasesOf, rate, timeOf } from './oracle.ts'
import { checkKeys, sorted, worldOf } from './support.ts'
import { worldStart } from './world.ts'

const onWorld = worldOf(23, {
  kinds: allKinds,
  streams: ['journeys', 'journey_exit', 'campaign_metrics', 'forgotten_users'],
  marts: { attribution: { click: '2d', open: '12h' }, timezone: 'Asia/Kolkata' },
  prepare: addMore,
})
const dayMs = 86_400_000
const dayText = (at: number) => `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} +00:00`

/** A journey of four campaigns, some of whose people leave; lists that suppress; people who asked to be forgotten. */
function addMore({ data, truth }: Sandbox): void {
  const media = ['Email', 'Email', 'Email', 'Email', 'Push', 'SMS', 'Email']
  for (const campaign of data.campaigns) {
    const id = Number(campaign.id)
    campaign.messageMedium = media[id - 100]
    if ([100, 101, 102, 105].includes(id)) campaign.workflowId = 7
    if (id === 103)
      Object.assign(campaign, { labels: ['sale', 'spring'], listIds: [1], suppressionListIds: [2] })
  }
  data.journeys.push({ id: 7, name: 'Welcome', isArchived: false })
  data.users.put({
    itblUserId: 'itbl-s',
    email: 'Stranger@example.com',
    profileUpdatedAt: dayText(worldStart.getTime()),
  })
  addProfiles(data, truth.users())
  const people = truth.users()
  for (const [index, { profileUpdatedAt, signupDate, ...user }] of people.entries()) {
    if (index % 3 === 0) continue
    data.events('journeyExit').push({
      itblUserId: user.itblUserId,
      userId: user.userId,
      email: user.email,
      workflowId: 7,
      createdAt: dayText(worldStart.getTime() + (10 + index * 2) * dayMs),
    })
  }
  data.lists.push({ id: 1, name: 'Everyone', createdAt: 0, listType: 'Standard' }, {
    id: 2,
    name: 'Never',
    createdAt: 0,
    listType: 'Standard',
    isGlobalSuppressionEnabled: true,
  } as never)
  const addresses = people.flatMap(({ email }) => (email === undefined ? [] : [String(email)]))
  data.members(1).add(...addresses, 'u-0')
  data.members(2).add(...addresses.slice(0, 4), 'stranger@example.com', 'u-0')
  data.forgotten
    .add((addresses[2] as string).toLowerCase())
    .add('stranger@example.com')
    .add('nobody@example.com')
  data.forgotten.add('u-0')
}

/** Names, lists, one of which is gone, and devices, as some profiles have them. */
function addProfiles(data: Sandbox['data'], people: readonly Row[]): void {
  for (const [index, user] of people.entries()) {
    const device = (number: number, platform: string, endpointEnabled?: boolean) => ({
      token: `token-${index}-${number}`,
      platform,
      applicationName: 'app',
      endpointEnabled,
    })
    const more = [
      {
        firstName: 'Ada',
        emailListIds: [2, 1, 99],
        devices: [device(1, 'GCM', true), device(2, 'APNS', false)],
      },
      { lastName: `Last ${index}`, phoneNumber: '+4915112345', userListIds: [1], emailListIds: [1] },
      { signupSource: 'WebForm', devices: [device(1, 'APNS'), device(1, 'APNS')] },
    ][index % 4]
    data.users.put({ ...user, ...more })
  }
}

onWorld('purchase_attribution and send_time_heatmap follow the configuration', async (world) => {
  const { messages, touches } = messagesOf(world.sandbox, { burst: false })
  const purchases = purchasesOf(world.sandbox, touches, { click: 2, open: 0.5 })
  const expected = purchases.map(({ id, at, total, click, open }) => ({
    purchase_id: id,
    purchased_at: at,
    total,
    click_campaign_id: click?.campaignId ?? null,
    open_campaign_id: open?.campaignId ?? null,
  }))
  const wider = purchasesOf(world.sandbox, touches)
  expect(wider.filter(({ click }) => click).length).toBeGreaterThan(
    purchases.filter(({ click }) => click).length,
  )
  const only = (rows: readonly Row[], names: readonly string[]) =>
    rows.map((row) => Object.fromEntries(names.map((name) => [name, row[name]])))
  const rows = await world.rows('purchase_attribution')
  expect(sorted(only(rows, Object.keys(expected[0] as object)))).toEqual(sorted(expected))

  // Five and a half hours ahead of UTC.
  const hours = groupBy(messages, ({ medium, sentAt }) => {
    const local = new Date(sentAt + 5.5 * 3_600_000)
    return `${medium} ${local.getUTCDay() || 7} ${local.getUTCHours()} `
  })
  const heat = await world.rows('send_time_heatmap')
  expect(heat.map((row) => `${row.medium} ${row.weekday} ${row.hour} ${row.sent}`).sort()).toEqual(
    [...hours].map(([key, some]) => `${key}${some.length}`).sort(),
  )
})

onWorld('every rate of every view lies within 0 and 1, or has no denominator', async (world) => {
  let rates = 0
  for (const { name, columns } of await readViewFiles()) {
    const named = columns.map((column) => column.name).filter((column) => /_rate$/.test(column))
    // How far two counts are apart is no part of a whole.
    const parts = named.filter((column) => column !== 'difference_rate')
    if (parts.length === 0) continue
    for (const row of await world.rows(name)) {
      for (const column of parts) {
        const value = row[column] as number | null
        if (value === null) continue
        rates += 1
        expect(value, `${name}.${column}`).toBeGreaterThanOrEqual(0)
        expect(value, `${name}.${column}`).toBeLessThanOrEqual(1)
      }
      if ('bounced' in row && name === 'campaign_performance') {
        expect(row.sent).toBe((row.delivered as number) + (row.bounced as number))
        if (row.sent === 0) expect([row.delivery_rate, row.open_rate]).toEqual([null, null])
      }
    }
  }
  expect(rates).toBeGreaterThan(100)
})

onWorld('journey_funnel follows people from step to step', async (world) => {
  const { data, truth } = world.sandbox
  const campaigns = data.campaigns.filter(({ workflowId }) => workflowId === 7)
  const ids = campaigns.map(({ id }) => Number(id))
  const { messages } = messagesOf(world.sandbox, { burst: false })
  const reached = [
    ...groupBy(
      messages.filter(({ campaignId }) => ids.includes(campaignId)),
      ({ campaignId, person }) => `${campaignId} ${person}`,
    ).values(),
  ].map((some) => ({
    campaignId: (some[0] as (typeof some)[number]).campaignId,
    person: (some[0] as (typeof some)[number]).person,
    at: first(some.map(({ sentAt }) => sentAt)) as number,
    isOpened: some.some((one) => outcomeOf(one).firstHumanOpen !== undefined),
    isClicked: some.some((one) => outcomeOf(one).humanClicks.length > 0),
  }))
  const entryOf = (person: string) =>
    first(reached.filter((one) => one.person === person).map(({ at }) => at)) as number
  const middle = (values: readonly number[]) => {
    const ordered = values.toSorted((a, b) => a - b)
    const at = (ordered.length - 1) / 2
    return ((ordered[Math.floor(at)] as number) + (ordered[Math.ceil(at)] as number)) / 2
  }
  const steps = ids
    .map((id) => {
      const own = reached.filter(({ campaignId }) => campaignId === id)
      return {
        id,
        own,
        median: own.length > 0 ? middle(own.map(({ at, person }) => at - entryOf(person))) : 0,
      }
    })
    .filter(({ own }) => own.length > 0)
    .sort((a, b) => a.median - b.median || a.id - b.id)
  const stepOf = (id: number) => steps.findIndex((one) => one.id === id) + 1
  const exits = truth.events('journeyExit').flatMap((row) => {
    const person = personOf(row)
    const before = reached
      .filter((one) => one.person === person && one.at <= timeOf(row))
      .sort((a, b) => b.at - a.at || stepOf(b.campaignId) - stepOf(a.campaignId))
    return before[0] ? [{ person, campaignId: before[0].campaignId }] : []
  })
  expect(exits.length).toBeGreaterThan(5)
  const entered = new Set(reached.map(({ person }) => person)).size
  const expected = steps.map(({ id, own, median }, index) => {
    const goesOn = (person: string) =>
      reached.some((one) => one.person === person && stepOf(one.campaignId) > index + 1)
    const sent = own.length
    const opened = own.filter(({ isOpened }) => isOpened).length
    const clicked = own.filter(({ isClicked }) => isClicked).length
    const onward = own.filter(({ person }) => goesOn(person)).length
    return {
      workflow_id: 7,
      journey: 'Welcome',
      step: index + 1,
      campaign_id: id,
      campaign_name: `Campaign ${id}`,
      entered,
      sent,
      human_opened: opened,
      human_clicked: clicked,
      went_on: onward,
      exited: new Set(exits.filter(({ campaignId }) => campaignId === id).map(({ person }) => person)).size,
      sent_rate: rate(sent, entered),
      human_open_rate: rate(opened, sent),
      human_click_rate: rate(clicked, sent),
      drop_off_rate: rate(sent - onward, sent),
      median_days_since_entry: median / 1000 / 86_400,
    }
  })
  expect(expected).toHaveLength(4)
  const rows = await world.rows('journey_funnel')
  expect(sorted(rows)).toEqual(sorted(expected))
})

onWorld('suppression_reasons says whom not to mail, and why', async (world) => {
  const expected = suppressionsOf(world.sandbox)
  expect(new Set(expected.map(({ reason }) => reason)).size).toBe(5)
  expect(sorted(await world.rows('suppression_reasons'))).toEqual(sorted(expected))
})

onWorld('user_360 puts all that is known of a person side by side', async (world) => {
  const { messages, touches } = messagesOf(world.sandbox, { burst: false })
  const purchases = purchasesOf(world.sandbox, touches)
  const reasons = suppressionsOf(world.sandbox)
  const { data, truth } = world.sandbox
  const asOf = Math.max(
    ...messages.map(({ sentAt }) => sentAt),
    ...touches.map(({ at }) => at),
    ...purchases.map(({ at }) => at),
  )
  const last = (times: readonly number[]) => (times.length > 0 ? Math.max(...times) : null)
  const idsOf = (...some: unknown[]) => [...new Set(some.flat().filter((id) => id !== undefined))]
  const words = (some: readonly unknown[]) => (some.length > 0 ? some.map(String).sort().join(', ') : null)
  const timeIn = (text: unknown) => (text === undefined ? null : timeOf({ createdAt: text }))
  const expected = truth.users().map((user) => {
    const person = personOf(user)
    const own = messages.filter((one) => one.person === person)
    const outcomes = own.map(outcomeOf)
    const delivered = outcomes.filter(({ isDelivered }) => isDelivered)
    const answers = touches.filter((one) => one.person === person && one.rule === null)
    const opens = answers.map(({ at }) => at)
    const orders = purchases.filter((one) => one.person === person)
    const answer = last([...opens, ...orders.map(({ at }) => at)])
    const age = answer === null ? null : (asOf - answer) / dayMs
    const lists = idsOf(user.emailListIds, user.userListIds)
    const devices = [
      ...new Map(((user.devices ?? []) as Row[]).map((device) => [device.token, device])).values(),
    ]
    const revenue = orders.reduce((sum, { total }) => sum + total, 0)
    const mine = reasons.filter((reason) => reason.person === person)
    return {
      person,
      email: user.email === undefined ? null : String(user.email).toLowerCase(),
      user_id: user.userId ?? null,
      first_name: user.firstName ?? null,
      last_name: user.lastName ?? null,
      phone_number: user.phoneNumber ?? null,
      signup_source: user.signupSource ?? null,
      signup_at: timeIn(user.signupDate),
      profile_updated_at: timeIn(user.profileUpdatedAt),
      lists: lists.length,
      list_names: words(data.lists.filter(({ id }) => lists.includes(id)).map(({ name }) => name)),
      channel_optouts: idsOf(user.unsubscribedChannelIds).length,
      message_type_optouts: idsOf(user.unsubscribedMessageTypeIds).length,
      message_type_optins: idsOf(user.subscribedMessageTypeIds).length,
      devices: devices.length,
      enabled_devices: devices.filter(({ endpointEnabled }) => endpointEnabled === true).length,
      device_platforms: words(idsOf(devices.map(({ platform }) => platform))),
      messages: own.length,
      messages_30_days: own.filter(({ sentAt }) => sentAt > asOf - 30 * dayMs).length,
      opened: delivered.filter(({ firstHumanOpen }) => firstHumanOpen !== undefined).length,
      clicked: delivered.filter(({ firstHumanClick }) => firstHumanClick !== undefined).length,
      last_message_at: last(own.map(({ sentAt }) => sentAt)),
      last_open_at: last(opens),
      last_click_at: last(answers.filter(({ action }) => action === 'click').map(({ at }) => at)),
      engagement: age === null ? 'never' : age < 30 ? 'engaged' : age < 90 ? 'lapsing' : 'dormant',
      orders: orders.length,
      revenue,
      average_order_value: rate(revenue, orders.length),
      first_order_at: first(orders.map(({ at }) => at)) ?? null,
      last_order_at: last(orders.map(({ at }) => at)),
      is_email_reachable:
        user.email !== undefined && !mine.some(({ reason }) => ['hard bounce', 'complaint'].includes(reason)),
      suppression_reason: mine.find(({ is_first }) => is_first)?.reason ?? null,
      is_forgotten: mine.some(({ reason }) => reason === 'forgotten'),
    }
  })
  for (const column of ['engagement', 'list_names', 'device_platforms', 'is_forgotten'] as const) {
    expect(new Set(expected.map((row) => row[column])).size, column).toBeGreaterThan(1)
  }
  expect(sorted(await world.rows('user_360'))).toEqual(sorted(expected))
})

/** Why people are not to be mailed. */
function suppressionsOf({ data, truth }: Sandbox) {
  const users = truth.users()
  const lower = (email: unknown) => (email === undefined ? null : String(email).toLowerCase())
  const named = (name: string) =>
    users.find(({ email, userId }) => lower(email) === name || userId === name) ?? {
      [name.includes('@') ? 'email' : 'userId']: name,
    }
  const byPerson = (rows: readonly Row[]) =>
    [...groupBy(rows, personOf)].map(([person, own]) => {
      const [row] = own.toSorted(
        (a, b) => timeOf(a) - timeOf(b) || Number(a.campaignId) - Number(b.campaignId),
      ) as [Row]
      return { person, row }
    })
  const reasons: {
    person: string
    email: string | null
    reason: string
    detail: unknown
    detail_id: string | null
    since: number | null
    campaign_id: unknown
  }[] = []
  const bounces = truth.events('emailBounce').filter(({ recipientState }) => recipientState === 'HardBounce')
  for (const [reason, rows] of [
    ['hard bounce', bounces],
    ['complaint', truth.events('emailComplaint')],
  ] as const) {
    for (const { person, row } of byPerson(rows)) {
      const detail = reason === 'hard bounce' ? row.status : null
      reasons.push({
        person,
        email: lower(row.email),
        reason,
        detail,
        detail_id: null,
        since: timeOf(row),
        campaign_id: row.campaignId,
      })
    }
  }
  for (const user of users) {
    for (const id of (user.unsubscribedChannelIds ?? []) as number[]) {
      const own = truth
        .events('emailUnSubscribe')
        .filter(
          (row) => personOf(row) === personOf(user) && (row.channelIds as number[] | undefined)?.includes(id),
        )
      expect(own).toEqual([])
      reasons.push({
        person: personOf(user),
        email: lower(user.email),
        reason: 'channel opt-out',
        detail: data.channels.find((channel) => channel.id === id)?.name,
        detail_id: String(id),
        since: null,
        campaign_id: null,
      })
    }
  }
  const nameless = { since: null, campaign_id: null }
  for (const name of data.members(2).all()) {
    const person = personOf(named(name.toLowerCase()))
    const email = name.includes('@') ? name.toLowerCase() : null
    reasons.push({
      person,
      email,
      reason: 'suppression list',
      detail: 'Never',
      detail_id: '2',
      ...nameless,
    })
  }
  const hashes = new Set([...data.forgotten].map((name) => createHash('sha256').update(name).digest('hex')))
  expect(hashes.size).toBe(4)
  const known = new Set(
    [...data.members(1).all(), ...data.members(2).all()].map((name) => name.toLowerCase()),
  )
  for (const name of data.forgotten) {
    if (!known.has(name)) continue
    const user = named(name)
    const email = name.includes('@') ? name : lower(user.email)
    reasons.push({
      person: personOf(user),
      email,
      reason: 'forgotten',
      detail: null,
      detail_id: null,
      ...nameless,
    })
  }
  return reasons.map((one) => {
    const [earliest] = reasons
      .filter(({ person }) => person === one.person)
      .sort(
        (a, b) =>
          (a.since ?? Number.POSITIVE_INFINITY) - (b.since ?? Number.POSITIVE_INFINITY) ||
          (a.reason < b.reason ? -1 : a.reason > b.reason ? 1 : String(a.detail) < String(b.detail) ? -1 : 1),
      )
    return { ...one, is_first: earliest === one }
  })
}

onWorld(
  'the key that a view states tells each row from every other, and rates are fractions',
  async (world) => {
    const { wrong, seen } = await checkKeys(world)
    expect(wrong).toEqual([])
    expect(seen).toEqual((await readViewFiles()).map(({ name }) => name).sort())
  },
)

onWorld('metrics_reconciliation sets our counts beside those of Iterable', async (world) => {
  const { data, truth } = world.sandbox
  const count = (type: string, id: number) => truth.events(type).filter(({ campaignId }) => campaignId === id)
  const people = (rows: readonly Row[]) => new Set(rows.map(personOf)).size
  const ours: Record<string, (id: number) => number> = {
    'Total Email Sends': (id) => count('emailSend', id).length,
    'Total Emails Delivered': (id) => count('emailSend', id).length - count('emailBounce', id).length,
    'Unique Email Opens': (id) => people(count('emailOpen', id)),
    'Unique Email Clicks': (id) => people(count('emailClick', id)),
    'Total SMS Sent': (id) => count('smsSend', id).length,
    'Unique SMS Clicks': (id) => people(count('smsClick', id)),
    'Total Unsubscribes': (id) => count('emailUnSubscribe', id).length,
    'Unique Unsubscribes': (id) => people(count('emailUnSubscribe', id)),
    'Total Purchases': (id) => count('purchase', id).length,
    'Unique Purchases': (id) => people(count('purchase', id)),
  }
  const headings = Object.keys(ours)
  // Some of what Iterable counts is what was sent, some nearly.
  const columns = await world.use(async ({ tables }) => {
    const set = (id: number, heading: string, value: number) =>
      sql.raw(`update iterable.campaign_metrics set "${heading}" = ${value} where id = ${id}`).execute(tables)
    await set(100, 'Total Email Sends', ours['Total Email Sends']?.(100) as number)
    await set(101, 'Total Email Sends', 1 + (ours['Total Email Sends']?.(101) as number))
    const { rows } = await sql
      .raw<Row>(
        `select id, "measuredAt" as at, ${headings.map((heading) => `"${heading}"`).join(', ')} from iterable.campaign_metrics`,
      )
      .execute(tables)
    return rows
  })
  expect(columns.length).toBeGreaterThan(3)
  const expected = columns.flatMap((row) =>
    headings
      .filter((heading) => row[heading] !== null)
      .map((heading) => {
        const id = Number(row.id)
        const [mine, theirs] = [ours[heading]?.(id) as number, Number(row[heading])]
        return {
          campaign_id: id,
          campaign_name: data.campaigns.find((one) => one.id === id)?.name,
          metric: heading,
          measured_at: present.getTime(),
          ours: mine,
          iterable: theirs,
          difference: mine - theirs,
          difference_rate: rate(mine - theirs, theirs),
          verdict: mine === theirs ? 'equal' : Math.abs(mine - theirs) <= 0.01 * theirs ? 'close' : 'differs',
        }
      }),
  )
  const rows = await world.rows('metrics_reconciliation')
  const compared = rows.map(({ likely_cause, ...row }) => row)
  expect(sorted(compared.filter(({ metric }) => headings.includes(String(metric))))).toEqual(sorted(expected))
  // The campaigns began with the world, and before its first event.
  const [more] = rows.filter((row) => row.campaign_id === 101 && row.metric === 'Total Email Sends')
  expect(more).toMatchObject({
    ours: (more?.iterable as number) - 1,
    likely_cause: 'before the warehouse begins',
  })
  const [equal] = rows.filter((row) => row.campaign_id === 100 && row.metric === 'Total Email Sends')
  expect(equal).toMatchObject({ verdict: 'equal', likely_cause: null })
})
