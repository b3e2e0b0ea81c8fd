/** The warehouse file for the time of a session: attached, and let go with all that was committed in it. */
import { existsSync, statSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import type { Engine } from '../../engine/engine.ts'
import { isCheckpointFailure } from '../../engine/errors.ts'
import { sweepAll } from '../../engine/sweep.ts'
import { isDiskFull } from '../faults.ts'
import type { UseOptions } from '../session.ts'
import { attachFile } from './attach.ts'

/**
 * Connections of the engine. To make one ready costs as much as to attach a small file, so the last one is kept for the
 * next session; to a host's instance nothing of ours stays open.
 */
class Connections {
  readonly #engine: Engine
  #idle: DuckDBConnection | undefined

  constructor(engine: Engine) {
    this.#engine = engine
  }

  async take(source: string | DuckDBInstance): Promise<DuckDBConnection> {
    if (typeof source !== 'string') return this.#engine.connect(source)
    const idle = this.#idle
    this.#idle = undefined
    return idle ?? this.#engine.connect()
  }

  giveBack(connection: DuckDBConnection, source: string | DuckDBInstance): void {
    if (typeof source === 'string' && !this.#idle) this.#idle = connection
    else connection.closeSync()
  }

  close(): void {
    this.#idle?.closeSync()
    this.#idle = undefined
  }
}

/** A connection whose default database is the warehouse; the file is let go when it is disposed. */
export interface Held extends AsyncDisposable {
  readonly connection: DuckDBConnection
  readonly progress: HeldProgress
}

/** What is told of the work while it is under way. */
export interface HeldProgress {
  /** What ends in the middle of its work may leave its transaction open. */
  isAtWork: boolean
  /** Bytes of the rows that went into the file. */
  writtenBytes: number
}

/**
 * The file, handed from one session to the next where that waits already: to attach it and to let go of it, with a
 * checkpoint, costs as much as the commit of a small window. After a second it is let go all the same, so that other
 * programs come in between.
 */
export class Holder {
  readonly #source: string | DuckDBInstance
  readonly #engine: Engine
  readonly #connections: Connections
  #kept: { readonly held: Held; readonly sinceMs: number } | undefined

  constructor(source: string | DuckDBInstance, engine: Engine) {
    this.#source = source
    this.#engine = engine
    this.#connections = new Connections(engine)
  }

  /** `isNext` tells, at the end, whether the next session is to write here, too. */
  async take(options: UseOptions, isNext: () => boolean): Promise<Held> {
    const kept = this.#kept
    this.#kept = undefined
    const held = kept?.held ?? (await holdWarehouse(this.#source, this.#engine, this.#connections, options))
    const sinceMs = kept?.sinceMs ?? performance.now()
    return {
      connection: held.connection,
      progress: held.progress,
      [Symbol.asyncDispose]: async () => {
        const isWanted = !held.progress.isAtWork && isNext()
        const isLong = performance.now() - sinceMs >= longestHoldMs
        if (isWanted && !isLong && logBytes(this.#source) < mostLogBytes) {
          await held.connection.run(clear)
          this.#kept = { held, sinceMs }
          return
        }
        await held[Symbol.asyncDispose]()
        if (isWanted && isLong) await delay(restMs)
      },
    }
  }

  close(): void {
    this.#connections.close()
  }
}

const longestHoldMs = 1_000

/** Whoever wrote more pays for its checkpoint, and hears of it where it fails. */
const mostLogBytes = 2 ** 20

const logBytes = (source: string | DuckDBInstance): number =>
  typeof source === 'string' ? (statSync(`${source}.wal`, { throwIfNoEntry: false })?.size ?? 0) : Infinity

/** Long enough for one who looks every 50 ms to get in, now and then. */
const restMs = 25

/** Attaches the warehouse, and waits for it where others have it. */
async function holdWarehouse(
  source: string | DuckDBInstance,
  engine: Engine,
  connections: Connections,
  { signal, onWait, isReading }: UseOptions,
): Promise<Held> {
  const connection = await connections.take(source)
  try {
    if (typeof source === 'string') {
      await attachFile(connection, source, {
        signal,
        onWait,
        isReadOnly: isReading === true && existsSync(source),
      })
    }
  } catch (error) {
    connections.giveBack(connection, source)
    throw error
  }
  const progress: HeldProgress = { isAtWork: false, writtenBytes: 0 }
  return {
    connection,
    progress,
    async [Symbol.asyncDispose]() {
      // An open transaction keeps the file.
      if (progress.isAtWork) await connection.run('rollback').catch(() => {})
      const wroteMuch = progress.writtenBytes >= muchBytes
      try {
        if (wroteMuch) {
          sweepAll()
          await engine.releaseFreed(connection)
        }
        await connection.run(typeof source === 'string' ? letGo : clear)
        if (wroteMuch) await engine.releaseFreed(connection)
      } catch (error) {
        // Its default database is one that cannot be used any more.
        connection.closeSync()
        await letGoAgain(source as string, engine, error)
        return
      }
      connections.giveBack(connection, source)
    },
  }
}

/**
 * Who wrote so much has made DuckDB take memory that a checkpoint asks for once more. To have it back costs a small
 * session a quarter of its time (measured), and one that wrote this much nothing that shows.
 */
const muchBytes = 8 * 2 ** 20

const clear = 'drop table if exists temp.staging'

/** Detaches the file, which writes a checkpoint. */
const letGo = `${clear}; use memory; detach warehouse`

/** How often a file is attached anew for a checkpoint that fails for other reasons than room. */
const checkpointTries = 3

/**
 * A commit or checkpoint that found no room leaves a database in memory that DuckDB refuses to use. What was committed
 * stands in the log beside the file: that is attached anew, with more room, and the checkpoint written.
 */
async function letGoAgain(path: string, engine: Engine, cause: unknown): Promise<void> {
  let error = cause
  for (let tries = 1; ; tries += 1) {
    // All that was committed is safe in the log. Whoever commits next hears of the disk, unless it has room by then.
    if (isCheckpointFailure(error) && isDiskFull(error)) return
    const mayHelp =
      (await engine.growAfter(error)) || (isCheckpointFailure(error) && tries <= checkpointTries)
    if (!mayHelp) throw error
    const connection = await engine.connect()
    try {
      await connection.run('detach database if exists warehouse')
      await attachFile(connection, path, {})
      await connection.run(letGo)
      return
    } catch (caught) {
      error = caught
    } finally {
      connection.closeSync()
    }
  }
}
