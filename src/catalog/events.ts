/**
 * Event streams of the export API. A new data type is one line here: unknown fields find their columns by
 * themselves, so even `event('sms_click', 'smsClick')` alone is complete.
 * Fields: public schemas of Iterable's exports, iterable-api notes 2.5.
 */
import type { SourceType, Stream } from './stream.ts'

type Fields = Record<string, SourceType>

const common = {
  createdAt: 'timestamptz',
  email: 'text',
  userId: 'text',
  itblUserId: 'text',
  campaignId: 'bigint',
  templateId: 'bigint',
  messageId: 'text',
  eventName: 'text',
  itblInternal: 'json',
} as const satisfies Fields

const place = { ip: 'text', city: 'text', region: 'text', country: 'text' } as const satisfies Fields
const device = { userAgent: 'text', userAgentDevice: 'text' } as const satisfies Fields
const sending = {
  messageTypeId: 'bigint',
  channelId: 'bigint',
  contentId: 'bigint',
  transactionalData: 'embedded_json',
} as const satisfies Fields
const subscription = {
  emailListId: 'bigint',
  emailListIds: 'json',
  channelIds: 'json',
  messageTypeIds: 'json',
  workflowId: 'bigint',
} as const satisfies Fields

export const eventStreams: readonly Stream[] = [
  event('email_bounce', 'emailBounce', { recipientState: 'text', status: 'text' }),
  event('email_click', 'emailClick', {
    ...device,
    ...place,
    url: 'text',
    hrefIndex: 'bigint',
    contentId: 'bigint',
  }),
  event('email_complaint', 'emailComplaint', { recipientState: 'text' }),
  event('email_open', 'emailOpen', { ...device, ...place, proxySource: 'text', contentId: 'bigint' }),
  event('email_send', 'emailSend', {
    ...sending,
    messageBusId: 'text',
    espName: 'text',
    catalogLookupCount: 'bigint',
    catalogCollectionCount: 'bigint',
    productRecommendationCount: 'bigint',
  }),
  event('email_send_skip', 'emailSendSkip', { ...sending, reason: 'text' }),
  event(
    'email_subscribe',
    'emailSubscribe',
    { ...subscription, signupSource: 'text', profileUpdatedAt: 'timestamptz', publicIdString: 'text' },
    { hasProfileFields: true },
  ),
  event('email_unsubscribe', 'emailUnSubscribe', {
    ...subscription,
    unsubSource: 'text',
    channelId: 'bigint',
    bounceMessage: 'text',
    recipientState: 'text',
    status: 'text',
  }),
]

function event(
  name: string,
  dataType: string,
  fields: Fields = {},
  { hasProfileFields = false }: { hasProfileFields?: boolean } = {},
): Stream {
  return {
    name,
    read: { kind: 'export', dataType },
    replication: 'append',
    key: [],
    bookmark: 'createdAt',
    columns: { ...common, ...fields },
    hasProfileFields,
  }
}
