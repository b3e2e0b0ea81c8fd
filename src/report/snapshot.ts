/** A consistent copy of the warehouse for those who query all day: written beside its place, and renamed whole. */
import { existsSync, realpathSync } from 'node:fs'
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { ConfigError, codeOf } from '../errors.ts'
import { makeFolder, writingTo } from '../folders.ts'
import { ownName, removeLeftovers } from '../spool/leftovers.ts'
import { refuseNamesake } from '../warehouse/duckdb/file-name.ts'
import { explainedFault } from '../warehouse/faults.ts'
import type { Copied } from '../warehouse/snapshot.ts'
import { isMissing, type ReportSource } from './read.ts'

export interface SnapshotRequest {
  /** A DuckDB file, or a folder of Parquet files: one of the two. Relative to the working directory. */
  readonly file?: string
  readonly parquet?: string
  /** Replace what is there. */
  readonly force?: boolean
  readonly signal?: AbortSignal
  /** Hears when the warehouse must be waited for. */
  readonly onWait?: (message: string) => void
}

/** What was copied; what `snapshot --json` prints. */
export interface Snapshot {
  /** The file or folder, absolute. */
  readonly path: string
  readonly bytes: number
  /** Tables and views, as `schema.name`. */
  readonly relations: readonly string[]
}

export async function takeSnapshot(source: ReportSource, request: SnapshotRequest): Promise<Snapshot> {
  const { path, isFile } = targetOf(request)
  await refuseWrongTarget(source, path, request)
  const prefix = `${basename(path)}.partial-`
  const beside = join(dirname(path), ownName(prefix))
  await writingTo(`the snapshot cannot be written to ${dirname(path)}`, async () => {
    await makeFolder(dirname(path))
    await removeLeftovers(dirname(path), prefix)
    // DuckDB would say it in other words for each system.
    await mkdir(beside, { mode: 0o700 })
    await rm(beside, { recursive: true })
  })
  try {
    const copied = await copy(source, beside, isFile, request)
    const bytes = await bytesOf(beside)
    await replace(beside, path)
    return { path, bytes, relations: copied.map(({ schema, name }) => `${schema}.${name}`) }
  } finally {
    for (const left of [beside, `${beside}.wal`]) await rm(left, { recursive: true, force: true })
  }
}

function targetOf({ file, parquet }: SnapshotRequest): { readonly path: string; readonly isFile: boolean } {
  const given = file ?? parquet
  if (given === undefined || given === '' || (file !== undefined && parquet !== undefined)) {
    throw new ConfigError(
      'a snapshot goes into a file or into a folder of Parquet files: name one of the two',
      {
        code: 'usage',
      },
    )
  }
  return { path: resolve(given), isFile: file !== undefined }
}

async function refuseWrongTarget(
  { config }: ReportSource,
  path: string,
  { file, force = false }: SnapshotRequest,
): Promise<void> {
  if (isMissing(config)) {
    throw new ConfigError('there is nothing to copy: the warehouse is not there yet; run "iterable-elt sync"')
  }
  if (file !== undefined) refuseNamesake(path, config.schema, 'the snapshot')
  if (!existsSync(path)) return
  const { warehouse } = config
  if ('path' in warehouse && realpathSync(warehouse.path) === realpathSync(path))
    throw new ConfigError(`${path} is the warehouse itself; name another file`, { code: 'usage' })
  if (!force) throw new ConfigError(`${path} is there already; --force replaces it`, { code: 'usage' })
  const isFolder = (await stat(path)).isDirectory()
  if (isFolder === (file !== undefined)) {
    const [is, wanted] = isFolder ? ['a folder', 'a file'] : ['a file', 'a folder']
    throw new ConfigError(`${path} is ${is}, and the snapshot would be ${wanted}; name another place`, {
      code: 'usage',
    })
  }
  if (isFolder) await refuseForeignFolder(path)
}

/** Only a folder that holds nothing but Parquet files in folders is one that we have made, and may replace. */
async function refuseForeignFolder(path: string): Promise<void> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true })
  const foreign = entries.find((entry) => !entry.isDirectory() && !entry.name.endsWith('.parquet'))
  if (!foreign) return
  throw new ConfigError(
    `${path} holds ${foreign.name}, which is not part of a snapshot; name another folder, or remove it yourself`,
    { code: 'usage' },
  )
}

/** Begins anew when the engine had to grow for it. */
async function copy(
  { warehouse }: ReportSource,
  beside: string,
  isFile: boolean,
  { signal, onWait }: SnapshotRequest,
): Promise<readonly Copied[]> {
  const copying = async () => {
    await rm(beside, { recursive: true, force: true })
    if (!isFile) await mkdir(beside, { mode: 0o700 })
    return warehouse.use(
      ({ files }) =>
        files.copyTo(isFile ? { kind: 'file', path: beside } : { kind: 'parquet', directory: beside }),
      { signal, onWait, isReading: true },
    )
  }
  try {
    return await warehouse.engine.withRoom(copying)
  } catch (caught) {
    const error = explainedFault(caught)
    if (codeOf(error) !== 'disk_full') throw error
    throw new ConfigError(
      `there is no room for the snapshot in ${dirname(beside)}; make some, or name another place`,
      { cause: error },
    )
  }
}

/** Puts the copy in its place. A folder cannot be renamed over another: the old one steps aside first. */
async function replace(beside: string, path: string): Promise<void> {
  const isFolder = existsSync(path) && (await stat(path)).isDirectory()
  if (!isFolder) return rename(beside, path)
  const old = `${beside}-old`
  await rename(path, old)
  await rename(beside, path)
  await rm(old, { recursive: true, force: true })
}

async function bytesOf(path: string): Promise<number> {
  const found = await stat(path)
  if (!found.isDirectory()) return found.size
  const sizes = (await readdir(path)).map((name) => bytesOf(join(path, name)))
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
}
