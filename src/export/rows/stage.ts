/** Runs the query of an export once and writes what it returned, row by row as it will be sent, into a spool file. */
import { type FileHandle, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { sweepAll } from '../../engine/sweep.ts'
import { makeFolder } from '../../folders.ts'
import { readGuarded } from '../../warehouse/guarded.ts'
import type { Selection } from '../../warehouse/select.ts'
import type { Warehouse } from '../../warehouse/session.ts'
import { literal } from '../../warehouse/sql.ts'
import type { Statement } from '../../warehouse/statement.ts'
import type { ExportSettings } from '../definition/settings.ts'
import { type Mapping, type MappingContext, mapColumns } from './mapping.ts'
import { ExactNumber } from './number.ts'
import { payloadBuilder, rowText } from './payload.ts'

/** The frozen result of a query. */
export interface Staged extends AsyncDisposable {
  readonly file: string
  readonly rows: number
  readonly mapping: Mapping
  /** Fields that are sent, and the kinds of their values. */
  readonly fields: ReadonlyMap<string, ReadonlySet<FieldKind>>
}

/** Kinds of values as `users/getFields` names types; null says nothing about a type. */
export type FieldKind = 'boolean' | 'long' | 'double' | 'string' | 'date' | 'object'

export interface StageInput {
  readonly warehouse: Warehouse
  readonly query: Statement
  readonly settings: ExportSettings
  readonly naming: MappingContext
  readonly runId: string
  readonly signal: AbortSignal
  readonly onRows: (rows: number) => void
  readonly onWait: (message: string) => void
}

/** The columns of a staging table, in the order of the file; all are text but the two numbers. */
export const stageColumns = [
  ...(['seq', 'member_key', 'payload', 'hash', 'code', 'reason', 'row_text', 'bytes'] as const),
] as const

/** @throws ConfigError for a query that may not run, does not compile, or has no identifier. */
export async function stageRows(input: StageInput): Promise<Staged> {
  const { warehouse, query, signal, onWait } = input
  const directory = stageDirectory(warehouse, input.runId)
  await makeFolder(directory)
  const file = join(directory, 'rows.tsv')
  const dispose = () => removeStage(warehouse, input.runId)
  try {
    const staged = await readGuarded(
      warehouse,
      (session) => session.select(query),
      (selection) => writeRows(selection, file, input),
      { signal, onWait },
    )
    return { ...staged, file, [Symbol.asyncDispose]: dispose }
  } catch (error) {
    await dispose()
    throw error
  }
}

/** Removes what a run has staged; a process that was killed leaves it behind. */
export const removeStage = (warehouse: Warehouse, runId: string): Promise<void> =>
  rm(stageDirectory(warehouse, runId), { recursive: true, force: true })

const stageDirectory = ({ spoolDirectory }: Warehouse, runId: string): string =>
  `${spoolDirectory}-export-${runId}`

/** A statement of the engine that reads a file of staged rows. */
export function readStage(file: string): string {
  const columns = stageColumns.map(
    (name) => `${literal(name)}: ${numbers.has(name) ? "'bigint'" : "'varchar'"}`,
  )
  return (
    `select * from read_csv(${literal(file)}, columns = {${columns.join(', ')}}, auto_detect = false, header = false, ` +
    `delim = '\\t', quote = '', escape = '', nullstr = '', strict_mode = false, max_line_size = 2000000, buffer_size = 4000000, parallel = false)`
  )
}

/** After so many rows what they left behind is worth a sweep. */
const rowsOfSweep = 40_000

const numbers: ReadonlySet<string> = new Set(['seq', 'bytes'])

async function writeRows(
  selection: Selection,
  file: string,
  { settings, naming, signal, onRows }: StageInput,
): Promise<Pick<Staged, 'rows' | 'mapping' | 'fields'>> {
  const mapping = mapColumns(selection.columns, settings, naming)
  const fields = new Map<string, Set<FieldKind>>()
  const isDate = new Set(
    mapping.fields.filter(({ column }) => /timestamp|date/.test(column.type.kind)).map(({ name }) => name),
  )
  const build = payloadBuilder(mapping, settings, (name, value) => {
    const kinds = fields.get(name) ?? new Set()
    fields.set(name, kinds)
    addKind(kinds, value, isDate.has(name))
  })
  for (const { name, value, isVolatile } of mapping.constants) {
    fields.set(name, new Set([isVolatile ? 'date' : typeof value === 'number' ? 'long' : 'string']))
  }
  await using out = await open(file, 'w', 0o600)
  const writer = new LineWriter(out)
  let seq = 0
  let sweepAt = rowsOfSweep
  for await (const rows of selection.rows) {
    signal.throwIfAborted()
    for (const row of rows) {
      seq += 1
      const built = build(row)
      writer.line(
        'payload' in built
          ? `${seq}\t${built.key}\t${built.payload}\t${built.hash}\t\t\t\t${Buffer.byteLength(built.payload)}`
          : `${seq}\t${built.key ?? ''}\t\t\t${built.code}\t${oneLine(built.reason)}\t${shortened(rowText(mapping, row))}\t0`,
      )
    }
    await writer.flushIfLarge()
    if (seq >= sweepAt) {
      sweepAll()
      sweepAt += rowsOfSweep
    }
    onRows(seq)
  }
  await writer.flush()
  // The plan needs the room.
  if (seq >= rowsOfSweep) sweepAll()
  return { rows: seq, mapping, fields }
}

function addKind(kinds: Set<FieldKind>, value: unknown, isDate: boolean): void {
  if (value === null || value === undefined) return
  if (Array.isArray(value)) for (const item of value.slice(0, 10)) addKind(kinds, item, isDate)
  else if (value instanceof ExactNumber) kinds.add(value.text.includes('.') ? 'double' : 'long')
  else if (typeof value === 'object') kinds.add('object')
  else if (typeof value === 'boolean') kinds.add('boolean')
  else if (typeof value === 'number') kinds.add(Number.isInteger(value) ? 'long' : 'double')
  else kinds.add(isDate ? 'date' : 'string')
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

  constructor(file: FileHandle) {
    this.#file = file
  }

  line(text: string): void {
    this.#lines.push(text)
    this.#characters += text.length
  }

  async flushIfLarge(): Promise<void> {
    if (this.#characters >= blockCharacters) await this.flush()
  }

  async flush(): Promise<void> {
    if (this.#lines.length === 0) return
    await this.#file.writeFile(`${this.#lines.join('\n')}\n`)
    this.#lines = []
    this.#characters = 0
  }
}
