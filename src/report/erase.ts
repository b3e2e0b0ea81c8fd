/** The right to be forgotten: a person's rows leave every table, and the files of the tables. */
import { sql } from 'kysely'
import { ConfigError } from '../errors.ts'
import type { Session, Tx } from '../warehouse/session.ts'
import { change, quoted } from '../warehouse/sql.ts'
import { runJob } from './job-run.ts'
import { exportsNaming, takeOutMentions } from './mentions.ts'
import { askedFor, findPerson, type Identifiers, keptTables, type PersonPlace } from './person-places.ts'
import { type ExistingTables, type ReportSource, readState } from './read.ts'

/** Who is to be erased: one of the two. */
export interface EraseQuery {
  readonly email?: string | undefined
  readonly userId?: string | undefined
  /** Counts, and erases nothing. */
  readonly isDryRun?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

/** What was erased, or would be. */
export interface Erasure {
  /** Null where nothing was erased. */
  readonly run_id: string | null
  readonly identifiers: Identifiers
  readonly tables: readonly { readonly table: string; readonly rows: number }[]
  /** What stays all the same, and where. */
  readonly notices: readonly string[]
}

/**
 * Erases a person. No sync runs meanwhile; the run that tells of it names tables and counts, and nobody.
 * @throws ConfigError `person_in_plan` while a run of an export is about to send the person.
 */
export async function erasePerson(
  source: ReportSource & { readonly now: () => Date },
  query: EraseQuery,
): Promise<Erasure> {
  const { warehouse, now } = source
  const { signal, isDryRun = false } = query
  const asked = askedFor(query)
  await using _lock = isDryRun ? undefined : await warehouse.lock('sync')
  const look = async (session: Session, tables: ExistingTables) => {
    const found = await findPerson(session, tables, asked)
    const kept = await keptTables(session, found.identifiers)
    return { ...found, places: [...found.places, ...kept], isCutOff: await wasCutOff(session) }
  }
  const found = await readState(source, look, { signal })
  if (!found) return { run_id: null, identifiers: asked, tables: [], notices: [] }
  const { identifiers, places, isCutOff } = found
  const work = (tx: Tx) => eraseFrom(tx, places, identifiers)
  if (isDryRun) {
    const { rows, texts } = await warehouse.transaction(work, { signal, isDryRun })
    return { run_id: null, identifiers, tables: told(rows), notices: texts }
  }
  const { run_id, ...erased } = await runJob({ warehouse, job: 'erase', signal, now }, async () => {
    const { rows, touched, texts } = await warehouse.transaction(work, { signal })
    // Of one that was cut off between its two steps, nobody knows any more which tables it was about.
    const notices = await warehouse.upkeep.scrub(isCutOff ? namesOf(places, touched) : touched)
    return { tables: told(rows), notices: [...texts, ...notices] }
  })
  return { run_id, identifiers, ...erased }
}

interface ErasedRows {
  readonly name: string
  readonly rows: number
}

interface Erased {
  readonly rows: readonly ErasedRows[]
  /** The tables, quoted, whose files still have what went. */
  readonly touched: readonly string[]
  /** What became of texts that mentioned the person. */
  readonly texts: readonly string[]
}

async function eraseFrom(tx: Tx, places: readonly PersonPlace[], identifiers: Identifiers): Promise<Erased> {
  await refusePlanned(tx, places)
  const erased: ErasedRows[] = []
  const touched = new Set<string>()
  for (const { name, quotedName, from, where, isOwn } of places) {
    const rows = await change(isOwn ? tx.db : tx.tables, sql`delete from ${from} where ${where}`)
    if (rows === 0) continue
    erased.push({ name, rows })
    touched.add(quotedName)
  }
  const texts: string[] = []
  for (const [table, rows] of await takeOutMentions(tx, identifiers)) {
    touched.add(`${quoted(tx.names.sync)}.${quoted(table)}`)
    const named = rows === 1 ? 'a text no longer names' : `${rows} texts no longer name`
    texts.push(`${tx.names.sync}.${table}: ${named} the person`)
  }
  for (const name of await exportsNaming(tx, identifiers))
    texts.push(`the export "${name}" names the person in its query or settings, which are yours to change`)
  return { rows: erased, touched: [...touched], texts }
}

const namesOf = (places: readonly PersonPlace[], touched: readonly string[]): readonly string[] => [
  ...new Set([...places.map(({ quotedName }) => quotedName), ...touched]),
]

/** The last erasure has not ended: rows that it deleted may still stand in the files. */
async function wasCutOff({ db }: Session): Promise<boolean> {
  const last = await db
    .selectFrom('runs')
    .select(['state', 'error_code'])
    .where('kind', '=', 'erase')
    .orderBy('started_at', 'desc')
    .limit(1)
    .executeTakeFirst()
  return last !== undefined && last.state !== 'succeeded' && last.error_code !== 'person_in_plan'
}

const told = (tables: readonly ErasedRows[]): Erasure['tables'] =>
  tables.map(({ name, rows }) => ({ table: name, rows }))

/** A frozen plan is sent byte for byte: a row cannot be taken out of it. */
async function refusePlanned({ db, names }: Tx, places: readonly PersonPlace[]): Promise<void> {
  const plan = places.find(({ name }) => name === `${names.sync}.plan`)
  if (!plan) return
  const { rows } = await sql<{ run_id: string }>`
    select distinct run_id from ${plan.from} where ${plan.where}`.execute(db)
  if (rows.length === 0) return
  const runs = rows.map(({ run_id }) => run_id).join(', ')
  throw new ConfigError(
    `the person is in the plan of a run that has not ended (${runs}); cancel it (runs cancel), or let it end, then erase again`,
    { code: 'person_in_plan' },
  )
}
