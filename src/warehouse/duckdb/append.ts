/** Parsed rows into a table that DuckDB writes: the engine's own, or one of a lake. */
import { type QueryExecutorProvider, sql } from 'kysely'
import { type Chunk, hasLongLines } from '../../spool/chunk.ts'
import type { Tx } from '../session.ts'
import { change } from '../sql.ts'

/** Runs a statement; resolves to how many rows it changed. */
export const runOn = (tables: QueryExecutorProvider, statement: string): Promise<number> =>
  change(tables, sql.raw(statement))

/** `Tx.append`. */
export const appendTo =
  (tables: QueryExecutorProvider): Tx['append'] =>
  async (table, rows, onRows) => {
    let count = 0
    for (const chunks of rows.chunks.length > 0 ? statements(rows.chunks) : []) {
      const inserted = await runOn(tables, `insert into ${table} by name ${rows.select(chunks)}`)
      count += inserted
      onRows?.(inserted)
    }
    return count
  }

/** One statement reads all chunks, but long lines apart: 2,048 rows of a statement are in memory at a time. */
function statements(chunks: readonly Chunk[]): readonly (readonly Chunk[])[] {
  // In their order: of rows of one key the last counts.
  const groups: Chunk[][] = []
  for (const [index, chunk] of chunks.entries()) {
    const before = chunks[index - 1]
    const last = groups.at(-1)
    if (last && before && !hasLongLines(before) && !hasLongLines(chunk)) last.push(chunk)
    else groups.push([chunk])
  }
  return groups
}
