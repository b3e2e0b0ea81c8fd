/** The smaller things of a project: experiments, journeys, snippets, catalogues, webhooks, embedded messages. */
import type { CatalogRow, Row } from '../options.ts'
import { randomFor } from './random.ts'

const dayMs = 86_400_000

/** What a project has besides its people, messages and events. */
export interface Library {
  /** As `GET /api/experiments/{id}` tells them; `author` is told by the list alone. */
  readonly experiments: Row[]
  readonly journeys: Row[]
  readonly snippets: Row[]
  readonly catalogs: CatalogRow[]
  readonly webhooks: Row[]
  /** Templates that no index lists. */
  readonly embeddedTemplates: Row[]
}

export const emptyLibrary = (): Library => ({
  experiments: [],
  journeys: [],
  snippets: [],
  catalogs: [],
  webhooks: [],
  embeddedTemplates: [],
})

export function makeLibrary(seed: number, until: number, campaigns: readonly Row[]): Library {
  return {
    experiments: makeExperiments(seed, until, campaigns),
    journeys: makeJourneys(until),
    snippets: ['foot', 'greeting', 'お知らせ'].map((name, index) => ({
      id: 7001 + index,
      name,
      content: `<p>{{firstName}}, ${name}</p>`,
      description: '',
      projectId: 1,
      createdBy: 'crm@example.com',
      updatedBy: 'crm@example.com',
      variables: ['firstName'],
      createdAt: new Date(until - (90 - index) * dayMs).toISOString(),
      updatedAt: new Date(until - (9 - index) * dayMs).toISOString(),
    })),
    catalogs: makeCatalogs(seed, until),
    webhooks: [
      webhook(801, 'https://example.com/hooks/iterable', 'NoAuth'),
      webhook(802, 'https://example.com/hooks/signed', 'OAuth2'),
    ],
    embeddedTemplates: [0, 1].map((index) => ({
      templateId: 3_360_001 + index,
      campaignId: 2_160_001 + index,
      name: `Banner ${index + 1}`,
      messageTypeId: 51007,
      creatorUserId: 'crm@example.com',
      createdAt: until - (30 + index) * dayMs,
      updatedAt: until - (2 + index) * dayMs,
    })),
  }
}

const webhook = (id: number, endpoint: string, authType: string): Row => ({
  id,
  endpoint,
  authType,
  enabled: true,
  blastSendEnabled: false,
  triggeredSendEnabled: true,
  channelIds: [12011],
  messageTypeIds: [],
})

/** One for each of the first email campaigns: finished, running, a draft; more than one default page of them. */
function makeExperiments(seed: number, until: number, campaigns: readonly Row[]): Row[] {
  const sending = campaigns.filter(({ messageMedium }) => messageMedium === 'Email').slice(0, 24)
  return sending.map((campaign, index) => {
    const random = randomFor(seed, 'experiment', index)
    const status =
      index % 6 === 1 ? 'running' : index % 6 === 4 ? 'draft' : index % 2 ? 'finished' : 'winner_found'
    const isOver = status === 'finished' || status === 'winner_found'
    const startDate = until - (2 + index) * dayMs
    const variant = (position: number): Row => ({
      id: 9000 + index * 10 + position,
      name: position === 0 ? 'Control' : `Variant ${position}`,
      value: { templateId: Number(campaign.templateId) + position * 100_000 },
      currentPercentage: 50,
      isControl: position === 0,
      isWinner: isOver && position === 1,
    })
    return {
      id: 4001 + index,
      name: `${campaign.name} subject`,
      author: 'marketing@example.com',
      status,
      channelType: 'email',
      experimentType: 'subject',
      allocationMode: 'winner_takes_all',
      creationDate: startDate - dayMs,
      ...(status === 'draft' ? {} : { startDate }),
      ...(isOver ? { finishDate: startDate + random.below(40) * 3_600_000 } : {}),
      meta: {
        name: `${campaign.name} subject`,
        conversionMetrics: ['opens'],
        campaignId: campaign.id,
        projectId: 1,
        orgId: 1,
      },
      constraints: { suppressionListIds: [] },
      sizing: { holdoutPercentage: 0, testDurationMinutes: 120, sendsPerVariant: 1000 },
      variants: [variant(0), variant(1)],
    }
  })
}

/** More than one page of fifty, three of them archived. */
function makeJourneys(until: number): Row[] {
  return Array.from({ length: 57 }, (_, index) => ({
    id: 157_274 + index,
    name: index === 0 ? 'Welcome' : `Journey ${index + 1}`,
    description: '',
    createdAt: until - (200 - index) * dayMs,
    updatedAt: until - (60 - index) * dayMs,
    creatorUserId: 'crm@example.com',
    enabled: index % 3 !== 2,
    isArchived: index % 20 === 9,
    journeyType: 'Published',
    lifetimeLimit: 1,
    simultaneousLimit: 1,
    startTileId: 100 + index,
    triggerEventNames: index % 2 ? ['signup'] : [],
  }))
}

function makeCatalogs(seed: number, until: number): CatalogRow[] {
  const shops: CatalogRow = {
    name: 'shops',
    definedMappings: { city: 'string', staff: 'long', location: 'geo_location' },
    undefinedFields: ['note'],
    items: Array.from({ length: 130 }, (_, index) => {
      const random = randomFor(seed, 'shop', index)
      return item(`s${index + 1}`, {
        city: random.pick(['Lyon', '札幌', 'Köln']),
        staff: random.below(40),
        location: { lat: index, lon: -index },
      })
    }),
  }
  return [
    shops,
    { name: 'products', definedMappings: {}, undefinedFields: [], items: [item('p-1', { price: 12.5 })] },
    { name: 'empty', definedMappings: {}, undefinedFields: [], items: [] },
  ]

  function item(itemId: string, value: Row) {
    return { itemId, value, lastModified: until - 3 * dayMs, size: JSON.stringify(value).length }
  }
}

/** The campaigns of the embedded templates. */
export const embeddedCampaigns = (templates: readonly Row[]): Row[] =>
  templates.map(({ templateId, campaignId, name, createdAt, updatedAt, creatorUserId }) => ({
    id: campaignId,
    createdAt,
    updatedAt,
    startAt: createdAt,
    name,
    templateId,
    campaignState: 'Running',
    messageMedium: 'Embedded',
    createdByUserId: creatorUserId,
    updatedByUserId: creatorUserId,
    listIds: [],
    suppressionListIds: [],
    labels: [],
    type: 'Triggered',
  }))
