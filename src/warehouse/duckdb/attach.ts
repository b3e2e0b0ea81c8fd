/** Attaching DuckDB files: DuckDB locks a file for as long as it is attached, and the system frees it when we die. */
import { existsSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import {
  isDamagedDatabase,
  isFileAttached,
  isFileLocked,
  isNewerDatabase,
  isNoDatabase,
  lockingProcess,
} from '../../engine/errors.ts'
import { sweepNow } from '../../engine/sweep.ts'
import {
  ConfigError,
  InterruptedError,
  LockedError,
  messageOf,
  TransientError,
  type UserError,
} from '../../errors.ts'
import type { UseOptions } from '../session.ts'
import { literal } from '../sql.ts'

/** How long a warehouse file that another program has open is waited for. */
const patienceMs = 30_000
const pollMs = 50

/**
 * The form of files that we make, for `attach`; DuckDB opens it from 1.2 on. The older form has a sketch of 3 kB for each
 * column, which takes half of the time of an attach; the newer one, of 1.3, makes a load of events a fifth dearer (measured).
 * Smaller blocks than the usual 256 kB would save an idle export a tenth at best, and make such a load dearer by as much as a fifth.
 */
export const newFileForm = `storage_version 'v1.2.0'`

/** Attaches the warehouse file as the default database of a connection, waiting while another program holds it. */
export async function attachFile(
  connection: DuckDBConnection,
  path: string,
  { signal, onWait, isReadOnly = false }: UseOptions & { readonly isReadOnly?: boolean },
): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += pollMs) {
    if (signal?.aborted) throw new InterruptedError()
    try {
      const form = isReadOnly ? ' (read_only)' : existsSync(path) ? '' : ` (${newFileForm})`
      await attach(connection, path, `warehouse${form}; use warehouse`)
      return
    } catch (error) {
      if (!isFileLocked(error)) throw attachError(path, error)
      if (waitedMs === 0) {
        const held = `${path} is in use by ${holderOf(error)}`
        onWait?.(`${held}; waiting for it, ${patienceMs / 1000} s at most`, held)
      }
      if (waitedMs >= patienceMs) {
        throw new TransientError(
          'warehouse_locked',
          `${path} is still in use by ${holderOf(error)} after ${patienceMs / 1000} s; close it there, then try again`,
          { cause: error },
        )
      }
    }
    await delay(pollMs, undefined, signal && { signal }).catch(() => {})
  }
}

/**
 * A database that was detached lives on for as long as something in this process refers to it: a statement on another
 * connection that looks through all databases, a transaction that has not ended, a result that waits for the garbage
 * collector. All of that passes in a moment.
 */
async function attach(connection: DuckDBConnection, path: string, nameAndMore: string): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += lingerMs) {
    try {
      await connection.run(`attach ${literal(path)} as ${nameAndMore}`)
      return
    } catch (error) {
      if (!isFileAttached(error) || waitedMs >= patienceMs) throw error
      sweepNow()
      await delay(lingerMs)
    }
  }
}

const lingerMs = 20

/** Files held by this process: the system's locks do not exclude us from ourselves. */
const heldHere = new Set<string>()

/**
 * Holds a small DuckDB file (by its true path) as a lock between processes. It frees itself when the holder dies, however it dies.
 * @throws UserError with code `locked` when another process, or this one, holds it.
 */
export async function holdFile(
  instance: DuckDBInstance,
  path: string,
  job: string,
): Promise<AsyncDisposable> {
  const name = `lock_${job.replaceAll(/\W/g, '_')}`
  if (heldHere.has(path)) throw lockedError(job, 'this process')
  // At once: whoever asks while the file is being attached is too late already.
  heldHere.add(path)
  try {
    const connection = await attached(instance, path, name)
    return {
      async [Symbol.asyncDispose]() {
        try {
          await connection.run(`detach ${name}`)
        } finally {
          connection.closeSync()
          heldHere.delete(path)
        }
      },
    }
  } catch (error) {
    heldHere.delete(path)
    throw isFileLocked(error) ? lockedError(job, holderOf(error), error) : attachError(path, error)
  }
}

async function attached(instance: DuckDBInstance, path: string, name: string): Promise<DuckDBConnection> {
  const connection = await instance.connect()
  try {
    await attach(connection, path, name)
    return connection
  } catch (error) {
    connection.closeSync()
    throw error
  }
}

const lockedError = (job: string, holder: string, cause?: unknown): LockedError =>
  new LockedError(`another ${job} of this warehouse is running`, holder, { cause })

/** "process 4711", as far as DuckDB knows. */
function holderOf(error: unknown): string {
  const pid = lockingProcess(error)
  return pid ? `process ${pid}` : 'another program'
}

function attachError(path: string, error: unknown): UserError {
  const said = messageOf(error).split('\n')[0]
  if (isNoDatabase(error)) {
    return new ConfigError(
      `${path} exists but is not a DuckDB database; change "warehouse.path", or move that file away`,
      { code: 'not_a_warehouse', cause: error },
    )
  }
  if (isDamagedDatabase(error)) {
    return new ConfigError(
      `${path} is damaged (${said}); put a backup in its place, or move it away and sync again from the start`,
      { code: 'damaged_warehouse', cause: error },
    )
  }
  if (isNewerDatabase(error)) {
    return new ConfigError(
      `${path} was written by a newer version of DuckDB; upgrade iterable-elt, or put a backup in its place (docs/troubleshooting.md#duckdb-2)`,
      {
        code: 'newer_warehouse',
        cause: error,
      },
    )
  }
  if (isFileAttached(error)) {
    return new TransientError(
      'warehouse_locked',
      `${path} is still in use by a statement of this process that does not end; try again, or restart it`,
      { cause: error },
    )
  }
  return new ConfigError(
    `cannot open the warehouse ${path}: ${said}; check "warehouse.path" and its permissions`,
    { code: 'warehouse_not_writable', cause: error },
  )
}
