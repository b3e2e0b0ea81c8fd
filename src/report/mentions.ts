/** Texts of ours that may mention a person: rows that were refused, why a run failed, what people were told of it. */
import { sql } from 'kysely'
import type { StateDatabase } from '../state/tables.ts'
import type { Tx } from '../warehouse/session.ts'
import { change, ownTable, type Sql } from '../warehouse/sql.ts'

/** How a name of a person stands in a text. */
interface Mention {
  /** The least that a text with it has, in lower case. */
  readonly text: string
  /** What is before it, the name, and what follows; the name alone is to go. */
  readonly pattern: string
  readonly flags: Sql
}

const anyCase = sql`'gi'`
const theLetter = sql`'g'`

const erased = String.raw`\1[erased]\2`

interface Names {
  readonly email: readonly string[]
  readonly userId: readonly string[]
}

/** Addresses wherever they stand as a whole; a userId, which may be any word, only as a value of JSON. */
export const mentionsOf = ({ email, userId }: Names): readonly Mention[] => [
  ...email.map((address) => ({
    text: address.toLowerCase(),
    // Other addresses may end or begin with this one. A break of lines is written \n in JSON.
    pattern: `(^'?|\\\\[nrt]|[^a-z0-9.!#$%&'*+/=?^_\`{|}~-]'?)${escaped(address)}($|\\.?$|\\.?[^a-z0-9._-])`,
    flags: anyCase,
  })),
  ...userId.map((id) => ({
    text: id.toLowerCase(),
    pattern: `(")${escaped(JSON.stringify(id).slice(1, -1))}(\\\\*")`,
    flags: theLetter,
  })),
  ...userId
    .filter((id) => /^\d+$/.test(id))
    .map((id) => ({
      text: id,
      pattern: `(user_?id\\\\*" *: *)${id}([^0-9.]|\\.0*[^0-9])`,
      flags: anyCase,
    })),
]

const escaped = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')

const without = (text: Sql, { pattern, flags }: Mention): Sql =>
  sql`regexp_replace(${text}, ${pattern}, ${erased}, ${flags})`

/** The search for the mere text comes first: patterns are slow. */
export const isMentioned = (text: Sql, mention: Mention): Sql =>
  sql`(strpos(lower(${text}), ${mention.text}) > 0 and ${without(text, mention)} <> ${text})`

/** Where sentences stand that may quote a row. What people have written themselves (queries, notes) is theirs. */
const sentences: readonly (readonly [keyof StateDatabase, string, 'json'?])[] = [
  ['runs', 'error_text'],
  ['runs', 'details', 'json'],
  ['run_log', 'message'],
  ['export_runs', 'brakes', 'json'],
  ['export_runs', 'fields', 'json'],
  ['exports', 'error_text'],
  ['batches', 'response', 'json'],
  ['run_requests', 'error_text'],
  ['incidents', 'text'],
  ['notifications', 'message', 'json'],
  ['notifications', 'error_text'],
]

/** Takes the names out of the sentences. @returns How many texts of each table changed. */
export async function takeOutMentions(tx: Tx, names: Names): Promise<ReadonlyMap<string, number>> {
  const changed = new Map<string, number>()
  for (const [table, column, isJson] of sentences) {
    const text = isJson ? sql`cast(${sql.id(column)} as varchar)` : sql.id(column)
    for (const mention of mentionsOf(names)) {
      // Twice: of two that stand side by side the first match takes what is between them.
      const cleared = without(without(text, mention), mention)
      const value = isJson ? sql`cast(${cleared} as json)` : cleared
      const rows = await change(
        tx.db,
        sql`update ${ownTable(tx, table)} set ${sql.id(column)} = ${value} where ${isMentioned(text, mention)}`,
      )
      if (rows > 0) changed.set(table, (changed.get(table) ?? 0) + rows)
    }
  }
  return changed
}

/** The exports in whose definitions an address of the person stands. */
export async function exportsNaming(tx: Tx, { email }: Names): Promise<readonly string[]> {
  const text = sql`(query || ' ' || cast(settings as varchar))`
  const found: string[] = []
  for (const mention of mentionsOf({ email, userId: [] })) {
    const { rows } = await sql<{ name: string }>`
      select name from ${ownTable(tx, 'exports')} where ${isMentioned(text, mention)} order by name`.execute(
      tx.db,
    )
    found.push(...rows.map(({ name }) => name))
  }
  return [...new Set(found)]
}
