/** A look at the values of a chunk before it is loaded: which kinds of them its fields have. */

import type { Engine } from '../engine/engine.ts'
import { isRefusedJson } from '../engine/errors.ts'
import { type Chunk, objectSizeOption } from '../spool/chunk.ts'
import type { Kind } from '../warehouse/shape.ts'
import { literal, quoted } from '../warehouse/sql.ts'
import { DriftError } from './faults.ts'

/**
 * The kinds of values that one member of an object field has in a chunk.
 * @throws DriftError where DuckDB cannot read a line of it: the careful path can.
 */
export async function kindsInside(
  engine: Engine,
  chunk: Chunk,
  field: string,
  member: string,
): Promise<ReadonlySet<Kind>> {
  const value = `nullif(json_extract(${quoted(field)}, ${literal(`$."${member}"`)}), 'null'::json)`
  // Records by our word: of a single column and many names, DuckDB takes whole lines for the values.
  const rows = await engine
    .rows(
      `select distinct json_kind(${value}) from read_json(${literal(chunk.path)}, format = 'newline_delimited', records = true, columns = {${literal(field)}: 'JSON'}${objectSizeOption([chunk])})`,
    )
    .catch((error: unknown) => {
      throw isRefusedJson(error) ? new DriftError(error) : error
    })
  return new Set(rows.map(([kind]) => kind as Kind | null).filter((kind) => kind !== null))
}
