/** Experiments, journeys, snippets, catalogues, webhooks, and who was forgotten. */
import { createHash } from 'node:crypto'
import { badParams, json, notFound, type SandboxAnswer, success } from '../answers.ts'
import { limits } from '../limits.ts'
import type { Row } from '../options.ts'
import type { SandboxCall, SandboxRoute, World } from './route.ts'

export const libraryRoutes: readonly SandboxRoute[] = [
  { method: 'GET', pattern: '/api/experiments', handle: listExperiments },
  { method: 'GET', pattern: '/api/experiments/{id}', handle: oneExperiment },
  { method: 'GET', pattern: '/api/experiments/{id}/variants', handle: variants },
  { method: 'GET', pattern: '/api/journeys', handle: journeys },
  {
    method: 'GET',
    pattern: '/api/snippets',
    handle: (_, { project }) => json({ snippets: project.snippets }),
  },
  {
    method: 'GET',
    pattern: '/api/webhooks',
    handle: (_, { project }) => json({ webhooks: project.webhooks }),
  },
  { method: 'GET', pattern: '/api/catalogs', limit: limits.catalogs, handle: catalogs },
  { method: 'GET', pattern: '/api/catalogs/{name}/items', limit: limits.catalogs, handle: items },
  { method: 'GET', pattern: '/api/catalogs/{name}/fieldMappings', limit: limits.catalogs, handle: mappings },
  {
    method: 'GET',
    pattern: '/api/users/forgotten',
    limit: limits.forgotten,
    handle: (_, { project }) =>
      project.projectType === 'userId'
        ? badParams('The project is userID-based')
        : json({ hashedEmails: hashes(project.forgotten, true) }),
  },
  {
    method: 'GET',
    pattern: '/api/users/forgottenUserIds',
    limit: limits.forgotten,
    handle: (_, { project }) =>
      project.projectType === 'email'
        ? badParams('The project is email-based')
        : json({ hashedUserIds: hashes(project.forgotten, false) }),
  },
]

const hashes = (names: ReadonlySet<string>, areEmails: boolean): string[] =>
  [...names]
    .filter((name) => name.includes('@') === areEmails)
    .map((name) => createHash('sha256').update(name.trim().toLowerCase()).digest('hex'))

function listExperiments({ query }: SandboxCall, { project }: World): SandboxAnswer {
  const limit = Number(query.get('limit') ?? 20)
  const offset = Number(query.get('offset') ?? 0)
  if (!(limit >= 1 && limit <= 100))
    return badParams(`Invalid limit: ${query.get('limit')}, the maximum is 100`)
  const rows = project.experiments.map(
    ({ id, name, status, channelType, author, startDate, finishDate }) => ({
      id,
      name,
      status: status === 'winner_found' || status === 'ready' ? 'finished' : status,
      channelType,
      author,
      ...(startDate === undefined ? {} : { startDate: new Date(Number(startDate)).toISOString() }),
      ...(finishDate === undefined ? {} : { finishDate: new Date(Number(finishDate)).toISOString() }),
    }),
  )
  const pagination = { limit, offset, total: rows.length }
  return json({ experiments: rows.slice(offset, offset + limit), pagination })
}

function oneExperiment({ parts: [id] }: SandboxCall, { project }: World): SandboxAnswer {
  const found = project.experiments.find((row) => row.id === Number(id))
  if (!found) return notFound(`Experiment ${id} not found`)
  const { author, name, ...row } = found
  return json(row)
}

function variants({ parts: [id] }: SandboxCall, { project }: World): SandboxAnswer {
  const found = project.experiments.find((row) => row.id === Number(id))
  if (!found) return notFound(`Experiment ${id} not found`)
  return json({
    experimentId: found.id,
    variants: (found.variants as Row[]).map(({ id: variantId, ...row }) => ({
      variantId,
      ...row,
      content: {
        subject: `Hello ${row.name}`,
        preheader: '',
        htmlSource: '<p>Hello</p>',
        plainText: 'Hello',
      },
    })),
  })
}

function journeys(call: SandboxCall, { project }: World): SandboxAnswer {
  const isArchived = call.query.getAll('state').includes('Archived')
  const rows = project.journeys.filter((row) => row.isArchived === isArchived)
  const page = pageOf(call, rows, 50)
  if (typeof page === 'string') return badParams(page)
  return json({ journeys: page.rows, totalJourneysCount: rows.length, ...page.links })
}

function catalogs(call: SandboxCall, world: World): SandboxAnswer {
  const rows = world.project.catalogs.map(({ name }) => ({ name }))
  const page = pageOf(call, rows, 100)
  if (typeof page === 'string') return badParams(page)
  return wrapped(world, { catalogNames: page.rows, totalCatalogsCount: rows.length, ...page.links })
}

function items(call: SandboxCall, world: World): SandboxAnswer {
  const catalog = world.project.catalogs.find(({ name }) => name === call.parts[0])
  if (!catalog) return notFound(`Catalog ${call.parts[0]} not found`)
  const page = pageOf(call, catalog.items, 1000)
  if (typeof page === 'string') return badParams(page)
  return wrapped(world, {
    catalogItemsWithProperties: page.rows.map((row) => ({ catalogName: catalog.name, ...row })),
    totalItemsCount: catalog.items.length,
    ...page.links,
  })
}

function mappings({ parts: [name] }: SandboxCall, world: World): SandboxAnswer {
  const catalog = world.project.catalogs.find((row) => row.name === name)
  if (!catalog) return notFound(`Catalog ${name} not found`)
  const { definedMappings, undefinedFields } = catalog
  return wrapped(world, { definedMappings, undefinedFields })
}

/** In `params`, as the official client knows it, or flat, as the documentation says. */
const wrapped = ({ options }: World, params: unknown): SandboxAnswer =>
  options.catalogForm === 'flat' ? json(params) : success('', params)

function pageOf<T>(
  { path, query }: SandboxCall,
  rows: readonly T[],
  most: number,
): { rows: T[]; links: { nextPageUrl?: string } } | string {
  const page = Number(query.get('page') ?? 1)
  const size = Number(query.get('pageSize') ?? 10)
  if (!Number.isInteger(page) || page < 1) return `Invalid page: ${query.get('page')}`
  if (!(size >= 1 && size <= most))
    return `Invalid pageSize: ${query.get('pageSize')}, the maximum is ${most}`
  const next = new URLSearchParams(query)
  next.set('page', String(page + 1))
  return {
    rows: rows.slice((page - 1) * size, page * size),
    links: page * size < rows.length ? { nextPageUrl: `${path}?${next}` } : {},
  }
}
