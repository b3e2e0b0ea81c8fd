/**
 * Queries where personal data is masked. Each table that a query names is replaced by a select that shows what may be
 * seen of it, so that whatever the query does with its values, it has only these. What cannot be replaced for certain is
 * refused: other tables, catalogues of the database, functions that run SQL of their own.
 */
import { sql } from 'kysely'
import type { Engine } from '../../engine/engine.ts'
import type { Session } from '../../warehouse/session.ts'
import { refuseWrongCalls } from './calls.ts'
import { maskedSelect, type Relation, readableSchemas, readRelations } from './relations.ts'
import { replaceTables, withSelects } from './replace.ts'
import { refuseWrongTree } from './tree.ts'
import { notMaskable, statementWords } from './words.ts'

export interface ShieldOptions {
  readonly engine: Engine
  /** Fields that are shown all the same. */
  readonly shownFields: readonly string[]
  /** Known to nobody who asks. */
  readonly key: string
}

/** The query that runs in place of the one that was written. @throws ConfigError `not_maskable`, `unknown_table` */
export async function shielded(
  session: Session,
  text: string,
  { engine, shownFields, key }: ShieldOptions,
): Promise<string> {
  const words = statementWords(text)
  const [first] = words
  if (!first || !(first.text === '(' || beginnings.has(first.name))) {
    throw notMaskable('it does not begin with select, with, from or values')
  }
  await refuseWrongCalls(session, words)
  const relations = await readRelations(session, shownFields)
  const found = replaceTables(words, {
    relations,
    ours: readableSchemas(session.names),
    others: await otherSchemas(session),
  })
  const withTables = (write: (relation: Relation) => string) =>
    withSelects(
      found.words,
      [...found.tables].map(([relation, name]) => `${name} as not materialized (${write(relation)})`),
    )
  if (session.dialect.isEngine) {
    const statement = withTables(() => 'select 1')
    await refuseWrongTree(session, { engine, statement, tables: new Set(found.tables.values()) })
  }
  return withTables((relation) => maskedSelect(relation, session, key))
}

/** Names before a dot that lead elsewhere: schemas and databases that are none of ours. */
async function otherSchemas({ tables, names, dialect }: Session): Promise<ReadonlySet<string>> {
  const ours = new Set(readableSchemas(names).map((name) => name.toLowerCase()))
  const { rows } = await sql.raw<{ name: string }>(dialect.spaces).execute(tables)
  return new Set(rows.map(({ name }) => name.toLowerCase()).filter((name) => !ours.has(name)))
}

const beginnings = new Set(['select', 'with', 'from', 'values'])
