/** Rows as JavaScript makes them, in a file: a line each, in the columns of a staging table. */
import { type FileHandle, open } from 'node:fs/promises'
import { sweepAll } from '../../engine/sweep.ts'
import type { TypedColumn } from '../../warehouse/shape.ts'
import { literal } from '../../warehouse/sql.ts'
import type { ExportSettings } from '../definition/settings.ts'
import type { FieldKinds } from './kinds.ts'
import type { Mapping } from './mapping.ts'
import { payloadBuilder, rowText } from './payload.ts'

/** The columns of a staging table; all are text but the two numbers. */
export const stageColumns: readonly TypedColumn[] = [
  { name: 'seq', type: 'bigint' },
  { name: 'member_key', type: 'text' },
  { name: 'payload', type: 'text' },
  { name: 'hash', type: 'text' },
  { name: 'code', type: 'text' },
  { name: 'reason', type: 'text' },
  { name: 'row_text', type: 'text' },
  { name: 'bytes', type: 'bigint' },
]

/** A row of the query, and which one it is. */
export type NumberedRow = readonly [seq: number, row: readonly unknown[]]

/** After so many characters what they left behind is worth a sweep: some 40,000 rows of a few fields. */
const charactersOfSweep = 8_000_000

export interface LinesInput {
  readonly mapping: Mapping
  readonly fields: FieldKinds
  readonly settings: ExportSettings
  readonly signal: AbortSignal
  /** Hears which row was written last. */
  readonly onRows: (seq: number) => void
}

/** Writes rows as they will be sent into a file, a line each. Returns how many they are. */
export async function writeRows(
  portions: AsyncIterable<readonly NumberedRow[]>,
  file: string,
  { mapping, fields, settings, signal, onRows }: LinesInput,
): Promise<number> {
  const build = payloadBuilder(mapping, settings, (name, value) => fields.add(name, value))
  await using out = await open(file, 'w', 0o600)
  const writer = new LineWriter(out)
  let count = 0
  let sweepAt = charactersOfSweep
  for await (const rows of portions) {
    signal.throwIfAborted()
    for (const [seq, row] of rows) {
      const built = build(row)
      writer.line(
        'payload' in built
          ? `${seq}\t${built.key}\t${built.payload}\t${built.hash}\t\t\t\t${Buffer.byteLength(built.payload)}`
          : `${seq}\t${built.key ?? ''}\t\t\t${built.code}\t${oneLine(built.reason)}\t${shortened(rowText(mapping, row))}\t0`,
      )
      if (writer.isLarge) await writer.flush()
    }
    count += rows.length
    if (writer.written >= sweepAt) {
      sweepAll()
      sweepAt = writer.written + charactersOfSweep
    }
    onRows(rows.at(-1)?.[0] ?? 0)
  }
  await writer.flush()
  // The plan needs the room.
  if (writer.written >= charactersOfSweep) sweepAll()
  return count
}

/** A statement of the engine that reads a file of staged rows. */
export function readLines(file: string): string {
  const columns = stageColumns.map(
    ({ name, type }) => `${literal(name)}: ${type === 'bigint' ? "'bigint'" : "'varchar'"}`,
  )
  return (
    `select * from read_csv(${literal(file)}, columns = {${columns.join(', ')}}, auto_detect = false, header = false, ` +
    `delim = '\\t', quote = '', escape = '', nullstr = '', strict_mode = false, max_line_size = 2000000, buffer_size = 4000000, parallel = false)`
  )
}

/** A row too large to be sent is too large to be kept whole. */
const shortened = (row: string): string =>
  row.length <= longestRow ? row : JSON.stringify({ beginning: row.slice(0, 10_000) })

const longestRow = 300_000

const oneLine = (text: string): string => text.replaceAll(/\p{Cc}+/gu, ' ')

const blockCharacters = 2 ** 20

class LineWriter {
  readonly #file: FileHandle
  #lines: string[] = []
  #characters = 0
  #flushed = 0

  constructor(file: FileHandle) {
    this.#file = file
  }

  /** Characters, of all lines so far. */
  get written(): number {
    return this.#flushed + this.#characters
  }

  line(text: string): void {
    this.#lines.push(text)
    this.#characters += text.length
  }

  get isLarge(): boolean {
    return this.#characters >= blockCharacters
  }

  async flush(): Promise<void> {
    if (this.#lines.length === 0) return
    await this.#file.writeFile(`${this.#lines.join('\n')}\n`)
    this.#lines = []
    this.#flushed += this.#characters
    this.#characters = 0
  }
}
