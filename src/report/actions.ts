/** What people did on the operations page. */
import { type ReportSource, readState } from './read.ts'

/** Times are ISO 8601. */
export interface ActionStatus {
  readonly at: string
  readonly actor: string
  readonly role: string
  readonly action: string
  readonly subject: string
  readonly note: string | null
  /** Null while it is under way. */
  readonly outcome: string | null
}

/** Newest first; all of them, or those on one subject. */
export async function readActions(
  source: ReportSource,
  { subject, limit }: { readonly subject?: string; readonly limit: number },
): Promise<readonly ActionStatus[]> {
  const rows = await readState(source, async ({ db, names }, tables) =>
    tables.has(`${names.sync}.actions`)
      ? db
          .selectFrom('actions')
          .selectAll()
          .$if(subject !== undefined, (actions) => actions.where('subject', '=', subject as string))
          .orderBy('begun_at', 'desc')
          .limit(limit)
          .execute()
      : [],
  )
  return (rows ?? []).map(({ action_id: _, ended_at: __, begun_at, ...row }) => ({
    ...row,
    at: begun_at.toISOString(),
  }))
}
