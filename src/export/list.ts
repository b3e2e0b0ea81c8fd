/** What Iterable says of the list and of the fields, before anything is sent. */
import { ConfigError, messageOf } from '../errors.ts'
import type { IterableClient } from '../iterable/client.ts'
import { isRetryable } from '../iterable/errors.ts'
import { fieldsForm, listsForm } from '../iterable/forms.ts'
import type { Definition } from './definition.ts'
import { compareFields, type FieldReport } from './fields.ts'
import type { ExportEvent } from './progress.ts'
import type { FieldKind } from './stage.ts'

export interface Destination {
  readonly listName: string | undefined
  readonly fields: FieldReport
}

interface Input {
  readonly client: IterableClient
  readonly definition: Definition
  readonly signal: AbortSignal
  readonly emit: (event: ExportEvent) => void
}

/** @throws ConfigError for a list that does not exist or cannot be written; what Iterable says to a wrong key. */
export async function inspectList(
  input: Input,
  fields: ReadonlyMap<string, ReadonlySet<FieldKind>>,
): Promise<Destination> {
  return { listName: await listName(input), fields: await fieldReport(input, fields) }
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

async function fieldReport(
  { client, signal, emit }: Input,
  fields: ReadonlyMap<string, ReadonlySet<FieldKind>>,
): Promise<FieldReport> {
  if (fields.size === 0) return { created: [], conflicts: [] }
  try {
    const answer = await client.json('user_fields', { form: fieldsForm, signal })
    return compareFields(fields, new Map(Object.entries(answer.fields)))
  } catch (error) {
    if (signal.aborted || !isRetryable(error)) throw error
    emit({ type: 'notice', message: `fields could not be compared with Iterable's (${messageOf(error)})` })
    return { created: [], conflicts: [] }
  }
}
