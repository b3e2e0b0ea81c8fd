/** How each channel of notifications has answered last. */
import { type Selectable, sql } from 'kysely'
import { storable } from './sound.ts'
import type { ChannelsTable } from './tables/schedules.ts'
import type { Db } from './tables.ts'

/** Records an answer; `error` is null when the message was taken. */
export async function recordAnswer(
  db: Db,
  { channel, error, now }: { readonly channel: string; readonly error: string | null; readonly now: Date },
): Promise<void> {
  const answer = { answered_at: now, error_text: error && storable(error) }
  await db
    .insertInto('channels')
    .values({ channel, ...answer, refusing_since: error === null ? null : now })
    .onConflict((conflict) =>
      conflict.column('channel').doUpdateSet((row) => ({
        ...answer,
        refusing_since:
          error === null ? null : sql<Date>`coalesce(${row.ref('channels.refusing_since')}, ${now})`,
      })),
    )
    .execute()
}

/** The last answer of each channel, by name. */
export const readAnswers = (db: Db): Promise<Selectable<ChannelsTable>[]> =>
  db.selectFrom('channels').selectAll().orderBy('channel').execute()
