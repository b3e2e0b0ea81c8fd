/** Signs that a DuckDB file has changed, without opening it. */
import { stat } from 'node:fs/promises'
import type { Config } from '../config/schema.ts'

/** Differs after every change of the file; undefined for a warehouse that is none. */
export async function markOfFile({ warehouse }: Pick<Config, 'warehouse'>): Promise<string | undefined> {
  if (!('path' in warehouse)) return undefined
  const files = [warehouse.path, `${warehouse.path}.wal`]
  const stats = await Promise.all(files.map((file) => stat(file).catch(() => undefined)))
  return stats.map((one) => `${one?.mtimeMs} ${one?.size}`).join(' ')
}
