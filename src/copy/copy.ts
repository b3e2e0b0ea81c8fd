/**
 * One warehouse into another, of whatever kind: stream tables one by one, then our own tables at once, then both sides
 * compared. A sync into the target goes on from the bookmarks.
 */
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { catalogue, type Stream } from '../catalog/index.ts'
import { connectionOf } from '../config/connections.ts'
import type { Config } from '../config/schema.ts'
import { ConfigError, InterruptedError } from '../errors.ts'
import { makeFolder } from '../folders.ts'
import { endingRun } from '../report/job-run.ts'
import { isMissing, readState } from '../report/read.ts'
import { removeSpool } from '../spool/spool.ts'
import { endRun } from '../state/runs.ts'
import type { Session, Warehouse } from '../warehouse/session.ts'
import type { Shape } from '../warehouse/shape.ts'
import { readShape } from '../warehouse/tables.ts'
import {
  beginAttempt,
  type CopyProgress,
  recordProgress,
  refuseOthers,
  stateOf,
  type TableSum,
} from './attempt.ts'
import { type ComparedTable, compared, isSameTable, noticesOf } from './compare.ts'
import { checksumOfTable, type PieceReading, piecesOf } from './pieces.ts'
import { shapeIn } from './shape.ts'
import { loadOwn, ownTables, unloadOwn } from './state.ts'
import { type ColumnTimes, copyTable } from './table.ts'

export interface CopySide {
  readonly warehouse: Warehouse
  readonly config: Config
}

export type CopyEvent =
  | { readonly type: 'table'; readonly table: string; readonly number: number; readonly of: number }
  | { readonly type: 'rows'; readonly rows: number }
  | { readonly type: 'comparing' }

export interface CopyRequest {
  /** Looks, and copies nothing. */
  readonly isDryRun?: boolean | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((event: CopyEvent) => void) | undefined
}

/** What `copy --json` prints. */
export interface CopyReport {
  /** Of the row in the target's runs; null where nothing was copied. */
  readonly run_id: string | null
  /** All tables are the same on both sides; null where nothing was copied. */
  readonly is_equal: boolean | null
  readonly tables: readonly ComparedTable[]
  readonly notices: readonly string[]
}

/**
 * Copies a warehouse. No sync changes the source meanwhile, and none works on the target.
 * @throws ConfigError `target_not_empty`; UserError `locked` while a sync or an export of the source is at work.
 */
export async function copyWarehouse(
  source: CopySide,
  target: CopySide,
  request: CopyRequest & { readonly now: () => Date },
): Promise<CopyReport> {
  refuseSides(source, target)
  if (request.isDryRun) return planOf(source, target, request.signal)
  const { warehouse } = source
  await using _syncs = await warehouse.lock('sync')
  await using _exports = await lockExports(warehouse)
  const found = await warehouse.use((session) => look(session, source.config))
  await using _target = await target.warehouse.lock('sync')
  return await copyInto(target, { source, found, ...request })
}

function refuseSides(source: CopySide, target: CopySide): void {
  if (isMissing(source.config))
    throw new ConfigError('there is nothing to copy: the warehouse is not there yet; run "iterable-elt sync"')
  const [from, to] = [source.config.warehouse, target.config.warehouse]
  if (source.config.schema === target.config.schema && isDeepStrictEqual(from, to))
    throw new ConfigError('the target is the warehouse itself; name another one', { code: 'usage' })
  if ('data_path' in from && 'data_path' in to && from.data_path === to.data_path)
    throw new ConfigError(`both lakes have the "data_path" ${to.data_path}; each needs one of its own`)
}

/** Exports that are at work are not cut in two: their lists are locked. */
async function lockExports(warehouse: Warehouse): Promise<AsyncDisposable> {
  const lists = await warehouse.use(({ db }) =>
    db.selectFrom('export_runs').select('list_id').distinct().where('phase', '<>', 'done').execute(),
  )
  const locks: AsyncDisposable[] = []
  const letGo = async () => {
    for (const lock of locks) await lock[Symbol.asyncDispose]()
  }
  try {
    for (const { list_id } of lists) locks.push(await warehouse.lock(`list-${list_id}`))
    return { [Symbol.asyncDispose]: letGo }
  } catch (error) {
    await letGo()
    throw error
  }
}

interface Found {
  readonly state: string
  readonly shapes: readonly Shape[]
  readonly history: ReadonlyMap<string, readonly ColumnTimes[]>
  readonly notices: readonly string[]
}

/** The tables of the source, as they are recorded. */
async function look(session: Session, config: Config): Promise<Found> {
  const { db } = session
  const columns = await db
    .selectFrom('columns')
    .select(['stream', 'column_name', 'first_seen_at', 'changed_at'])
    .execute()
  const history = new Map<string, ColumnTimes[]>()
  for (const { stream, ...times } of columns) history.set(stream, [...(history.get(stream) ?? []), times])
  const streams = streamsOf(config)
  const shapes: Shape[] = []
  for (const name of [...history.keys()].toSorted()) {
    const stream = streams.get(name)
    const shape = stream && (await readShape(db, stream))
    if (shape) shapes.push(shape)
  }
  return { state: await stateOf(db), shapes, history, notices: await noticesOf(session, history, streams) }
}

function streamsOf(config: Config): ReadonlyMap<string, Stream> {
  const hasOne = config.sync.connection !== undefined
  const type = hasOne ? connectionOf(config, config.sync.connection, 'copy').project_type : 'email'
  return new Map(catalogue(type).map((stream) => [stream.name, stream]))
}

async function planOf(
  { warehouse, config }: CopySide,
  target: CopySide,
  signal: AbortSignal | undefined,
): Promise<CopyReport> {
  const plan = await readState(
    { warehouse, config },
    async (session) => {
      const found = await look(session, config)
      return { found, tables: await compared(session, found.shapes) }
    },
    { signal },
  )
  if (!plan) throw new ConfigError('there is nothing to copy: nothing was ever synced')
  await readState(target, ({ db }) => refuseOthers(db, plan.found.state), { signal })
  return { run_id: null, is_equal: null, tables: plan.tables, notices: plan.found.notices }
}

interface Job extends CopyRequest {
  readonly source: CopySide
  readonly found: Found
  readonly now: () => Date
}

async function copyInto(target: CopySide, job: Job): Promise<CopyReport> {
  const { now, signal, found } = job
  const { warehouse } = target
  const { runId, progress } = await warehouse.transaction(({ db }) => beginAttempt(db, found.state, now()))
  const directory = join(warehouse.spoolDirectory, 'copy')
  await removeSpool(warehouse.spoolDirectory)
  await makeFolder(directory)
  const work = async () => {
    const done = await copyAll({ ...job, target, directory, runId }, progress)
    job.onProgress?.({ type: 'comparing' })
    const tables = await compareAll({ ...job, target, directory, runId }, done)
    const different = tables.filter((table) => !isSameTable(table)).map(({ table }) => table)
    const details = { ...done, is_equal: different.length === 0 }
    const end =
      different.length === 0
        ? ({ state: 'succeeded' } as const)
        : ({ state: 'failed', error: { code: 'copy_differs', text: different.join(', ') } } as const)
    await warehouse.use(({ db }) => endRun(db, runId, { ...end, now: now(), details }))
    return { run_id: runId, is_equal: details.is_equal, tables, notices: found.notices }
  }
  try {
    return await endingRun({ warehouse, runId, signal, now }, work)
  } finally {
    await removeSpool(warehouse.spoolDirectory)
  }
}

interface Work extends Job {
  readonly target: CopySide
  readonly directory: string
  readonly runId: string
}

/** All that is not there yet. Returns what is there then. */
async function copyAll(work: Work, begun: CopyProgress): Promise<Required<CopyProgress>> {
  const { source, target, found, directory, runId, signal, onProgress, now } = work
  let progress = begun
  for (const [index, shape] of found.shapes.entries()) {
    if (signal?.aborted) throw new InterruptedError()
    const table = nameOf(source, shape)
    if (progress.tables.some((one) => one.table === table)) continue
    onProgress?.({ type: 'table', table, number: index + 1, of: found.shapes.length })
    const reading = readingOf(work, 'source', shape)
    const pieces = await source.warehouse.use((session) => piecesOf(session, shape), { signal })
    await copyTable({
      reading,
      pieces,
      signal,
      target: target.warehouse,
      now: now(),
      history: found.history.get(shape.stream.name) ?? [],
      onRows: (rows) => onProgress?.({ type: 'rows', rows }),
      async andThen({ db }, sum) {
        const next = { ...progress, tables: [...progress.tables, { table, ...sum }] }
        await recordProgress(db, runId, next)
        progress = next
      },
    })
  }
  if (progress.own) return progress as Required<CopyProgress>
  const engine = target.warehouse.engine
  const tables = await target.warehouse.use(ownTables)
  const unloaded = await unloadOwn({ warehouse: source.warehouse, engine, directory, signal }, tables)
  const own: TableSum[] = unloaded.map(({ table, checksum }) => ({
    table: `${source.warehouse.names.sync}.${table.name}`,
    ...checksum,
  }))
  const whole = { ...progress, own }
  await target.warehouse.transaction(
    async (tx) => {
      await loadOwn(tx, unloaded)
      await recordProgress(tx.db, runId, whole)
    },
    { signal },
  )
  return whole
}

/** What is there, read again. */
async function compareAll(work: Work, done: Required<CopyProgress>): Promise<readonly ComparedTable[]> {
  const { source, target, found, directory, signal } = work
  const { warehouse } = target
  const tables: ComparedTable[] = []
  const compare = (sum: TableSum, there: { readonly rows: number; readonly checksum: string }) =>
    tables.push({ ...sum, target_rows: there.rows, target_checksum: there.checksum })
  for (const shape of found.shapes) {
    const reading = readingOf(work, 'target', shape)
    const pieces = await warehouse.use((session) => piecesOf(session, reading.shape), { signal })
    const sum = done.tables.find(({ table }) => table === nameOf(source, shape))
    if (sum) compare(sum, await checksumOfTable(reading, pieces))
  }
  const own = await warehouse.use(ownTables)
  const reading = { warehouse, engine: warehouse.engine, directory, signal }
  for (const { table, checksum } of await unloadOwn(reading, own)) {
    const sum = done.own?.find((one) => one.table === `${source.warehouse.names.sync}.${table.name}`)
    if (sum) compare(sum, checksum)
  }
  return tables
}

const nameOf = ({ warehouse }: CopySide, { stream }: Shape): string =>
  `${warehouse.names.streams}.${stream.name}`

function readingOf(
  { source, target, directory, signal }: Work,
  side: 'source' | 'target',
  shape: Shape,
): PieceReading {
  const as = shapeIn(target.warehouse.dialect, shape)
  const [from, to] = [source.warehouse, target.warehouse]
  return {
    as,
    directory,
    signal,
    engine: to.engine,
    ...(side === 'source' ? { warehouse: from, shape } : { warehouse: to, shape: as }),
    withoutNul: side === 'source' && to.dialect.refusesNul && !from.dialect.refusesNul,
  }
}
