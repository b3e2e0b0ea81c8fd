/**
 * What a sync has loaded, taken over into the table of a view of messages: all that is known of the messages that any new
 * row names, however old they are. After a large load they come in portions, as when the table is filled.
 */
import { sql } from 'kysely'
import type { Tx } from '../warehouse/session.ts'
import { instant, quoted } from '../warehouse/sql.ts'
import type { ViewFile } from './file.ts'
import { isInPortion, portionsOf } from './portions.ts'
import { messageOfEvent, renderInline } from './render.ts'

type RefreshInput = Omit<Parameters<typeof renderInline>[2], 'only' | 'kept'>

/** Takes over what is known of the messages that rows loaded since name. */
export async function refreshMessages(
  tx: Tx,
  table: string,
  file: ViewFile,
  since: Date,
  input: RefreshInput,
): Promise<void> {
  const named = [...input.tables.keys()].flatMap((stream) => {
    const column = messageOfEvent(tx, stream, input.tables)
    return column === undefined
      ? []
      : [
          `select ${column} as message_id from ${quoted(tx.names.streams)}.${quoted(stream)} where "_loaded_at" > ${instant(since)}`,
        ]
  })
  if (named.length === 0) return
  const messages = await noteMessages(
    tx,
    `select distinct message_id from (${named.join(' union all ')}) as named where message_id is not null`,
  )
  const portions = await portionsOf(tx, `select count(*) from ${messages}`)
  for (let portion = 0; portion < portions; portion += 1) await refreshPortion(portion)

  async function refreshPortion(portion: number): Promise<void> {
    const among = (message: string) =>
      portions === 1 ? 'true' : isInPortion(tx, message, { portion, portions })
    // What belongs to no message is taken over anew in any case.
    const only = (message: string) => `${among(message)} and (${message} is null
      or ${message} in (select message_id from ${messages} where ${among('message_id')}))`
    await sql.raw(`delete from ${table} where ${only(String(file.refresh))}`).execute(tx.tables)
    await sql.raw(`insert into ${table}\n${renderInline(file, tx, { ...input, only })}`).execute(tx.tables)
  }
}

/**
 * Notes the messages that a refresh is about among our own tables; where these live apart, beside the tables that are read,
 * for as long as the session lasts.
 * @returns The table in which they stand.
 */
async function noteMessages(tx: Tx, select: string): Promise<string> {
  if (tx.tables !== tx.db) {
    const noted = 'temp.mart_messages'
    await sql.raw(`create or replace temp table mart_messages as ${select}`).execute(tx.tables)
    return noted
  }
  const noted = `${quoted(tx.names.sync)}.mart_messages`
  await sql.raw(`delete from ${noted}`).execute(tx.tables)
  await sql.raw(`insert into ${noted} ${select}`).execute(tx.tables)
  await tx.analyze(noted)
  return noted
}
