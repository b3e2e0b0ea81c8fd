/** Where the rows of one person stand: tables, and conditions on their rows. */
import { sql } from 'kysely'
import { catalogue } from '../catalog/index.ts'
import { isKeptTable } from '../marts/keep.ts'
import type { StateDatabase } from '../state/tables.ts'
import type { Session } from '../warehouse/session.ts'
import { ownTable, quoted, type Sql, statementOf, streamTable } from '../warehouse/sql.ts'
import { tableOf } from '../warehouse/tables.ts'
import { isMentioned, mentionsOf } from './mentions.ts'
import { type ResultRow, recordsOf } from './query.ts'
import type { ExistingTables } from './read.ts'

const names = ['email', 'userId', 'itblUserId'] as const
/** Every name of a person. */
export type Identifiers = Readonly<Record<(typeof names)[number], readonly string[]>>

/** Rows of a table that name the person. */
export interface PersonPlace {
  /** The table, with its schema. */
  readonly name: string
  /** The same for a statement. */
  readonly from: Sql
  /** The same, quoted. */
  readonly quotedName: string
  /** One of our own tables. */
  readonly isOwn: boolean
  readonly where: Sql
  readonly order?: Sql | undefined
}

/** The names that somebody asks by. */
export const askedFor = ({
  email,
  userId,
}: {
  readonly email?: string | undefined
  readonly userId?: string | undefined
}): Identifiers => ({
  email: email === undefined ? [] : [email.trim().toLowerCase()],
  userId: userId === undefined ? [] : [userId.trim()],
  itblUserId: [],
})

/** All names of the person, and every table that may have rows of theirs. */
export async function findPerson(
  session: Session,
  existing: ExistingTables,
  asked: Identifiers,
): Promise<{ readonly identifiers: Identifiers; readonly places: readonly PersonPlace[] }> {
  const streams = await streamsWithPeople(session, existing)
  const identifiers = await allNames(session, streams.get('users') ?? new Set(), asked)
  const places = [...streams].map(([stream, columns]): PersonPlace => {
    const order = bookmarkOf(stream)
    return {
      name: `${session.names.streams}.${stream}`,
      from: streamTable(session, stream),
      quotedName: tableOf(session, stream),
      isOwn: false,
      where: conditionOn(columns, identifiers),
      order: order && columns.has(order) ? sql`${sql.id(order)} desc` : undefined,
    }
  })
  return { identifiers, places: [...places, ...ownTables(session, existing, identifiers)] }
}

/** The columns of the table of each stream that names people. */
export async function streamsWithPeople(
  { db, names: schemas }: Session,
  existing: ExistingTables,
): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const rows = await db.selectFrom('columns').select(['stream', 'column_name']).orderBy('stream').execute()
  const streams = new Map<string, Set<string>>()
  for (const { stream, column_name } of rows) {
    if (!existing.has(`${schemas.streams}.${stream}`)) continue
    streams.set(stream, (streams.get(stream) ?? new Set<string>()).add(column_name))
  }
  return new Map([...streams].filter(([, columns]) => names.some((name) => columns.has(name))))
}

/** The keys of a person in the tables of exports. */
export const memberKeys = ({ email, userId }: Pick<Identifiers, 'email' | 'userId'>): readonly string[] => [
  ...email.map((value) => `e:${value.toLowerCase()}`),
  ...userId.map((value) => `u:${value}`),
]

const bookmarks = new Map(catalogue('email').map(({ name, bookmark }) => [name, bookmark]))
const bookmarkOf = (stream: string): string | undefined => bookmarks.get(stream)

/** A profile ties the names of a person together; where several share a name, so do they. */
async function allNames(
  session: Session,
  columns: ReadonlySet<string>,
  asked: Identifiers,
): Promise<Identifiers> {
  const known = names.filter((name) => columns.has(name))
  if (known.length === 0) return asked
  const count = (identifiers: Identifiers) => names.reduce((sum, name) => sum + identifiers[name].length, 0)
  let found = asked
  let further = await namesBeside(session, columns, found)
  while (count(further) > count(found)) {
    found = further
    further = await namesBeside(session, columns, found)
  }
  return found
}

/** These names, and all others of the profiles that have one of them. */
async function namesBeside(
  session: Session,
  columns: ReadonlySet<string>,
  asked: Identifiers,
): Promise<Identifiers> {
  const known = names.filter((name) => columns.has(name))
  const profiles = await printedRows(
    session,
    sql`select ${sql.join(known.map((name) => sql.id(name)))} from ${streamTable(session, 'users')}
      where ${conditionOn(columns, asked)}`,
  )
  const of = (name: (typeof names)[number]) => {
    const told = profiles.flatMap(({ [name]: value }) =>
      typeof value === 'string' && value !== '' ? [value] : [],
    )
    const all = name === 'email' ? told.map((value) => value.toLowerCase()) : told
    return [...new Set([...asked[name], ...all])]
  }
  return { email: of('email'), userId: of('userId'), itblUserId: of('itblUserId') }
}

/** Addresses are the same in any case, the other names only to the letter. */
function conditionOn(columns: ReadonlySet<string>, identifiers: Identifiers): Sql {
  const conditions = names
    .filter((name) => columns.has(name) && identifiers[name].length > 0)
    .map((name) => {
      const column = name === 'email' ? sql`lower(${sql.id(name)})` : sql.id(name)
      return among(column, identifiers[name])
    })
  return anyOf(conditions)
}

const among = (column: Sql, values: readonly string[]): Sql =>
  values.length === 0 ? sql`false` : sql`${column} in (${sql.join(values)})`

const anyOf = (conditions: readonly Sql[]): Sql =>
  conditions.length > 0 ? sql.join(conditions, sql` or `) : sql`false`

/** Our own tables that keep rows of people: what exports manage, and what was rejected. */
function ownTables(
  session: Session,
  existing: ExistingTables,
  identifiers: Identifiers,
): readonly PersonPlace[] {
  const { email, userId } = identifiers
  const { sync } = session.names
  const keys = memberKeys(identifiers)
  if (keys.length === 0) return []
  const line = sql`coalesce(cast("row" as varchar), raw, '')`
  const rejected = mentionsOf(identifiers).map((mention) => isMentioned(line, mention))
  const isOfKey = among(sql`member_key`, keys)
  const searches: readonly (readonly [keyof StateDatabase, Sql, Sql?])[] = [
    ['members', isOfKey, sql`confirmed_at desc`],
    ['export_rejects', isOfKey],
    ['plan', isOfKey],
    [
      'list_changes',
      anyOf([among(sql`lower(email)`, email), among(sql`user_id`, userId)]),
      sql`found_at desc`,
    ],
    ['rejected_rows', anyOf(rejected), sql`rejected_at desc`],
  ]
  return searches
    .map(([table, where, order]) => ({
      name: `${sync}.${table}`,
      from: ownTable(session, table),
      quotedName: `${quoted(sync)}.${quoted(table)}`,
      isOwn: true,
      where,
      order,
    }))
    .filter(({ name }) => existing.has(name))
}

/** The tables in which views are kept, and what in them names the person. */
export async function keptTables(
  { tables, names: { marts } }: Session,
  { email, userId, itblUserId }: Identifiers,
): Promise<readonly PersonPlace[]> {
  const { rows } = await sql<{ name: string; column: string }>`
    select table_name as name, column_name as column from information_schema.columns
    where table_catalog = current_database() and table_schema = ${marts}
      and lower(data_type) in ('text', 'varchar') order by 1, 2`.execute(tables)
  const columns = new Map<string, string[]>()
  for (const { name, column } of rows) {
    if (isKeptTable(name)) columns.set(name, [...(columns.get(name) ?? []), column])
  }
  return [...columns].map(([name, texts]) => ({
    name: `${marts}.${name}`,
    from: sql.id(marts, name),
    quotedName: `${quoted(marts)}.${quoted(name)}`,
    isOwn: false,
    where: anyOf([
      ...texts.map((column) => among(sql`lower(${sql.id(column)})`, email)),
      ...texts.filter(isOfPerson).map((column) => among(sql.id(column), [...userId, ...itblUserId])),
    ]),
  }))
}

/** Columns of views that hold a name of a person. */
const isOfPerson = (column: string): boolean => /person|user_?id$/i.test(column)

/** The rows of a query of ours; every value as exact as the database has it. */
export async function printedRows(session: Session, query: Sql): Promise<ResultRow[]> {
  await using result = await session.print(statementOf(query, session))
  const records: ResultRow[] = []
  for await (const rows of result.rows) records.push(...recordsOf({ columns: result.columns, rows }))
  return records
}
