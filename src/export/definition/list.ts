/** What Iterable says of the list and of the fields, before anything is sent. */
import type * as z from 'zod'
import { ConfigError, messageOf, TransientError } from '../../errors.ts'
import type { IterableClient } from '../../iterable/client.ts'
import type { Clock } from '../../iterable/clock.ts'
import { fieldsForm, listCreatedForm, listsForm } from '../../iterable/forms.ts'
import { suggestion } from '../../nearest.ts'
import { compareFields, type FieldReport } from '../rows/fields.ts'
import type { Staged } from '../rows/stage.ts'
import type { Definition, StatedDefinition } from './definition.ts'
import { refuseRivals, type SavedExport } from './saved.ts'

/** A list as Iterable tells it. */
export type ProjectList = z.output<typeof listsForm>['lists'][number]

export interface Destination {
  readonly listName: string | undefined
  readonly fields: FieldReport
}

interface Input {
  readonly client: IterableClient
  readonly definition: Definition
  readonly signal: AbortSignal
  /** All saved exports, as far as they are known. */
  readonly others?: (() => readonly SavedExport[]) | undefined
}

/** The project's fields and their types; undefined, and told, where they cannot be read. A removal needs none. */
export async function readFields(
  { client, definition, signal }: Input,
  tell: (message: string) => void,
): Promise<ReadonlyMap<string, string> | undefined> {
  if (definition.settings.action === 'remove') return new Map()
  try {
    const answer = await client.json('user_fields', { form: fieldsForm, signal })
    return new Map(Object.entries(answer.fields))
  } catch (error) {
    if (signal.aborted) throw error
    tell(
      `the project's fields could not be read (${messageOf(error)}): columns go under their own names, and nobody can say which of them are new`,
    )
    return undefined
  }
}

/** @throws ConfigError for a list that does not exist or cannot be written; what Iterable says to a wrong key. */
export async function inspectList(
  input: Input,
  { fields, mapping }: Pick<Staged, 'fields' | 'mapping'>,
  declared: ReadonlyMap<string, string> | undefined,
): Promise<Destination> {
  return { listName: await listName(input), fields: compareFields(fields, mapping, declared) }
}

async function listName({ client, definition, signal, others }: Input): Promise<string | undefined> {
  if (definition.hasNoList) return definition.settings.list
  const { lists } = await client.json('lists', { form: listsForm, signal })
  refuseRivals(definition, others?.() ?? [], listIdAmong(lists))
  return findList(lists, definition).name ?? undefined
}

/** Says which of the lists an export means, whether it is written by its id or by its name. */
export const listIdAmong =
  (lists: readonly ProjectList[]) =>
  ({ settings }: StatedDefinition): number | undefined =>
    settings.list_id ?? lists.find(({ name }) => name === settings.list)?.id

/** The list of an export. @throws ConfigError when there is none, or nobody can write to it. */
export function findList(lists: readonly ProjectList[], { name, settings }: StatedDefinition): ProjectList {
  const { list_id, list: listName } = settings
  const about = `export "${name}"`
  const found = lists.filter((list) => (list_id === undefined ? list.name === listName : list.id === list_id))
  const [list, another] = found
  if (!list) {
    throw new ConfigError(
      list_id === undefined
        ? `${about}: there is no list ${JSON.stringify(listName)} in this project${suggestion(
            listName ?? '',
            lists.flatMap((one) => one.name ?? []),
          )}; correct list, or let it be made: create_list: true`
        : `${about}: there is no list ${list_id} in this project; check list_id, and that the API key belongs to the project of the list`,
      { code: 'unknown_list', about },
    )
  }
  if (another) {
    throw new ConfigError(
      `${about}: ${found.length} lists of this project are called ${JSON.stringify(listName)} (${found.map(({ id }) => id).join(', ')}); say which by list_id`,
      { code: 'unknown_list', about },
    )
  }
  if (list.listType === 'Dynamic') {
    throw new ConfigError(
      `${about}: list ${list.id} (${list.name}) is dynamic: Iterable computes its members; choose a static list`,
      { code: 'dynamic_list', about },
    )
  }
  return list
}

/** After so many looks a list that was made should have shown. */
const looks = 12
const lookPauseMs = 5_000

export interface ListSearch extends Pick<Input, 'client' | 'signal'> {
  readonly clock: Clock
  readonly tell: (message: string) => void
  /** What is only looked at makes no list. */
  readonly mayCreate: boolean
}

/**
 * Finds the list of an export that is written by its name, or makes it.
 * @throws ConfigError where there is none of the name, or several; TransientError where one that was made does not show.
 */
export async function withList(
  definition: StatedDefinition,
  { client, signal, clock, tell, mayCreate }: ListSearch,
): Promise<Definition> {
  const { list_id, list: name, create_list } = definition.settings
  const having = (id: number): Definition => ({
    ...definition,
    settings: { ...definition.settings, list_id: id },
  })
  if (list_id !== undefined || name === undefined) return having(list_id as number)
  const read = async () => (await client.json('lists', { form: listsForm, signal })).lists
  const lists = await read()
  if (!create_list || lists.some((list) => list.name === name)) return having(findList(lists, definition).id)
  if (!mayCreate) {
    tell(`the list ${JSON.stringify(name)} is not there yet; the run makes it`)
    return { ...having(0), hasNoList: true }
  }
  const { listId } = await client.json('list_create', { form: listCreatedForm, body: { name }, signal })
  tell(`the list ${JSON.stringify(name)} was made: ${listId}`)
  for (let look = 0; look < looks; look += 1) {
    if ((await read()).some(({ id }) => id === listId)) return having(listId)
    await clock.sleep(lookPauseMs, signal)
  }
  throw new TransientError(
    'list_not_ready',
    `the list ${JSON.stringify(name)} (${listId}) was made, and Iterable does not show it yet; run the export again in some minutes`,
  )
}
