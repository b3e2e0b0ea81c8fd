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
import { literal, quoted } from '../warehouse/sql.ts'
import type { ViewFile } from './file.ts'
import { fillTables } from './fill.ts'
import { refreshMessages } from './refresh.ts'
import { type FoundTables, renderInline } from './render.ts'

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
  const leave = (file: ViewFile, known: KnownTable | undefined, error: unknown) => {
    notices.push(`the table of ${session.names.marts}.${file.name} is as it was: ${messageOf(error)}`)
    if (known) tables.set(file.name, known.table_name)
  }
  const plans: KeepPlan[] = []
  for (const file of input.wanted) {
    const known = await knownTable(session, file.name)
    await planOf(session, file, known, input).then(
      (plan) => plans.push(plan),
      (error: unknown) => leave(file, known, error),
    )
  }
  const current = new Map<string, string>()
  const groups = groupsOf(plans)
  for (let group = groups.shift(); group; group = groups.shift()) {
    try {
      await keepTogether(session, group, current, input)
      for (const { file, table } of group) current.set(file.name, table)
    } catch (error) {
      // Whichever it is: the others are kept without it.
      if (group.length > 1) groups.unshift(...group.map((plan) => [plan]))
      else for (const { file, known } of group) leave(file, known, error)
    }
  }
  return { tables: new Map([...tables, ...current]), notices }
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
/** True for the name of a table in which some view is, or was, kept. */
export const isKeptTable = (table: string): boolean => /._table_[0-9a-f]{8}$/.test(table)
const isTableOf = (view: string, table: string): boolean =>
  table.startsWith(`${view}_table_`) && table.length === tableNameOf(view, '00000000').length

/** What is to be done with the table of a view. */
interface KeepPlan {
  readonly file: ViewFile
  readonly known: KnownTable | undefined
  /** Name of its table. */
  readonly table: string
  /** Of the select, and of the rows that users have put beside the views. */
  readonly hash: string
  readonly inputs: string
  readonly select: string
  readonly step: 'leave' | 'refresh' | 'fill'
}

async function planOf(
  session: Session,
  file: ViewFile,
  known: KnownTable | undefined,
  input: KeepInput,
): Promise<KeepPlan> {
  const select = renderInline(file, session, input)
  const hash = sha256(select)
  if (known?.hash !== hash) await input.prepare()
  const inputs = sha256(await ownRows(session, select, input.files))
  const isAsWanted = known?.hash === hash && known.inputs === inputs && !input.rebuilt?.includes(file.name)
  const step = () => (isAsWanted && file.refresh !== undefined ? 'refresh' : 'fill')
  return {
    file,
    known,
    hash,
    inputs,
    select,
    table: tableNameOf(file.name, hash),
    step: isAsWanted && !(await hasLoaded(session, known.loaded_through)) ? 'leave' : step(),
  }
}

/** Tables of messages that are filled anew are filled together, after those of which less is to be done. */
function groupsOf(plans: readonly KeepPlan[]): (readonly KeepPlan[])[] {
  const isFilled = ({ step }: KeepPlan) => step === 'fill'
  const isOfMessages = ({ file }: KeepPlan) => file.refresh !== undefined
  const together = plans.filter((plan) => isFilled(plan) && isOfMessages(plan))
  const others = plans.filter((plan) => isFilled(plan) && !isOfMessages(plan))
  return [
    ...plans.filter((plan) => !isFilled(plan)).map((plan) => [plan]),
    ...(together.length > 0 ? [together] : []),
    ...others.map((plan) => [plan]),
  ]
}

async function keepTogether(
  session: Session,
  group: readonly KeepPlan[],
  current: ReadonlyMap<string, string>,
  input: KeepInput,
): Promise<void> {
  const plans = group.filter(({ step }) => step !== 'leave')
  if (plans.length === 0) return
  await session.transaction(async (tx) => {
    const tableOf = (name: string) => `${quoted(tx.names.marts)}.${quoted(name)}`
    for (const { file, known, hash, select, table } of plans)
      if (known?.hash !== hash) await createTable(tx, tableOf(table), file, select)
    for (const { file, known, step, table } of plans)
      if (known && step === 'refresh')
        await refreshMessages(tx, tableOf(table), file, known.loaded_through, input)
    const filled = plans.filter(({ step }) => step === 'fill')
    const views = filled.map(({ file, table }) => ({ file, table: tableOf(table) }))
    const kept = new Map([...current].map(([view, table]) => [view, tableOf(table)]))
    await fillTables(tx, views, { ...input, kept })
    for (const plan of plans) {
      await tx.analyze(tableOf(plan.table))
      await record(tx, plan, input)
    }
  })
}

async function record(
  tx: Tx,
  { file, known, table, hash, inputs }: KeepPlan,
  input: KeepInput,
): Promise<void> {
  const facts = {
    table_name: table,
    hash,
    inputs,
    loaded_through: input.loadedThrough ?? known?.loaded_through ?? new Date(0),
    refreshed_at: input.now,
  }
  await tx.db
    .insertInto('mart_tables')
    .values({ view_name: file.name, ...facts })
    .onConflict((conflict) => conflict.column('view_name').doUpdateSet(facts))
    .execute()
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
