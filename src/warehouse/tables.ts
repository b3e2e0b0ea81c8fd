/** DDL of the stream tables: made from the catalogue, extended as fields appear, widened as types drift. */
import { sql, type Transaction } from 'kysely'
import type { ColumnType, Stream } from '../catalog/index.ts'
import type { StateDatabase } from '../state/tables.ts'
import type { Session } from './session.ts'
import { initialShape, type Shape, type TableColumn, withTypes } from './shape.ts'
import { quoted } from './sql.ts'
import { createStreamView, dropStreamView } from './views.ts'

/** The quoted name of a stream's table. */
export const tableOf = ({ names }: Session, stream: string): string =>
  `${quoted(names.streams)}.${quoted(stream)}`

/** The key of an entity as expressions that are never null: a list member has an email, else a userId. */
export const keyExpressions = ({ read, key }: Stream): readonly string[] =>
  read.kind === 'members'
    ? [`coalesce(${quoted('email')}, ${quoted('userId')})`, quoted('listId')]
    : key.map(quoted)

/** Makes the table of a stream, if it is missing, and says what it looks like. */
export async function ensureTable(
  trx: Transaction<StateDatabase>,
  session: Session,
  stream: Stream,
  now: Date,
): Promise<Shape> {
  const known = await readShape(trx, stream.name)
  if (known) return known
  const shape = initialShape(stream)
  const columns = shape.columns.map((column) => columnDefinition(column, session)).join(',\n  ')
  await sql.raw(`create table if not exists ${tableOf(session, stream.name)} (\n  ${columns}\n)`).execute(trx)
  await session.createKey(trx, tableOf(session, stream.name), stream)
  await recordColumns(trx, shape, shape.columns, now)
  await createStreamView(trx, session, shape)
  return shape
}

/**
 * Brings a table from one shape to another: new columns, wider types, both recorded. Returns the shape reached, whose
 * types may be wider still (bigint becomes text, not double, where a double would lose digits).
 */
export async function changeTable(
  trx: Transaction<StateDatabase>,
  session: Session,
  before: Shape,
  after: Shape,
  now: Date,
): Promise<Shape> {
  const existing = new Map(before.columns.map((column) => [column.name, column]))
  const added = after.columns.filter(({ name }) => !existing.has(name))
  const exact = await withoutLostDigits(trx, session, before, after)
  const changed = exact.columns.filter(({ name, type }) => {
    const old = existing.get(name)
    return old !== undefined && old.type !== type
  })
  if (added.length === 0 && changed.length === 0) return exact
  await dropStreamView(trx, session, after.stream)
  const table = tableOf(session, after.stream)
  const alterations = [
    ...added.map((column) => `add column ${columnDefinition(column, session)}`),
    ...changed.map(({ name, type }) => {
      const from = (existing.get(name) as TableColumn).type
      return `alter column ${quoted(name)} type ${session.dialect.typeName[type]} using ${session.dialect.widen(quoted(name), from, type)}`
    }),
  ]
  await session.alterTable(trx, table, alterations)
  await recordColumns(trx, exact, [...added, ...changed], now)
  await createStreamView(trx, session, exact)
  return exact
}

/** Whole numbers beyond 2^53 have no exact double: such a column becomes text instead. */
async function withoutLostDigits(
  trx: Transaction<StateDatabase>,
  session: Session,
  before: Shape,
  after: Shape,
): Promise<Shape> {
  const types = new Map<string, ColumnType>()
  for (const { name, type } of before.columns) {
    const next = after.columns.find((column) => column.name === name)
    if (type !== 'bigint' || next?.type !== 'double') continue
    const { rows } = await sql
      .raw<{ found: number }>(
        `select 1 as found from ${tableOf(session, after.stream)}
         where ${quoted(name)} not between -9007199254740992 and 9007199254740992 limit 1`,
      )
      .execute(trx)
    if (rows.length > 0) types.set(name, 'text')
  }
  if (types.size === 0) return after
  const original = new Map(before.columns.map((column) => [column.name, column]))
  return withTypes(
    { ...after, columns: after.columns.map((c) => (types.has(c.name) ? (original.get(c.name) ?? c) : c)) },
    types,
  )
}

/** The recorded shape of a table, or undefined where there is none yet. */
export async function readShape(trx: Transaction<StateDatabase>, stream: string): Promise<Shape | undefined> {
  const rows = await trx
    .selectFrom('columns')
    .selectAll()
    .where('stream', '=', stream)
    .orderBy('position')
    .execute()
  if (rows.length === 0) return undefined
  const columns = rows.map(
    (row): TableColumn => ({
      source: row.source_name,
      name: row.column_name,
      type: row.type as ColumnType,
      origin: row.origin as TableColumn['origin'],
      embedded: row.embedded,
      previousTypes: parseTypes(row.previous_types),
    }),
  )
  return { stream, columns }
}

async function recordColumns(
  trx: Transaction<StateDatabase>,
  shape: Shape,
  columns: readonly TableColumn[],
  now: Date,
): Promise<void> {
  for (const column of columns) {
    await trx
      .insertInto('columns')
      .values({
        stream: shape.stream,
        source_name: column.source,
        column_name: column.name,
        type: column.type,
        origin: column.origin,
        embedded: column.embedded,
        position: shape.columns.indexOf(column),
        first_seen_at: now,
        previous_types: column.previousTypes.length > 0 ? JSON.stringify(column.previousTypes) : null,
        changed_at: null,
      })
      .onConflict((conflict) =>
        conflict.columns(['stream', 'column_name']).doUpdateSet({
          type: column.type,
          previous_types: JSON.stringify(column.previousTypes),
          changed_at: now,
        }),
      )
      .execute()
  }
}

const columnDefinition = ({ name, type }: TableColumn, { dialect }: Session): string =>
  `${quoted(name)} ${dialect.typeName[type]}`

/** Postgres hands JSON over parsed, DuckDB as text. */
const parseTypes = (value: unknown): ColumnType[] =>
  typeof value === 'string' ? JSON.parse(value) : ((value as ColumnType[] | null) ?? [])
