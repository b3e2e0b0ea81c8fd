/** Campaigns, channels, message types, templates. */
import { badParams, json, notFound, type SandboxAnswer } from '../answers.ts'
import { limits } from '../limits.ts'
import type { Row } from '../options.ts'
import { readTime } from '../times.ts'
import type { SandboxCall, SandboxRoute } from './route.ts'

export const resourceRoutes: readonly SandboxRoute[] = [
  {
    method: 'GET',
    pattern: '/api/channels',
    limit: limits.channels,
    handle: (_, { project }) => json({ channels: project.channels }),
  },
  {
    method: 'GET',
    pattern: '/api/messageTypes',
    limit: limits.messageTypes,
    handle: (_, { project }) => json({ messageTypes: project.messageTypes }),
  },
  {
    method: 'GET',
    pattern: '/api/campaigns',
    limit: limits.campaigns,
    handle: (call, { project }) => {
      const states = call.query.getAll('campaignState')
      const rows = project.campaigns.filter(
        (row) => states.length === 0 || states.includes(String(row.campaignState)),
      )
      return page(call, rows, 'campaigns', 'totalCampaignsCount', 'id')
    },
  },
  {
    method: 'GET',
    pattern: '/api/campaigns/recurring/{id}/childCampaigns',
    limit: limits.campaigns,
    handle: (call, { project }) => {
      const rows = project.campaigns.filter((row) => row.recurringCampaignId === Number(call.parts[0]))
      return page(call, rows, 'campaigns', 'totalCampaignsCount', 'id')
    },
  },
  {
    method: 'GET',
    pattern: '/api/campaigns/{id}',
    limit: limits.campaigns,
    handle: ({ parts: [id] }, { project }) => {
      const campaign = project.campaigns.find((row) => row.id === Number(id))
      return campaign ? json(campaign) : notFound(`Campaign ${id} not found`)
    },
  },
  {
    method: 'GET',
    pattern: '/api/templates',
    limit: limits.templates,
    handle: (call, { project }) => {
      const rows = templatesFor(call, project.templates)
      return typeof rows === 'string'
        ? badParams(rows)
        : page(call, rows, 'templates', 'totalTemplatesCount', 'templateId')
    },
  },
  {
    method: 'GET',
    pattern: '/api/templates/getByClientTemplateId',
    limit: limits.templates,
    handle: ({ query }, { project }) => {
      const rows = project.templates.filter((row) => row.clientTemplateId === query.get('clientTemplateId'))
      return json({
        templates: rows.map((row) => ({
          templateId: row.templateId,
          campaignId: row.campaignId,
          locales: localesOf(row),
        })),
      })
    },
  },
  ...(['email', 'sms', 'push', 'inapp', 'embedded'] as const).map(
    (medium): SandboxRoute => ({
      method: 'GET',
      pattern: `/api/templates/${medium}/get`,
      ...(medium === 'inapp' ? {} : { limit: limits.templates }),
      handle: ({ query }, { project }) => {
        const id = Number(query.get('templateId') ?? Number.NaN)
        if (Number.isNaN(id)) return badParams('templateId is required')
        const row =
          medium === 'embedded'
            ? project.embeddedTemplates.find(({ templateId }) => templateId === id)
            : project.templates.find(
                (template) =>
                  template.templateId === id && String(template.messageMedium).toLowerCase() === medium,
              )
        const locale = query.get('locale') ?? 'en'
        // A base is where others begin; nobody has written anything into these.
        const isBlank = row?.templateType === 'Base' && id % 2 === 0
        return row && !isBlank && localesOf(row).includes(locale)
          ? json(content(medium, row, locale))
          : notFound(`Template ${id} not found`)
      },
    }),
  ),
]

/** `page` counts from 1; `nextPageUrl` is relative and absent on the last page. */
function page(
  { path, query }: SandboxCall,
  rows: readonly Row[],
  name: string,
  total: string,
  id: string,
): SandboxAnswer {
  const number = Number(query.get('page') ?? 1)
  const size = Number(query.get('pageSize') ?? 20)
  if (!Number.isInteger(number) || number < 1) return badParams(`Invalid page: ${query.get('page')}`)
  if (!Number.isInteger(size) || size < 1 || size > 1000)
    return badParams(`Invalid pageSize: ${query.get('pageSize')}, the maximum is 1000`)
  const sort = query.get('sort') ?? 'id'
  const field = sort.replace(/^-/, '')
  if (!['id', 'name', 'createdAt', 'updatedAt', 'startAt'].includes(field))
    return badParams(`Invalid sort: ${sort}`)
  const sorted = [...rows].sort((a, b) =>
    compare(a[field === 'id' ? id : field], b[field === 'id' ? id : field]),
  )
  if (sort.startsWith('-')) sorted.reverse()
  const urlOf = (to: number) => {
    const next = new URLSearchParams(query)
    next.set('page', String(to))
    next.set('pageSize', String(size))
    return `${path}?${next}`
  }
  return json({
    [name]: sorted
      .slice((number - 1) * size, number * size)
      .map((row) => (name === 'templates' ? withoutQuery(row) : row)),
    [total]: rows.length,
    ...(number * size < rows.length ? { nextPageUrl: urlOf(number + 1) } : {}),
    ...(number > 1 ? { previousPageUrl: urlOf(number - 1) } : {}),
  })
}

/** Type and medium are told by the query alone. */
const withoutQuery = ({ templateType, messageMedium, ...row }: Row): Row => row

function compare(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  return String(a ?? '') < String(b ?? '') ? -1 : 1
}

function templatesFor({ query }: SandboxCall, templates: readonly Row[]): Row[] | string {
  const type = query.get('templateType')
  const medium = query.get('messageMedium')
  if (type && !['Base', 'Blast', 'Triggered', 'Workflow'].includes(type))
    return `Invalid templateType: ${type}`
  if (medium && !['Email', 'Push', 'InApp', 'SMS'].includes(medium)) return `Invalid messageMedium: ${medium}`
  const bound = (name: string, missing: number) => {
    const text = query.get(name)
    return text === null ? missing : readTime(text)
  }
  const from = bound('startDateTime', -Infinity)
  const to = bound('endDateTime', Infinity)
  if (from === undefined || to === undefined) return 'Invalid date, expected format yyyy-MM-dd HH:mm:ss [ZZ]'
  return templates.filter((row) => {
    const createdAt = Number(row.createdAt ?? 0)
    return (
      (!type || row.templateType === type) &&
      (!medium || row.messageMedium === medium) &&
      createdAt >= from &&
      createdAt < to
    )
  })
}

/** Templates with an id of their maker's are translated. */
const localesOf = ({ clientTemplateId }: Row): string[] =>
  clientTemplateId === undefined ? ['en'] : ['en', 'de', 'ja-JP']

function content(medium: 'email' | 'sms' | 'push' | 'inapp' | 'embedded', row: Row, locale: string): Row {
  const {
    templateId,
    name,
    messageTypeId,
    creatorUserId,
    campaignId,
    clientTemplateId,
    createdAt,
    updatedAt,
  } = row
  const common = {
    templateId,
    name,
    messageTypeId,
    campaignId,
    clientTemplateId,
    locale,
    isDefaultLocale: locale === 'en',
  }
  switch (medium) {
    case 'email':
      return {
        ...common,
        creatorUserId,
        subject: locale === 'en' ? `${name} ✨` : `${name} (${locale})`,
        preheaderText: '',
        fromName: 'Example',
        fromEmail: 'news@example.com',
        replyToEmail: 'news@example.com',
        ccEmails: [],
        bccEmails: [],
        html: '<html><body>Hello {{firstName}}</body></html>',
        plainText: 'Hello {{firstName}}',
        linkParams: [{ key: 'utm_source', value: 'mail' }],
        dataFeedIds: [],
        cacheDataFeed: false,
        mergeDataFeedContext: false,
      }
    case 'sms':
      return { ...common, message: 'Hello {{firstName}}', linkParams: [], createdAt, updatedAt }
    case 'push':
      return {
        ...common,
        title: name,
        message: 'Hello',
        payload: {},
        badge: '1',
        sound: 'default',
        createdAt,
        updatedAt,
      }
    case 'inapp':
      return { ...common, html: '<p>Hello</p>', payload: {}, createdAt, updatedAt }
    case 'embedded':
      return { ...common, title: name, body: 'Hello', elements: {}, payload: {}, placementId: 77 }
  }
}
