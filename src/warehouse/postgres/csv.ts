/** CSV that the engine writes and COPY reads. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { Engine } from '../../engine/engine.ts'
import { Turns } from '../../engine/turns.ts'
import { jsonWithoutNul } from '../nul.ts'
import type { TableColumn } from '../shape.ts'
import { literal, quoted } from '../sql.ts'

/**
 * Control characters in place of comma and quote: JSON is full of quotes, and each would be doubled, read and undone
 * (measured: a third of the engine's time, and 7 % of the bytes). A value that holds one of them is quoted and its
 * quotes are doubled, as in any CSV.
 */
const delimiter = '\x02'
const quote = '\x01'

/** What both of them are told. */
export const csvOptions = `format csv, header false, delimiter '${delimiter}', quote '${quote}', escape '${quote}'`

/** A statement of the engine that reads CSV as Postgres writes it, where an empty text is quoted and NULL is not. */
export function readCsv(
  path: string,
  columns: readonly (readonly [name: string, type: string])[],
  maxLineBytes: number,
): string {
  const types = columns.map(([name, type]) => `${literal(name)}: ${literal(type)}`)
  return (
    `select * from read_csv(${literal(path)}, columns = {${types.join(', ')}}, auto_detect = false, header = false, ` +
    `delim = '${delimiter}', quote = '${quote}', escape = '${quote}', nullstr = '', allow_quoted_nulls = false, ` +
    `new_line = '\\n', max_line_size = ${maxLineBytes}, buffer_size = ${2 * maxLineBytes}, parallel = false)`
  )
}

export interface CsvFile {
  readonly path: string
  readonly rows: number
}

/** Writes results of the engine to files. Writers take turns: each needs half of the engine's small memory. */
export class CsvWriter implements AsyncDisposable {
  readonly #engine: Engine
  readonly #directory: string
  readonly #turns = new Turns()
  #connection: DuckDBConnection | undefined
  #written = 0

  constructor(engine: Engine, directory: string) {
    this.#engine = engine
    this.#directory = directory
  }

  /** Runs a statement whose columns are `csvExpression`s; the file is the caller's to remove. */
  write(select: string): Promise<CsvFile> {
    return this.#turns.take(async () => {
      this.#connection ??= await this.#engine.connect()
      this.#written += 1
      const path = join(this.#directory, `${this.#written}.csv`)
      try {
        const copy = `copy (${select}) to ${literal(path)} (${csvOptions})`
        const reader = await this.#connection.runAndReadAll(copy)
        return { path, rows: Number(reader.getRowsJson()[0]?.[0]) }
      } catch (error) {
        await rm(path, { force: true })
        throw error
      }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turns.take(async () => this.#connection?.closeSync())
  }
}

/**
 * A column as Postgres reads it exactly. Times are written without their zone, which is UTC in both sessions: the engine
 * asks a calendar for the zone of each value otherwise, which costs more than all the text of an event (measured).
 */
export function csvExpression({ name, type, embedded }: TableColumn): string {
  if (type === 'timestamptz') return `make_timestamp(epoch_us(${quoted(name)})) as ${quoted(name)}`
  // JSON that was text within JSON shows its U+0000 only now. Postgres would store it, and then fail whenever it is read.
  return embedded ? `${jsonWithoutNul(quoted(name))} as ${quoted(name)}` : quoted(name)
}
