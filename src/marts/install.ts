/** Makes the views of `sql/views` in `<schema>_marts`, and keeps them as their files and tables are. */
import { createHash } from 'node:crypto'
import { type Insertable, sql } from 'kysely'
import type { MartsConfig } from '../config/schema.ts'
import { messageOf } from '../errors.ts'
import type { MartsTable } from '../state/tables/views.ts'
import { createSchemas, namesIn } from '../warehouse/schemas.ts'
import type { Session } from '../warehouse/session.ts'
import { literal, quoted } from '../warehouse/sql.ts'
import { keepCompatibility } from './compatibility.ts'
import type { ViewFile } from './file.ts'
import { readViewFiles } from './files.ts'
import { dropUnkept, type KeepInput, keepTables } from './keep.ts'
import { commentsOf, type FoundTables, renderView } from './render.ts'
import { missingStreams, readTables } from './state.ts'

export interface InstallInput {
  readonly settings: MartsConfig
  readonly loadedThrough: KeepInput['loadedThrough']
  readonly now: Date
  /** Views that are filled anew. */
  readonly rebuilt?: readonly string[]
}

/**
 * Makes the views whose streams are there and whose text has changed since; the others are left alone, which costs two
 * short reads. One that cannot be made stays as it was. Those that are kept as tables are refreshed.
 * @returns What could not be done, in words for the user.
 */
export async function installViews(session: Session, input: InstallInput): Promise<readonly string[]> {
  try {
    const notices = await install(session, input)
    return [...notices, ...(await keepCompatibility(session, input))]
  } catch (error) {
    return [`the views of ${session.names.marts} are as they were: ${messageOf(error)}`]
  }
}

async function install(session: Session, input: InstallInput): Promise<readonly string[]> {
  const { settings, now } = input
  const files = await readViewFiles()
  const tables = await readTables(session)
  const missing = missingStreams(files, (stream) => tables.has(stream))
  const possible = files.filter(({ name }) => missing.get(name)?.length === 0)
  const wanted = possible.filter(({ name }) => settings.materialize.includes(name))
  const prepare = () => prepareTables(session, possible)
  const kept = await keepTables(session, { ...input, files, wanted, tables, prepare })
  const notices = [...unknownViews(settings, files), ...kept.notices]
  const changed = await changedViews(session, { files: possible, tables, settings, kept: kept.tables })
  if (changed.length === 0) return notices
  await prepareSchema(session)
  if (!(await isMadeAtOnce(session, changed, now)))
    notices.push(...(await makeOneByOne(session, changed, now)))
  return [...notices, ...(await dropUnkept(session, files, kept.tables))]
}

/** All of them in one transaction and one message, which takes a third of the time; false where one cannot be made. */
async function isMadeAtOnce(session: Session, changed: readonly ChangedView[], now: Date): Promise<boolean> {
  const statements = changed.flatMap(({ file, select, comments }) => [
    ...tablesOf(file, session),
    `create or replace view ${viewOf(file, session)} as\n${select}\n`,
    ...comments,
  ])
  try {
    await session.transaction(
      async ({ db, tables }) => {
        await sql.raw(statements.join(';\n')).execute(tables)
        await record(
          db,
          changed.map((view) => recordOf(view, now)),
        )
      },
      { isAltering: true },
    )
    return true
  } catch {
    // Whichever it is, and what it says, shows one by one.
    return false
  }
}

async function makeOneByOne(
  session: Session,
  changed: readonly ChangedView[],
  now: Date,
): Promise<readonly string[]> {
  const { names } = session
  const notices: string[] = []
  const failed = new Set<string>()
  for (const view of changed) {
    const { file, select, comments } = view
    try {
      for (const statement of tablesOf(file, session)) await sql.raw(statement).execute(session.tables)
      await session.replaceView(viewOf(file, session), select, async ({ db, tables }) => {
        await sql.raw(comments.join(';\n')).execute(tables)
        await record(db, [recordOf(view, now)])
      })
    } catch (error) {
      const problem = messageOf(error)
      failed.add(file.name)
      await record(session.db, [{ ...recordOf(view, now), problem }])
      // Said of the first: the views upon it fail for the same reason.
      if (!file.views.some((view) => failed.has(view))) {
        notices.push(`the view ${names.marts}.${file.name} could not be made: ${problem}`)
      }
    }
  }
  return notices
}

const unknownViews = ({ materialize }: MartsConfig, files: readonly ViewFile[]): readonly string[] =>
  materialize
    .filter((name) => !files.some((file) => file.name === name))
    .map((name) => `marts.materialize names ${name}, which is not a view: "iterable-elt views" lists them`)

/** What views need to be made. */
async function prepareSchema(session: Session): Promise<void> {
  await createSchema(session)
  for (const statement of session.dialect.analysis.functions(quoted(session.names.marts))) {
    await sql.raw(statement).execute(session.tables)
  }
}

/** What the tables of views need to be made. */
async function prepareTables(session: Session, files: readonly ViewFile[]): Promise<void> {
  await prepareSchema(session)
  for (const statement of files.flatMap((file) => tablesOf(file, session))) {
    await sql.raw(statement).execute(session.tables)
  }
}

interface ChangedView {
  readonly file: ViewFile
  readonly select: string
  readonly comments: readonly string[]
  readonly hash: string
}

/** The views that are missing, have another text than when they were made, or failed. */
async function changedViews(
  session: Session,
  {
    files,
    tables,
    settings,
    kept,
  }: {
    readonly files: readonly ViewFile[]
    readonly tables: FoundTables
    readonly settings: MartsConfig
    readonly kept: ReadonlyMap<string, string>
  },
): Promise<readonly ChangedView[]> {
  const known = await knownViews(session)
  return files
    .map((file) => {
      const table = kept.get(file.name) ?? kept.get(file.within ?? '')
      const select =
        table === undefined ? renderView(file, session, tables, settings) : readingOf(session, file, table)
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

/** The select of a view whose columns are kept in a table. */
const readingOf = ({ names }: Pick<Session, 'names'>, { columns }: ViewFile, table: string): string =>
  `select ${columns.map(({ name }) => quoted(name)).join(', ')} from ${quoted(names.marts)}.${quoted(table)}`

interface KnownView {
  readonly hash: string
  readonly problem: string | null
  readonly exists: boolean
}

async function knownViews({ db, tables, names }: Session): Promise<ReadonlyMap<string, KnownView>> {
  const recorded = await db.selectFrom('marts').select(['view_name', 'hash', 'problem']).execute()
  const existing = await namesIn(tables, names.marts)
  return new Map(
    recorded.map(({ view_name, hash, problem }) => [
      view_name,
      { hash, problem, exists: existing.has(view_name) },
    ]),
  )
}

async function createSchema(session: Session): Promise<void> {
  const { marts } = session.names
  try {
    await createSchemas(session, [marts])
  } catch (error) {
    const cure = `whoever owns the database can make it once: create schema ${quoted(marts)} authorization our role`
    throw new Error(`the schema cannot be made (${messageOf(error)}); ${cure}`, { cause: error })
  }
}

const viewOf = ({ name }: ViewFile, { names }: Session): string => `${quoted(names.marts)}.${quoted(name)}`

/** The statements that make the tables of a view which people fill. */
const tablesOf = ({ name: view, tables }: ViewFile, { names }: Session): readonly string[] =>
  tables.flatMap(({ name, columns }) => {
    const table = `${quoted(names.marts)}.${quoted(name)}`
    const about = `Rows of yours for the view ${view}; nothing else writes here.`
    return [
      `create table if not exists ${table} (${columns})`,
      `comment on table ${table} is ${literal(about)}`,
    ]
  })

const recordOf = ({ file, hash }: ChangedView, now: Date) => ({
  view_name: file.name,
  hash,
  changed_at: now,
  problem: null,
})

const record = (db: Session['db'], rows: readonly Insertable<MartsTable>[]): Promise<unknown> =>
  db
    .insertInto('marts')
    .values(rows)
    .onConflict((conflict) =>
      conflict.column('view_name').doUpdateSet((row) => ({
        hash: row.ref('excluded.hash'),
        changed_at: row.ref('excluded.changed_at'),
        problem: row.ref('excluded.problem'),
      })),
    )
    .execute()
