/**
 * Views that are kept as tables (`marts.materialize`): the view stays, and reads its table. What a sync has loaded is
 * taken over at its end, in one transaction: of a view of messages, all that is known of the messages that any new row
 * names, however old they are; another view is filled anew.
 */
import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import type { MartsConfig } from '../config/schema.ts'
import { messageOf } from '../errors.ts'
import type { Session, Tx } from '../warehouse/session.ts'
import { instant, literal, quoted } from '../warehouse/sql.ts'
import type { ViewFile } from './file.ts'
import { type FoundTables, messageOfEvent, renderInline } from './render.ts'

export interface KeepInput {
  readonly settings: MartsConfig
  readonly files: readonly ViewFile[]
  /** Those of them that are to be kept. */
  readonly wanted: readonly ViewFile[]
  readonly tables: FoundTables
  /** Views that are filled anew, whatever has changed. */
  readonly rebuilt?: readonly string[]
  /**
   * The instant that rows of the latest sync carry; later rows are not there yet. Undefined while other syncs work, whose
   * rows may be of any time: what is new then counts as new the next time, too.
   */
  readonly loadedThrough: Date | undefined
  readonly now: Date
  /** Makes what the selects call and read besides the streams. */
  readonly prepare: () => Promise<void>
  /** Gives the engine more memory after it ran out of it; false where that was not the matter. */
  readonly growAfter: (error: unknown) => Promise<boolean>
}

export interface KeptViews {
  /** The table of each view that has one. */
  readonly tables: ReadonlyMap<string, string>
  readonly notices: readonly string[]
}

/** Makes the tables that are missing and refreshes the others. One that cannot be filled stays as it was. */
export async function keepTables(session: Session, input: KeepInput): Promise<KeptViews> {
  const tables = new Map<string, string>()
  const notices: string[] = []
  for (const file of input.wanted) {
    const known = await knownTable(session, file.name)
    for (;;) {
      try {
        tables.set(file.name, await keepTable(session, file, known, input))
        break
      } catch (error) {
        if (await input.growAfter(error)) continue
        notices.push(`the table of ${session.names.marts}.${file.name} is as it was: ${messageOf(error)}`)
        if (known) tables.set(file.name, known.table_name)
        break
      }
    }
  }
  return { tables, notices }
}

/** Drops the tables that no view reads any more. @returns What could not be dropped. */
export async function dropUnkept(
  { db, tables, names }: Session,
  files: readonly ViewFile[],
  kept: ReadonlyMap<string, string>,
): Promise<readonly string[]> {
  const { rows } = await sql<{ name: string }>`
    select table_name as name from information_schema.tables
    where table_catalog = current_database() and table_schema = ${names.marts} and table_type = 'BASE TABLE'`.execute(
    tables,
  )
  const used = new Set(kept.values())
  const notices: string[] = []
  for (const { name } of rows) {
    const view = files.find((file) => isTableOf(file.name, name))
    if (!view || used.has(name)) continue
    try {
      await sql.raw(`drop table ${quoted(names.marts)}.${quoted(name)}`).execute(tables)
      if (!kept.has(view.name))
        await db.deleteFrom('mart_tables').where('view_name', '=', view.name).execute()
    } catch (error) {
      notices.push(
        `the table ${names.marts}.${name}, which nothing of ours reads any more, stays: ${messageOf(error)}`,
      )
    }
  }
  return notices
}

interface KnownTable {
  readonly table_name: string
  readonly hash: string
  readonly inputs: string
  readonly loaded_through: Date
}

const knownTable = ({ db }: Pick<Session, 'db'>, view: string): Promise<KnownTable | undefined> =>
  db.selectFrom('mart_tables').selectAll().where('view_name', '=', view).executeTakeFirst()

const tableNameOf = (view: string, hash: string): string => `${view}_table_${hash.slice(0, 8)}`
const isTableOf = (view: string, table: string): boolean =>
  table.startsWith(`${view}_table_`) && table.length === tableNameOf(view, '00000000').length

/** Returns the name of the table. */
async function keepTable(
  session: Session,
  file: ViewFile,
  known: KnownTable | undefined,
  input: KeepInput,
): Promise<string> {
  const select = renderInline(file, session, input)
  const hash = sha256(select)
  if (known?.hash !== hash) await input.prepare()
  const inputs = sha256(await ownRows(session, select, input.files))
  const name = tableNameOf(file.name, hash)
  const isAsWanted = known?.hash === hash && known.inputs === inputs && !input.rebuilt?.includes(file.name)
  if (isAsWanted && !(await hasLoaded(session, known.loaded_through))) return name
  await session.transaction(async (tx) => {
    const table = `${quoted(tx.names.marts)}.${quoted(name)}`
    if (known?.hash !== hash) await createTable(tx, table, file, select)
    // Which messages are new is noted among our own tables: where these live apart, all are taken over.
    const isApart = tx.tables !== tx.db
    if (!isAsWanted || file.refresh === undefined || isApart) await fillAnew(tx, table, file, input)
    else await refreshMessages(tx, table, file, known.loaded_through, input)
    await tx.analyze(table)
    const facts = {
      ...{ table_name: name, hash, inputs },
      loaded_through: input.loadedThrough ?? known?.loaded_through ?? new Date(0),
      refreshed_at: input.now,
    }
    await tx.db
      .insertInto('mart_tables')
      .values({ view_name: file.name, ...facts })
      .onConflict((conflict) => conflict.column('view_name').doUpdateSet(facts))
      .execute()
  })
  return name
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

/** Rows that users have put beside the views and that the select reads. */
async function ownRows(session: Session, select: string, files: readonly ViewFile[]): Promise<string> {
  const texts: string[] = []
  for (const { name } of files.flatMap(({ tables }) => tables)) {
    const table = `${quoted(session.names.marts)}.${quoted(name)}`
    if (!select.includes(table)) continue
    const { rows } = await sql.raw(`select * from ${table}`).execute(session.tables)
    texts.push(...rows.map((row) => JSON.stringify(row)).sort())
  }
  return texts.join('\n')
}

/** True where a sync has written rows since. */
async function hasLoaded({ db }: Session, since: Date): Promise<boolean> {
  const run = await db
    .selectFrom('runs')
    .select('run_id')
    .where('kind', '=', 'sync')
    .where('started_at', '>', since)
    .where('rows_written', '>', 0)
    .limit(1)
    .executeTakeFirst()
  return run !== undefined
}

async function createTable(tx: Tx, table: string, { name }: ViewFile, select: string): Promise<void> {
  await sql.raw(`drop table if exists ${table}`).execute(tx.tables)
  await sql
    .raw(`create table ${table} as\nselect * from (\n${select}\n) as filled where false`)
    .execute(tx.tables)
  const about = `What the view ${name} says: kept by the sync, as marts.materialize asks. Read the view.`
  await sql.raw(`comment on table ${table} is ${literal(about)}`).execute(tx.tables)
}

/** In portions of messages, where the select takes them and the warehouse works in the memory of this process. */
async function fillAnew(tx: Tx, table: string, file: ViewFile, input: KeepInput): Promise<void> {
  await sql.raw(`delete from ${table}`).execute(tx.tables)
  const portions = file.refresh === undefined ? 1 : await portionsOf(tx, input.tables)
  for (let portion = 0; portion < portions; portion += 1) {
    const only = (message: string) =>
      `abs(mod(${tx.dialect.hash(`coalesce(${message}, '')`)}, ${portions})) = ${portion}`
    const select = renderInline(file, tx, portions === 1 ? input : { ...input, only })
    await sql.raw(`insert into ${table}\n${select}`).execute(tx.tables)
  }
}

async function portionsOf(tx: Tx, found: FoundTables): Promise<number> {
  const { dialect, names } = tx
  if (dialect.portionRows === undefined) return 1
  const sends = [...found.keys()].filter((stream) => stream.endsWith('_send'))
  const counts = sends.map((stream) => `(select count(*) from ${quoted(names.streams)}.${quoted(stream)})`)
  if (counts.length === 0) return 1
  const { rows } = await sql.raw<{ rows: number }>(`select ${counts.join(' + ')} as rows`).execute(tx.tables)
  return Math.max(1, Math.ceil((rows[0]?.rows ?? 0) / dialect.portionRows))
}

/** Takes over what is known of the messages that rows loaded since name. */
async function refreshMessages(
  tx: Tx,
  table: string,
  file: ViewFile,
  since: Date,
  input: KeepInput,
): Promise<void> {
  const messages = `${quoted(tx.names.sync)}.mart_messages`
  await sql.raw(`delete from ${messages}`).execute(tx.db)
  const named = [...input.tables.keys()].flatMap((stream) => {
    const column = messageOfEvent(tx, stream, input.tables)
    return column === undefined
      ? []
      : [
          `select ${column} as message_id from ${quoted(tx.names.streams)}.${quoted(stream)} where "_loaded_at" > ${instant(since)}`,
        ]
  })
  if (named.length === 0) return
  await sql
    .raw(
      `insert into ${messages} select distinct message_id from (${named.join(' union all ')}) as named where message_id is not null`,
    )
    .execute(tx.db)
  await tx.analyze(messages)
  // What belongs to no message is taken over anew in any case.
  const isNamed = (message: string) =>
    `(${message} is null or ${message} in (select message_id from ${messages}))`
  await sql.raw(`delete from ${table} where ${isNamed(String(file.refresh))}`).execute(tx.db)
  await sql.raw(`insert into ${table}\n${renderInline(file, tx, { ...input, only: isNamed })}`).execute(tx.db)
}
