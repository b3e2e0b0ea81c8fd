/**
 * More events than can be made in the time there is: files that a lake has are copied, and the lake is told of the copies.
 * What is read, listed and counted is as much as with files of their own; messages and people are those of the first files.
 */
import { copyFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type LakePlace, onLake } from './lake-place.ts'

/** `times` is how often each row is there in the end. */
export async function copyFiles(
  place: LakePlace,
  {
    tables,
    times,
    directory,
  }: { readonly tables: readonly string[]; readonly times: number; readonly directory: string },
): Promise<void> {
  await onLake(place, join(directory, 'spill'), async (connection) => {
    for (const table of tables) {
      const listed = await connection.runAndReadAll(
        `select data_file from ducklake_list_files('warehouse', '${table}', schema => 'iterable')`,
      )
      const files = listed.getRowsJson().map(([file]) => String(file))
      const folder = join(place.lake, 'copies', table)
      await mkdir(folder, { recursive: true })
      // DuckLake 1.0 places no file of others in the partition of a month; it is found by its least and greatest time.
      await connection.run(`alter table iterable.${table} reset partitioned by`)
      for (const [at, file] of files.entries()) {
        for (let copy = 1; copy < times; copy += 1) {
          const made = join(folder, `${at}-${copy}.parquet`)
          await copyFile(file, made)
          await connection.run(
            `call ducklake_add_data_files('warehouse', '${table}', '${made}', schema => 'iterable', hive_partitioning => false)`,
          )
        }
      }
      await connection.run(
        `alter table iterable.${table} set partitioned by (year("createdAt"), month("createdAt"))`,
      )
    }
  })
}
