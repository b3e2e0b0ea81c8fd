/** Experiments, catalogues, and what is counted or copied once a day. */

import { IterableHttpError, MalformedResponseError } from '../iterable/errors.ts'
import { catalogFieldsForm, fieldsForm, forgottenForm, sizeForm, variantsForm } from '../iterable/forms.ts'
import { splitEnvelope } from '../iterable/lines.ts'
import { readLists, withFields } from './readers.ts'
import type { CountingClient } from './source.ts'
import {
  type IndexRecord,
  pagesOf,
  timeOf,
  unlessMissing,
  utcDay,
  type WalkReach,
  type WalkReader,
  writeRecords,
} from './walk.ts'

const newline = Buffer.from('\n')
const experimentsAPage = 100
/** As for documents: more pages than this mean a server that goes in circles. */
const mostPages = 10_000

/** All experiments, as the list has them. */
export async function readExperimentList(client: CountingClient): Promise<readonly IndexRecord[]> {
  const experiments: IndexRecord[] = []
  const met = new Set<unknown>()
  for (let page = 0; ; page += 1) {
    const query = { limit: experimentsAPage, offset: page * experimentsAPage }
    const { body } = await client.request('experiments', { query })
    let received = 0
    for await (const line of splitEnvelope(body, 'experiments', 'experiments')) {
      received += 1
      const experiment = JSON.parse(line.toString()) as IndexRecord
      if (!met.has(experiment.id)) experiments.push(experiment)
      met.add(experiment.id)
    }
    // Their total is spelled in several ways; a page that is not full is the last one in each.
    if (received < experimentsAPage) return experiments
    if (page >= mostPages || met.size < (page + 1) * experimentsAPage) {
      throw new MalformedResponseError('experiments', 'a page brings what an earlier page brought')
    }
  }
}

/** So long after its end the winner of an experiment may be named, which no date of it tells. */
const lookbackMs = 7 * 86_400_000

/** Experiments that are under way, or ended no longer before the last look than the lookback. */
async function openExperiments({ client, since }: WalkReach): Promise<readonly IndexRecord[]> {
  const experiments = await readExperimentList(client)
  return experiments.filter(({ finishDate }) => {
    const end = timeOf(finishDate)
    return !since || !end || end.getTime() >= since.getTime() - lookbackMs
  })
}

/** Each with its settings, and with what only the list tells of it. */
export const readExperiments: WalkReader = async (reach) => {
  const { client, sink } = reach
  for (const experiment of await openExperiments(reach)) {
    const path = { id: String(experiment.id) }
    const details = await unlessMissing(client.json('experiment', { path }))
    await writeRecords(sink, [{ ...experiment, ...(details as object | undefined) }])
  }
}

/** The variants of each experiment, with their contents. */
export const readExperimentVariants: WalkReader = async (reach) => {
  const { client, sink } = reach
  for (const { id, finishDate } of await openExperiments(reach)) {
    const path = { id: String(id) }
    const answer = await unlessMissing(client.json('experiment_variants', { path, form: variantsForm }))
    await writeRecords(
      sink,
      (answer?.variants ?? []).map((variant) => ({
        experimentId: id,
        finishDate,
        templateId: (variant.value as IndexRecord | null | undefined)?.templateId,
        ...variant,
      })),
    )
  }
}

/** The names of all catalogues. */
async function catalogNames(client: CountingClient): Promise<readonly string[]> {
  const names: string[] = []
  const pages = pagesOf(client, { endpoint: 'catalogs', property: 'catalogNames', pageSize: 100 })
  for await (const line of pages) {
    const { name } = JSON.parse(line.toString()) as IndexRecord
    if (typeof name === 'string' && name !== '') names.push(name)
  }
  return names
}

export const readCatalogs: WalkReader = async ({ client, sink }) =>
  writeRecords(
    sink,
    (await catalogNames(client)).map((name) => ({ name })),
  )

export const readCatalogFields: WalkReader = async ({ client, sink }) => {
  for (const catalogName of await catalogNames(client)) {
    const path = { name: catalogName }
    const answer = await unlessMissing(client.json('catalog_fields', { path, form: catalogFieldsForm }))
    const mappings = (answer && 'params' in answer ? answer.params : answer) as
      | { definedMappings?: Record<string, string> | null; undefinedFields?: string[] | null }
      | undefined
    await writeRecords(sink, [
      ...Object.entries(mappings?.definedMappings ?? {}).map(([fieldName, fieldType]) => ({
        catalogName,
        fieldName,
        fieldType,
      })),
      ...(mappings?.undefinedFields ?? []).map((fieldName) => ({ catalogName, fieldName })),
    ])
  }
}

export const readCatalogItems: WalkReader = async ({ client, sink }) => {
  for (const catalogName of await catalogNames(client)) {
    const source = { endpoint: 'catalog_items', property: 'catalogItemsWithProperties' } as const
    const items = pagesOf(client, { ...source, pageSize: 1000, path: { name: catalogName } })
    for await (const line of items) {
      await sink.write(Buffer.concat([withFields(line, { catalogName }, 'catalog_items'), newline]))
    }
  }
}

/** The declared fields of profiles, as they are today. */
export const readUserFields: WalkReader = async ({ client, sink, now }) => {
  const { fields } = await client.json('user_fields', { form: fieldsForm })
  const stamp = { day: utcDay(now), measuredAt: now.toISOString() }
  await writeRecords(
    sink,
    Object.entries(fields).map(([name, type]) => ({ name, type, ...stamp })),
  )
}

/** How many members each list has today. */
export const readListSizes: WalkReader = async ({ client, sink, now }) => {
  const stamp = `"day":"${utcDay(now)}","measuredAt":"${now.toISOString()}"`
  for (const { id } of await readLists(client)) {
    // A list may be deleted while the others are counted.
    const size = await unlessMissing(client.json('list_size', { form: sizeForm, path: { listId: id } }))
    if (size !== undefined) await sink.write(Buffer.from(`{"listId":${id},"size":${size},${stamp}}\n`))
  }
}

/** Hashes of the people who asked to be forgotten. One of the two calls fails where people have one identifier only. */
export const readForgotten: WalkReader = async ({ client, sink }) => {
  const refusals: IterableHttpError[] = []
  for (const endpoint of ['forgotten_emails', 'forgotten_user_ids'] as const) {
    try {
      const { hashedEmails, hashedUserIds } = await client.json(endpoint, { form: forgottenForm })
      const [kind, hashes] =
        endpoint === 'forgotten_emails' ? ['email', hashedEmails] : ['userId', hashedUserIds]
      await writeRecords(
        sink,
        (hashes ?? []).map((hash) => ({ hash: hash.toLowerCase(), kind })),
      )
    } catch (error) {
      if (!(error instanceof IterableHttpError) || error.retryable) throw error
      refusals.push(error)
    }
  }
  // One of the two is refused by the type of the project; both are refused by the key.
  if (refusals.length === 2) throw refusals[0]
}
