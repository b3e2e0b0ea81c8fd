/** What Iterable says of the list and of the fields, before anything is sent. */
import { ConfigError, messageOf } from '../errors.ts'
import type { IterableClient } from '../iterable/client.ts'
import { fieldsForm, listsForm } from '../iterable/forms.ts'
import type { Definition } from './definition.ts'
import { compareFields, type FieldReport } from './fields.ts'
import type { Staged } from './stage.ts'

export interface Destination {
  readonly listName: string | undefined
  readonly fields: FieldReport
}

interface Input {
  readonly client: IterableClient
  readonly definition: Definition
  readonly signal: AbortSignal
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

async function listName({ client, definition, signal }: Input): Promise<string | undefined> {
  const { list_id } = definition.settings
  const { lists } = await client.json('lists', { form: listsForm, signal })
  const list = lists.find(({ id }) => id === list_id)
  if (!list) {
    throw new ConfigError(
      `export "${definition.name}": there is no list ${list_id} in this project; check list_id, and that the API key belongs to the project of the list`,
      { code: 'unknown_list' },
    )
  }
  if (list.listType === 'Dynamic') {
    throw new ConfigError(
      `export "${definition.name}": list ${list_id} (${list.name}) is dynamic: Iterable computes its members; choose a static list`,
      { code: 'dynamic_list' },
    )
  }
  return list.name ?? undefined
}
