/** Channels, message types, templates and campaigns. */
import type { Row } from '../options.ts'
import { randomFor } from './random.ts'

const dayMs = 86_400_000

/** Channel, message type and medium hang together as they do in a real project. */
const kinds = [
  { medium: 'Email', channelId: 12011, messageTypeIds: [51002, 51003], channel: 'Marketing' },
  { medium: 'Email', channelId: 12012, messageTypeIds: [51004], channel: 'Transactional' },
  { medium: 'Push', channelId: 12013, messageTypeIds: [51005], channel: 'Marketing' },
  { medium: 'SMS', channelId: 12014, messageTypeIds: [51006], channel: 'Marketing' },
  { medium: 'InApp', channelId: 12015, messageTypeIds: [51007], channel: 'Transactional' },
] as const

const media = ['Email', 'Push', 'InApp', 'SMS'] as const
const types = ['Base', 'Blast', 'Triggered', 'Workflow'] as const
const campaignNames = [
  'Spring sale',
  'Winterschlussverkauf',
  '新春セール',
  'Ramadan رمضان',
  'Welcome',
  'Re-engage',
]
const authors = ['crm@example.com', 'marketing@example.com']

export function makeChannels(): Row[] {
  return kinds.map(({ medium, channelId, channel }) => ({
    id: channelId,
    name: `${medium} ${channel}`,
    channelType: channel,
    messageMedium: medium,
  }))
}

export function makeMessageTypes(until: number): Row[] {
  return kinds.flatMap(({ channelId, channel, messageTypeIds, medium }) =>
    messageTypeIds.map((id, index) => ({
      id,
      createdAt: until - 700 * dayMs + id,
      updatedAt: until - 300 * dayMs + id,
      name: index === 0 ? `${medium} ${channel} messages` : 'Newsletter',
      channelId,
      subscriptionPolicy: id === 51004 ? 'OptIn' : 'OptOut',
      ...(id === 51002 ? { frequencyCap: { days: 7, messages: 3 } } : {}),
      ...(id === 51006 ? { rateLimitPerMinute: 600 } : {}),
    })),
  )
}

/** Enough Email/Blast templates for three default pages; no SMS/Base ones at all. */
export function makeTemplates(seed: number, until: number): Row[] {
  let templateId = 3_350_020
  return types.flatMap((templateType, typeIndex) =>
    media.flatMap((messageMedium, mediumIndex) => {
      const kind = kinds.find(({ medium }) => medium === messageMedium)!
      const count =
        templateType === 'Blast' && messageMedium === 'Email' ? 45 : (typeIndex + 4 - mediumIndex) % 4
      return Array.from({ length: count }, (_, index) => {
        templateId += 1
        const random = randomFor(seed, 'template', templateId)
        const createdAt = until - random.below(500 * 86_400) * 1000 - dayMs
        return {
          templateId,
          createdAt,
          updatedAt: createdAt + Math.floor((until - createdAt) * random.next()),
          name: `${random.pick(campaignNames)} ${templateType.toLowerCase()} ${index + 1}`,
          creatorUserId: random.pick(authors),
          messageTypeId: kind.messageTypeIds[0],
          ...(templateType === 'Base' ? {} : { campaignId: campaignIdOf(templateId) }),
          ...(random.chance(0.3) ? { clientTemplateId: `ext-${templateId}` } : {}),
          templateType,
          messageMedium,
        }
      })
    }),
  )
}

/** One campaign per template that is not a base. */
export function makeCampaigns(seed: number, templates: readonly Row[], listIds: readonly number[]): Row[] {
  const states = [
    'Finished',
    'Finished',
    'Finished',
    'Running',
    'Scheduled',
    'Draft',
    'Ready',
    'Aborted',
    'Archived',
  ]
  const sending = templates.filter(({ campaignId }) => campaignId !== undefined)
  const firstRecurring = sending.find(({ templateType }) => templateType === 'Blast')?.campaignId
  return sending.map((template, index) => {
    const random = randomFor(seed, 'campaign', index)
    const createdAt = template.createdAt as number
    const updatedAt = template.updatedAt as number
    const blast = template.templateType === 'Blast'
    const recurring = template.campaignId === firstRecurring
    const campaignState = recurring ? 'Recurring' : blast ? random.pick(states) : 'Running'
    const ended = campaignState === 'Finished' || campaignState === 'Aborted'
    return {
      id: template.campaignId,
      createdAt,
      updatedAt,
      ...(blast && campaignState !== 'Draft' ? { startAt: createdAt + 3_600_000 } : {}),
      ...(ended ? { endedAt: createdAt + 5_000_000 } : {}),
      name: template.name,
      templateId: template.templateId,
      messageMedium: template.messageMedium,
      createdByUserId: template.creatorUserId,
      updatedByUserId: random.pick(authors),
      campaignState,
      listIds: blast && listIds.length > 0 ? [random.pick(listIds)] : [],
      suppressionListIds: [],
      ...(ended ? { sendSize: 100 + random.below(5000) } : {}),
      ...(blast && !recurring && index % 15 < 3 ? { recurringCampaignId: firstRecurring } : {}),
      ...(template.templateType === 'Workflow' ? { workflowId: 157_274 } : {}),
      labels: random.chance(0.5) ? [random.pick(['sale', 'été', '夏'])] : [],
      type: blast ? 'Blast' : 'Triggered',
    }
  })
}

const campaignIdOf = (templateId: number) => templateId - 1_200_000
