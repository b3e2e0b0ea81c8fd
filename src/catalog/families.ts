/**
 * Fields that several event types share. What a type has beyond them stands in its own line in `events.ts`; a field
 * that stands nowhere gets a column when it first appears. Fields: public schemas of Iterable's exports and its
 * published samples of webhooks, whose rows are the same.
 */
import type { SourceType } from './stream.ts'

export type Fields = Readonly<Record<string, SourceType>>

/** Who, when, which message: nearly every event has these. */
export const common = {
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

/** Channel and message type, which stay known where the campaign is gone. */
export const channel = { messageTypeId: 'bigint', channelId: 'bigint' } as const satisfies Fields

export const sending = {
  ...channel,
  contentId: 'bigint',
  transactionalData: 'embedded_json',
} as const satisfies Fields

/** What a message asked of catalogues while it was made. */
export const rendering = {
  catalogLookupCount: 'bigint',
  catalogCollectionCount: 'bigint',
  productRecommendationCount: 'bigint',
} as const satisfies Fields

export const place = { ip: 'text', city: 'text', region: 'text', country: 'text' } as const satisfies Fields
export const device = { userAgent: 'text', userAgentDevice: 'text' } as const satisfies Fields

/** A machine looked, not a person: filled in since April 2025, for events from then on. */
export const machine = { isBot: 'boolean' } as const satisfies Fields

/** The app that an SDK speaks for. */
export const app = { deviceInfo: 'json' } as const satisfies Fields
export const inApp = { messageContext: 'json', expiresAt: 'timestamptz' } as const satisfies Fields

/** Why a message was not sent: an open list of words, such as `FrequencyCapping`. */
export const skip = { ...channel, reason: 'text' } as const satisfies Fields

export const subscription = {
  emailListId: 'bigint',
  emailListIds: 'json',
  channelIds: 'json',
  messageTypeIds: 'json',
  workflowId: 'bigint',
} as const satisfies Fields

/** The service that carried a message. Its account is a number in some types and a text in others. */
export const carrier = {
  espName: 'text',
  espAccountId: 'text',
  billingParty: 'text',
} as const satisfies Fields

export const phone = {
  toPhoneNumber: 'text',
  fromPhoneNumber: 'text',
  fromPhoneNumberId: 'bigint',
  fromSMSSenderId: 'bigint',
} as const satisfies Fields

/** What a text message costs, as the carrier counts it. */
export const smsCost = {
  smsSendCount: 'bigint',
  mmsSendCount: 'bigint',
  isSMSEstimation: 'boolean',
  messageStatus: 'text',
  errorCode: 'text',
} as const satisfies Fields

export const whatsAppNumbers = {
  fromWhatsAppPhoneNumber: 'text',
  toWhatsAppPhoneNumber: 'text',
} as const satisfies Fields
