/** Links, weeks of people, reasons of bounces and skips, lines of purchases: every number against the same without SQL. */
import { expect } from 'vitest'
import type { Row, Sandbox } from '../../src/sandbox/index.ts'
import { allKinds } from '../support/warehouse.ts'
import { addDetails } from './details.ts'
import { countsOf, median, providerOf, ratesOf, toldCounts } from './figures.ts'
import {
  dayOf,
  groupBy,
  type Message,
  messagesOf,
  optOutsOf,
  personOf,
  purchasesOf,
  rate,
  timeOf,
} from './oracle.ts'
import { checkKeys, sorted, type World, worldOf } from './support.ts'

const onWorld = worldOf(11, {
  kinds: allKinds,
  streams: ['push_send_skip', 'sms_send_skip', 'templates', 'email_templates', 'experiment_metrics'],
  prepare: addDetails,
})

const truthOf = ({ sandbox }: World) => messagesOf(sandbox, { burst: false })

onWorld('link_performance counts the clicks of each link', async (world) => {
  const { messages, touches } = truthOf(world)
  const sentAt = new Map(messages.map((one) => [`${one.medium} ${one.id} ${one.person}`, one.sentAt]))
  const clicks = touches
    .filter(({ action }) => action === 'click')
    .map((one) => ({ ...one, link: String(one.row.url ?? one.row.clickedUrl).split('?')[0] as string }))
  const peopleOf = (some: typeof clicks) =>
    new Set(some.filter(({ rule }) => rule === null).map(({ person }) => person)).size
  const expected = [...groupBy(clicks, ({ campaignId, link }) => `${campaignId} ${link}`).values()].map(
    (some) => {
      const { campaignId, link } = some[0] as (typeof some)[number]
      const human = some.filter(({ rule }) => rule === null)
      const people = peopleOf(some)
      const whole = peopleOf(clicks.filter((one) => one.campaignId === campaignId))
      const delays = [...groupBy(human, (one) => `${one.medium} ${one.messageId} ${one.person}`)]
        .filter(([key]) => sentAt.has(key))
        .map(([key, own]) => (Math.min(...own.map(({ at }) => at)) - (sentAt.get(key) as number)) / 1000)
      const campaign = world.sandbox.data.campaigns.find(({ id }) => id === campaignId)
      return {
        campaign_id: campaignId,
        campaign_name: campaign?.name ?? null,
        link,
        clicks: some.length,
        human_clicks: human.length,
        human_share: rate(human.length, some.length),
        people,
        people_share: rate(people, whole),
        median_seconds_to_click: median(delays),
      }
    },
  )
  expect(expected.length).toBeGreaterThan(8)
  expect(sorted(await world.rows('link_performance'))).toEqual(sorted(expected))
})

onWorld(
  'contact_pressure tells what each person got in a week, its histogram how many had so many',
  async (world) => {
    const { messages } = truthOf(world)
    const { truth } = world.sandbox
    const events = [
      ...messages.map(({ person, sentAt, medium }) => ({ person, at: sentAt, what: medium })),
      ...optOutsOf(truth).map((row) => ({ person: personOf(row), at: timeOf(row), what: 'opt-out' })),
      ...truth
        .events('emailComplaint')
        .map((row) => ({ person: personOf(row), at: timeOf(row), what: 'complaint' })),
    ]
    const weeks = [...groupBy(events, ({ person, at }) => `${mondayOf(at)} ${person}`)].map(([key, some]) => {
      const count = (...kinds: string[]) => some.filter(({ what }) => kinds.includes(what)).length
      return {
        person: key.slice(11),
        week: key.slice(0, 10),
        messages: count('email', 'push', 'sms'),
        email_messages: count('email'),
        push_messages: count('push'),
        sms_messages: count('sms'),
        other_messages: 0,
        is_unsubscribed: count('opt-out') > 0,
        is_complained: count('complaint') > 0,
      }
    })
    expect(sorted(await world.rows('contact_pressure'))).toEqual(sorted(weeks))
    const histogram = [...groupBy(weeks, (week) => week.messages)].map(([count, some]) => {
      const unsubscribed = some.filter((week) => week.is_unsubscribed).length
      const complained = some.filter((week) => week.is_complained).length
      return {
        messages: count,
        weeks: some.length,
        people: new Set(some.map(({ person }) => person)).size,
        unsubscribed,
        complained,
        unsubscribe_rate: rate(unsubscribed, some.length),
        complaint_rate: rate(complained, some.length),
      }
    })
    expect(histogram.some(({ unsubscribed }) => unsubscribed > 0)).toBe(true)
    expect(sorted(await world.rows('contact_pressure_histogram'))).toEqual(sorted(histogram))
  },
)

onWorld('bounce_reasons tells why e-mail bounced where', async (world) => {
  const { truth } = world.sandbox
  const keyOf = (row: Row) => `${row.messageId} ${personOf(row)}`
  const texts = groupBy(
    truth.events('emailUnSubscribe').filter(({ bounceMessage }) => bounceMessage !== undefined),
    keyOf,
  )
  const bounces = truth.events('emailBounce').map((row) => {
    const email = row.email === undefined ? undefined : String(row.email).toLowerCase()
    return {
      row,
      email,
      day: dayOf(timeOf(row)),
      status: String(row.status ?? 'unknown'),
      provider: providerOf(email?.split('@')[1] ?? null) ?? 'unknown',
      kind: row.recipientState === 'HardBounce' ? 'hard' : 'soft',
    }
  })
  const groups = groupBy(bounces, ({ day, provider, status, kind }) =>
    [day, provider, status, kind].join('|'),
  )
  const expected = [...groups].map(([key, some]) => {
    const [day, mailbox_provider, status, bounce_kind] = key.split('|')
    const told = some
      .flatMap(({ row }) => texts.get(keyOf(row)) ?? [])
      .map((row) => String(row.bounceMessage))
    return {
      day,
      mailbox_provider,
      status,
      bounce_kind,
      bounces: some.length,
      status_class: classes.get(status?.slice(2, 3) ?? '') ?? 'other',
      messages: new Set(some.map(({ row }) => row.messageId)).size,
      addresses: new Set(some.flatMap(({ email }) => email ?? [])).size,
      sample_text: told.sort()[0] ?? null,
    }
  })
  expect(new Set(expected.map(({ status_class }) => status_class)).size).toBe(4)
  expect(expected.some(({ sample_text }) => sample_text !== null)).toBe(true)
  expect(sorted(await world.rows('bounce_reasons'))).toEqual(sorted(expected))
})

onWorld('send_skips tells why a campaign did not send, and what share that was', async (world) => {
  const { messages } = truthOf(world)
  const { data } = world.sandbox
  const skips = skipsOf(world.sandbox).filter(({ campaignId }) => campaignId !== undefined)
  const groups = groupBy(skips, ({ campaignId, reason, at }) => [campaignId, reason, dayOf(at)].join('|'))
  const expected = [...groups].map(([key, some]) => {
    const [campaign, reason, day] = key.split('|') as [string, string, string]
    const campaignId = Number(campaign)
    const isHeldOut = reason === 'ExperimentHoldOut'
    const onDay = (one: { readonly campaignId: unknown }, at: number) =>
      one.campaignId === campaignId && dayOf(at) === day
    const attempted =
      messages.filter((one) => onDay(one, one.sentAt)).length +
      skips.filter((one) => onDay(one, one.at) && one.reason !== 'ExperimentHoldOut').length
    return {
      campaign_id: campaignId,
      reason,
      day,
      is_held_out: isHeldOut,
      medium: some[0]?.medium,
      campaign_name: data.campaigns.find(({ id }) => id === campaignId)?.name ?? null,
      skipped: some.length,
      people: new Set(some.map(({ person }) => person)).size,
      attempted,
      share_of_attempted: rate(some.length, isHeldOut ? attempted + some.length : attempted),
    }
  })
  expect(new Set(expected.map(({ medium }) => medium)).size).toBe(3)
  expect(new Set(expected.map(({ reason }) => reason)).size).toBe(5)
  expect(expected.some(({ attempted, skipped }) => attempted > 2 * skipped)).toBe(true)
  expect(sorted(await world.rows('send_skips'))).toEqual(sorted(expected))
  // Those that name no campaign are among the events alone.
  const events = await world.rows('skip_events')
  expect(events.filter(({ campaign_id }) => campaign_id === null).length).toBeGreaterThan(0)
  expect(sorted(events)).toEqual(
    sorted(
      skipsOf(world.sandbox).map(({ medium, person, at, row }) => ({
        medium,
        person,
        message_id: row.messageId,
        skipped_at: at,
        reason: row.reason ?? null,
        campaign_id: row.campaignId ?? null,
        template_id: row.templateId ?? null,
        is_held_out: row.reason === 'ExperimentHoldOut',
      })),
    ),
  )
})

onWorld('template_performance tells the templates of a campaign apart', async (world) => {
  const { messages, touches } = truthOf(world)
  const { data } = world.sandbox
  const purchases = purchasesOf(world.sandbox, touches)
  const groups = groupBy(messages, ({ campaignId, templateId }) => `${campaignId} ${templateId}`)
  /** The template that a purchase names, else that of the last message of its campaign to the buyer. */
  const templateOf = ({ explicit, explicitTemplate, person, at }: (typeof purchases)[number]) =>
    explicitTemplate ??
    messages
      .filter((one) => one.campaignId === explicit && one.person === person && one.sentAt <= at)
      .sort((a, b) => b.sentAt - a.sentAt)[0]?.templateId
  const expected = [...groups.values()].map((some) => {
    const { campaignId, templateId, medium } = some[0] as Message
    const counts = toldCounts(medium, countsOf(some))
    const times = some.map(({ sentAt }) => sentAt)
    const template = data.templates.find((one) => one.templateId === templateId)
    const ofCampaign = messages.filter((one) => one.campaignId === campaignId)
    const earnings = (
      prefix: string,
      delivered: number,
      test: (one: (typeof purchases)[number]) => boolean,
    ) => {
      const some = purchases.filter(test)
      const revenue = some.reduce((sum, { total }) => sum + total, 0)
      return Object.fromEntries<unknown>([
        [`${prefix}orders`, some.length],
        [`${prefix}revenue`, revenue],
        [`${prefix}revenue_per_thousand`, delivered === 0 ? null : 1000 * (revenue / delivered)],
      ])
    }
    return {
      campaign_id: campaignId,
      template_id: templateId,
      medium,
      template_name: template?.name ?? null,
      campaign_name: data.campaigns.find(({ id }) => id === campaignId)?.name ?? null,
      // As the sandbox writes them in the default locale.
      subject: template ? `${template.name} ✨` : null,
      preheader: template ? '' : null,
      first_sent_at: Math.min(...times),
      last_sent_at: Math.max(...times),
      ...counts,
      share_of_campaign: rate(counts.sent, ofCampaign.length),
      ...ratesOf(counts),
      ...earnings(
        '',
        counts.delivered,
        (one) => one.explicit === campaignId && templateOf(one) === templateId,
      ),
      ...earnings(
        'click_',
        counts.delivered,
        ({ click }) => click?.campaignId === campaignId && click.row.templateId === templateId,
      ),
    }
  })
  const named = purchases.filter(({ explicit }) => explicit !== null)
  expect(new Set(named.map(({ explicitTemplate }) => explicitTemplate)).size).toBe(3)
  expect(expected.filter(({ campaign_id }) => campaign_id === 103)).toHaveLength(2)
  expect(sorted(await world.rows('template_performance'))).toEqual(sorted(expected))
})

onWorld('subscription_changes takes the events of subscribing apart', async (world) => {
  const { data, truth } = world.sandbox
  const nameOf = new Map<string, unknown>([
    ...data.channels.map((one) => [`channel ${one.id}`, one.name] as const),
    ...data.messageTypes.map((one) => [`message type ${one.id}`, one.name] as const),
    ...data.lists.map((one) => [`list ${one.id}`, one.name] as const),
  ])
  const ids = (...some: unknown[]) => [...new Set(some.flat().filter((id) => id !== undefined))].map(String)
  const changesOf = (type: string, direction: string, source: string) =>
    truth.events(type).flatMap((row) => {
      const named = [
        ...ids(row.emailListId, row.emailListIds).map((id) => ({ scope: 'list', id })),
        ...ids(row.channelId, row.channelIds).map((id) => ({ scope: 'channel', id })),
        ...ids(row.messageTypeIds).map((id) => ({ scope: 'message type', id })),
      ]
      const campaign = data.campaigns.find(({ id }) => id === row.campaignId)
      return (named.length > 0 ? named : [{ scope: 'unknown', id: null }]).map(({ scope, id }) => ({
        occurred_at: timeOf(row),
        person: personOf(row),
        direction,
        scope,
        id,
        email: row.email === undefined ? null : String(row.email).toLowerCase(),
        name: nameOf.get(`${scope} ${id}`) ?? null,
        source: row[source] ?? null,
        message_id: row.messageId ?? null,
        campaign_id: row.campaignId ?? null,
        campaign_name: campaign?.name ?? null,
        journey: null,
        workflow_id: row.workflowId ?? campaign?.workflowId ?? null,
      }))
    })
  const expected = [
    ...changesOf('emailSubscribe', 'subscribed', 'signupSource'),
    ...changesOf('emailUnSubscribe', 'unsubscribed', 'unsubSource'),
  ]
  for (const direction of ['subscribed', 'unsubscribed']) {
    const some = expected.filter((row) => row.direction === direction)
    expect(new Set(some.map(({ scope }) => scope)).size, direction).toBe(4)
    expect(new Set(some.map(({ workflow_id }) => workflow_id)).size, direction).toBe(3)
  }
  // What two events tell alike is one change.
  expect(sorted(await world.rows('subscription_changes'))).toEqual([...new Set(sorted(expected))])
})

onWorld('campaign_revenue credits each purchase once in each model and window', async (world) => {
  const { messages, touches } = truthOf(world)
  const purchases = purchasesOf(world.sandbox, touches)
  const sends = messages.map(({ person, sentAt, campaignId }) => ({ person, at: sentAt, campaignId }))
  const human = touches.filter(({ rule }) => rule === null)
  const causes = new Map<string, readonly Cause[]>([
    ['last_send', sends],
    ['last_click', human.filter(({ action }) => action === 'click')],
    ['last_open', human.filter(({ action }) => action === 'open')],
    ['last_touch', human],
  ])
  const credits = purchases.flatMap((purchase) => {
    const { person, at, total, explicit } = purchase
    const credit = (model: string, window_hours: number | null, campaignId: number | null | undefined) =>
      campaignId === null || campaignId === undefined
        ? []
        : [{ key: `${campaignId} ${model} ${window_hours}`, model, window_hours, campaignId, person, total }]
    const byModel = [...causes].flatMap(([model, all]) =>
      [24, 120, 168, 720].flatMap((hours) => {
        const within = all.filter(
          (one) => one.person === person && one.at <= at && one.at >= at - hours * 3_600_000,
        )
        const [last] = within.toSorted((a, b) => b.at - a.at || a.campaignId - b.campaignId)
        return credit(model, hours, last?.campaignId)
      }),
    )
    return [...byModel, ...credit('explicit', null, explicit)]
  })
  const sumOf = (some: readonly { readonly total: number }[]) =>
    some.reduce((sum, { total }) => sum + total, 0)
  const expected = [...groupBy(credits, ({ key }) => key).values()].map((some) => {
    const { campaignId, model, window_hours } = some[0] as (typeof some)[number]
    const { delivered } = countsOf(messages.filter((one) => one.campaignId === campaignId))
    const revenue = sumOf(some)
    return {
      campaign_id: campaignId,
      model,
      window_hours,
      orders: some.length,
      revenue,
      delivered,
      campaign_name: world.sandbox.data.campaigns.find(({ id }) => id === campaignId)?.name ?? null,
      buyers: new Set(some.map(({ person }) => person)).size,
      average_order_value: revenue / some.length,
      revenue_per_thousand: delivered === 0 ? null : 1000 * (revenue / delivered),
      share_of_revenue: revenue / sumOf(purchases),
    }
  })
  const rows = await world.rows('campaign_revenue')
  expect(sorted(rows)).toEqual(sorted(expected))
  expect(new Set(rows.map(({ model, window_hours }) => `${model} ${window_hours}`)).size).toBe(17)
  expect(rows.some(({ orders, buyers }) => Number(orders) > Number(buyers))).toBe(true)

  // With the windows of the configuration it says what campaign_performance says.
  for (const whole of await world.rows('campaign_performance')) {
    const of = (model: string, hours: number | null) =>
      rows.find(
        (row) => row.campaign_id === whole.campaign_id && row.model === model && row.window_hours === hours,
      )
    expect(of('explicit', null)?.revenue ?? 0).toBe(whole.revenue)
    expect(of('last_click', 120)?.orders ?? 0).toBe(whole.click_orders)
  }
})

onWorld('experiment_results tells how sure a difference is, and what Iterable says of it', async (world) => {
  const { messages } = truthOf(world)
  const variants = [
    ...groupBy(
      messages.filter(({ campaignId }) => campaignId === 103),
      ({ templateId }) => templateId,
    ),
  ]
    .map(([templateId, some]) => ({ templateId, ...countsOf(some) }))
    .sort((a, b) => b.sent - a.sent || a.templateId - b.templateId)
  const [control, other] = variants as [(typeof variants)[number], (typeof variants)[number]]
  const heldOut = skipsOf(world.sandbox).filter(
    ({ campaignId, reason }) => campaignId === 103 && reason === 'ExperimentHoldOut',
  )
  expect(heldOut.length).toBeGreaterThan(0)
  const expected = [control, other].map((one) => {
    const isControl = one === control
    const test = (metric: string, count: (counts: typeof one) => number) => {
      const [p, q] = [count(one) / one.delivered, count(control) / control.delivered]
      const pooled = (count(one) + count(control)) / (one.delivered + control.delivered)
      const z = (p - q) / Math.sqrt(pooled * (1 - pooled) * (1 / one.delivered + 1 / control.delivered))
      const margin = 1.96 * Math.sqrt((p * (1 - p)) / one.delivered + (q * (1 - q)) / control.delivered)
      const figures = {
        lift: p / q - 1,
        difference: p - q,
        difference_low: p - q - margin,
        difference_high: p - q + margin,
        z,
      }
      return Object.fromEntries<unknown>([
        [`human_${metric}_rate`, cents(p)],
        [`control_${metric}_rate`, cents(q)],
        [`is_${metric}_significant`, isControl ? null : Math.abs(z) >= 1.96],
        ...Object.entries(figures).map(([name, value]): [string, unknown] => [
          `${metric}_${name}`,
          isControl ? null : cents(value),
        ]),
      ])
    }
    return {
      campaign_id: 103,
      template_id: one.templateId,
      template_name: `Template ${one.templateId}`,
      is_control: isControl,
      sent: one.sent,
      delivered: one.delivered,
      human_opened: one.human_opened,
      human_clicked: one.human_clicked,
      ...test('open', ({ human_opened }) => human_opened),
      ...test('click', ({ human_clicked }) => human_clicked),
      held_out: heldOut.length,
      experiment_id: 71,
      // As the sandbox has them of a variant that is not the control.
      iterable_improvement: one.templateId === 2000 ? 0.25 : null,
      iterable_confidence: one.templateId === 2000 ? 0.9 : null,
    }
  })
  const rows = (await world.rows('experiment_results')).map(({ open_p_value, click_p_value, ...row }) => {
    // The p values are compared by people.test.ts; a difference is significant where they are below 0.05.
    expect(row.is_open_significant).toBe(open_p_value === null ? null : Number(open_p_value) < 0.05)
    expect(row.is_click_significant).toBe(click_p_value === null ? null : Number(click_p_value) < 0.05)
    return Object.fromEntries(
      Object.entries(row).map(([name, value]) =>
        typeof value === 'number' && !Number.isInteger(value) ? [name, cents(value)] : [name, value],
      ),
    )
  })
  expect(sorted(rows)).toEqual(sorted(expected))
})

onWorld('freshness tells how far each stream has been read, and what it holds', async (world) => {
  const { data, truth, now } = world.sandbox
  const events = new Map(eventStreams.map((stream) => [stream, truth.events(typeOf(stream)).map(timeOf)]))
  // What is read whole has no bookmark; everything was read once.
  const others = new Map<string, number>([
    ...[['campaigns', data.campaigns.length] as const, ['users', truth.users().length] as const],
    ...[['templates', 3] as const, ['email_templates', 5] as const, ['experiment_metrics', 2] as const],
  ])
  const whole = new Map<string, number>([
    ...[['channels', 2] as const, ['message_types', 3] as const, ['lists', 1] as const],
    ...[['list_users', 0] as const],
  ])
  const expected = [...events.keys(), ...others.keys(), ...whole.keys()].map((stream) => {
    const times = events.get(stream)
    const isWhole = whole.has(stream)
    return {
      stream,
      synced_at: now.getTime(),
      as_of: now.getTime(),
      hours_since_sync: 0,
      bookmark: isWhole ? null : now.getTime(),
      hours_behind: isWhole ? null : 0,
      rows_written: times?.length ?? others.get(stream) ?? whole.get(stream),
      events: times?.length ?? null,
      newest_event_on: times ? Date.parse(dayOf(Math.max(...times))) : null,
      swept_at: times ? now.getTime() : null,
      rows_late: null,
    }
  })
  const runs = await world.use(({ db }) => db.selectFrom('runs').select('run_id').execute())
  expect(runs).toHaveLength(1)
  expect(sorted(await world.rows('freshness'))).toEqual(
    sorted(expected.map((row) => ({ ...row, ...runs[0] }))),
  )
})

onWorld('the lines of purchases add up to the purchases', async (world) => {
  const { touches } = truthOf(world)
  const expected = purchasesOf(world.sandbox, touches).flatMap((purchase) => {
    const { id, at, person, total, explicit, click, open, touch, items = [] } = purchase
    const lines: readonly Row[] = items.length > 0 ? items : [{}]
    const amounts = lines.map(({ price, quantity }) =>
      price === undefined ? null : Number(price) * Number(quantity ?? 1),
    )
    const sum = amounts.reduce((whole: number, amount) => whole + (amount ?? 0), 0)
    return lines.map((line, index) => ({
      purchase_id: id,
      purchased_at: at,
      person,
      product_id: line.id ?? null,
      sku: line.sku ?? null,
      product: line.name ?? null,
      price: line.price ?? null,
      amount: amounts[index],
      quantity: line.id === undefined ? null : (line.quantity ?? 1),
      revenue: cents(sum === 0 ? total / lines.length : (total * (amounts[index] ?? 0)) / sum),
      explicit_campaign_id: explicit,
      click_campaign_id: click?.campaignId ?? null,
      open_campaign_id: open?.campaignId ?? null,
      touch_campaign_id: touch?.campaignId ?? null,
    }))
  })
  const rows = await world.rows('purchase_line_attribution')
  expect(sorted(rows.map((row) => ({ ...row, revenue: cents(row.revenue) })))).toEqual(sorted(expected))
  for (const column of ['product_id', 'price', 'click_campaign_id'] as const) {
    expect(new Set(expected.map((row) => row[column] === null)).size, column).toBe(2)
  }

  const purchases = await world.rows('purchase_attribution')
  for (const column of ['explicit_campaign_id', 'click_campaign_id', 'open_campaign_id', 'person']) {
    const sums = (all: readonly Row[], value: string) =>
      sorted(
        [...groupBy(all, (row) => row[column])].map(([key, some]) => ({
          key,
          sum: cents(some.reduce((sum, row) => sum + Number(row[value]), 0)),
        })),
      )
    expect(sums(rows, 'revenue'), column).toEqual(sums(purchases, 'total'))
  }
})

const skipsOf = ({ truth }: Sandbox) =>
  ['email', 'push', 'sms'].flatMap((medium) =>
    truth.events(`${medium}SendSkip`).map((row) => ({
      row,
      medium,
      at: timeOf(row),
      person: personOf(row),
      campaignId: row.campaignId,
      reason: String(row.reason ?? 'unknown'),
    })),
  )

const eventStreams = [
  ...['email_send', 'email_open', 'email_click', 'email_bounce', 'email_complaint', 'email_send_skip'],
  ...['email_subscribe', 'email_unsubscribe', 'hosted_unsubscribe_click', 'purchase'],
  ...['push_send', 'push_open', 'push_bounce', 'push_send_skip'],
  ...['sms_send', 'sms_click', 'sms_bounce', 'sms_send_skip'],
]

/** As the export calls it. */
const typeOf = (stream: string): string =>
  stream === 'email_unsubscribe'
    ? 'emailUnSubscribe'
    : stream.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase())

/** A send, or a click or open of a person. */
interface Cause {
  readonly person: string
  readonly at: number
  readonly campaignId: number
}

/** Of fractions whose last digits depend on the order of the sum. */
const cents = (value: unknown): number => Math.round(Number(value) * 1e6) / 1e6

const mondayOf = (at: number): string => {
  const days = Math.floor(at / 86_400_000)
  // The first day of all was a Thursday.
  return dayOf((days - ((days + 3) % 7)) * 86_400_000)
}

const classes = new Map([
  ['1', 'address'],
  ['2', 'mailbox'],
  ['7', 'policy'],
])

onWorld('keys are keys, and rates fractions, where there is more of everything', async (world) => {
  const { wrong, seen } = await checkKeys(world)
  expect(wrong).toEqual([])
  expect(seen).toEqual(expect.arrayContaining(['experiment_results', 'send_skips', 'subscription_changes']))
})
