/** Times that could not be read: they are text in `_extra`, and counted. */
import type { Stream } from '../catalog/index.ts'
import type { Engine } from '../engine/engine.ts'
import { type Chunk, objectSizeOption } from '../spool/chunk.ts'
import { fieldColumns, type Shape, type TableColumn } from '../warehouse/shape.ts'
import { literal, literals, quoted } from '../warehouse/sql.ts'
import { readKeys } from './parse.ts'

/** The columns whose times may be kept as text; an event without a readable `createdAt` is a rejected row. */
export const optionalTimes = (shape: Shape, { replication, bookmark }: Stream): readonly TableColumn[] =>
  fieldColumns(shape).filter(
    ({ name, type }) => type === 'timestamptz' && !(replication === 'append' && name === bookmark),
  )

/** How many times of these chunks cannot be read; reads nothing but their fields. */
export async function countUnreadTimes(
  engine: Engine,
  shape: Shape,
  stream: Stream,
  chunks: readonly Chunk[],
): Promise<number> {
  const keys = readKeys(shape)
  const fields = optionalTimes(shape, stream).map(({ source, name }) => keys.get(source) ?? name)
  if (fields.length === 0 || chunks.length === 0) return 0
  const unread = fields.map(
    (field) => `count_if(${quoted(field)} is not null and json_time(${quoted(field)}) is null)`,
  )
  const reads = fields.map((field) => `${literal(field)}: 'VARCHAR'`)
  const [row] = await engine.rows(
    `select ${unread.join(' + ')} from read_json(${literals(chunks.map(({ path }) => path))},
       format = 'newline_delimited', records = true, columns = {${reads.join(', ')}}${objectSizeOption(chunks)})`,
  )
  return Number(row?.[0] ?? 0)
}
