/** One stream table into another warehouse: whole, in one transaction, or not at all. */
import { sql } from 'kysely'
import type { Db } from '../state/tables.ts'
import type { Tx, Warehouse } from '../warehouse/session.ts'
import type { Parsed, Shape } from '../warehouse/shape.ts'
import { quoted } from '../warehouse/sql.ts'
import { makeTables, tableOf } from '../warehouse/tables.ts'
import { type Checksum, noRows, sumChecksums } from './checksum.ts'
import { type PieceReading, withPiece } from './pieces.ts'

export interface TableCopy {
  readonly reading: PieceReading
  readonly target: Warehouse
  readonly pieces: readonly string[]
  readonly now: Date
  /** When the columns were first seen, and last changed. */
  readonly history: readonly ColumnTimes[]
  readonly signal?: AbortSignal | undefined
  /** Hears of rows as they go in. */
  readonly onRows: (rows: number) => void
  /** Part of the transaction that puts the table there. */
  readonly andThen: (tx: Tx, sum: Checksum) => Promise<void>
}

export interface ColumnTimes {
  readonly column_name: string
  readonly first_seen_at: Date
  readonly changed_at: Date | null
}

/** Copies it in place of whatever an attempt that was cut off has left. */
export async function copyTable(copy: TableCopy): Promise<Checksum> {
  const { reading, target, pieces, now, history, signal, onRows, andThen } = copy
  const { as } = reading
  return target.transaction(
    async (tx) => {
      await dropTable(tx, as.stream.name)
      await makeTables(tx, [as], now)
      await keepTimes(tx.db, reading, history)
      let sum = noRows
      for (const where of pieces) {
        await withPiece(reading, where, async ({ select, checksum }) => {
          await tx.append(tableOf(tx, as.stream.name), rowsOf(as, select), onRows)
          sum = sumChecksums(sum, checksum)
        })
      }
      await andThen(tx, sum)
      return sum
    },
    { signal },
  )
}

async function dropTable(tx: Tx, stream: string): Promise<void> {
  await sql.raw(`drop view if exists ${quoted(tx.names.views)}.${quoted(stream)}`).execute(tx.tables)
  await sql.raw(`drop table if exists ${tableOf(tx, stream)}`).execute(tx.tables)
  await tx.db.deleteFrom('columns').where('stream', '=', stream).execute()
}

/** What `Tx.append` takes: the one statement stands for all chunks. */
const rowsOf = ({ columns }: Shape, select: string): Parsed => ({
  columns,
  chunks: [
    {
      path: '',
      bytes: 0,
      lines: 0,
      suspects: 0,
      fields: new Map(),
      maxLineBytes: 0,
      inexact: 0,
      twins: 0,
      mayHaveNul: false,
      endsWithNewline: true,
    },
  ],
  select: () => select,
})

async function keepTimes(
  db: Db,
  { shape, as }: PieceReading,
  history: readonly ColumnTimes[],
): Promise<void> {
  const names = new Map(shape.columns.map(({ name }, index) => [name, as.columns[index]?.name ?? name]))
  const groups = new Map<string, ColumnTimes[]>()
  for (const one of history) {
    const key = `${one.first_seen_at.getTime()} ${one.changed_at?.getTime()}`
    groups.set(key, [...(groups.get(key) ?? []), one])
  }
  for (const group of groups.values()) {
    const [{ first_seen_at, changed_at } = { first_seen_at: new Date(0), changed_at: null }] = group
    await db
      .updateTable('columns')
      .set({ first_seen_at, changed_at })
      .where('stream', '=', as.stream.name)
      .where(
        'column_name',
        'in',
        group.map(({ column_name }) => names.get(column_name) ?? column_name),
      )
      .execute()
  }
}
