/**
 * What was deleted stays in free blocks of a DuckDB file until they are used again. So the file is copied, table by table,
 * into a new one that takes its place.
 */
import { existsSync } from 'node:fs'
import { chmod, link, rename, rm, stat } from 'node:fs/promises'
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import type { Engine } from '../../engine/engine.ts'
import { TransientError } from '../../errors.ts'
import { literal } from '../sql.ts'
import { attachFile, newFileForm } from './attach.ts'

/** How often it is begun anew when another program has written meanwhile. */
const tries = 3

/** Nobody of this process works with the file meanwhile. Returns what stays, in words. */
export async function scrubFile(source: string | DuckDBInstance, engine: Engine): Promise<readonly string[]> {
  if (typeof source !== 'string') return ['the database is the application’s: it has to write its file anew']
  const connection = await engine.connect()
  try {
    for (let time = 1; time <= tries; time += 1) if (await isReplaced(source, connection)) return []
  } finally {
    connection.closeSync()
    await rm(freshOf(source), { force: true })
    await rm(beforeOf(source), { force: true })
  }
  throw new TransientError(
    'warehouse_locked',
    `${source} is written to by another program; the rows are deleted, but the file could not be written anew. Close it there, then erase again`,
  )
}

const freshOf = (path: string): string => `${path}.fresh`
const beforeOf = (path: string): string => `${path}.before`

/** False when another program has written between the copy and its taking the place. */
async function isReplaced(path: string, connection: DuckDBConnection): Promise<boolean> {
  const [fresh, before] = [freshOf(path), beforeOf(path)]
  for (const file of [fresh, `${fresh}.wal`, before]) await rm(file, { force: true })
  // What stands in the log goes into the file.
  await attachFile(connection, path, {})
  await connection.run('checkpoint warehouse; use memory; detach warehouse')
  const { mtimeMs } = await stat(path)
  // Others may read it at the same time, and nobody can write.
  await attachFile(connection, path, { isReadOnly: true })
  try {
    await connection.run(`attach ${literal(fresh)} as fresh (${newFileForm})`)
    await connection.run('copy from database warehouse to fresh')
    await connection.run('detach fresh')
  } finally {
    await connection.run('use memory; detach warehouse')
  }
  await chmod(fresh, 0o600)
  await link(path, before)
  await rename(fresh, path)
  const isWritten = (await stat(before)).mtimeMs !== mtimeMs || existsSync(`${path}.wal`)
  if (isWritten) await rename(before, path)
  return !isWritten
}
