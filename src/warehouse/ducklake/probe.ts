/** Whether the storage of a lake lets us write, read, list and remove files: looked at before the catalogue says for good where they are. */
import { type Engine, makeInstance } from '../../engine/engine.ts'
import { literal } from '../sql.ts'
import type { Lake } from './lake.ts'

/** A lake of one row, made and removed in a DuckDB of its own, whose catalogue is in memory: it leaves no file. */
export async function probeStorage(lake: Lake, engine: Engine, directory: string): Promise<void> {
  const trustsExtensions = await lake.extensions.areChecked()
  const instance = await makeInstance({ directory, memoryLimit: '256MB', threads: 1, trustsExtensions })
  const connection = await engine.connect(instance)
  try {
    await lake.ready(connection)
    const options = `data_path ${literal(lake.dataPath)}, data_inlining_row_limit 0`
    await connection.run(`attach 'ducklake::memory:' as probe (${options})`)
    const table = 'probe.main.iterable_elt_check'
    for (const statement of [
      `create table ${table} as select 1 as n`,
      `from ${table}`,
      `from glob(${literal(`${lake.dataPath}main/iterable_elt_check/**`)})`,
      `drop table ${table}`,
      `call ducklake_expire_snapshots('probe', older_than => now() + interval 1 day)`,
      `call ducklake_cleanup_old_files('probe', cleanup_all => true)`,
    ]) {
      await connection.run(statement)
    }
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}
