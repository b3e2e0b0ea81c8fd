/** The smaller things of a project. Fields: Iterable's API description and official client. */
import type { Fields } from './families.ts'
import type { Read, Replication, Stream } from './stream.ts'

/** The streams of the group `resources`. */
export const resourceStreams: readonly Stream[] = [
  resource('catalogs', walk('catalogs'), 'full', ['name'], { name: 'text' }),
  resource('catalog_fields', walk('catalog_fields'), 'full', ['catalogName', 'fieldName'], {
    catalogName: 'text',
    fieldName: 'text',
    // Null for a field whose type nobody has defined.
    fieldType: 'text',
  }),
  resource('catalog_items', walk('catalog_items'), 'full', ['catalogName', 'itemId'], {
    catalogName: 'text',
    itemId: 'text',
    lastModified: 'timestamptz',
    size: 'bigint',
    value: 'json',
  }),
  {
    ...resource('experiments', walk('experiments'), 'changes', ['id'], {
      id: 'bigint',
      name: 'text',
      status: 'text',
      channelType: 'text',
      author: 'text',
      allocationMode: 'text',
      experimentType: 'text',
      startDate: 'timestamptz',
      finishDate: 'timestamptz',
      creationDate: 'timestamptz',
      meta: 'json',
      constraints: 'json',
      sizing: 'json',
      variants: 'json',
    }),
    bookmark: 'finishDate',
  },
  {
    ...resource(
      'experiment_variants',
      walk('experiment_variants'),
      'changes',
      ['experimentId', 'variantId'],
      {
        experimentId: 'bigint',
        variantId: 'bigint',
        finishDate: 'timestamptz',
        name: 'text',
        templateId: 'bigint',
        isControl: 'boolean',
        isWinner: 'boolean',
        currentPercentage: 'double',
        value: 'json',
        content: 'json',
      },
    ),
    bookmark: 'finishDate',
  },
  resource('forgotten_users', walk('forgotten_users'), 'full', ['hash', 'kind'], {
    hash: 'text',
    kind: 'text',
  }),
  resource(
    'journeys',
    {
      kind: 'documents',
      endpoint: 'journeys',
      property: 'journeys',
      paged: true,
      pageSize: 50,
      queries: [{}, { state: 'Archived' }],
    },
    'full',
    ['id'],
    {
      id: 'bigint',
      name: 'text',
      description: 'text',
      journeyType: 'text',
      enabled: 'boolean',
      isArchived: 'boolean',
      lifetimeLimit: 'bigint',
      simultaneousLimit: 'bigint',
      startTileId: 'bigint',
      triggerEventNames: 'json',
      createdAt: 'timestamptz',
      updatedAt: 'timestamptz',
      creatorUserId: 'text',
      draft: 'json',
    },
  ),
  daily('list_sizes', ['listId', 'day'], { listId: 'bigint', size: 'bigint' }),
  resource(
    'snippets',
    { kind: 'documents', endpoint: 'snippets', property: 'snippets', paged: false },
    'full',
    ['id'],
    {
      id: 'bigint',
      name: 'text',
      content: 'text',
      description: 'text',
      variables: 'json',
      createdAt: 'timestamptz',
      updatedAt: 'timestamptz',
      createdBy: 'text',
      updatedBy: 'text',
      projectId: 'bigint',
    },
  ),
  daily('user_fields', ['name', 'day'], { name: 'text', type: 'text' }),
  resource(
    'webhooks',
    { kind: 'documents', endpoint: 'webhooks', property: 'webhooks', paged: false },
    'full',
    ['id'],
    {
      id: 'bigint',
      endpoint: 'text',
      authType: 'text',
      enabled: 'boolean',
      blastSendEnabled: 'boolean',
      triggeredSendEnabled: 'boolean',
      channelIds: 'json',
      messageTypeIds: 'json',
    },
  ),
]

function walk(name: Extract<Read, { kind: 'walk' }>['walk']): Read {
  return { kind: 'walk', walk: name }
}

/** A copy a day: `day` is the date in UTC, as text. */
function daily(name: 'list_sizes' | 'user_fields', key: readonly string[], fields: Fields): Stream {
  const columns = { ...fields, day: 'text', measuredAt: 'timestamptz' } as const
  return { ...resource(name, walk(name), 'daily', key, columns), bookmark: 'measuredAt' }
}

function resource(
  name: string,
  read: Read,
  replication: Replication,
  key: readonly string[],
  columns: Fields,
): Stream {
  return { name, groups: ['resources'], read, replication, key, columns, hasProfileFields: false }
}
