/** Makes the views of `sql/views` in `<schema>_marts`, and keeps them as their files and tables are. */
import { createHash } from 'node:crypto'
import { type Insertable, sql } from 'kysely'
import { messageOf } from '../errors.ts'
import type { MartsTable } from '../state/tables.ts'
import type { Session } from '../warehouse/session.ts'
import { literal, quoted } from '../warehouse/sql.ts'
import type { ViewFile } from './file.ts'
import { readViewFiles } from './files.ts'
import { commentsOf, renderView } from './render.ts'
import { missingStreams, readTables } from './state.ts'

/**
 * Makes the views whose streams are there and whose text has changed since; the others are left alone, which costs two
 * short reads. One that cannot be made stays as it was.
 * @returns What could not be done, in words for the user.
 */
export async function installViews(session: Session, now: Date): Promise<readonly string[]> {
  try {
    return await install(session, now)
  } catch (error) {
    return [`the views of ${session.names.marts} are as they were: ${messageOf(error)}`]
  }
}

async function install(session: Session, now: Date): Promise<readonly string[]> {
  const { names } = session
  const changed = await changedViews(session)
  if (changed.length === 0) return []
  await createSchema(session)
  for (const statement of session.dialect.analysis.functions(quoted(names.marts))) {
    await sql.raw(statement).execute(session.db)
  }
  const notices: string[] = []
  const failed = new Set<string>()
  for (const { file, select, comments, hash } of changed) {
    const row = { view_name: file.name, hash, changed_at: now }
    try {
      await createTables(session, file)
      await session.replaceView(`${quoted(names.marts)}.${quoted(file.name)}`, select, async (trx) => {
        for (const comment of comments) await sql.raw(comment).execute(trx)
        await record(trx, { ...row, problem: null })
      })
    } catch (error) {
      const problem = messageOf(error)
      failed.add(file.name)
      await record(session.db, { ...row, problem })
      // Said of the first: the views upon it fail for the same reason.
      if (!file.views.some((view) => failed.has(view))) {
        notices.push(`the view ${names.marts}.${file.name} could not be made: ${problem}`)
      }
    }
  }
  return notices
}

interface ChangedView {
  readonly file: ViewFile
  readonly select: string
  readonly comments: readonly string[]
  readonly hash: string
}

/** The views whose streams are there and that are missing, have another text than when they were made, or failed. */
async function changedViews(session: Session): Promise<readonly ChangedView[]> {
  const files = await readViewFiles()
  const tables = await readTables(session)
  const missing = missingStreams(files, (stream) => tables.has(stream))
  const known = await knownViews(session)
  return files
    .filter(({ name }) => missing.get(name)?.length === 0)
    .map((file) => {
      const select = renderView(file, session, tables)
      const comments = commentsOf(file, session)
      const hash = createHash('sha256')
        .update([select, ...comments].join('\n'))
        .digest('hex')
      return { file, select, comments, hash }
    })
    .filter(({ file, hash }) => {
      const before = known.get(file.name)
      return !before?.exists || before.hash !== hash || before.problem !== null
    })
}

interface KnownView {
  readonly hash: string
  readonly problem: string | null
  readonly exists: boolean
}

async function knownViews({ db, names }: Session): Promise<ReadonlyMap<string, KnownView>> {
  const recorded = await db.selectFrom('marts').select(['view_name', 'hash', 'problem']).execute()
  const { rows } = await sql<{ name: string }>`
    select table_name as name from information_schema.tables
    where table_catalog = current_database() and table_schema = ${names.marts}`.execute(db)
  const existing = new Set(rows.map(({ name }) => name))
  return new Map(
    recorded.map(({ view_name, hash, problem }) => [
      view_name,
      { hash, problem, exists: existing.has(view_name) },
    ]),
  )
}

/** Only where it is missing: `if not exists` too asks for the right to create one. */
async function createSchema({ db, names: { marts } }: Session): Promise<void> {
  const { rows } = await sql`
    select 1 from information_schema.schemata
    where catalog_name = current_database() and schema_name = ${marts}`.execute(db)
  if (rows.length > 0) return
  try {
    await sql.raw(`create schema if not exists ${quoted(marts)}`).execute(db)
  } catch (error) {
    const cure = `whoever owns the database can make it once: create schema ${quoted(marts)} authorization our role`
    throw new Error(`the schema cannot be made (${messageOf(error)}); ${cure}`, { cause: error })
  }
}

async function createTables({ db, names }: Session, { name: view, tables }: ViewFile): Promise<void> {
  for (const { name, columns } of tables) {
    const table = `${quoted(names.marts)}.${quoted(name)}`
    await sql.raw(`create table if not exists ${table} (${columns})`).execute(db)
    const about = `Rows of yours for the view ${view}; nothing else writes here.`
    await sql.raw(`comment on table ${table} is ${literal(about)}`).execute(db)
  }
}

const record = (db: Session['db'], { view_name, ...facts }: Insertable<MartsTable>): Promise<unknown> =>
  db
    .insertInto('marts')
    .values({ view_name, ...facts })
    .onConflict((conflict) => conflict.column('view_name').doUpdateSet(facts))
    .execute()
