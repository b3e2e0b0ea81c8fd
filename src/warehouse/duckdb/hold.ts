/** The warehouse file for the time of a session: attached, and let go with all that was committed in it. */
import { existsSync } from 'node:fs'
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import type { Engine } from '../engine.ts'
import type { UseOptions } from '../session.ts'
import { attachFile } from './attach.ts'

/**
 * Connections of the engine. To make one ready costs as much as to attach a small file, so the last one is kept for the
 * next session; to a host's instance nothing of ours stays open.
 */
export class Connections {
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
export async function holdWarehouse(
  source: string | DuckDBInstance,
  engine: Engine,
  connections: Connections,
  { signal, onWait, isReading }: UseOptions,
): Promise<AsyncDisposable & { readonly connection: DuckDBConnection }> {
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
  return {
    connection,
    async [Symbol.asyncDispose]() {
      // What was interrupted may have left its transaction open, and an open one keeps the file.
      await connection.run('rollback').catch(() => {})
      await connection.run('drop table if exists temp.staging').catch(() => {})
      try {
        if (typeof source === 'string') await letGo(connection)
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

/** Detaches the file, which writes a checkpoint. */
async function letGo(connection: DuckDBConnection): Promise<void> {
  await connection.run('use memory')
  await connection.run('detach warehouse')
}

/** How often a file is attached anew for a checkpoint that fails for other reasons than room. */
const checkpointTries = 3

/**
 * A commit or checkpoint that found no room leaves a database in memory that DuckDB refuses to use. What was committed
 * stands in the log beside the file: that is attached anew, with more room, and the checkpoint written.
 */
async function letGoAgain(path: string, engine: Engine, cause: unknown): Promise<void> {
  let error = cause
  for (let tries = 1; ; tries += 1) {
    const mayHelp = (await engine.growAfter(error)) || (isBrokenCheckpoint(error) && tries <= checkpointTries)
    if (!mayHelp) throw error
    const connection = await engine.connect()
    try {
      await connection.run('detach database if exists warehouse')
      await attachFile(connection, path, {})
      await letGo(connection)
      return
    } catch (caught) {
      error = caught
    } finally {
      connection.closeSync()
    }
  }
}

const isBrokenCheckpoint = (error: unknown): boolean =>
  /Checkpoint failed|checkpointing failed/.test(String(error))
