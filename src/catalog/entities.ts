/** Streams of things that have a key: campaigns, lists, users and the like. */
import type { Stream } from './stream.ts'

/** How a project identifies its people; fixed when the project is made, and no API call reveals it. */
export type ProjectType = 'email' | 'userId' | 'hybrid'

/** What the index of templates must be asked for by. */
export const templateTypes = ['Base', 'Blast', 'Triggered', 'Workflow']
const messageMedia = ['Email', 'Push', 'InApp', 'SMS']

/** The entity streams of a project; only the key of `users` depends on its type. */
export function entityStreams(projectType: ProjectType): readonly Stream[] {
  return [campaigns, channels, listUsers, lists, messageTypes, metadata, templates, users(projectType)]
}

const campaigns: Stream = {
  name: 'campaigns',
  groups: ['core'],
  read: { kind: 'documents', endpoint: 'campaigns', property: 'campaigns', paged: true },
  replication: 'filter',
  key: ['id'],
  bookmark: 'updatedAt',
  hasProfileFields: false,
  columns: {
    id: 'bigint',
    createdAt: 'timestamptz',
    updatedAt: 'timestamptz',
    startAt: 'timestamptz',
    endedAt: 'timestamptz',
    name: 'text',
    templateId: 'bigint',
    messageMedium: 'text',
    createdByUserId: 'text',
    updatedByUserId: 'text',
    campaignState: 'text',
    listIds: 'json',
    suppressionListIds: 'json',
    sendSize: 'bigint',
    recurringCampaignId: 'bigint',
    workflowId: 'bigint',
    labels: 'json',
    type: 'text',
  },
}

const channels: Stream = {
  name: 'channels',
  groups: ['core'],
  read: { kind: 'documents', endpoint: 'channels', property: 'channels', paged: false },
  replication: 'full',
  key: ['id'],
  hasProfileFields: false,
  columns: { id: 'bigint', name: 'text', channelType: 'text', messageMedium: 'text' },
}

const listUsers: Stream = {
  name: 'list_users',
  groups: ['core'],
  read: { kind: 'members' },
  replication: 'full',
  key: ['email', 'listId'],
  standIns: new Map([['email', 'userId']]),
  hasProfileFields: false,
  columns: { email: 'text', userId: 'text', listId: 'bigint', updatedAt: 'timestamptz' },
}

const lists: Stream = {
  name: 'lists',
  groups: ['core'],
  read: { kind: 'documents', endpoint: 'lists', property: 'lists', paged: false },
  replication: 'full',
  key: ['id'],
  hasProfileFields: false,
  columns: {
    id: 'bigint',
    name: 'text',
    description: 'text',
    createdAt: 'timestamptz',
    listType: 'text',
    isGlobalSuppressionEnabled: 'boolean',
  },
}

const messageTypes: Stream = {
  name: 'message_types',
  groups: ['core'],
  read: { kind: 'documents', endpoint: 'message_types', property: 'messageTypes', paged: false },
  replication: 'full',
  key: ['id'],
  hasProfileFields: false,
  columns: {
    id: 'bigint',
    createdAt: 'timestamptz',
    updatedAt: 'timestamptz',
    name: 'text',
    channelId: 'bigint',
    subscriptionPolicy: 'text',
    rateLimitPerMinute: 'bigint',
    frequencyCap: 'json',
  },
}

const metadata: Stream = {
  name: 'metadata',
  groups: ['core'],
  read: { kind: 'metadata' },
  replication: 'full',
  // A key is unique only within its metadata table.
  key: ['table', 'key'],
  hasProfileFields: false,
  columns: { table: 'text', key: 'text', size: 'bigint', lastModified: 'timestamptz', value: 'json' },
}

const templates: Stream = {
  name: 'templates',
  groups: ['core'],
  read: {
    kind: 'documents',
    endpoint: 'templates',
    property: 'templates',
    paged: true,
    // Iterable names neither type nor medium in the record, so each pair is asked for and written into it.
    variants: templateTypes.flatMap((templateType) =>
      messageMedia.map((messageMedium) => ({ templateType, messageMedium })),
    ),
  },
  replication: 'filter',
  key: ['templateId'],
  bookmark: 'updatedAt',
  hasProfileFields: false,
  columns: {
    templateId: 'bigint',
    createdAt: 'timestamptz',
    updatedAt: 'timestamptz',
    name: 'text',
    creatorUserId: 'text',
    messageTypeId: 'bigint',
    campaignId: 'bigint',
    clientTemplateId: 'text',
    templateType: 'text',
    messageMedium: 'text',
  },
}

function users(projectType: ProjectType): Stream {
  return {
    name: 'users',
    groups: ['core'],
    read: { kind: 'export', dataType: 'user' },
    replication: 'upsert',
    key: [projectType === 'email' ? 'email' : 'itblUserId'],
    bookmark: 'profileUpdatedAt',
    mark: { fields: ['email', 'userId', 'itblUserId'], missing: 'missing_key' },
    // As the reference connector has them.
    renamed: new Map([
      ['Industry', '_industry'],
      ['offers.Intro APR', '_offers.intro APR'],
    ]),
    lifted: { source: 'offers.Intro APR', parent: 'offers', member: 'Intro APR' },
    usual: { firstName: 'text', lastName: 'text', browserTokens: 'text' },
    hasProfileFields: true,
    isBulky: true,
    columns: {
      email: 'text',
      userId: 'text',
      itblUserId: 'text',
      signupDate: 'timestamptz',
      signupSource: 'text',
      profileUpdatedAt: 'timestamptz',
      emailListIds: 'json',
      userListIds: 'json',
      unsubscribedChannelIds: 'json',
      unsubscribedMessageTypeIds: 'json',
      subscribedMessageTypeIds: 'json',
      phoneNumber: 'text',
      phoneNumberDetails: 'json',
      devices: 'json',
      itblInternal: 'json',
    },
  }
}
