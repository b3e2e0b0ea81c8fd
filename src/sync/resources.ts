/** Experiments, catalogues, and what is counted or copied once a day. */

import type { IterableResponse } from '../iterable/client.ts'
import { IterableHttpError, MalformedResponseError } from '../iterable/errors.ts'
import { catalogFieldsForm, fieldsForm, forgottenForm, sizeForm } from '../iterable/forms.ts'
import { memberOf } from '../json/members.ts'
import { mostPages } from './pages.ts'
import { documentLine, readLists, withFields } from './readers.ts'
import type { CountingClient } from './source.ts'
import { timeOf } from './times.ts'
import {
  elementsOf,
  type IndexRecord,
  indexRecord,
  joined,
  readWrapped,
  unlessMissing,
  utcDay,
  type WalkReach,
  type WalkReader,
  writeRecords,
} from './walk.ts'

const experimentsAPage = 100

/** A record of the list of experiments, parsed, and as it is written. */
interface Experiment {
  readonly id: string
  readonly facts: IndexRecord
  readonly line: Buffer
}

/** All experiments, as the list has them. */
export async function readExperimentList(client: CountingClient): Promise<readonly Experiment[]> {
  const experiments = new Map<string, Experiment>()
  for (let page = 0; ; page += 1) {
    const query = { limit: experimentsAPage, offset: page * experimentsAPage }
    const use = (answer: IterableResponse) => elementsOf(answer, 'experiments', 'experiments')
    const lines = await client.whole('experiments', use, { query })
    for (const line of lines) {
      const facts = indexRecord(line)
      const id = String(facts.id)
      if (!experiments.has(id)) experiments.set(id, { id, facts, line })
    }
    // Their total is spelled in several ways; a page that is not full is the last one in each.
    if (lines.length < experimentsAPage) return [...experiments.values()]
    if (page >= mostPages || experiments.size < (page + 1) * experimentsAPage) {
      throw new MalformedResponseError('experiments', 'a page brings what an earlier page brought')
    }
  }
}

/** So long after its end the winner of an experiment may be named, which no date of it tells. */
const lookbackMs = 7 * 86_400_000

/** Experiments that are under way, or ended no longer before the last look than the lookback. */
async function openExperiments({ client, since }: WalkReach): Promise<readonly Experiment[]> {
  const experiments = await readExperimentList(client)
  return experiments.filter(({ facts }) => {
    const end = timeOf(facts.finishDate)
    return !since || !end || end.getTime() >= since.getTime() - lookbackMs
  })
}

/** Each with its settings, and with what only the list tells of it. */
export const readExperiments: WalkReader = async (reach) => {
  const { client, sink } = reach
  for (const { id, line } of await openExperiments(reach)) {
    const use = ({ body }: IterableResponse) => documentLine(body, 'experiment')
    const details = await unlessMissing(client.whole('experiment', use, { path: { id } }))
    await sink.write(joined(line, details ?? Buffer.from('{}')))
  }
}

/** The variants of each experiment, with their contents. */
export const readExperimentVariants: WalkReader = async (reach) => {
  const { client, sink } = reach
  for (const { id, line } of await openExperiments(reach)) {
    const use = (answer: IterableResponse) => elementsOf(answer, 'variants', 'experiment_variants')
    const variants = await unlessMissing(client.whole('experiment_variants', use, { path: { id } }))
    for (const variant of variants ?? []) {
      const known = {
        experimentId: memberOf(line, 'id'),
        finishDate: memberOf(line, 'finishDate'),
        templateId: memberOf(memberOf(variant, 'value') ?? '', 'templateId'),
      }
      const members = Object.entries(known).flatMap(([name, value]) => (value ? [`"${name}":${value}`] : []))
      await sink.write(joined(Buffer.from(`{${members.join(',')}}`), variant))
    }
  }
}

/** The names of all catalogues. */
async function catalogNames(client: CountingClient): Promise<readonly string[]> {
  const names = new Set<string>()
  const source = { endpoint: 'catalogs', property: 'catalogNames', pageSize: 100 } as const
  await readWrapped(client, source, {
    lineOf: (record) => withFields(record, {}, 'catalogs'),
    sink: {
      async write(block) {
        for (const line of block.toString().split('\n')) {
          const { name } = line === '' ? {} : indexRecord(line)
          if (typeof name === 'string' && name !== '') names.add(name)
        }
      },
    },
  })
  return [...names]
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
    const lineOf = (record: Buffer) => withFields(record, { catalogName }, 'catalog_items')
    await readWrapped(client, { ...source, pageSize: 1000, path: { name: catalogName } }, { lineOf, sink })
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
