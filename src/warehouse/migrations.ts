/** Brings `iterable_sync` up to date: numbered SQL files of `migrations/`, run by Kysely's migrator. */
import { readdir, readFile } from 'node:fs/promises'
import { type Kysely, type Migration, Migrator, sql } from 'kysely'
import { ConfigError } from '../errors.ts'
import { packageFile } from '../package-files.ts'
import { createSchemas } from './schemas.ts'
import type { Session, UseOptions } from './session.ts'
import { quoted } from './sql.ts'

/** How long what was found up to date is not looked at again. */
const trustedMs = 10_000

/** Sees to it that a warehouse is up to date whenever it is used for more than reading. */
export class Migrations {
  #seenAt = -trustedMs

  /** @throws UserError with code `newer_warehouse` when a newer version of the product has written the warehouse. */
  async apply(session: Session, { isReading, isGuarded, isAsFound }: UseOptions): Promise<void> {
    if (isReading || isGuarded || isAsFound || performance.now() - this.#seenAt < trustedMs) return
    await migrate(session)
    this.#seenAt = performance.now()
  }
}

/** Makes the schemas and our own tables, or brings them up to date. Safe when two processes start at once. */
export async function migrate(session: Session): Promise<void> {
  const { names, db } = session
  const migrations = await readMigrations(session)
  const ours = Object.keys(migrations)
  const applied = await appliedMigrations(session)
  if (applied.some((name) => !ours.includes(name))) {
    throw new ConfigError(
      `the warehouse was written by a newer version of iterable-elt (schema "${names.sync}"); upgrade iterable-elt`,
      { code: 'newer_warehouse' },
    )
  }
  if (applied.length === ours.length) return
  await createSchemas(session, [names.streams, names.sync, names.views])
  const migrator = new Migrator({
    db: db.withoutPlugins() as Kysely<unknown>,
    provider: { getMigrations: async () => migrations },
    migrationTableSchema: names.sync,
    migrationTableName: 'migrations',
    migrationLockTableName: 'migrations_lock',
    // A version may have had a later number before it had an earlier one: none builds upon those between.
    allowUnorderedMigrations: true,
  })
  const { error } = await migrator.migrateToLatest()
  if (error) throw error
}

/** One short question, where the migrator asks twenty. Nothing where there is no table to ask yet. */
async function appliedMigrations({ db, names }: Session): Promise<readonly string[]> {
  const seen = await sql<{ name: string }>`select name from ${sql.table(`${names.sync}.migrations`)}`
    .execute(db.withoutPlugins())
    .catch(() => undefined)
  return seen?.rows.map(({ name }) => name) ?? []
}

const asksForIndex = /^\s*(alter table \S+\s+add constraint|create index)\b/i

async function readMigrations({ names, dialect }: Session): Promise<Record<string, Migration>> {
  const directory = packageFile('migrations')
  const files = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort()
  const entries = files.map(async (file): Promise<[string, Migration]> => {
    const text = await readFile(`${directory}/${file}`, 'utf8')
    const statements = text
      .replaceAll('{sync}', quoted(names.sync))
      .replaceAll(/^--.*$/gm, '')
      .split(/;\s*$/m)
      .filter((statement) => statement.trim() !== '')
      .filter((statement) => dialect.keepsIndexes || !asksForIndex.test(statement))
    return [
      file.replace(/\.sql$/, ''),
      {
        up: async (db) => {
          for (const statement of statements) await sql.raw(statement).execute(db)
        },
      },
    ]
  })
  return Object.fromEntries(await Promise.all(entries))
}
