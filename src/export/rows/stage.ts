/** Runs the query of an export once, and keeps what it returned as it will be sent: in the engine, or in a file. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Scratch } from '../../engine/scratch.ts'
import { sweepYoung } from '../../engine/sweep.ts'
import { makeFolder } from '../../folders.ts'
import { readGuarded } from '../../warehouse/guarded.ts'
import type { EngineRows, Selection } from '../../warehouse/select.ts'
import type { Warehouse } from '../../warehouse/session.ts'
import type { Statement } from '../../warehouse/statement.ts'
import type { ExportSettings } from '../definition/settings.ts'
import type { FieldKind } from './fields.ts'
import { FieldKinds } from './kinds.ts'
import { type NumberedRow, readLines, writeRows } from './lines.ts'
import { type Mapping, type MappingContext, mapColumns } from './mapping.ts'
import { type RowShape, shapeOf } from './shape.ts'

/** The frozen result of a query. */
export interface Staged extends AsyncDisposable {
  /** A statement of the engine that reads the rows, in the order of `stageColumns`. */
  readonly select: string
  readonly rows: number
  readonly mapping: Mapping
  /** Fields that are sent, and the kinds of their values. */
  readonly fields: ReadonlyMap<string, ReadonlySet<FieldKind>>
}

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

/** @throws ConfigError for a query that may not run, does not compile, or has no identifier. */
export async function stageRows(input: StageInput): Promise<Staged> {
  const { warehouse, query, signal, onWait } = input
  const directory = stageDirectory(warehouse, input.runId)
  await makeFolder(directory)
  let isWide = false
  // The engine makes 2,048 rows at once, each a dozen times over: JavaScript makes wide ones in a fraction of the room.
  const onRepeat = () => {
    isWide = true
  }
  try {
    return await readGuarded(
      warehouse,
      (session) => session.select(query),
      (selection) => stageSelection(selection, directory, input, isWide),
      { signal, onWait, onRepeat },
    )
  } catch (error) {
    await removeStage(warehouse, input.runId)
    throw error
  }
}

/** Removes what a run has staged; a process that was killed leaves it behind. */
export const removeStage = (warehouse: Warehouse, runId: string): Promise<void> =>
  rm(stageDirectory(warehouse, runId), { recursive: true, force: true })

const stageDirectory = ({ spoolDirectory }: Warehouse, runId: string): string =>
  `${spoolDirectory}-export-${runId}`

/** The engine makes what rows it can, JavaScript the others, and all of them where they are wide. */
async function stageSelection(
  selection: Selection,
  directory: string,
  input: StageInput,
  isWide: boolean,
): Promise<Staged> {
  const { warehouse, settings, naming, runId } = input
  const mapping = mapColumns(selection.columns, settings, naming)
  const { engine } = selection
  const shape = isWide ? undefined : engine && shapeOf(mapping, engine.types, settings)
  const file = join(directory, 'rows.tsv')
  const fields = new FieldKinds(mapping, settings)
  const write = (rows: AsyncIterable<readonly NumberedRow[]>, onRows: StageInput['onRows']) =>
    writeRows(rows, file, { ...input, mapping, fields, onRows })
  if (!engine || !shape) {
    const rows = await write(numbered(selection.rows), input.onRows)
    const dispose = () => removeStage(warehouse, runId)
    return { select: readLines(file), rows, mapping, fields: fields.all, [Symbol.asyncDispose]: dispose }
  }
  const scratch = await Scratch.open(warehouse.engine)
  try {
    const { table, connection } = scratch
    const rows = await fill(scratch, shape, engine, input)
    const given = mapping.columns.map((_, index) => `, c${index}`).join('')
    const left = `select rowid + 1${given} from ${table} where payload is null order by rowid`
    const [hasMade, hasLeft, ...has] = await scratch.row(shape.summaryOf(table))
    if (hasLeft) await scratch.beginStreams()
    const leftRows = hasLeft ? await write(withNumbers(engine.read(connection, left)), () => {}) : 0
    if (hasMade) fields.addMade(shape, has)
    const made = `select rowid + 1 as seq, member_key, payload, hash, null::varchar as code, null::varchar as reason, null::varchar as row_text, bytes from ${table} where payload is not null`
    return {
      select: leftRows === 0 ? made : `${made} union all ${readLines(file)}`,
      rows,
      mapping,
      fields: fields.all,
      async [Symbol.asyncDispose]() {
        await scratch[Symbol.asyncDispose]()
        await removeStage(warehouse, runId)
      },
    }
  } catch (error) {
    await scratch[Symbol.asyncDispose]()
    throw error
  }
}

/** Chunks that hold so much are worth a sweep. */
const bytesOfSweep = 8_000_000
const besideBytes = 200

/** Has the engine make the rows. Returns how many they are. */
async function fill(
  scratch: Scratch,
  shape: RowShape,
  engine: EngineRows,
  { signal, onRows }: StageInput,
): Promise<number> {
  const bytesAt = shape.columns.findIndex(([name]) => name === 'bytes')
  let rows = 0
  let heldBytes = 0
  await scratch.fill(shape.columns, ({ append, flush }) =>
    engine.pour(shape.select, (chunk) => {
      signal.throwIfAborted()
      rows += chunk.rowCount
      append(chunk)
      // V8 does not know what a chunk holds, so it is in no hurry. What a row has beside its payload is little.
      heldBytes += chunk.rowCount * (besideBytes + Number(chunk.getColumnVector(bytesAt).getItem(0) ?? 0))
      if (heldBytes >= bytesOfSweep) {
        flush()
        sweepYoung()
        heldBytes = 0
      }
      onRows(rows)
    }),
  )
  return rows
}

async function* numbered(
  portions: AsyncIterable<readonly (readonly unknown[])[]>,
): AsyncGenerator<readonly NumberedRow[]> {
  let seq = 0
  for await (const rows of portions) {
    yield rows.map((row) => {
      seq += 1
      return [seq, row]
    })
  }
}

async function* withNumbers(
  portions: AsyncIterable<readonly (readonly unknown[])[]>,
): AsyncGenerator<readonly NumberedRow[]> {
  for await (const rows of portions) yield rows.map(([seq, ...row]) => [Number(seq), row])
}
