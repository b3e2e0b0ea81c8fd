/** Views with the names and columns of another tool's schema (`marts.compatibility`): the files of `sql/fivetran`. */
import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import type { MartsConfig } from '../config/schema.ts'
import { messageOf } from '../errors.ts'
import { createSchemas, namesIn } from '../warehouse/schemas.ts'
import type { Session } from '../warehouse/session.ts'
import { quoted } from '../warehouse/sql.ts'
import { allEvents } from './events.ts'
import type { ViewFile } from './file.ts'
import { readViewFiles } from './files.ts'
import { commentsOf, renderView } from './render.ts'
import { missingStreams, readTables } from './state.ts'

/** What stands before the name of such a view in the table `marts`. */
const prefix = 'fivetran.'

/**
 * Makes the views whose streams are there, or changes them; where they are switched off, takes away what was made. A view
 * that somebody has built upon one keeps it.
 * @returns What could not be done, in words for the user.
 */
export async function keepCompatibility(
  session: Session,
  { settings, now }: { readonly settings: MartsConfig; readonly now: Date },
): Promise<readonly string[]> {
  try {
    const isWanted = settings.compatibility.includes('fivetran')
    const made = await madeViews(session)
    if (isWanted) return await makeViews(session, { settings, now, made })
    return made.size > 0 ? await dropViews(session, [...made.keys()]) : []
  } catch (error) {
    return [`the views of ${session.names.fivetran} are as they were: ${messageOf(error)}`]
  }
}

/** The views that were made, with the hash of their text; those that somebody has dropped are not among them. */
async function madeViews({ db, tables, names }: Session): Promise<ReadonlyMap<string, string>> {
  const recorded = await db
    .selectFrom('marts')
    .select(['view_name', 'hash'])
    .where('view_name', 'like', `${prefix}%`)
    .execute()
  const { rows } = await sql<{ name: string }>`
    select table_name as name from information_schema.tables
    where table_catalog = current_database() and table_schema = ${names.fivetran}`.execute(tables)
  const existing = new Set(rows.map(({ name }) => name))
  return new Map(
    recorded
      .map(({ view_name, hash }) => [view_name.slice(prefix.length), hash] as const)
      .filter(([name]) => existing.has(name)),
  )
}

interface Making {
  readonly settings: MartsConfig
  readonly now: Date
  readonly made: ReadonlyMap<string, string>
}

async function makeViews(session: Session, { settings, now, made }: Making): Promise<readonly string[]> {
  const { names } = session
  const files = await readViewFiles('fivetran')
  const tables = await readTables(session)
  const missing = missingStreams(files, (stream) => tables.has(stream))
  const changed = files
    .filter(({ name }) => missing.get(name)?.length === 0)
    .map((file) => {
      const select = renderView(
        withEvents(file, () => allEvents(session, tables)),
        session,
        tables,
        settings,
      )
      const comments = commentsOf(file, session, names.fivetran)
      const hash = createHash('sha256')
        .update([select, ...comments].join('\n'))
        .digest('hex')
      return { file, select, comments, hash }
    })
    .filter(({ file, hash }) => made.get(file.name) !== hash)
  if (changed.length === 0) return []
  await createSchemas(session, [names.fivetran])
  const notices: string[] = []
  for (const { file, select, comments, hash } of changed) {
    const view = `${quoted(names.fivetran)}.${quoted(file.name)}`
    try {
      await session.replaceView(view, select, async ({ db, tables: place }) => {
        await sql.raw(comments.join(';\n')).execute(place)
        const row = { view_name: `${prefix}${file.name}`, hash, changed_at: now, problem: null }
        await db
          .insertInto('marts')
          .values(row)
          .onConflict((conflict) => conflict.column('view_name').doUpdateSet({ hash, changed_at: now }))
          .execute()
      })
    } catch (error) {
      notices.push(`the view ${names.fivetran}.${file.name} could not be made: ${messageOf(error)}`)
    }
  }
  return notices
}

const withEvents = ({ select }: ViewFile, events: () => string): Pick<ViewFile, 'select'> => ({
  select: select.replaceAll('{{all_events}}', events),
})

/** The schema goes, too, unless somebody has put something of their own into it. */
async function dropViews(session: Session, made: readonly string[]): Promise<readonly string[]> {
  const { names, db, tables } = session
  const notices: string[] = []
  for (const name of made) {
    try {
      await sql.raw(`drop view ${quoted(names.fivetran)}.${quoted(name)}`).execute(tables)
      await db.deleteFrom('marts').where('view_name', '=', `${prefix}${name}`).execute()
    } catch (error) {
      notices.push(`the view ${names.fivetran}.${name} stays: ${messageOf(error)}`)
    }
  }
  // One that somebody else has made for us is theirs.
  if ((await namesIn(tables, names.fivetran)).size === 0)
    await sql
      .raw(`drop schema ${quoted(names.fivetran)}`)
      .execute(tables)
      .catch(() => {})
  return notices
}
