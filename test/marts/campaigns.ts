/** What a world has besides its messages: labels, lists and journeys of campaigns; and days of campaigns, without SQL. */
import type { Row, Sandbox } from '../../src/sandbox/index.ts'
import { countsOf, ratesOf, toldCounts } from './figures.ts'
import { type Message, outcomeOf, rate, toldOf } from './oracle.ts'
import { worldStart } from './world.ts'

/** Labels, lists, a journey, a recurring campaign, templates of purchases, and campaigns with few complaints of many messages. */
export function addCampaigns({ data, truth }: Sandbox): void {
  const give = (id: number, more: Row) =>
    Object.assign(data.campaigns.find((one) => one.id === id) ?? {}, more)
  data.lists.push({ id: 31, name: 'Readers', createdAt: 0, listType: 'Standard' })
  give(100, { labels: ['spring', 'sale', 'sale'], listIds: [31, 32], suppressionListIds: [31] })
  give(102, { labels: ['spring'], recurringCampaignId: 100 })
  give(103, { labels: [], recurringCampaignId: 77 })
  data.journeys.push({ id: 7, name: 'Welcome', isArchived: false, createdAt: 0, updatedAt: 0 })
  const purchases = truth.events('purchase')
  data.events('purchase').clear()
  data
    .events('purchase')
    .push(...purchases.map((row, index) => (index % 2 ? row : { ...row, templateId: 1000 })))
  for (const [campaignId, sends] of [[108, 1000] as const, [109, 500] as const]) {
    for (let index = 0; index < sends; index += 1) {
      const message = {
        email: 'bulk@example.org',
        campaignId,
        templateId: 1,
        messageId: `${campaignId}-${index}`,
      }
      const at = worldStart.getTime() + 86_400_000
      const row = { ...message, createdAt: new Date(at).toISOString(), messageTypeId: 5, channelId: 9 }
      data.events('emailSend').push(row)
      if (index === 0)
        data.events('emailComplaint').push({ ...row, createdAt: new Date(at + 60_000).toISOString() })
      // Answers on either side of 1, 24 and 72 hours.
      const hours = [1, 24, 72][Math.floor(index / 4)]
      if (hours === undefined || campaignId !== 108) continue
      const later = { ...row, createdAt: new Date(at + hours * 3_600_000 + (index % 2) * 1000).toISOString() }
      if (index % 4 < 2) data.events('emailOpen').push(later)
      else data.events('emailClick').push({ ...later, url: 'https://example.com/hours' })
    }
  }
}

export const labelsOf = (campaign: Row | undefined): string[] =>
  [...new Set((campaign?.labels ?? []) as string[])].sort()

/** What became of the messages that were sent on a day. */
export function ofSent(medium: unknown, messages: readonly Message[]): Row {
  const counts = toldCounts(medium, countsOf(messages))
  const { sent, delivered, bounced, ...others } = counts
  const all = messages.map((message) => ({ sentAt: message.sentAt, ...outcomeOf(message) }))
  const within = (hours: number, what: 'firstHumanOpen' | 'firstHumanClick') =>
    all.filter((one) => {
      const at = one[what]
      return one.isDelivered && at !== undefined && at - one.sentAt <= hours * 3_600_000
    }).length
  const speed = ([name, hours]: readonly [string, number]) => [
    [`human_open_rate_${name}`, toldOf(medium, 'opens', rate(within(hours, 'firstHumanOpen'), delivered))],
    [`human_click_rate_${name}`, toldOf(medium, 'clicks', rate(within(hours, 'firstHumanClick'), delivered))],
  ]
  return {
    ...Object.fromEntries(Object.entries(others).map(([name, count]) => [`${name}_of_sent`, count])),
    ...ratesOf(counts),
    ...Object.fromEntries(
      [['1_hour', 1] as const, ['24_hours', 24] as const, ['72_hours', 72] as const].flatMap(speed),
    ),
  }
}
