/** The right to be forgotten: a person's rows leave every table, and the files of the tables. */
import { sql } from 'kysely'
import { ConfigError } from '../errors.ts'
import type { Tx } from '../warehouse/session.ts'
import { change } from '../warehouse/sql.ts'
import { runJob } from './job-run.ts'
import { askedFor, findPerson, type Identifiers, type PersonPlace } from './person-places.ts'
import { type ReportSource, readState } from './read.ts'

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
  const found = await readState(source, (session, tables) => findPerson(session, tables, asked), { signal })
  if (!found) return { run_id: null, identifiers: asked, tables: [], notices: [] }
  const { identifiers, places } = found
  const work = async (tx: Tx) => {
    await refusePlanned(tx, places)
    const tables: { name: string; quotedName: string; rows: number }[] = []
    for (const { name, quotedName, from, where, isOwn } of places) {
      const rows = await change(isOwn ? tx.db : tx.tables, sql`delete from ${from} where ${where}`)
      if (rows > 0) tables.push({ name, quotedName, rows })
    }
    return tables
  }
  if (isDryRun) {
    const tables = await warehouse.transaction(work, { signal, isDryRun })
    return { run_id: null, identifiers, tables: told(tables), notices: [] }
  }
  const { run_id, ...erased } = await runJob({ warehouse, job: 'erase', signal, now }, async () => {
    const tables = await warehouse.transaction(work, { signal })
    const notices = await warehouse.upkeep.scrub(tables.map(({ quotedName }) => quotedName))
    return { tables: told(tables), notices }
  })
  return { run_id, identifiers, ...erased }
}

const told = (tables: readonly { readonly name: string; readonly rows: number }[]): Erasure['tables'] =>
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
