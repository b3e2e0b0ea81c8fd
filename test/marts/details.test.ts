/** Links, weeks of people, reasons of bounces and lines of purchases: every number against the same worked out without SQL. */
import { expect } from 'vitest'
import type { Row, Sandbox } from '../../src/sandbox/index.ts'
import { dayOf, groupBy, messagesOf, optOutsOf, personOf, purchasesOf, rate, timeOf } from './oracle.ts'
import { sorted, type World, worldOf } from './support.ts'

const onWorld = worldOf(11, { prepare: addDetails })

/** What the servers wrote of bounces, and bounces of which they said nothing. */
function addDetails({ data, truth }: Sandbox): void {
  for (const [index, row] of truth.events('emailBounce').entries()) {
    const { recipientState, status, ...message } = row
    const text = { bounceMessage: `550 reason ${index % 3}`, unsubSource: 'HardBounce', channelIds: [9] }
    if (index % 2 === 0) data.events('emailUnSubscribe').push({ ...message, ...text })
    if (index % 5 === 0) data.events('emailBounce').push({ ...message, recipientState })
  }
}

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
        ...{ campaign_id: campaignId, campaign_name: campaign?.name ?? null, link },
        ...{ clicks: some.length, human_clicks: human.length, human_share: rate(human.length, some.length) },
        ...{ people, people_share: rate(people, whole), median_seconds_to_click: median(delays) },
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
        ...{ person: key.slice(11), week: key.slice(0, 10), messages: count('email', 'push', 'sms') },
        ...{ email_messages: count('email'), push_messages: count('push'), sms_messages: count('sms') },
        ...{
          other_messages: 0,
          is_unsubscribed: count('opt-out') > 0,
          is_complained: count('complaint') > 0,
        },
      }
    })
    expect(sorted(await world.rows('contact_pressure'))).toEqual(sorted(weeks))
    const histogram = [...groupBy(weeks, (week) => week.messages)].map(([count, some]) => {
      const unsubscribed = some.filter((week) => week.is_unsubscribed).length
      const complained = some.filter((week) => week.is_complained).length
      return {
        ...{ messages: count, weeks: some.length, people: new Set(some.map(({ person }) => person)).size },
        ...{ unsubscribed, complained, unsubscribe_rate: rate(unsubscribed, some.length) },
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
      ...{ row, email, day: dayOf(timeOf(row)), status: String(row.status ?? 'unknown') },
      provider: email === undefined ? 'unknown' : (providers.get(email.split('@')[1] ?? '') ?? 'other'),
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
      ...{ day, mailbox_provider, status, bounce_kind, bounces: some.length },
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
      ...{ purchase_id: id, purchased_at: at, person, product_id: line.id ?? null, sku: line.sku ?? null },
      ...{ product: line.name ?? null, price: line.price ?? null, amount: amounts[index] },
      quantity: line.id === undefined ? null : (line.quantity ?? 1),
      revenue: cents(sum === 0 ? total / lines.length : (total * (amounts[index] ?? 0)) / sum),
      explicit_campaign_id: explicit,
      ...{ click_campaign_id: click?.campaignId ?? null, open_campaign_id: open?.campaignId ?? null },
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

/** Of fractions whose last digits depend on the order of the sum. */
const cents = (value: unknown): number => Math.round(Number(value) * 1e6) / 1e6

const mondayOf = (at: number): string => {
  const days = Math.floor(at / 86_400_000)
  // The first day of all was a Thursday.
  return dayOf((days - ((days + 3) % 7)) * 86_400_000)
}

const providers = new Map<string, string>([
  ['gmail.com', 'Gmail'],
  ['googlemail.com', 'Gmail'],
  ['outlook.de', 'Microsoft'],
  ['yahoo.com', 'Yahoo'],
  ['icloud.com', 'Apple'],
  ['web.de', 'GMX/Web.de'],
])

const classes = new Map([
  ['1', 'address'],
  ['2', 'mailbox'],
  ['7', 'policy'],
])

function median(values: readonly number[]): number | null {
  const ordered = values.toSorted((a, b) => a - b)
  const middle = (ordered.length - 1) / 2
  const [low, high] = [ordered[Math.floor(middle)], ordered[Math.ceil(middle)]]
  return low === undefined || high === undefined ? null : (low + high) / 2
}
