/**
 * Contents of templates: a row for each template and locale. Fields: Iterable's API description. WhatsApp, web push and
 * RCS have no endpoint for theirs.
 */
import type { Fields } from './families.ts'
import type { Stream, Walk } from './stream.ts'

/** What a template of any medium has. `updatedAt` is that of the index where the content itself tells none. */
const common = {
  templateId: 'bigint',
  locale: 'text',
  isDefaultLocale: 'boolean',
  name: 'text',
  messageTypeId: 'bigint',
  campaignId: 'bigint',
  clientTemplateId: 'text',
  creatorUserId: 'text',
  createdAt: 'timestamptz',
  updatedAt: 'timestamptz',
} as const satisfies Fields

const links = { googleAnalyticsCampaignName: 'text', linkParams: 'json' } as const satisfies Fields
const feeds = {
  dataFeedId: 'bigint',
  dataFeedIds: 'json',
  cacheDataFeed: 'json',
  mergeDataFeedContext: 'json',
  campaignDataFields: 'json',
} as const satisfies Fields

/** The streams of the group `contents`. */
export const contentStreams: readonly Stream[] = [
  contents('email_templates', 'email_contents', {
    subject: 'text',
    preheaderText: 'text',
    fromName: 'text',
    fromEmail: 'text',
    replyToEmail: 'text',
    ccEmails: 'json',
    bccEmails: 'json',
    html: 'text',
    plainText: 'text',
    ...links,
    ...feeds,
    metadata: 'json',
  }),
  contents('sms_templates', 'sms_contents', {
    message: 'text',
    imageUrl: 'text',
    trackingDomain: 'text',
    ...links,
  }),
  contents('push_templates', 'push_contents', {
    title: 'text',
    message: 'text',
    payload: 'json',
    badge: 'text',
    sound: 'text',
    deeplink: 'json',
    richMedia: 'json',
    buttons: 'json',
    isSilentPush: 'boolean',
    interruptionLevel: 'text',
    relevanceScore: 'double',
    wake: 'boolean',
    ...feeds,
  }),
  contents('in_app_templates', 'in_app_contents', {
    html: 'text',
    payload: 'json',
    expirationDateTime: 'text',
    expirationDuration: 'text',
    inAppDisplaySettings: 'json',
    webInAppDisplaySettings: 'json',
    inboxMetadata: 'json',
  }),
  contents('embedded_templates', 'embedded_contents', {
    title: 'text',
    body: 'text',
    elements: 'json',
    payload: 'json',
    placementId: 'bigint',
  }),
]

function contents(name: string, walk: Walk, fields: Fields): Stream {
  return {
    name,
    groups: ['contents'],
    read: { kind: 'walk', walk },
    replication: 'changes',
    key: ['templateId', 'locale'],
    bookmark: 'updatedAt',
    columns: { ...common, ...fields },
    hasProfileFields: false,
  }
}
