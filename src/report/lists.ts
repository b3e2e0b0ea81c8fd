/** The lists of a project beside what the warehouse knows of them. */
import { readMemberCounts } from '../warehouse/member-counts.ts'
import { type ReportSource, readState } from './read.ts'

/** A list; an entry of `lists --json`. */
export interface ListStatus {
  readonly id: number
  readonly name: string | null
  /** Only lists of the type `Standard` can be written to. */
  readonly type: string | null
  /** Members as of the last sync; null where they were never read. */
  readonly members: number | null
}

type NamedList = Pick<ListStatus, 'id'> & {
  readonly name?: string | null | undefined
  readonly listType?: string | null | undefined
}

/** Adds to the lists of the project how many members the warehouse has of each; by name. */
export async function describeLists(
  source: ReportSource,
  lists: readonly NamedList[],
): Promise<readonly ListStatus[]> {
  const members = await readState(source, async (session, tables) =>
    tables.has(`${session.names.streams}.list_users`) ? readMemberCounts(session) : undefined,
  )
  return lists
    .map(({ id, name, listType }) => ({
      id,
      name: name ?? null,
      type: listType ?? null,
      members: members ? (members.get(String(id)) ?? 0) : null,
    }))
    .sort((a, b) => (a.name ?? '').localeCompare(b.name ?? '') || a.id - b.id)
}
