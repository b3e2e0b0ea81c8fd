/** What streams and their fields are, in words: comments on the tables and columns of the warehouse. */
import { replicationLabel, type Stream } from './stream.ts'

/** What a row of a stream is, and how it comes. */
export function describeStream(stream: Stream): string {
  const { read, key, bookmark } = stream
  const what =
    ownWords.get(stream.name) ?? (read.kind === 'export' ? `Events of the type ${read.dataType}` : undefined)
  const facts = [
    what ?? `What Iterable tells of ${stream.name.replaceAll('_', ' ')}`,
    `replication: ${replicationLabel(stream)}`,
    ...(key.length > 0 ? [`key: ${key.join(', ')}`] : []),
    ...(bookmark === undefined ? [] : [`bookmark: ${bookmark}`]),
  ]
  return `${facts.join('; ')}.`
}

const ownWords: ReadonlyMap<string, string> = new Map([
  ['campaigns', 'Campaigns of the project'],
  ['channels', 'Channels of the project'],
  ['list_users', 'Members of lists, as of the last read of each list'],
  ['lists', 'Lists of the project'],
  ['message_types', 'Message types of the project'],
  ['metadata', 'Values of the metadata tables'],
  ['templates', 'Templates of the project, without their contents'],
  ['users', 'Profiles'],
  ['list_sizes', 'Members of each list as Iterable counts them, a row a day'],
  ['user_fields', 'Declared fields of profiles and their types, a row a day'],
  ['forgotten_users', 'Hashes of the people who asked to be forgotten'],
  ['campaign_metrics', "Iterable's own figures of each campaign"],
  ['campaign_metrics_daily', "Iterable's own figures of each campaign, day by day"],
  ['experiment_metrics', "Iterable's own figures of each variant of an experiment"],
])

/** What a field of any stream is; undefined where its name says it all, or nobody has told. */
export const describeField = (field: string): string | undefined => fields.get(field)

const fields: ReadonlyMap<string, string> = new Map([
  ['createdAt', 'When it happened, or was made (UTC)'],
  ['updatedAt', 'When it was last changed; of members of lists, when the list was read (UTC)'],
  ['email', 'E-mail address of the person'],
  ['userId', 'Your id of the person; absent unless you set it'],
  ['itblUserId', "Iterable's own id of the person, in hybrid and userID-based projects"],
  ['campaignId', 'Campaign: campaigns.id'],
  ['templateId', 'Template, which tells the variants of an experiment apart: templates.templateId'],
  ['messageId', 'Message: the same in all events of one message'],
  ['seenMessageId', 'Message that was seen'],
  ['messageTypeId', 'Message type: message_types.id'],
  ['channelId', 'Channel: channels.id'],
  ['listId', 'List: lists.id'],
  ['workflowId', 'Journey: journeys.id'],
  ['recurringCampaignId', 'Recurring campaign that made this one'],
  ['eventName', 'Type of the event; of custom events, their name'],
  ['itblInternal', "Iterable's own facts of the record"],
  ['transactionalData', 'Data that the message was rendered with, decoded'],
  [
    'proxySource',
    'Image proxy that opened the message in the name of the mail program: no person need have looked',
  ],
  ['isBot', "Iterable's word that a machine did it; filled since 24 April 2025"],
  ['userAgent', 'Program that made the request'],
  ['userAgentDevice', "Iterable's word for the device or program"],
  ['ip', 'Address that the request came from'],
  ['city', 'City of the address'],
  ['region', 'Region of the address'],
  ['country', 'Country of the address'],
  ['url', 'Link'],
  ['clickedUrl', 'Link that was clicked'],
  ['hrefIndex', 'Which of the links of the message, counted from 0'],
  ['recipientState', 'HardBounce, SoftBounce or Complaint'],
  ['status', 'Status: of a bounce the enhanced code of SMTP, such as 5.1.1'],
  ['bounceMessage', 'What the mail server said'],
  ['unsubSource', 'How the person unsubscribed: EmailLink, HardBounce, Complaint and so on'],
  ['reason', 'Why the message was not sent'],
  ['emailListIds', 'Lists: of a profile the static ones it is on; of an event those it is about'],
  ['userListIds', 'Static lists that the profile is on, in hybrid and userID-based projects'],
  ['channelIds', 'Channels that it is about'],
  ['messageTypeIds', 'Message types that it is about'],
  ['unsubscribedChannelIds', 'Channels that the person has opted out of'],
  ['unsubscribedMessageTypeIds', 'Message types that the person has opted out of'],
  ['subscribedMessageTypeIds', 'Message types with the policy OptIn that the person has opted into'],
  ['profileUpdatedAt', 'When the profile was last changed (UTC)'],
  ['signupDate', 'When the person signed up (UTC)'],
  ['signupSource', 'How the person came: API, Import, WebForm and so on'],
  ['phoneNumber', 'Phone number of the person'],
  ['devices', 'Devices that push messages may go to'],
  ['total', 'Revenue of the purchase, in the currency that the sender uses'],
  ['shoppingCartItems', 'Lines of the purchase'],
  ['campaignState', 'State of the campaign, such as Running or Finished'],
  ['suppressionListIds', 'Lists whose members the campaign leaves out'],
  ['listIds', 'Lists that the campaign is sent to'],
  ['subscriptionPolicy', 'OptIn: only to who asked for it; OptOut: to all but those who refused it'],
  ['messageMedium', 'Medium: Email, Push, InApp, SMS and so on'],
  ['listType', 'Standard (static), Dynamic and so on; only Standard lists can be written to'],
  ['measuredAt', 'When Iterable was asked (UTC)'],
  ['finishDate', 'When the experiment ended (UTC)'],
  ['contentId', 'Content that was sent, such as a locale of the template'],
  ['messageBusId', 'Id of the message within Iterable'],
  ['catalogLookupCount', 'Lookups in catalogues while the message was rendered'],
  ['sentAt', 'When the message was sent (UTC)'],
])
