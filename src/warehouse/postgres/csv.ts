/** CSV that the engine writes and COPY reads. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { Engine } from '../engine.ts'
import type { TableColumn } from '../shape.ts'
import { literal, quoted } from '../sql.ts'
import { Turns } from '../turns.ts'

/**
 * Control characters in place of comma and quote: JSON is full of quotes, and each would be doubled, read and undone
 * (measured: a third of the engine's time, and 7 % of the bytes). A value that holds one of them is quoted and its
 * quotes are doubled, as in any CSV.
 */
const delimiter = '\x02'
const quote = '\x01'

/** What both of them are told. */
export const csvOptions = `format csv, header false, delimiter '${delimiter}', quote '${quote}', escape '${quote}'`

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
  return embedded ? `${withoutNul(quoted(name))} as ${quoted(name)}` : quoted(name)
}

/**
 * JSON that was text within JSON shows its U+0000 only now. Postgres would store it, and then fail whenever it is read.
 * An even number of backslashes in front is no escape; a match takes the character before it, so it is looked for twice.
 */
function withoutNul(json: string): string {
  const pattern = String.raw`'(^|[^\\])((?:\\\\)*)\\u0000', '\1\2\\u2400', 'g'`
  const replaced = `regexp_replace(regexp_replace(${json}::varchar, ${pattern}), ${pattern})::json`
  return String.raw`case when contains(${json}::varchar, '\u0000') then ${replaced} else ${json} end`
}
