/** A warehouse as an earlier version left it. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

const directory = join(import.meta.dirname, '../../migrations')

/** Takes back the migrations from one on, by its number: the tables that they make are dropped, and they are forgotten. */
export async function undoMigrations(
  run: (statement: string) => Promise<unknown>,
  first: string,
): Promise<void> {
  for (const file of (await readdir(directory)).sort()) {
    if (file < first) continue
    const text = await readFile(join(directory, file), 'utf8')
    for (const [, table] of text.matchAll(/create table (?:if not exists )?\{sync\}\.(\w+)/g)) {
      await run(`drop table iterable_sync.${table}`)
    }
  }
  await run(`delete from iterable_sync.migrations where name >= '${first}'`)
}
