/** A table on its way from one warehouse to another: month by month, as Parquet files that one engine reads. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { duckdbTables } from '../warehouse/duckdb/warehouse.ts'
import { monthOf } from '../warehouse/months.ts'
import { ownColumns } from '../warehouse/names.ts'
import { jsonHasNul, jsonWithoutNul, textHasNul, textWithoutNul } from '../warehouse/nul.ts'
import type { Session, Warehouse } from '../warehouse/session.ts'
import type { Shape, TableColumn } from '../warehouse/shape.ts'
import { instant, literal, quoted } from '../warehouse/sql.ts'
import { tableOf } from '../warehouse/tables.ts'
import { type Checksum, checksumOf, noRows, sumChecksums } from './checksum.ts'

/** Conditions that part the rows of a table; one that is always true where the table has no time. */
export async function piecesOf({ tables, names }: Session, { stream }: Shape): Promise<readonly string[]> {
  if (stream.replication !== 'append' || stream.bookmark === undefined) return ['true']
  const time = quoted(stream.bookmark)
  const { rows } = await sql
    .raw<{ first: Date | null; last: Date | null }>(
      `select min(${time}) as first, max(${time}) as last from ${tableOf({ names }, stream.name)}`,
    )
    .execute(tables)
  const { first, last } = rows[0] ?? { first: null, last: null }
  const pieces = [`${time} is null`]
  if (!first || !last) return pieces
  for (let from = monthOf(first, 0); from <= last; from = monthOf(from, 1))
    pieces.push(`${time} >= ${instant(from)} and ${time} < ${instant(monthOf(from, 1))}`)
  return pieces
}

export interface Piece {
  /** A statement of the engine that reads it. */
  readonly select: string
  readonly checksum: Checksum
}

/** How the rows of a table are read from a file. */
export interface PieceReading {
  readonly warehouse: Warehouse
  readonly shape: Shape
  /** The names under which the columns are read. */
  readonly as: Shape
  /** Texts without U+0000. */
  readonly withoutNul: boolean
  /** The engine that reads the file. */
  readonly engine: Warehouse['engine']
  /** For the file. */
  readonly directory: string
  readonly signal?: AbortSignal | undefined
}

/** Works with the rows of one piece; the file is gone afterwards. */
export async function withPiece<T>(
  { warehouse, shape, as, withoutNul, engine, directory, signal }: PieceReading,
  where: string,
  work: (piece: Piece) => Promise<T>,
): Promise<T> {
  const path = join(directory, 'piece.parquet')
  try {
    await unloadTables(warehouse, [{ name: shape.stream.name, path, where }], signal)
    const select = await selectOf(engine, { shape, as, path, withoutNul })
    const columns = as.columns.toSorted((a, b) => (a.source < b.source ? -1 : 1))
    return await work({ select, checksum: await checksumOf(engine, select, columns) })
  } finally {
    await rm(path, { force: true })
  }
}

interface Wanted {
  readonly name: string
  readonly path: string
  readonly where?: string | undefined
}

/** Begun anew where the engine needs more memory. `schema`: that of the stream tables unless another is named. */
export async function unloadTables(
  warehouse: Warehouse,
  wanted: readonly Wanted[],
  signal: AbortSignal | undefined,
  schema = warehouse.names.streams,
): Promise<void> {
  const unloading = () =>
    warehouse.use(({ files }) => files.unload(wanted.map((one) => ({ schema, ...one }))), {
      signal,
      isRepeatable: true,
    })
  await warehouse.engine.withRoom(unloading)
}

/** The whole table, only counted and summed. */
export async function checksumOfTable(reading: PieceReading, pieces: readonly string[]): Promise<Checksum> {
  let sum = noRows
  for (const where of pieces)
    sum = sumChecksums(sum, await withPiece(reading, where, async ({ checksum }) => checksum))
  return sum
}

type Source = Pick<PieceReading, 'shape' | 'as' | 'withoutNul'> & { readonly path: string }

async function selectOf(
  engine: Warehouse['engine'],
  { shape, as, path, withoutNul }: Source,
): Promise<string> {
  const from = `read_parquet(${literal(path)})`
  const refused = withoutNul ? await columnsWithNul(engine, shape, from) : []
  const values = shape.columns.map((column, index) => {
    const { name, source, type, origin } = column
    const value = `${quoted(name)}::${duckdbTables.typeName[type]}`
    const read = refused.includes(column)
      ? (type === 'json' ? jsonWithoutNul : textWithoutNul)(value)
      : origin === 'ours' && source === ownColumns.extra
        ? withOriginals(value, refused)
        : value
    return `${read} as ${quoted(as.columns[index]?.name ?? name)}`
  })
  return `select ${values.join(', ')} from ${from}`
}

const hasNul = ({ name, type }: TableColumn): string =>
  (type === 'json' ? jsonHasNul : textHasNul)(quoted(name))

async function columnsWithNul(
  engine: Warehouse['engine'],
  { columns }: Shape,
  from: string,
): Promise<readonly TableColumn[]> {
  const texts = columns.filter(({ type, origin }) => origin !== 'ours' && ['text', 'json'].includes(type))
  if (texts.length === 0) return []
  const found = texts.map((column) => `coalesce(bool_or(${hasNul(column)}), false)`)
  const [row = []] = await engine.rows(`select ${found.join(', ')} from ${from}`)
  return texts.filter((_, index) => row[index] === true)
}

/** What was replaced stands in `_extra` as JSON text, as a sync leaves it there. */
function withOriginals(extra: string, refused: readonly TableColumn[]): string {
  return refused.reduce((value, column) => {
    const original = `${column.type === 'json' ? quoted(column.name) : `to_json(${quoted(column.name)})`}::varchar`
    const kept = `json_merge_patch(coalesce(${value}, '{}'::json), json_object(${literal(column.source)}, ${original}))`
    return `case when ${hasNul(column)} then ${kept} else ${value} end`
  }, extra)
}
