/** DDL of the stream tables: made from the catalogue, extended as fields appear, widened as types drift. */
import { type Insertable, type Selectable, sql, type Transaction } from 'kysely'
import type { ColumnType, Stream } from '../catalog/index.ts'
import type { ColumnsTable } from '../state/tables/sync.ts'
import type { Db, StateDatabase } from '../state/tables.ts'
import type { Dialect, Place, Session, TableChange, Tx } from './session.ts'
import { initialShape, type Shape, type TableColumn, type TypedColumn, widened, withTypes } from './shape.ts'
import { quoted, streamTable } from './sql.ts'
import { createStreamView } from './views.ts'

/** The quoted name of a stream's table. */
export const tableOf = ({ names }: Pick<Place, 'names'>, stream: string): string =>
  `${quoted(names.streams)}.${quoted(stream)}`

/** The key of an entity as expressions that are never null. */
export const keyExpressions = ({ key, standIns }: Stream): readonly string[] =>
  key.map((name) => {
    const standIn = standIns?.get(name)
    return standIn === undefined ? quoted(name) : `coalesce(${quoted(name)}, ${quoted(standIn)})`
  })

/** Makes the tables of these streams that are missing, and says what each looks like, in their order. */
export async function ensureTables(tx: Tx, streams: readonly Stream[], now: Date): Promise<readonly Shape[]> {
  const known = await readShapes(tx.db, streams)
  const shapes = streams.map((stream) => known.get(stream.name) ?? initialShape(stream))
  await makeTables(
    tx,
    shapes.filter(({ stream }) => !known.has(stream.name)),
    now,
  )
  return shapes
}

/** Makes tables of these shapes, with their keys and views, and records their columns. */
export async function makeTables(tx: Tx, shapes: readonly Shape[], now: Date): Promise<void> {
  for (const { stream, columns } of shapes) await tx.createTable(tableOf(tx, stream.name), columns, stream)
  await recordColumns(
    tx.db,
    shapes.flatMap((shape) => shape.columns.map((column) => recordOf(shape, column, now))),
  )
  for (const shape of shapes) await createStreamView(tx, shape)
}

/**
 * Brings a table from one shape to another: new columns, wider types, both recorded. Returns the shape reached, whose
 * types may be wider still (bigint becomes text, not double, where a double would lose digits).
 */
export async function changeTable(tx: Tx, before: Shape, after: Shape, now: Date): Promise<Shape> {
  const reached = neverNarrower(before, await withoutLostDigits(tx, before, after))
  const change = changeBetween(before, reached)
  if (isNothing(change)) return reached
  // Recorded first: the alteration is what readers wait for.
  const changed = [...change.added, ...change.widened.map(({ column }) => column)]
  await recordColumns(
    tx.db,
    changed.map((column) => recordOf(reached, column, now)),
  )
  await tx.alterTable(tableOf(tx, after.stream.name), change)
  await createStreamView(tx, reached)
  return reached
}

/**
 * Where an alteration and the load must not share a transaction, alters the table now, in a short one of its own.
 * Returns the shape that the load begins with.
 */
export async function prepareTable(session: Session, before: Shape, after: Shape, now: Date): Promise<Shape> {
  if (!session.dialect.altersFirst || isNothing(changeBetween(before, neverNarrower(before, after)))) {
    return before
  }
  return session.transaction(
    async (tx) => {
      // A load that was given up afterwards has left the table as it had become by then.
      const current = (await readShape(tx.db, after.stream)) ?? before
      return changeTable(tx, current, after, now)
    },
    { isAltering: true },
  )
}

/** The parts of `alter table` that make a change. */
export const alterations = ({ added, widened }: TableChange, dialect: Dialect): readonly string[] => [
  ...added.map((column) => `add column ${columnDefinition(column, dialect)}`),
  ...widened.map(({ column: { name, type }, from }) => {
    const using = dialect.widen(quoted(name), from, type)
    return `alter column ${quoted(name)} type ${dialect.typeName[type]} using ${using}`
  }),
]

/** A column that is wider already (text, where digits would have been lost) stays so. */
function neverNarrower(before: Shape, after: Shape): Shape {
  const existing = new Map(before.columns.map((column) => [column.name, column]))
  const columns = after.columns.map((column) => {
    const old = existing.get(column.name)
    return old !== undefined && widened(old.type, column.type) === old.type ? old : column
  })
  return { ...after, columns }
}

function changeBetween(before: Shape, after: Shape): TableChange {
  const existing = new Map(before.columns.map(({ name, type }) => [name, type]))
  const added = after.columns.filter(({ name }) => !existing.has(name))
  const widened = after.columns.flatMap((column) => {
    const from = existing.get(column.name)
    return from === undefined || from === column.type ? [] : [{ column, from }]
  })
  return { added, widened }
}

const isNothing = ({ added, widened }: TableChange): boolean => added.length === 0 && widened.length === 0

/** Whole numbers beyond 2^53 have no exact double: such a column becomes text instead. */
async function withoutLostDigits(tx: Tx, before: Shape, after: Shape): Promise<Shape> {
  const types = new Map<string, ColumnType>()
  for (const { name, type } of before.columns) {
    const next = after.columns.find((column) => column.name === name)
    if (type !== 'bigint' || next?.type !== 'double') continue
    const { rows } = await sql`
      select 1 as found from ${streamTable(tx, after.stream.name)}
      where ${sql.id(name)} not between -9007199254740992 and 9007199254740992 limit 1`.execute(tx.tables)
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
export const readShape = async (trx: Db, stream: Stream): Promise<Shape | undefined> =>
  (await readShapes(trx, [stream])).get(stream.name)

/** The same of several, by stream. */
async function readShapes(trx: Db, streams: readonly Stream[]): Promise<ReadonlyMap<string, Shape>> {
  if (streams.length === 0) return new Map()
  const rows = await trx
    .selectFrom('columns')
    .selectAll()
    .where(
      'stream',
      'in',
      streams.map(({ name }) => name),
    )
    .orderBy('stream')
    .orderBy('position')
    .execute()
  const shapes = new Map<string, Shape>()
  for (const stream of streams) {
    const columns = rows.filter((row) => row.stream === stream.name).map(columnOf)
    if (columns.length > 0) shapes.set(stream.name, { stream, columns })
  }
  return shapes
}

const columnOf = (row: Selectable<ColumnsTable>): TableColumn => ({
  source: row.source_name,
  name: row.column_name,
  type: row.type as ColumnType,
  origin: row.origin as TableColumn['origin'],
  embedded: row.embedded,
  previousTypes: (row.previous_types ?? []) as ColumnType[],
})

/** A column as `iterable_sync.columns` has it. */
const recordOf = ({ stream, columns }: Shape, column: TableColumn, now: Date): Insertable<ColumnsTable> => ({
  stream: stream.name,
  source_name: column.source,
  column_name: column.name,
  type: column.type,
  origin: column.origin,
  embedded: column.embedded,
  position: columns.indexOf(column),
  first_seen_at: now,
  previous_types: column.previousTypes.length > 0 ? JSON.stringify(column.previousTypes) : null,
  changed_at: null,
})

/** New ones, and those that have another type now. */
async function recordColumns(
  trx: Transaction<StateDatabase>,
  rows: readonly Insertable<ColumnsTable>[],
): Promise<void> {
  for (let at = 0; at < rows.length; at += 500) {
    await trx
      .insertInto('columns')
      .values(rows.slice(at, at + 500))
      .onConflict((conflict) =>
        conflict.columns(['stream', 'column_name']).doUpdateSet((row) => ({
          type: row.ref('excluded.type'),
          previous_types: row.ref('excluded.previous_types'),
          // The time of this statement's rows: that of the first look at the column stays.
          changed_at: row.ref('excluded.first_seen_at'),
        })),
      )
      .execute()
  }
}

/** The columns as `create table` takes them, in parentheses. */
export const columnDefinitions = (columns: readonly TypedColumn[], dialect: Dialect): string =>
  `(\n  ${columns.map((column) => columnDefinition(column, dialect)).join(',\n  ')}\n)`

const columnDefinition = ({ name, type }: TypedColumn, dialect: Dialect): string =>
  `${quoted(name)} ${dialect.typeName[type]}`
