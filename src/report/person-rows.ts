/** Everything that the warehouse knows of one person: for people who ask what is kept about them. */
import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import type { Session } from '../warehouse/session.ts'
import { streamTable } from '../warehouse/sql.ts'
import { askedFor, findPerson, type Identifiers, type PersonPlace, printedRows } from './person-places.ts'
import type { ResultRow } from './query.ts'
import { type ExistingTables, type ReportSource, readState } from './read.ts'

/** Who is asked for: one of the two. */
export interface PersonQuery {
  readonly email?: string | undefined
  readonly userId?: string | undefined
  /** Rows of a table that are given at most, the newest first; they are counted either way (default 1,000). */
  readonly most?: number | undefined
}

/** Rows of one table that name the person. */
export interface PersonTable {
  /** With its schema. */
  readonly table: string
  /** How many there are. */
  readonly rows: number
  /** The newest of them. */
  readonly records: readonly ResultRow[]
}

/** What the warehouse knows of a person. */
export interface PersonReport {
  /** Every name that the profiles tell: one person may have several. */
  readonly identifiers: Identifiers
  /** Iterable has forgotten one of the names (as far as `forgotten_users` is replicated). */
  readonly forgotten: boolean
  /** Tables that have rows of the person: streams, what exports sent, rows that were rejected. */
  readonly tables: readonly PersonTable[]
}

const usualMost = 1_000

/** Looks a person up in every table. A warehouse that nothing was ever synced into knows nobody. */
export async function readPersonRows(source: ReportSource, query: PersonQuery): Promise<PersonReport> {
  const asked = askedFor(query)
  const found = await readState(source, (session, tables) =>
    lookUp(session, tables, asked, query.most ?? usualMost),
  )
  return found ?? { identifiers: asked, forgotten: false, tables: [] }
}

async function lookUp(
  session: Session,
  existing: ExistingTables,
  asked: Identifiers,
  most: number,
): Promise<PersonReport> {
  const { identifiers, places } = await findPerson(session, existing, asked)
  const tables: PersonTable[] = []
  for (const place of places) tables.push(await rowsOf(session, place, most))
  return {
    identifiers,
    forgotten: await isForgotten(session, existing, identifiers),
    tables: tables.filter(({ rows }) => rows > 0),
  }
}

async function rowsOf(
  session: Session,
  { name, from, where, order }: PersonPlace,
  most: number,
): Promise<PersonTable> {
  const [counted] = await printedRows(session, sql`select count(*) as rows from ${from} where ${where}`)
  const rows = Number(counted?.rows ?? 0)
  const ordered = order ? sql`order by ${order}` : sql``
  const records =
    rows === 0
      ? []
      : await printedRows(session, sql`select * from ${from} where ${where} ${ordered} limit ${most}`)
  return { table: name, rows, records }
}

async function isForgotten(
  session: Session,
  existing: ExistingTables,
  { email, userId }: Identifiers,
): Promise<boolean> {
  if (!existing.has(`${session.names.streams}.forgotten_users`)) return false
  const hashes = [...email, ...userId].map((value) =>
    createHash('sha256').update(value.trim().toLowerCase()).digest('hex'),
  )
  if (hashes.length === 0) return false
  const found = sql`
    select 1 as found from ${streamTable(session, 'forgotten_users')} where hash in (${sql.join(hashes)}) limit 1`
  return (await printedRows(session, found)).length > 0
}
