/**
 * Where a DuckDB warehouse keeps its locks and what is on its way. All of this process that has the same file (under
 * whatever name) or the same live instance open shares one home: the system's locks do not exclude a process from
 * itself, and a file attached twice in one process is destroyed (measured).
 */
import { createHash } from 'node:crypto'
import { existsSync, realpathSync } from 'node:fs'
import { access, chmod, constants } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import type { DuckDBInstance } from '@duckdb/node-api'
import { Turns } from '../../engine/turns.ts'
import { ConfigError, messageOf } from '../../errors.ts'
import { makeFolder } from '../../folders.ts'
import { makeOwnFolder, ownName, removeLeftovers, removeOwn } from '../../spool/leftovers.ts'
import { removeSpool } from '../../spool/spool.ts'

export interface Home extends AsyncDisposable {
  /** The file under its true name, or the host's instance. */
  readonly source: string | DuckDBInstance
  /** Whoever works with the warehouse takes one. */
  readonly turns: Turns
  /** For locks. */
  readonly workDirectory: string
  /** The work directory is that of the file, which all processes share. */
  readonly isBeside: boolean
  readonly spoolDirectory: string
  /** For DuckDB to spill into; no other process uses it. */
  readonly tempDirectory: string
}

interface Shared {
  readonly turns: Turns
  /** Where there is no place beside the file. */
  own?: Promise<string>
  users: number
}

const sharedHomes = new Map<string | DuckDBInstance, Shared>()

/**
 * Makes the home of a warehouse, or joins it.
 * @throws UserError with code `warehouse_not_writable`.
 */
export async function openHome(
  given: string | DuckDBInstance,
  spoolDirectory: string | undefined,
): Promise<Home> {
  if (typeof given === 'string') await makeDirectory(dirname(resolve(given)))
  const source = typeof given === 'string' ? truePath(given) : given
  const shared = sharedHomes.get(source) ?? { turns: new Turns(), users: 0 }
  shared.users += 1
  sharedHomes.set(source, shared)
  const isBeside = typeof source === 'string' && !(await isForReaders(source))
  const workDirectory = isBeside ? `${source}.work` : await ownOf(shared)
  // Two warehouses may be given one folder: their downloads must not meet.
  const spoolParent = spoolDirectory ? join(spoolDirectory, nameOf(workDirectory)) : workDirectory
  const [temp, spool] = [ownName('tmp-'), ownName('spool-')]
  const home: Home = {
    source,
    turns: shared.turns,
    workDirectory,
    isBeside,
    spoolDirectory: join(spoolParent, spool),
    tempDirectory: join(workDirectory, temp),
    async [Symbol.asyncDispose]() {
      await removeOwn(workDirectory, temp)
      await removeOwn(spoolParent, spool)
      shared.users -= 1
      if (shared.users > 0) return
      sharedHomes.delete(source)
      if (!isBeside) await removeSpool(workDirectory)
    },
  }
  await makeDirectory(workDirectory)
  // One of an older version was open to all.
  await chmod(workDirectory, 0o700).catch(() => {})
  await makeDirectory(home.spoolDirectory)
  await makeDirectory(home.tempDirectory)
  await removeLeftovers(workDirectory, 'tmp-')
  await removeLeftovers(spoolParent, 'spool-')
  return home
}

/** A folder that nobody can have made before: what is in it is people's data. */
function ownOf(shared: Shared): Promise<string> {
  shared.own ??= makeOwnFolder(tmpdir(), 'iterable-elt-work-').catch((error: unknown) => {
    delete shared.own
    throw notWritable(tmpdir(), error)
  })
  return shared.own
}

/** True for a file in a folder that we may not write to: it can be read, and needs no locks of ours for that. */
async function isForReaders(path: string): Promise<boolean> {
  if (!existsSync(path)) return false
  return access(dirname(path), constants.W_OK).then(
    () => false,
    () => true,
  )
}

/** One name for one file, through whatever links it is reached and whether or not it is there yet. */
function truePath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return join(realpathSync(dirname(resolve(path))), basename(path))
  }
}

const nameOf = (workDirectory: string): string =>
  `iterable-elt-${createHash('sha256').update(workDirectory).digest('hex').slice(0, 12)}`

async function makeDirectory(path: string): Promise<void> {
  try {
    await makeFolder(path)
  } catch (error) {
    throw notWritable(path, error)
  }
}

const notWritable = (path: string, error: unknown) =>
  new ConfigError(
    `cannot write beside the warehouse: ${messageOf(error)}; make "${path}" writable, or change "warehouse.path"`,
    { code: 'warehouse_not_writable', cause: error },
  )
