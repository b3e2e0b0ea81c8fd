/** What is special about the members of lists: lists vanish, cannot be read, and come back short. */
import { sql } from 'kysely'
import type { Stream } from '../catalog/index.ts'
import { messageOf, TransientError } from '../errors.ts'
import { sizeForm } from '../iterable/forms.ts'
import { addToRun } from '../state/runs.ts'
import { keepVanishedLists } from '../warehouse/list-history.ts'
import { streamTable } from '../warehouse/sql.ts'
import type { SyncContext } from './context.ts'
import type { List } from './readers.ts'
import type { CountingClient } from './source.ts'

/** How much smaller a list may come back than it was before its size is asked for. */
const tolerated = 0.9

/** Deletes the members of lists that exist no longer; their history says that they left. */
export async function forgetVanishedLists(
  { warehouse, signal, memberCounts, runId, now }: SyncContext,
  stream: Stream,
  lists: readonly List[],
): Promise<void> {
  const listIds = lists.map(({ id }) => id)
  const existing = new Set(listIds)
  const vanished = [...memberCounts.keys()].filter((id) => !existing.has(id))
  await warehouse.transaction(
    async (tx) => {
      await keepVanishedLists(tx, { listIds, vanished, runId, now })
      if (vanished.length === 0) return
      await sql`delete from ${streamTable(tx, stream.name)}
        where cast("listId" as varchar) in (${sql.join(vanished)})`.execute(tx.tables)
    },
    { signal },
  )
}

/**
 * A list that is read for the first time, or comes back over 10 % smaller than the table has it, is checked against
 * Iterable's own count.
 * @throws TransientError with code `list_shrunk` when that count says that members are missing.
 */
export async function checkMemberCount(
  client: CountingClient,
  list: List,
  { members, before }: { readonly members: number; readonly before: number },
): Promise<void> {
  if (before > 0 && members >= before * tolerated) return
  const size = await client.json('list_size', { form: sizeForm, path: { listId: list.id } })
  if (members >= size * tolerated) return
  throw new TransientError(
    'list_shrunk',
    `list ${list.id} came back with ${members} members, but Iterable counts ${size} (${before} before)`,
  )
}

/** Records that a list could not be read; its rows stay as they are. */
export async function rejectList(
  { warehouse, runId, now, signal }: SyncContext,
  stream: Stream,
  list: List,
  error: unknown,
): Promise<void> {
  await warehouse.transaction(
    async ({ db }) => {
      await addToRun(db, runId, {
        rowsRead: 0,
        rowsWritten: 0,
        rowsRejected: 1,
        bytesRead: 0,
        apiCalls: 0,
      })
      await db
        .insertInto('rejected_rows')
        .values({
          run_id: runId,
          source: `stream:${stream.name}`,
          code: 'list_unreadable',
          reason: messageOf(error),
          row: `{"listId":${list.id},"name":${JSON.stringify(list.name)}}`,
          raw: null,
          rejected_at: now,
        })
        .execute()
    },
    { signal },
  )
}
