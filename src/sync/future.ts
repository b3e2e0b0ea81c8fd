/** Bookmarks that lie in the future: a machine whose clock was fast has left them, and nothing was read up to there. */
import { sql } from 'kysely'
import type { Session } from '../warehouse/session.ts'
import { streamTable } from '../warehouse/sql.ts'
import type { StreamStart } from './context.ts'

/** Clocks of several machines may differ by a little; a lookback is longer. */
const toleratedMs = 3_600_000

/** The start with a bookmark that may be: where it lies in the future, the time of the newest record that does not. */
export async function withPossibleBookmark(
  place: Pick<Session, 'names' | 'tables'>,
  start: StreamStart,
  { now, tell }: { readonly now: Date; readonly tell: (message: string) => void },
): Promise<StreamStart> {
  const { stream, bookmark } = start
  if (!stream.bookmark || !bookmark || bookmark.getTime() - now.getTime() <= toleratedMs) return start
  const time = sql.id(stream.bookmark)
  const { rows } = await sql<{ newest: Date | null }>`
    select max(${time}) as newest from ${streamTable(place, stream.name)} where ${time} <= ${now}`.execute(
    place.tables,
  )
  const newest = rows[0]?.newest ?? undefined
  const from = newest ? `from ${newest.toISOString()} on, its newest record,` : 'all of it'
  tell(
    `${stream.name}: its bookmark ${bookmark.toISOString()} lies in the future: the clock of some machine was wrong, or that of this one is; ${from} is read again`,
  )
  return { ...start, bookmark: newest }
}
